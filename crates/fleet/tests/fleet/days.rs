//! The marks of an agent's last days, held against a count of every minute.

use cc_devops_fleet::days::{DayMark, last_days, share_up};
use cc_devops_fleet::uptime::Uptime;
use cc_devops_fleet::watch::{Flip, Reason, Status};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

fn now() -> Timestamp {
    "2026-06-11T13:37:00Z".parse().unwrap()
}

fn minutes_ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

/// A state now, and flips newest first, each from the state before to the one after.
fn lives() -> impl Strategy<Value = (Status, Vec<(i64, Status)>)> {
    let status = || proptest::sample::select(Status::ALL.to_vec());
    (
        status(),
        proptest::collection::vec((0_i64..45 * 24 * 60, status()), 0..40),
    )
        .prop_map(|(status, mut flips)| {
            flips.sort_by_key(|(ago, _)| *ago);
            (status, flips)
        })
}

fn flips_of(status: Status, flips: &[(i64, Status)]) -> Vec<Flip> {
    let mut to = status;
    flips
        .iter()
        .map(|(ago, from)| Flip {
            at: minutes_ago(*ago),
            from: *from,
            to: std::mem::replace(&mut to, *from),
            reason: Reason::Ping,
            by: None,
        })
        .collect()
}

/// What it was in the minute that began so long ago.
fn was(status: Status, flips: &[(i64, Status)], ago: i64) -> Status {
    let later = flips.iter().rev().find(|(flip, _)| *flip < ago);
    later.map_or(status, |(_, from)| *from)
}

fn minutes(day: &DayMark) -> [i64; 3] {
    [day.up, day.late, day.down].map(|time| time.as_mins())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_minute_is_on_its_day((status, flips) in lives()) {
        let days = last_days(&flips_of(status, &flips), true, status, now());
        prop_assert_eq!(days.len(), 30);
        let mut counted = vec![[0_i64; 3]; 30];
        let of_today = 13 * 60 + 37;
        for ago in 1..=(29 * 24 * 60 + of_today) {
            // Minutes before today's first are yesterday's.
            let back = (ago - of_today + 24 * 60 - 1).max(0) / (24 * 60);
            let day = usize::try_from(29 - back).unwrap();
            match was(status, &flips, ago) {
                Status::Up => counted[day][0] += 1,
                Status::Late => counted[day][1] += 1,
                Status::Down => counted[day][2] += 1,
                Status::New | Status::Paused => {}
            }
        }
        prop_assert_eq!(days.iter().map(minutes).collect::<Vec<_>>(), counted);
    }

    #[test]
    fn no_day_is_longer_than_a_day_whatever_the_clock_did(
        status in proptest::sample::select(Status::ALL.to_vec()),
        flips in proptest::collection::vec((-1_000_i64..100_000, proptest::sample::select(Status::ALL.to_vec())), 0..20),
    ) {
        // Not sorted: a clock was set.
        for all in [true, false] {
            for day in last_days(&flips_of(status, &flips), all, status, now()) {
                let waited = day.waited();
                prop_assert!(!waited.is_negative() && waited <= SignedDuration::from_hours(24));
            }
        }
    }

    #[test]
    fn what_is_not_known_counts_for_nothing((status, flips) in lives()) {
        let all = flips_of(status, &flips);
        let some = &all[..all.len() / 2];
        let known = some.last().map_or(now(), |flip| flip.at);
        let waited: i64 = last_days(some, false, status, now()).iter().map(|day| day.waited().as_mins()).sum();
        prop_assert!(waited <= now().duration_since(known).as_mins());
    }
}

#[test]
fn a_life_without_a_change_is_whole() {
    let days = last_days(&[], true, Status::Up, now());
    assert_eq!(days[0].date.to_string(), "2026-05-13");
    assert_eq!(days[29].date.to_string(), "2026-06-11");
    assert_eq!((minutes(&days[0]), minutes(&days[29])), ([1_440, 0, 0], [817, 0, 0]));
    assert_eq!(share_up(&days), Some(1.0));
    assert_eq!(share_up(&last_days(&[], true, Status::New, now())), None);
    assert_eq!(share_up(&last_days(&[], false, Status::Up, now())), None);
    let down = flips_of(Status::Down, &[(817, Status::Late)]);
    let days = last_days(&down, true, Status::Down, now());
    assert_eq!((minutes(&days[28]), minutes(&days[29])), ([0, 1_440, 0], [0, 0, 817]));
    let uptime = Uptime::of(&down, Status::Down, now());
    assert!(
        uptime.month.unwrap() > share_up(&days).unwrap(),
        "its 30 days begin at this hour"
    );
}
