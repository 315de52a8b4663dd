//! What a schedule is called: said when it is set, so that a reader sees what was meant.

use super::{calendar, cron};

#[test]
fn cron_in_words() {
    for (expression, words) in [
        ("0 6 * * *", "at 06:00 every day"),
        ("* 9 * * *", "every minute from 09:00 to 09:59 every day"),
        ("0 9 * * *", "at 09:00 every day"),
        ("* * * * *", "every minute"),
        ("*/5 * * * *", "every 5 minutes"),
        ("*/5 6-23 * * *", "every 5 minutes from 06:00 to 23:55 every day"),
        ("0 * * * *", "at minute 0 of every hour"),
        ("0 2,14 * * *", "at 02:00 and 14:00 every day"),
        ("15 1-5 * * *", "every hour from 01:15 to 05:15 every day"),
        ("0 */2 * * *", "every 2 hours from 00:00 to 22:00 every day"),
        ("*/7 * * * *", "at minutes 0 to 56 in steps of 7 of every hour"),
        ("5,35 9,17 * * *", "at 09:05, 09:35, 17:05 and 17:35 every day"),
        (
            "* */2 * * *",
            "every minute of the hours 0 to 22 in steps of 2 every day",
        ),
        (
            "1,2,3,9 1,2,5 * * *",
            "at minutes 1 to 3 and 9 of the hours 1, 2 and 5 every day",
        ),
        (
            "0 3 1-7 * 1",
            "at 03:00 on days 1 to 7 of the month and on every Monday",
        ),
        ("0 6 13 * 5", "at 06:00 on day 13 of the month and on every Friday"),
        ("0 0 */2 * 1", "at 00:00 on odd days that are a Monday"),
        ("0 0 2-31/2 * *", "at 00:00 on even days of the month"),
        (
            "0 0 */2 6 1,5",
            "at 00:00 on odd days of June that are a Monday or a Friday",
        ),
        ("0 0 13 * */5", "at 00:00 on day 13 if it is a Friday or a Sunday"),
        ("0 0 1-31 * 1", "at 00:00 every day"),
        ("0 0 1 * 0-7", "at 00:00 every day"),
        ("0 5 * * 7", "at 05:00 every Sunday"),
        ("0 9 * * 1-5", "at 09:00 from Monday to Friday"),
        ("0 9 * * sat,sun", "at 09:00 every Saturday and Sunday"),
        ("0 9 * 6 1", "at 09:00 every Monday in June"),
        (
            "0 9 1 * 1-5",
            "at 09:00 on day 1 of the month and from Monday to Friday",
        ),
        ("0 0 29 2 *", "at 00:00 on day 29 of February"),
        (
            "0 6 LW * *",
            "at 06:00 on the last weekday (Monday to Friday) of the month",
        ),
        ("0 6 1,L * *", "at 06:00 on day 1 and the last day of the month"),
        (
            "0 6 15W * *",
            "at 06:00 on the weekday (Monday to Friday) nearest to day 15 of the month",
        ),
        ("0 6 * * 5L", "at 06:00 on the last Friday of the month"),
        ("0 6 * 3,4,5 1#2", "at 06:00 on the second Monday of March to May"),
        (
            "0 6 * * 1,5L",
            "at 06:00 every Monday and on the last Friday of the month",
        ),
        ("@yearly", "at 00:00 on day 1 of January"),
    ] {
        assert_eq!(
            cron(expression, "Europe/Berlin").in_words(),
            format!("{words}, Europe/Berlin"),
            "{expression}"
        );
    }
}

#[test]
fn on_calendar_in_words() {
    for (expression, words) in [
        ("Mon *-*-* 09:00", "at 09:00 every Monday, UTC"),
        ("*-*~01 06:00", "at 06:00 on the last day of the month, UTC"),
        ("*-*~07/1 06:00", "at 06:00 on the last 7 days of the month, UTC"),
        (
            "Mon *-05~07/1",
            "at 00:00 on the last 7 days of May that are a Monday, UTC",
        ),
        ("*-*~3", "at 00:00 on day 3 from the end of the month, UTC"),
        ("12:34 Europe/Riga", "at 12:34 every day, Europe/Riga"),
        (
            "quarterly",
            "at 00:00 on day 1 of January, April, July and October, UTC",
        ),
        ("Mon..Fri *:0/15", "every 15 minutes from Monday to Friday, UTC"),
        ("*:*:*", "every second, UTC"),
        ("minutely", "every minute, UTC"),
        ("*:*:0/10", "every 10 seconds, UTC"),
        ("11:12:13", "at 11:12:13 every day, UTC"),
        ("*:*:30", "at second 30 of the minute, UTC"),
        (
            "9:0:0/10",
            "every 10 seconds in the minutes that begin at 09:00 every day, UTC",
        ),
        ("2019-01-01 00:00", "at 00:00 on day 1 of January, in 2019, UTC"),
        ("2026..2028-01-01", "at 00:00 on day 1 of January, in 2026 to 2028, UTC"),
        (
            "Mon *-*-* 09:00\n*-*-15 12:00",
            "at 09:00 every Monday, UTC; and at 12:00 on day 15 of the month, UTC",
        ),
    ] {
        assert_eq!(calendar(expression, "UTC").in_words(), words, "{expression}");
    }
}
