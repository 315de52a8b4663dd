//! What is refused, and what a person is told.

use jiff::SignedDuration;

use super::now;
use crate::{MAX_PERIOD, Schedule, ScheduleError};

fn refused(found: Result<Schedule, ScheduleError>, input: &str) -> String {
    match found {
        Ok(schedule) => panic!("{input} was taken: {}", schedule.in_words()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn cron_says_which_field_is_wrong_and_what_to_write() {
    for (expression, text) in [
        ("0 25 * * *", "field 2 (hour) is `25`: 25 is not from 0 to 23"),
        ("60 * * * *", "field 1 (minute) is `60`: 60 is not from 0 to 59"),
        ("0 0 0 * *", "field 3 (day of the month) is `0`: 0 is not from 1 to 31"),
        ("0 0 * 13 *", "field 4 (month) is `13`: 13 is not from 1 to 12"),
        ("0 0 * * 8", "field 5 (day of the week) is `8`: 8 is not from 0 to 7"),
        (
            "0 0 * january *",
            "`january` is not a number from 1 to 12 or a name from `jan` to `dec`",
        ),
        ("0 mon * * *", "`mon` is not a number from 0 to 23"),
        ("0 0 * mon *", "`mon` is not a number from 1 to 12 or a name"),
        (
            "0 0 * * jan",
            "`jan` is not a number from 0 to 7 or a name from `sun` to `sat`",
        ),
        ("5/10 * * * *", "write `5-59/10`"),
        ("/10 * * * *", "write `*/10`"),
        ("*/0 * * * *", "`0` after `/` is not a step"),
        ("*/x * * * *", "`x` after `/` is not a step"),
        ("0 22-2 * * *", "write `22-23,0-2`"),
        ("0 0 * * fri-mon", "write `5-6,0-1`"),
        ("1,,2 * * * *", "nothing between two commas"),
        ("1, * * * *", "nothing between two commas"),
        ("0 0 ? * 1", "`?` is not cron's: write `*`"),
        ("0 0 * * L", "`5L` is the month's last Friday"),
        ("0 0 * * 1#6", "`6` after `#` is not from 1 to 5"),
        ("0 0 L,LW * *", "cannot stand in one list"),
        ("0 L * * *", "`l` is not a number"),
        ("0 0 32W * *", "32 is not from 1 to 31"),
        ("0 0 * * +1", "`+1` is not a number"),
        ("-5 * * * *", "`` is not a number"),
        ("0 6 * *", "has 4 fields and needs five"),
        ("0 0 6 * * *", "seconds and years are not taken"),
        ("@reboot", "the names are @yearly"),
        ("", "has 0 fields"),
    ] {
        let error = refused(Schedule::cron(expression, "UTC", now()), expression);
        assert!(error.contains(text), "{expression}: {error}");
    }
}

#[test]
fn on_calendar_refuses_what_systemd_refuses() {
    for (expression, text) in [
        ("", "it is empty"),
        ("0", "`0` does not belong there"),
        ("*", "`*` does not belong there"),
        ("25:00", "the hour `25`: 25 is not from 0 to 23"),
        ("00:00:60", "the second `60`: 60 is not from 0 to 59"),
        ("*-13-1", "the month `13`: 13 is not from 1 to 12"),
        ("*-*-0", "the day `0`: 0 is not from 1 to 31"),
        ("*-*~29", "29 is not from 1 to 28"),
        ("*-~1", "`` is not a number"),
        ("*-*-1~3", "is not year-month-day"),
        ("*~*-3", "has `~` elsewhere than before its day"),
        ("*~*~3", "has `~` elsewhere than before its day"),
        ("2200-1-1", "2200 is not from 1970 to 2199"),
        ("Sat..Tue 5:00", "the week begins with Monday"),
        ("Mon..Wed..Fri", "is not a day of the week"),
        ("Funday 5:00", "`Funday` is not a day of the week"),
        ("Mon weekly", "no time zone `weekly`"),
        ("5:00 Mars/Olympus", "no time zone `Mars/Olympus`"),
        ("*:*/5", "write `0/5`"),
        ("*/5:00", "write `0/5`"),
        ("*:5,*", "`*` cannot stand in a list"),
        ("*:0/70", "the step is too large"),
        ("*:0/0", "`0` after `/` is not a step"),
        ("23..1:00", "the range ends before it begins"),
        ("*-*~3..1", "the range ends before it begins"),
        ("05:40:12.3", "fractions of a second are not taken"),
        ("*:*:0/0.7", "`0.7` after `/` is not a step"),
        ("06:00 *-*-*", "`*-*-*` does not belong there"),
        ("2026-01-01T00:00", "`2026-01-01T00:00`"),
        ("1:2:3:4", "is not hour:minute"),
        ("@12x", "is not a number of seconds"),
        ("09:00\n25:00", "OnCalendar expression `25:00`"),
    ] {
        let error = refused(Schedule::on_calendar(expression, "UTC", now()), expression);
        assert!(error.contains(text), "{expression}: {error}");
    }
}

#[test]
fn what_never_comes_is_refused_at_once() {
    let begun = std::time::Instant::now();
    for expression in ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 30W 2 *"] {
        let error = refused(Schedule::cron(expression, "UTC", now()), expression);
        assert!(error.contains("has no time within the next 50 years"), "{error}");
    }
    for expression in ["2019-01-01 00:00", "*-02-30", "2100-01-01"] {
        let error = refused(Schedule::on_calendar(expression, "UTC", now()), expression);
        assert!(error.contains("has no time within the next 50 years"), "{error}");
    }
    // A generous bound: it takes well under a millisecond each where the code is optimised.
    assert!(begun.elapsed().as_secs() < 2);
    // A rare one is none of them.
    assert!(Schedule::cron("0 0 */28 2 1", "UTC", now()).is_ok());
    assert!(Schedule::on_calendar("Mon *-02-29", "UTC", now()).is_ok());
}

#[test]
fn a_zone_must_be_in_the_database() {
    for zone in ["Mars/Olympus", "", "CEST", "+02:00", "Etc/Unknown"] {
        let error = refused(Schedule::cron("0 6 * * *", zone, now()), zone);
        assert!(error.contains(&format!("no time zone `{zone}`")), "{error}");
    }
    for zone in ["UTC", "Etc/UTC", "Europe/Berlin", "US/Eastern", "Asia/Kolkata"] {
        assert!(Schedule::cron("0 6 * * *", zone, now()).is_ok(), "{zone}");
    }
}

#[test]
fn a_period_has_bounds() {
    for period in [
        SignedDuration::ZERO,
        SignedDuration::from_secs(-5),
        SignedDuration::from_millis(999),
        SignedDuration::from_millis(1_500),
        MAX_PERIOD + SignedDuration::from_secs(1),
    ] {
        assert_eq!(Schedule::period(period), Err(ScheduleError::Period));
    }
    for period in [SignedDuration::from_secs(1), MAX_PERIOD] {
        assert!(Schedule::period(period).is_ok());
    }
}

#[test]
fn one_text_is_read_as_the_kind_that_it_looks_like() {
    for (text, words) in [
        ("5m", "every 5 minutes"),
        ("90s", "every 1 minute 30 seconds"),
        ("1h", "every hour"),
        ("7d", "every 7 days"),
        ("0 6 * * *", "at 06:00 every day, Europe/Berlin"),
        ("@daily", "at 00:00 every day, Europe/Berlin"),
        ("daily", "at 00:00 every day, Europe/Berlin"),
        ("06:00", "at 06:00 every day, Europe/Berlin"),
        ("daily UTC", "at 00:00 every day, UTC"),
        ("Mon", "at 00:00 every Monday, Europe/Berlin"),
        ("*-*-01", "at 00:00 on day 1 of the month, Europe/Berlin"),
        ("*-*-01 UTC", "at 00:00 on day 1 of the month, UTC"),
        ("*-*~01 06:00", "at 06:00 on the last day of the month, Europe/Berlin"),
        ("@1798761600", "at 00:00 on day 1 of January, in 2027, UTC"),
        (
            "09:00\n12:00 UTC",
            "at 09:00 every day, Europe/Berlin; and at 12:00 every day, UTC",
        ),
    ] {
        assert_eq!(
            Schedule::read(text, "Europe/Berlin", now()).unwrap().in_words(),
            words,
            "{text}"
        );
    }
    for (text, error) in [
        ("", "is no schedule"),
        ("5", "is no schedule"),
        ("0 6 * *", "needs five"),
        ("99999999999999999999d", "from 1 second to 10 years"),
        ("0s", "from 1 second to 10 years"),
        ("5 minutes", "needs five"),
        ("Funday", "is not a day of the week"),
        ("0 0 0 6 * * *", "seconds and years"),
    ] {
        let found = refused(Schedule::read(text, "UTC", now()), text);
        assert!(found.contains(error), "{text}: {found}");
    }
}
