//! An OnCalendar expression in English.

use super::Spec;
use crate::words::{self, Days};

/// The times and the days, without the zone.
pub(super) fn say(spec: &Spec) -> String {
    let days = Days {
        of_month: of_month(&spec.days.all(), spec.from_end).into_iter().collect(),
        weekdays: unless_all(spec.weekdays.all(), 7),
        months: unless_all(spec.months.all(), 12),
        ..Days::default()
    };
    let said = words::times_and_days(&spec.hours.all(), &spec.minutes.all(), &spec.seconds.all(), &days.say());
    match &spec.years {
        None => said,
        Some(years) => {
            let years: Vec<u16> = years.iter().filter_map(|year| u16::try_from(*year).ok()).collect();
            format!("{said}, in {}", words::numbers(&years, |year| year.to_string()))
        }
    }
}

/// Nothing where all `count` numbers are there: no restriction is said.
fn unless_all(numbers: Vec<u16>, count: usize) -> Vec<u16> {
    if numbers.len() == count { Vec::new() } else { numbers }
}

fn of_month(days: &[u16], from_end: bool) -> Option<String> {
    match (days, from_end) {
        _ if days.len() == 31 => None,
        (_, false) => Some(words::days_of_month(days)),
        ([1], true) => Some("the last day".to_owned()),
        ([1, .., last], true) if usize::from(*last) == days.len() => Some(format!("the last {last} days")),
        (_, true) => Some(format!("{} from the end", words::days_of_month(days))),
    }
}
