//! The English in which a schedule is said: lists, runs of numbers, times of day, days of a calendar.

use jiff::SignedDuration;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// From Monday on.
const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// Above this many, times are not listed one by one where there is a shorter way to say them.
const FEW: usize = 6;

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list(items: &[String], last: &str) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [all @ .., end] => format!("{} {last} {end}", all.join(", ")),
    }
}

/// `5 minutes`, `1 hour 30 minutes`, `second`.
pub(super) fn duration(duration: SignedDuration) -> String {
    let mut left = duration.as_secs();
    let mut parts = Vec::new();
    for (unit, seconds) in [("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)] {
        let count = left / seconds;
        left %= seconds;
        match count {
            0 => {}
            1 => parts.push(format!("1 {unit}")),
            _ => parts.push(format!("{count} {unit}s")),
        }
    }
    match parts.as_slice() {
        // "every minute", and not "every 1 minute".
        [one] => one.strip_prefix("1 ").unwrap_or(one).to_owned(),
        _ => parts.join(" "),
    }
}

/// Numbers that follow one on the other, as (first, last).
fn runs(values: &[u16]) -> Vec<(u16, u16)> {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for &value in values {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == value => *last = value,
            _ => runs.push((value, value)),
        }
    }
    runs
}

/// The step of numbers that are all as far apart.
fn step(values: &[u16]) -> Option<u16> {
    let mut gaps = values.windows(2).map(|pair| match pair {
        [one, other] => other - one,
        _ => 0,
    });
    let first = gaps.next()?;
    gaps.all(|gap| gap == first).then_some(first)
}

/// `1 to 7, 13 and 20`, each number said by `name`.
pub(super) fn numbers(values: &[u16], name: impl Fn(u16) -> String) -> String {
    if let (Some(step @ 2..), Some(first), Some(last)) = (step(values), values.first(), values.last())
        && values.len() > FEW
    {
        return format!("{} to {} in steps of {step}", name(*first), name(*last));
    }
    let mut items = Vec::new();
    for (first, last) in runs(values) {
        if last < first + 2 {
            items.extend((first..=last).map(&name));
        } else {
            items.push(format!("{} to {}", name(first), name(last)));
        }
    }
    list(&items, "and")
}

/// `minute 5` or `minutes 5 and 10`.
fn counted(noun: &str, values: &[u16]) -> String {
    let plural = if values.len() == 1 { "" } else { "s" };
    format!("{noun}{plural} {}", numbers(values, |value| value.to_string()))
}

/// The times of day and the days: `at 06:00 every day`. Hours, minutes and seconds are ascending and without repeats; a
/// time is one at which all three hold.
pub(super) fn times_and_days(hours: &[u16], minutes: &[u16], seconds: &[u16], days: &str) -> String {
    let times = times_of_day(hours, minutes, seconds);
    // "every minute", and not "every minute every day".
    if hours.len() == 24 && days == "every day" {
        times
    } else {
        format!("{times} {days}")
    }
}

fn times_of_day(hours: &[u16], minutes: &[u16], seconds: &[u16]) -> String {
    if seconds == [0] {
        return times(hours, minutes);
    }
    if let [second] = seconds
        && hours.len() * minutes.len() <= FEW
    {
        let all = pairs(hours, minutes).map(|(hour, minute)| format!("{hour:02}:{minute:02}:{second:02}"));
        return format!("at {}", list(&all.collect::<Vec<_>>(), "and"));
    }
    let within = match (seconds.len(), step(seconds)) {
        (60, _) => "every second".to_owned(),
        (count, Some(step)) if seconds.first() == Some(&0) && count * usize::from(step) == 60 => {
            format!("every {step} seconds")
        }
        _ => format!("at {} of the minute", counted("second", seconds)),
    };
    match times(hours, minutes).as_str() {
        "every minute" => within,
        times => format!("{within} in the minutes that begin {times}"),
    }
}

fn pairs(hours: &[u16], minutes: &[u16]) -> impl Iterator<Item = (u16, u16)> {
    hours
        .iter()
        .flat_map(|hour| minutes.iter().map(move |minute| (*hour, *minute)))
}

fn times(hours: &[u16], minutes: &[u16]) -> String {
    let all_day = hours.len() == 24;
    let first = minutes.first().copied().unwrap_or_default();
    let last = minutes.last().copied().unwrap_or_default();
    // "every 5 minutes" runs on from one hour into the next.
    let every = match (minutes.len(), step(minutes)) {
        (60, _) => Some("every minute".to_owned()),
        (count, Some(step)) if first == 0 && count * usize::from(step) == 60 => Some(format!("every {step} minutes")),
        _ => None,
    };
    let hour_runs = runs(hours);
    match (every, minutes) {
        (Some(every), _) if all_day => every,
        (Some(every), _) if hour_runs.len() <= 3 => {
            let spans: Vec<String> = hour_runs
                .iter()
                .map(|(begin, end)| format!("from {begin:02}:{first:02} to {end:02}:{last:02}"))
                .collect();
            format!("{every} {}", list(&spans, "and"))
        }
        (Some(every), _) => format!("{every} of the {}", counted("hour", hours)),
        (None, [minute]) if all_day => format!("at minute {minute} of every hour"),
        (None, [minute]) if hours.len() > 3 => match (step(hours), hours.first(), hours.last()) {
            (Some(1), Some(begin), Some(end)) => {
                format!("every hour from {begin:02}:{minute:02} to {end:02}:{minute:02}")
            }
            (Some(step), Some(begin), Some(end)) => {
                format!("every {step} hours from {begin:02}:{minute:02} to {end:02}:{minute:02}")
            }
            _ => listed(hours, minutes),
        },
        (None, [_]) => listed(hours, minutes),
        (None, _) if hours.len() * minutes.len() <= FEW => listed(hours, minutes),
        (None, _) if all_day => format!("at {} of every hour", counted("minute", minutes)),
        (None, _) => format!("at {} of the {}", counted("minute", minutes), counted("hour", hours)),
    }
}

fn listed(hours: &[u16], minutes: &[u16]) -> String {
    let all: Vec<String> = pairs(hours, minutes)
        .map(|(hour, minute)| format!("{hour:02}:{minute:02}"))
        .collect();
    format!("at {}", list(&all, "and"))
}

/// `January`; months count from 1.
fn month_name(month: u16) -> String {
    name(&MONTHS, month.saturating_sub(1))
}

/// `Monday`; days of the week count from Monday, 0.
pub(super) fn weekday_name(weekday: u16) -> String {
    name(&WEEKDAYS, weekday)
}

fn name(names: &[&str], index: u16) -> String {
    names.get(usize::from(index)).copied().unwrap_or_default().to_owned()
}

/// `first` to `fifth`.
pub(super) fn ordinal(nth: u8) -> &'static str {
    match nth {
        1 => "first",
        2 => "second",
        3 => "third",
        4 => "fourth",
        _ => "fifth",
    }
}

/// `day 13`, `days 1 to 7`, `odd days`, of the days of a month.
pub(super) fn days_of_month(days: &[u16]) -> String {
    match (days, step(days), days.len()) {
        ([1, ..], Some(2), 16) => "odd days".to_owned(),
        ([2, ..], Some(2), 15) => "even days".to_owned(),
        _ => counted("day", days),
    }
}

/// The days on which a schedule holds.
#[derive(Debug, Default)]
pub(super) struct Days {
    /// Days of the month, each part a noun: `days 1 to 7`, `the last day`. None: every one.
    pub(super) of_month: Vec<String>,
    /// Days of the week, from Monday, 0, ascending. Empty where every one, or where only `weekdays_of_month` say it.
    pub(super) weekdays: Vec<u16>,
    /// `first Monday`, `last Friday`: those of the month.
    pub(super) weekdays_of_month: Vec<String>,
    /// Months, from 1. Empty: every one.
    pub(super) months: Vec<u16>,
    /// Whether one of the two kinds of days is enough.
    pub(super) either: bool,
}

impl Days {
    /// `every day`, `on days 1 to 7 of the month and on every Monday`.
    pub(super) fn say(&self) -> String {
        let months = numbers(&self.months, month_name);
        let (of_months, in_months) = if self.months.is_empty() {
            ("of the month".to_owned(), String::new())
        } else {
            (format!("of {months}"), format!(" in {months}"))
        };
        let by_week = !self.weekdays.is_empty() || !self.weekdays_of_month.is_empty();
        let days = list(&self.of_month, "and");
        match (self.of_month.is_empty(), by_week) {
            (true, false) => format!("every day{in_months}"),
            (true, true) => self.of_the_week(&of_months, &in_months),
            (false, false) => format!("on {days} {of_months}"),
            (false, true) if self.either => {
                let of_the_week = self.of_the_week(&of_months, &in_months);
                let on = if of_the_week.starts_with("every") { "on " } else { "" };
                format!("on {days} {of_months} and {on}{of_the_week}")
            }
            (false, true) => {
                let of_months = if self.months.is_empty() {
                    String::new()
                } else {
                    format!(" {of_months}")
                };
                let (are, one) = (self.are(), self.one_of_the_week());
                format!("on {days}{of_months} {are} {one}")
            }
        }
    }

    /// `that are` of several days, `if it is` of one.
    fn are(&self) -> &'static str {
        match self.of_month.as_slice() {
            [one] if one.starts_with("day ") || one.starts_with("the last day") || one.starts_with("the weekday") => {
                "if it is"
            }
            _ => "that are",
        }
    }

    /// `every Monday`, `from Monday to Friday`, `on the first Monday of the month`.
    fn of_the_week(&self, of_months: &str, in_months: &str) -> String {
        let mut parts = Vec::new();
        if !self.weekdays.is_empty() {
            let days = match self.run() {
                Some((first, last)) => format!("from {first} to {last}"),
                None => format!("every {}", list(&self.names(), "and")),
            };
            parts.push(format!("{days}{in_months}"));
        }
        if !self.weekdays_of_month.is_empty() {
            parts.push(format!(
                "on the {} {of_months}",
                list(&self.weekdays_of_month, "and the")
            ));
        }
        parts.join(" and ")
    }

    /// `a Monday`, `a Monday or a Friday`, `a day from Monday to Friday`, `the first Monday of the month`.
    fn one_of_the_week(&self) -> String {
        let mut parts = Vec::new();
        match self.run() {
            Some((first, last)) => parts.push(format!("a day from {first} to {last}")),
            None => parts.extend(self.names().iter().map(|name| format!("a {name}"))),
        }
        parts.extend(
            self.weekdays_of_month
                .iter()
                .map(|weekday| format!("the {weekday} of the month")),
        );
        list(&parts, "or")
    }

    fn names(&self) -> Vec<String> {
        self.weekdays.iter().copied().map(weekday_name).collect()
    }

    /// The first and the last of three days or more in a row.
    fn run(&self) -> Option<(String, String)> {
        match runs(&self.weekdays).as_slice() {
            [(first, last)] if last - first >= 2 => Some((weekday_name(*first), weekday_name(*last))),
            _ => None,
        }
    }
}
