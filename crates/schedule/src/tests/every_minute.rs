//! Generated schedules against a matcher that looks at every minute of the days around a change of the clocks. It shares
//! nothing with the code that it holds: the generator knows the numbers of each field, and what clocks skip or repeat
//! shows in the highest time that the wall clock has shown so far.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Numbers, at, calendar, cron};
use crate::Schedule;

/// Zone and the day in UTC on which the clocks change, or do not.
const CHANGES: &[(&str, &str)] = &[
    ("Europe/Berlin", "2026-03-29T00:00:00Z"),
    ("Europe/Berlin", "2026-10-25T00:00:00Z"),
    ("America/New_York", "2026-03-08T00:00:00Z"),
    ("America/New_York", "2026-11-01T00:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T00:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T00:00:00Z"),
    ("Africa/Cairo", "2026-04-23T00:00:00Z"),
    ("Africa/Cairo", "2026-10-29T00:00:00Z"),
    ("America/Santiago", "2026-04-04T00:00:00Z"),
    ("America/Santiago", "2026-09-05T00:00:00Z"),
    ("Africa/Casablanca", "2026-02-15T00:00:00Z"),
    ("Pacific/Apia", "2011-12-30T00:00:00Z"),
    ("UTC", "2026-02-28T00:00:00Z"),
];

/// An instant and what the wall clock shows then.
struct Minute {
    at: Timestamp,
    wall: DateTime,
}

/// The minutes of the day before and two days after.
fn minutes(zone: &str, day: &str) -> Vec<Minute> {
    let zone = TimeZone::get(zone).unwrap();
    let begin = at(day) - SignedDuration::from_hours(24);
    (0..3 * 24 * 60)
        .map(|minute| {
            let at = begin + SignedDuration::from_mins(minute);
            let wall = zone.to_datetime(at);
            Minute { at, wall }
        })
        .collect()
}

/// What becomes of times that are skipped or come twice, in the words of Debian's cron and of systemd.
#[derive(Clone, Copy, PartialEq)]
enum Rule {
    FixedTime,
    EveryTime,
    Systemd,
}

/// The instants after the first minute that are due.
fn due(minutes: &[Minute], rule: Rule, matches: &dyn Fn(DateTime) -> bool) -> Vec<Timestamp> {
    let one = SignedDuration::from_mins(1);
    let mut shown = minutes[0].wall;
    let mut due = Vec::new();
    for minute in &minutes[1..] {
        let again = minute.wall <= shown;
        let mut is_due = matches(minute.wall) && (rule == Rule::EveryTime || !again);
        if rule == Rule::FixedTime {
            let mut skipped = shown + one;
            while skipped < minute.wall {
                is_due |= matches(skipped);
                skipped += one;
            }
        }
        shown = shown.max(minute.wall);
        if is_due {
            due.push(minute.at);
        }
    }
    due
}

fn holds(schedule: &Schedule, minutes: &[Minute], due: &[Timestamp], numbers: &mut Numbers, name: &str) {
    let (first, last) = (minutes[0].at, minutes[minutes.len() - 1].at);
    let mut found = schedule.next_times(first, due.len() + 1);
    assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{name}: {found:?}");
    found.retain(|time| *time <= last);
    assert_eq!(found, due, "{name}");
    for _ in 0..8 {
        let begin = &minutes[usize::try_from(numbers.between(0, minutes.len() as u64 - 1)).unwrap()];
        let heard = begin.at + SignedDuration::from_millis(numbers.between(0, 59_999).cast_signed());
        let next = schedule.next_after(heard);
        assert!(
            next.is_none_or(|next| next > heard),
            "{name}: {next:?} is not after {heard}"
        );
        let expected = due.iter().find(|time| **time > heard);
        match expected {
            Some(_) => assert_eq!(next.as_ref(), expected, "{name}, heard {heard}"),
            None => assert!(next.is_none_or(|next| next > last), "{name}, heard {heard}: {next:?}"),
        }
    }
}

/// A field as it is written, and the numbers that it holds.
struct Field {
    text: String,
    numbers: Vec<i8>,
}

impl Field {
    fn has(&self, number: i8) -> bool {
        self.numbers.contains(&number)
    }

    fn begins_with_star(&self) -> bool {
        self.text.starts_with('*')
    }
}

/// A field of numbers from `low` to `high`; `star` of ten are `*`. systemd writes ranges and steps in another way.
fn field(numbers: &mut Numbers, low: i8, high: i8, star: u64, systemd: bool) -> Field {
    let range = if systemd { ".." } else { "-" };
    let pick = |numbers: &mut Numbers, from: i8| -> i8 {
        i8::try_from(numbers.between(from.unsigned_abs().into(), high.unsigned_abs().into())).unwrap()
    };
    if numbers.between(1, 10) <= star {
        return Field {
            text: "*".to_owned(),
            numbers: (low..=high).collect(),
        };
    }
    let (text, mut held) = match numbers.between(0, 4) {
        0 => {
            let only = pick(numbers, low);
            (only.to_string(), vec![only])
        }
        1 => {
            let (one, other) = (pick(numbers, low), pick(numbers, low));
            (format!("{one},{other}"), vec![one, other])
        }
        2 => {
            let first = pick(numbers, low);
            let last = pick(numbers, first);
            (format!("{first}{range}{last}"), (first..=last).collect())
        }
        3 => {
            // systemd passes over the turn of a day where a step does not divide the hour (see `cases.rs`).
            let step = if systemd {
                [2, 3, 4, 6][usize::try_from(numbers.between(0, 3)).unwrap()]
            } else {
                i8::try_from(numbers.between(2, 7)).unwrap()
            };
            let text = if systemd {
                format!("{low}/{step}")
            } else {
                format!("*/{step}")
            };
            // systemd refuses what is never repeated.
            if low + step > high && systemd {
                (low.to_string(), vec![low])
            } else {
                (text, (low..=high).step_by(step.unsigned_abs().into()).collect())
            }
        }
        _ => {
            let first = low + (high - low) / 3;
            (
                format!("{first}{range}{high}/2,{low}"),
                (first..=high).step_by(2).chain([low]).collect(),
            )
        }
    };
    held.sort_unstable();
    held.dedup();
    Field { text, numbers: held }
}

#[test]
fn cron_is_due_at_these_minutes_and_no_others() {
    let mut numbers = Numbers(13);
    for (zone, day) in CHANGES {
        let minutes = minutes(zone, day);
        let mut some = 0;
        for _ in 0..60 {
            let (minute, hour) = (
                field(&mut numbers, 0, 59, 2, false),
                field(&mut numbers, 0, 23, 3, false),
            );
            let (of_month, month) = (
                field(&mut numbers, 1, 31, 6, false),
                field(&mut numbers, 1, 12, 8, false),
            );
            let of_week = field(&mut numbers, 0, 6, 6, false);
            let all = [&minute, &hour, &of_month, &month, &of_week];
            let expression = all.map(|field| field.text.clone()).join(" ");
            let both = of_month.begins_with_star() || of_week.begins_with_star();
            let matches = |wall: DateTime| {
                let days = [
                    of_month.has(wall.day()),
                    of_week.has(wall.weekday().to_sunday_zero_offset()),
                ];
                minute.has(wall.minute())
                    && hour.has(wall.hour())
                    && month.has(wall.month())
                    && (if both {
                        days == [true, true]
                    } else {
                        days.contains(&true)
                    })
            };
            let rule = if minute.begins_with_star() || hour.begins_with_star() {
                Rule::EveryTime
            } else {
                Rule::FixedTime
            };
            let due = due(&minutes, rule, &matches);
            some += usize::from(!due.is_empty());
            holds(
                &cron(&expression, zone),
                &minutes,
                &due,
                &mut numbers,
                &format!("{expression} {zone}"),
            );
        }
        assert!(some > 20, "{zone}: only {some} expressions were due at all");
    }
}

#[test]
fn on_calendar_is_due_at_these_minutes_and_no_others() {
    let mut numbers = Numbers(14);
    for (zone, day) in CHANGES {
        let minutes = minutes(zone, day);
        let mut some = 0;
        for _ in 0..60 {
            let (minute, hour) = (field(&mut numbers, 0, 59, 2, true), field(&mut numbers, 0, 23, 3, true));
            let (of_month, month) = (field(&mut numbers, 1, 31, 6, true), field(&mut numbers, 1, 12, 8, true));
            let expression = format!("*-{}-{} {}:{}", month.text, of_month.text, hour.text, minute.text);
            let matches = |wall: DateTime| {
                minute.has(wall.minute())
                    && hour.has(wall.hour())
                    && month.has(wall.month())
                    && of_month.has(wall.day())
            };
            let due = due(&minutes, Rule::Systemd, &matches);
            some += usize::from(!due.is_empty());
            holds(
                &calendar(&expression, zone),
                &minutes,
                &due,
                &mut numbers,
                &format!("{expression} {zone}"),
            );
        }
        assert!(some > 20, "{zone}: only {some} expressions were due at all");
    }
}
