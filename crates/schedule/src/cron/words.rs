//! A cron expression in English. A reader of `0 3 1-7 * 1` means the first Monday, and cron does not: it is said.

use super::fields::{Field, Fields, Item};
use crate::words::{self, Days};

/// The times and the days, without the zone.
pub(super) fn say(fields: &Fields) -> String {
    let (hours, minutes) = (ascending(&fields.hour), ascending(&fields.minute));
    words::times_and_days(&hours, &minutes, &[0], &days(fields).say())
}

fn days(fields: &Fields) -> Days {
    let of_month = ascending(&fields.day_of_month);
    let mut weekdays: Vec<u16> = fields
        .day_of_week
        .values()
        .iter()
        // Cron's week begins with Sunday, 0 or 7; in English it ends with it.
        .map(|day| (u16::from(*day) + 6) % 7)
        .collect();
    weekdays.sort_unstable();
    weekdays.dedup();
    let either = !fields.both_days();
    let (every_of_month, every_weekday) = (of_month.len() == 31, weekdays.len() == 7);
    let mut days = Days {
        months: Some(ascending(&fields.month))
            .filter(|months| months.len() < 12)
            .unwrap_or_default(),
        either,
        ..Days::default()
    };
    if either && (every_of_month || every_weekday) {
        return days;
    }
    if !every_of_month {
        if !of_month.is_empty() {
            days.of_month.push(words::days_of_month(&of_month));
        }
        days.of_month
            .extend(fields.day_of_month.others().filter_map(day_of_month));
    }
    if !every_weekday {
        days.weekdays = weekdays;
        days.weekdays_of_month = fields.day_of_week.others().filter_map(weekday_of_month).collect();
    }
    days
}

fn ascending(field: &Field) -> Vec<u16> {
    let mut values: Vec<u16> = field.values().into_iter().map(u16::from).collect();
    values.sort_unstable();
    values.dedup();
    values
}

fn day_of_month(item: Item) -> Option<String> {
    match item {
        Item::Last => Some("the last day".to_owned()),
        Item::LastWorkday => Some("the last weekday (Monday to Friday)".to_owned()),
        Item::NearestWorkday(day) => Some(format!("the weekday (Monday to Friday) nearest to day {day}")),
        Item::Span { .. } | Item::LastOf(_) | Item::Nth(..) => None,
    }
}

fn weekday_of_month(item: Item) -> Option<String> {
    let name = |weekday: u8| words::weekday_name((u16::from(weekday) + 6) % 7);
    match item {
        Item::LastOf(weekday) => Some(format!("last {}", name(weekday))),
        Item::Nth(weekday, nth) => Some(format!("{} {}", words::ordinal(nth), name(weekday))),
        Item::Span { .. } | Item::Last | Item::LastWorkday | Item::NearestWorkday(_) => None,
    }
}
