//! Generated windows against a clock that is looked at every minute, over changes of the clocks in several zones. It
//! shares nothing with what it holds: it knows the numbers of each field, marks the minutes at which a window opens, and
//! counts down from there.

use std::collections::BTreeSet;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

/// A zone and the day on which its clocks change, or do not.
const CHANGES: &[(&str, &str)] = &[
    ("Europe/Berlin", "2026-03-29T00:00:00Z"),
    ("Europe/Berlin", "2026-10-25T00:00:00Z"),
    ("America/New_York", "2026-03-08T00:00:00Z"),
    ("America/New_York", "2026-11-01T00:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T00:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T00:00:00Z"),
    ("America/Santiago", "2026-04-05T00:00:00Z"),
    ("America/Santiago", "2026-09-06T00:00:00Z"),
    ("Pacific/Apia", "2011-12-30T00:00:00Z"),
    ("Asia/Kolkata", "2026-06-01T00:00:00Z"),
];

/// Minutes before the day, and in all: a window that opened before the first of them is closed when it is asked.
const BEFORE: i64 = 4 * 1_440;
const ALL: usize = 8 * 1_440;

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A window as it is written, and what its fields hold.
#[derive(Debug, Clone)]
struct Written {
    denies: bool,
    zone: usize,
    /// The text of the field; the numbers that it holds.
    minute: (String, BTreeSet<i8>),
    hour: (String, BTreeSet<i8>),
    /// From Monday, 0; none is every day.
    weekdays: BTreeSet<usize>,
    length: i64,
}

impl Written {
    fn cron(&self) -> String {
        let days: Vec<&str> = self.weekdays.iter().map(|day| WEEKDAYS[*day]).collect();
        let days = if days.is_empty() {
            "*".to_owned()
        } else {
            days.join(",")
        };
        format!("{} {} * * {days}", self.minute.0, self.hour.0)
    }

    fn is_at(&self, wall: DateTime) -> bool {
        let day = usize::try_from(wall.weekday().to_monday_zero_offset()).unwrap();
        self.minute.1.contains(&wall.minute())
            && self.hour.1.contains(&wall.hour())
            && (self.weekdays.is_empty() || self.weekdays.contains(&day))
    }

    /// For each minute, whether the window is open.
    fn open(&self, first: Timestamp) -> Vec<bool> {
        let zone = TimeZone::get(CHANGES[self.zone].0).unwrap();
        let minute = SignedDuration::from_mins(1);
        // At a fixed time of day a change of the clocks is made good; else each minute that looks right counts.
        let is_fixed = !self.minute.0.starts_with('*') && !self.hour.0.starts_with('*');
        let mut highest = zone.to_datetime(first - minute);
        let mut left = 0;
        let mut open = Vec::with_capacity(ALL);
        for count in 0..ALL {
            let wall = zone.to_datetime(first + minute * i32::try_from(count).unwrap());
            let mut opens = self.is_at(wall) && (!is_fixed || wall > highest);
            if is_fixed {
                let mut skipped = highest + minute;
                while skipped < wall {
                    opens |= self.is_at(skipped);
                    skipped += minute;
                }
            }
            highest = highest.max(wall);
            left = if opens { self.length } else { (left - 1).max(0) };
            open.push(left > 0);
        }
        open
    }

    fn window(&self, at: usize) -> FreezeWindow {
        let kind = if self.denies {
            FreezeKind::Deny
        } else {
            FreezeKind::Allow
        };
        let cron = self.cron();
        let lasts = format!("{}m", self.length);
        window(&format!("w{at}"), kind, (&cron, CHANGES[self.zone].0), &lasts)
    }
}

fn field(most: i8) -> impl Strategy<Value = (String, BTreeSet<i8>)> {
    let all = (0..=most).collect::<BTreeSet<i8>>();
    let few = proptest::collection::btree_set(0..=most, 1..4).prop_map(|numbers| {
        let texts: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        (texts.join(","), numbers)
    });
    let steps = (2..=12_i8).prop_map(move |step| {
        let numbers = (0..=most).filter(|number| number % step == 0).collect();
        (format!("*/{step}"), numbers)
    });
    prop_oneof![6 => few, 2 => steps, 1 => Just(("*".to_owned(), all))]
}

fn written() -> impl Strategy<Value = Written> {
    let days = prop_oneof![
        2 => Just(BTreeSet::new()),
        1 => proptest::collection::btree_set(0..7_usize, 1..4),
    ];
    let length = prop_oneof![1..90_i64, 60..1_440_i64, 1_440..4_000_i64];
    (any::<bool>(), 0..CHANGES.len(), field(59), field(23), days, length).prop_map(
        |(denies, zone, minute, hour, weekdays, length)| Written {
            denies,
            zone,
            minute,
            hour,
            weekdays,
            length,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn windows_are_what_a_clock_shows_minute_by_minute(
        mut all in proptest::collection::vec(written(), 1..4),
        change in 0..CHANGES.len(),
        asked in proptest::collection::vec((0..3 * 1_440_usize, 0..60_i64), 24),
    ) {
        // One of them at least follows the clocks that change on that day.
        all[0].zone = change;
        let first = at(CHANGES[change].1) - SignedDuration::from_mins(BEFORE);
        let open: Vec<Vec<bool>> = all.iter().map(|written| written.open(first)).collect();
        let allows = all.iter().any(|written| !written.denies);
        let frozen: Vec<bool> = (0..ALL)
            .map(|minute| {
                let opened = |denies: bool| all.iter().zip(&open).any(|(written, open)| written.denies == denies && open[minute]);
                opened(true) || (allows && !opened(false))
            })
            .collect();
        let freezes = Freezes::new(all.iter().enumerate().map(|(at, written)| written.window(at)).collect());
        for (minute, second) in asked {
            let minute = usize::try_from(BEFORE).unwrap() - 1_440 + minute;
            let when = first + SignedDuration::from_mins(i64::try_from(minute).unwrap()) + SignedDuration::from_secs(second);
            let found = freezes.frozen(&stack("shop"), &stage("prod"), when);
            prop_assert_eq!(found.is_some(), frozen[minute], "at {}", when);
            let Some(found) = found else { continue };
            let denied = all.iter().zip(&open).position(|(written, open)| written.denies && open[minute]);
            if let Some(at) = denied {
                prop_assert_eq!(&found.name, &format!("w{at}"));
            } else {
                prop_assert_eq!(found.kind, FreezeKind::Allow);
            }
            let end = frozen.iter().skip(minute).position(|frozen| !frozen).map(|after| minute + after);
            let last = first + SignedDuration::from_mins(i64::try_from(ALL).unwrap());
            match end {
                Some(end) => {
                    let end = first + SignedDuration::from_mins(i64::try_from(end).unwrap());
                    prop_assert_eq!(found.until, Some(end), "at {}", when);
                }
                None => prop_assert!(found.until.is_none_or(|until| until >= last), "at {}: {:?}", when, found.until),
            }
        }
    }
}
