//! An OnCalendar expression in English.

use super::{MonthDays, Spec};
use crate::schedule::words::{self, Days};

/// The times and the days, without the zone.
pub(super) fn say(spec: &Spec) -> String {
    let days = Days {
        of_month: of_month(spec.days).into_iter().collect(),
        weekdays: if spec.weekdays == 0x7f {
            Vec::new()
        } else {
            numbers(spec.weekdays.into())
        },
        months: Some(numbers(spec.months.into()))
            .filter(|months| months.len() < 12)
            .unwrap_or_default(),
        ..Days::default()
    };
    let said = words::times_and_days(
        &numbers(spec.hours.into()),
        &numbers(spec.minutes),
        &numbers(spec.seconds),
        &days.say(),
    );
    match &spec.years {
        None => said,
        Some(years) => {
            let years: Vec<u16> = years.iter().filter_map(|year| u16::try_from(*year).ok()).collect();
            format!("{said}, in {}", words::numbers(&years, |year| year.to_string()))
        }
    }
}

fn of_month(days: MonthDays) -> Option<String> {
    match days {
        MonthDays::FromBeginning(set) => {
            let days = numbers(set.into());
            (days.len() < 31).then(|| words::days_of_month(&days))
        }
        MonthDays::FromEnd(set) => {
            let days = numbers(set.into());
            Some(match days.as_slice() {
                [1] => "the last day".to_owned(),
                [1, .., last] if usize::from(*last) == days.len() => format!("the last {last} days"),
                _ => format!("{}, counted from the end,", words::days_of_month(&days)),
            })
        }
    }
}

/// The numbers of a set, ascending.
fn numbers(set: u64) -> Vec<u16> {
    (0..64).filter(|number| set >> number & 1 == 1).collect()
}
