//! The stored form.

use serde_json::json;

use super::{at, now};
use crate::Schedule;

#[test]
fn a_schedule_is_stored_as_it_was_written() {
    for (schedule, stored) in [
        (Schedule::read("5m", "UTC", now()), json!({"period_s": 300})),
        (
            Schedule::cron(" 0 6 * * Mon-FRI ", "europe/berlin", now()),
            json!({"cron": "0 6 * * Mon-FRI", "tz": "Europe/Berlin"}),
        ),
        (
            Schedule::on_calendar("Mon 09:00\n*-*-15 12:00 Europe/Riga\n", "UTC", now()),
            json!({"on_calendar": "Mon 09:00\n*-*-15 12:00 Europe/Riga", "tz": "UTC"}),
        ),
    ] {
        let schedule = schedule.unwrap();
        assert_eq!(serde_json::to_value(&schedule).unwrap(), stored);
        assert_eq!(serde_json::from_value::<Schedule>(stored).unwrap(), schedule);
    }
}

#[test]
fn a_stored_one_is_read_when_its_time_is_over() {
    let stored = json!({"on_calendar": "2019-01-01 00:00", "tz": "UTC"});
    let schedule: Schedule = serde_json::from_value(stored).unwrap();
    assert_eq!(schedule.next_after(now()), None);
    assert_eq!(
        schedule.next_after(at("2018-01-01T00:00:00Z")),
        Some(at("2019-01-01T00:00:00Z"))
    );
    assert!(serde_json::from_value::<Schedule>(json!({"cron": "0 0 30 2 *", "tz": "UTC"})).is_ok());
}

#[test]
fn another_form_is_refused() {
    for stored in [
        json!({}),
        json!({"period_s": 0}),
        json!({"period_s": 300, "tz": "UTC"}),
        json!({"cron": "0 6 * * *"}),
        json!({"cron": "0 6 * * *", "tz": "Mars/Olympus"}),
        json!({"cron": "0 6 * * *", "on_calendar": "06:00", "tz": "UTC"}),
        json!({"cron": "0 6 * * *", "tz": "UTC", "zone": "UTC"}),
    ] {
        assert!(serde_json::from_value::<Schedule>(stored.clone()).is_err(), "{stored}");
    }
}
