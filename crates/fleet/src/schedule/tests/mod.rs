//! What a schedule promises, beside the cases from the field: words, refusals, the stored form, early heartbeats.

mod cases;
mod early;
mod refusals;
mod stored;
mod words;

use jiff::Timestamp;

use super::{Cron, OnCalendar, Schedule};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-06-01T12:00:00Z")
}

fn cron(expression: &str, zone: &str) -> Schedule {
    Schedule::Cron(Cron::new(expression, zone).unwrap())
}

fn calendar(expressions: &str, zone: &str) -> Schedule {
    Schedule::OnCalendar(OnCalendar::new(expressions, zone).unwrap())
}
