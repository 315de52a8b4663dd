//! Heartbeats that come before their time.

use jiff::SignedDuration;

use super::{at, calendar, cron};
use crate::Schedule;

#[test]
fn a_minute_before_counts_where_the_gap_is_four_times_as_long() {
    for (expression, heard, due) in [
        ("0 6 * * *", "2026-06-01T05:59:00Z", "2026-06-02T06:00:00Z"),
        ("0 6 * * *", "2026-06-01T05:58:59.999Z", "2026-06-01T06:00:00Z"),
        ("0 6 * * *", "2026-06-01T06:00:00Z", "2026-06-02T06:00:00Z"),
        // The gap is a minute: a quarter of it.
        ("* * * * *", "2026-06-01T06:00:45Z", "2026-06-01T06:02:00Z"),
        ("* * * * *", "2026-06-01T06:00:44Z", "2026-06-01T06:01:00Z"),
        // Three minutes: 45 seconds.
        ("*/3 * * * *", "2026-06-01T06:02:15Z", "2026-06-01T06:06:00Z"),
        ("*/3 * * * *", "2026-06-01T06:02:14Z", "2026-06-01T06:03:00Z"),
        // The gap before the instant, and not the one after it.
        ("0,1 6 * * *", "2026-06-01T06:00:40Z", "2026-06-01T06:01:00Z"),
        ("0,1 6 * * *", "2026-06-01T05:59:10Z", "2026-06-01T06:01:00Z"),
    ] {
        let found = cron(expression, "UTC").due_after_heartbeat(at(heard));
        assert_eq!(found, Some(at(due)), "{expression}, heard {heard}");
    }
    let found = calendar("06:00", "UTC").due_after_heartbeat(at("2026-06-01T05:59:30Z"));
    assert_eq!(found, Some(at("2026-06-02T06:00:00Z")));
    // The last of its times: nothing is due after it.
    let once = calendar("2026-06-01 06:00", "UTC");
    assert_eq!(once.due_after_heartbeat(at("2026-06-01T05:59:30Z")), None);
}

#[test]
fn a_period_has_no_early_heartbeat() {
    let schedule = Schedule::period(SignedDuration::from_mins(5)).unwrap();
    assert_eq!(
        schedule.due_after_heartbeat(at("2026-06-01T00:00:01Z")),
        Some(at("2026-06-01T00:05:01Z"))
    );
    assert_eq!(schedule.came_early(at("2026-06-01T00:00:01Z")), None);
}

#[test]
fn an_alert_can_say_how_long_before_its_time_a_heartbeat_came() {
    let monthly = cron("0 10 20 * *", "UTC");
    assert_eq!(
        monthly.came_early(at("2025-05-20T06:04:00Z")),
        Some(SignedDuration::from_mins(3 * 60 + 56))
    );
    // It came after its own time, and long before the next.
    assert_eq!(monthly.came_early(at("2025-04-20T10:01:00Z")), None);
    let daily = cron("0 10 * * *", "Europe/Berlin");
    // Two hours ahead: a machine in UTC, read as Berlin's, would be late; one in Moscow is early.
    assert_eq!(
        daily.came_early(at("2026-06-01T06:00:00Z")),
        Some(SignedDuration::from_hours(2))
    );
    // It counted for the instant that it came before.
    assert_eq!(daily.came_early(at("2026-06-01T07:59:30Z")), None);
    assert_eq!(
        calendar("2019-01-01", "UTC").came_early(at("2026-06-01T07:59:30Z")),
        None
    );
}
