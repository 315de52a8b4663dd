//! Cases from the field: schedule, zone, when a heartbeat was heard, when the next is due (empty: never).

use super::{at, calendar, cron};
use crate::Schedule;

type Case = (&'static str, &'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const CRON: &[Case] = &[
    ("P15", "* * * * *", "UTC", "2026-06-01T12:00:10Z", "2026-06-01T12:01:00Z"),
    ("P15", "* * * * *", "UTC", "2026-06-01T12:01:10Z", "2026-06-01T12:02:00Z"),
    ("P15", "* * * * *", "UTC", "2026-06-01T12:02:10Z", "2026-06-01T12:03:00Z"),
    ("P15", "* * * * *", "UTC", "2026-06-01T12:03:10Z", "2026-06-01T12:04:00Z"),
    ("C01", "* 9 * * *", "America/Los_Angeles", "2024-05-20T17:21:00Z", "2024-05-21T16:00:00Z"),
    ("C01", "* 9 * * *", "America/Los_Angeles", "2024-05-21T16:34:00Z", "2024-05-21T16:35:00Z"),
    ("C01", "* 9 * * *", "America/Los_Angeles", "2024-05-21T17:21:00Z", "2024-05-22T16:00:00Z"),
    ("C01", "* 9 * * *", "America/Los_Angeles", "2024-05-22T16:41:00Z", "2024-05-22T16:42:00Z"),
    ("C02", "0 10 20 * *", "UTC", "2025-05-20T06:04:00Z", "2025-05-20T10:00:00Z"),
    ("C03", "*/5 6-23 * * *", "Europe/Amsterdam", "2020-02-13T22:50:03Z", "2020-02-13T22:55:00Z"),
    ("C03", "*/5 6-23 * * *", "Europe/Amsterdam", "2020-02-13T22:55:03Z", "2020-02-14T05:00:00Z"),
    ("C03", "*/5 6-23 * * *", "Europe/Amsterdam", "2020-02-14T05:00:04Z", "2020-02-14T05:05:00Z"),
    ("C03", "*/5 6-23 * * *", "Europe/Amsterdam", "2020-02-14T05:05:03Z", "2020-02-14T05:10:00Z"),
    ("C05", "0 * * * *", "UTC", "2026-06-01T11:00:30Z", "2026-06-01T12:00:00Z"),
    ("C05", "0 * * * *", "UTC", "2026-06-01T13:00:30Z", "2026-06-01T14:00:00Z"),
    ("C06", "0 6 13 * 5", "UTC", "2026-04-10T06:00:10Z", "2026-04-13T06:00:00Z"),
    ("C06", "0 6 13 * 5", "UTC", "2026-04-13T06:00:10Z", "2026-04-17T06:00:00Z"),
    ("C07", "0 0 */2 * 1", "UTC", "2026-01-05T00:00:10Z", "2026-01-19T00:00:00Z"),
    ("C09", "0 5 * * 7", "UTC", "2026-06-07T05:00:05Z", "2026-06-14T05:00:00Z"),
    ("C10", "30 20 * * *", "Asia/Kolkata", "2024-11-19T15:00:05Z", "2024-11-20T15:00:00Z"),
    ("D01", "30 2 * * *", "Europe/Berlin", "2026-03-28T01:30:10Z", "2026-03-29T01:00:00Z"),
    ("D01", "30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:20Z", "2026-03-30T00:30:00Z"),
    ("D01", "30 2 * * *", "Europe/Berlin", "2026-03-30T00:30:10Z", "2026-03-31T00:30:00Z"),
    ("D02", "30 2 * * *", "Europe/Berlin", "2026-10-24T00:30:10Z", "2026-10-25T00:30:00Z"),
    ("D02", "30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:10Z", "2026-10-26T01:30:00Z"),
    ("D02", "30 2 * * *", "Europe/Berlin", "2026-10-26T01:30:10Z", "2026-10-27T01:30:00Z"),
    ("D04", "0 2,14 * * *", "America/New_York", "2026-03-07T19:00:10Z", "2026-03-08T07:00:00Z"),
    ("D05", "*/15 * * * *", "America/New_York", "2023-11-05T05:30:10Z", "2023-11-05T05:45:00Z"),
    ("D05", "*/15 * * * *", "America/New_York", "2023-11-05T05:45:10Z", "2023-11-05T06:00:00Z"),
    ("D05", "*/15 * * * *", "America/New_York", "2023-11-05T06:15:10Z", "2023-11-05T06:30:00Z"),
    ("D05", "*/15 * * * *", "America/New_York", "2023-11-05T06:30:10Z", "2023-11-05T06:45:00Z"),
    ("D07", "0 * * * *", "Europe/Berlin", "2026-03-29T00:00:05Z", "2026-03-29T01:00:00Z"),
    ("D08", "0 5 * * *", "America/New_York", "2026-03-07T10:00:10Z", "2026-03-08T09:00:00Z"),
    ("D08", "0 5 * * *", "America/New_York", "2026-03-08T09:00:10Z", "2026-03-09T09:00:00Z"),
    ("D10", "0 0 * * *", "Africa/Cairo", "2026-04-22T22:00:05Z", "2026-04-23T22:00:00Z"),
    ("D12", "30 23 * * *", "America/Santiago", "2026-04-04T02:30:05Z", "2026-04-05T02:30:00Z"),
    ("D12", "30 23 * * *", "America/Santiago", "2026-04-05T02:30:05Z", "2026-04-06T03:30:00Z"),
    ("D13", "15 2 * * *", "Australia/Lord_Howe", "2026-10-02T15:45:05Z", "2026-10-03T15:30:00Z"),
    ("D16", "0 12 * * 0", "Europe/Berlin", "2022-03-20T11:00:05Z", "2022-03-27T10:00:00Z"),
    ("D17", "0 2 * * 0", "Europe/Berlin", "2021-03-21T01:00:05Z", "2021-03-28T01:00:00Z"),
    ("D17", "0 2 * * 0", "Europe/Berlin", "2021-03-28T01:00:01Z", "2021-04-04T00:00:00Z"),
    ("D19", "15 1-5 * * *", "Europe/Berlin", "2026-03-29T00:15:05Z", "2026-03-29T01:00:00Z"),
    ("D19", "15 1-5 * * *", "Europe/Berlin", "2026-03-29T01:00:05Z", "2026-03-29T01:15:00Z"),
    ("D21", "30 1 * * *", "UTC", "2022-10-29T01:30:05Z", "2022-10-30T01:30:00Z"),
    ("M01", "0 6 31 * *", "UTC", "2026-01-31T06:00:10Z", "2026-03-31T06:00:00Z"),
    ("M02", "0 0 29 2 *", "UTC", "2024-02-29T00:00:10Z", "2028-02-29T00:00:00Z"),
    ("M04", "0 6 LW * *", "Europe/Berlin", "2026-01-30T05:00:10Z", "2026-02-27T05:00:00Z"),
    ("M04", "0 6 LW * *", "Europe/Berlin", "2026-02-27T05:00:10Z", "2026-03-31T04:00:00Z"),
    ("M06", "0 3 1-7 * 1", "Europe/Berlin", "2026-02-23T02:00:10Z", "2026-03-01T02:00:00Z"),
    ("M06", "0 3 1-7 * 1", "Europe/Berlin", "2026-03-01T02:00:10Z", "2026-03-02T02:00:00Z"),
    ("X05", "0 6 * * *", "UTC", "2026-06-01T09:00:00Z", "2026-06-02T06:00:00Z"),
    ("X05", "0 6 * * *", "UTC", "2026-06-02T09:00:00Z", "2026-06-03T06:00:00Z"),
    // Of the same kinds.
    ("hours of a list are fixed times", "30 1,2,3 * * *", "Europe/Berlin", "2026-10-25T00:30:10Z", "2026-10-25T02:30:00Z"),
    ("a range of hours too", "30 1-3 * * *", "Europe/Berlin", "2026-10-25T00:30:10Z", "2026-10-25T02:30:00Z"),
    ("a star in the hour is every real hour", "30 * * * *", "Europe/Berlin", "2026-10-25T00:30:10Z", "2026-10-25T01:30:00Z"),
    ("a step of stars too", "30 */1 * * *", "Europe/Berlin", "2026-10-25T00:30:10Z", "2026-10-25T01:30:00Z"),
    ("a star in the minute: none is moved", "* 2 * * *", "Europe/Berlin", "2026-03-28T01:59:10Z", "2026-03-30T00:00:00Z"),
    ("a star in the minute: both hours", "*/30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:10Z", "2026-10-25T01:00:00Z"),
    ("in the second hour nothing is due again", "15,45 2 * * *", "Europe/Berlin", "2026-10-25T01:20:00Z", "2026-10-26T01:15:00Z"),
    ("the hour after the second", "0 3 * * *", "Europe/Berlin", "2026-10-25T01:20:00Z", "2026-10-25T02:00:00Z"),
    ("a star in the minute: the hour that is skipped has no times", "*/5 2 * * *", "Europe/Berlin", "2026-03-28T01:56:00Z", "2026-03-30T00:00:00Z"),
    ("several in the gap are one", "5,10,15 2 * * *", "Europe/Berlin", "2026-03-29T01:00:10Z", "2026-03-30T00:05:00Z"),
    ("half an hour twice", "45 1 * * *", "Australia/Lord_Howe", "2026-04-04T14:45:05Z", "2026-04-05T15:15:00Z"),
    ("half an hour twice, each minute of it", "*/15 * * * *", "Australia/Lord_Howe", "2026-04-04T14:45:05Z", "2026-04-04T15:00:00Z"),
    ("midnight that is skipped, in the south", "0 0 * * *", "America/Santiago", "2026-09-05T04:00:05Z", "2026-09-06T04:00:00Z"),
    ("a day that is skipped", "0 12 30 12 *", "Pacific/Apia", "2011-12-29T00:00:00Z", "2011-12-30T10:00:00Z"),
    ("the weekday of a time that is moved past midnight", "30 0 * * 5", "Africa/Cairo", "2026-04-17T00:00:00Z", "2026-04-23T22:00:00Z"),
    ("a star with more in the day of the week: both", "0 0 13 * */5", "UTC", "2026-01-01T00:00:00Z", "2026-02-13T00:00:00Z"),
    ("a star in a list: both", "0 0 *,15 * 1", "UTC", "2026-01-01T00:00:00Z", "2026-01-05T00:00:00Z"),
    ("no star, all days: either", "0 0 1-31 * 1", "UTC", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
    ("L", "0 0 L * *", "UTC", "2028-02-10T00:00:00Z", "2028-02-29T00:00:00Z"),
    ("L in a list", "0 0 15,L * *", "UTC", "2026-02-16T00:00:00Z", "2026-02-28T00:00:00Z"),
    ("5L", "0 0 * * 5L", "UTC", "2026-06-01T00:00:00Z", "2026-06-26T00:00:00Z"),
    ("friL", "0 0 * * FRIL", "UTC", "2026-06-26T00:00:00Z", "2026-07-31T00:00:00Z"),
    ("1#2", "0 0 * * 1#2", "UTC", "2026-06-01T00:00:00Z", "2026-06-08T00:00:00Z"),
    ("mon#5", "0 0 * * mon#5", "UTC", "2026-06-01T00:00:00Z", "2026-06-29T00:00:00Z"),
    ("7#1", "0 0 * * 7#1", "UTC", "2026-06-08T00:00:00Z", "2026-07-05T00:00:00Z"),
    ("L or a weekday", "0 0 L * 5L", "UTC", "2026-06-01T00:00:00Z", "2026-06-26T00:00:00Z"),
    ("15W on a Saturday", "0 0 15W * *", "UTC", "2026-08-01T00:00:00Z", "2026-08-14T00:00:00Z"),
    ("1W on a Saturday stays in its month", "0 0 1W * *", "UTC", "2026-07-31T00:00:00Z", "2026-08-03T00:00:00Z"),
    ("names and ranges over names", "0 0 * jan-mar,Dec MON-Wed", "UTC", "2026-04-01T00:00:00Z", "2026-12-01T00:00:00Z"),
    ("a range to Sunday", "0 0 * * sat-sun", "UTC", "2026-06-06T00:00:00Z", "2026-06-07T00:00:00Z"),
    ("a range to 7", "0 0 * * 5-7", "UTC", "2026-06-06T00:00:00Z", "2026-06-07T00:00:00Z"),
    ("a range from Sunday", "0 0 * * sun-tue", "UTC", "2026-06-07T00:00:00Z", "2026-06-08T00:00:00Z"),
    ("steps of a range", "10-40/15 * * * *", "UTC", "2026-06-01T00:25:00Z", "2026-06-01T00:40:00Z"),
    ("a nickname", "@weekly", "Europe/Berlin", "2026-06-01T00:00:00Z", "2026-06-06T22:00:00Z"),
    ("no leap year in 2100", "0 0 29 2 *", "UTC", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z"),
    ("a fraction of a second later", "0 6 * * *", "UTC", "2026-06-01T05:59:00.5Z", "2026-06-02T06:00:00Z"),
];

#[rustfmt::skip]
const ON_CALENDAR: &[Case] = &[
    ("O01", "*-*~01 06:00", "Europe/Berlin", "2026-01-31T05:00:10Z", "2026-02-28T05:00:00Z"),
    ("O01", "*-*~01 06:00", "Europe/Berlin", "2026-02-28T05:00:10Z", "2026-03-31T04:00:00Z"),
    ("O03", "*-*-* 02:30:00", "Europe/Berlin", "2026-03-28T01:30:10Z", "2026-03-30T00:30:00Z"),
    ("O05", "*-*-31 06:00", "Europe/Berlin", "2026-03-31T04:00:10Z", "2026-05-31T04:00:00Z"),
    ("O06", "Mon *-*-* 09:00\n*-*-15 12:00", "UTC", "2026-06-08T09:00:10Z", "2026-06-15T09:00:00Z"),
    ("O06", "Mon *-*-* 09:00\n*-*-15 12:00", "UTC", "2026-06-15T09:00:10Z", "2026-06-15T12:00:00Z"),
    ("O07", "12:34 Europe/Riga", "UTC", "2026-10-24T09:34:10Z", "2026-10-25T10:34:00Z"),
    ("O10", "2019-01-01 00:00", "UTC", "2020-01-01T00:00:00Z", ""),
    ("O11", "quarterly", "America/New_York", "2026-01-01T05:00:10Z", "2026-04-01T04:00:00Z"),
    // Of the same kinds.
    ("what comes twice is due at the first", "02:30", "Europe/Berlin", "2026-10-24T01:00:00Z", "2026-10-25T00:30:00Z"),
    ("and not at the second", "02:30", "Europe/Berlin", "2026-10-25T00:30:10Z", "2026-10-26T01:30:00Z"),
    ("every quarter of an hour: the second hour is left out", "*:0/15", "Europe/Berlin", "2026-10-25T00:45:10Z", "2026-10-25T02:00:00Z"),
    ("every quarter of an hour over the gap", "*:0/15", "Europe/Berlin", "2026-03-29T00:45:10Z", "2026-03-29T01:00:00Z"),
    ("midnight that is skipped", "daily", "Africa/Cairo", "2026-04-22T22:00:05Z", "2026-04-24T21:00:00Z"),
    ("seconds", "*:*:0/20", "UTC", "2026-06-01T00:00:20Z", "2026-06-01T00:00:40Z"),
    ("the last Monday of May", "Mon *-05~07/1", "UTC", "2026-01-01T00:00:00Z", "2026-05-25T00:00:00Z"),
    ("a range from the end", "*-*~1..3", "UTC", "2026-06-28T00:00:00Z", "2026-06-29T00:00:00Z"),
    ("a year of two digits", "28-2-29", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
    ("every second year", "2025/2-01-01", "UTC", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
    ("a step that does not divide the hour, within a day", "*:0/7", "UTC", "2029-03-15T22:56:00Z", "2029-03-15T23:00:00Z"),
    ("at its end systemd passes over midnight", "*:0/7", "UTC", "2029-03-15T23:56:00Z", "2029-03-16T00:07:00Z"),
    ("nor at the end of a month with hours", "6/14:00", "UTC", "2029-03-31T20:00:00Z", "2029-04-01T20:00:00Z"),
    ("nor at the end of a year with days", "*-*-1/7", "UTC", "2029-12-29T00:00:00Z", "2030-01-08T00:00:00Z"),
    ("nor at the end of an hour with seconds", "*:*:0/7", "UTC", "2029-03-15T20:59:56Z", "2029-03-15T21:00:07Z"),
    ("a step larger than its range", "*:5..8/9", "UTC", "2026-06-01T00:05:00Z", "2026-06-01T01:05:00Z"),
    ("an instant", "@1798761600", "Europe/Berlin", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
    ("a zone of a line", "09:00 America/New_York\n10:00 UTC", "Europe/Berlin", "2026-06-01T10:00:00Z", "2026-06-01T13:00:00Z"),
    ("a shorthand with a zone", "weekly UTC", "Europe/Berlin", "2026-06-01T00:00:00Z", "2026-06-08T00:00:00Z"),
];

fn holds(cases: &[Case], schedule: impl Fn(&str, &str) -> Schedule) {
    for (name, expression, zone, heard, due) in cases {
        let found = schedule(expression, zone).due_after_heartbeat(at(heard));
        assert_eq!(
            found.map(|due| due.to_string()).unwrap_or_default(),
            *due,
            "{name}: {expression} {zone}, heard {heard}"
        );
    }
}

#[test]
fn cron_is_due_as_debians_cron_runs() {
    holds(CRON, cron);
}

#[test]
fn on_calendar_is_due_as_systemd_elapses() {
    holds(ON_CALENDAR, calendar);
}

#[test]
fn a_period_is_time_that_passes_and_not_days_of_the_calendar() {
    let day = Schedule::period(jiff::SignedDuration::from_hours(24)).unwrap();
    // Over the day of 23 hours in Berlin.
    assert_eq!(
        day.next_after(at("2026-03-28T12:00:00Z")),
        Some(at("2026-03-29T12:00:00Z"))
    );
    assert_eq!(
        day.due_after_heartbeat(at("2026-03-28T12:00:00Z")),
        Some(at("2026-03-29T12:00:00Z"))
    );
}
