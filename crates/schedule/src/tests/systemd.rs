//! The same questions to `systemd-analyze calendar`, where it is there.

use std::process::Command;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::{Numbers, at, calendar};
use crate::OnCalendar;

/// How many times of each expression are compared.
const TIMES: usize = 4;

const ZONES: &[&str] = &[
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/Santiago",
    "Asia/Kolkata",
    "Pacific/Chatham",
];

/// Whether there is a systemd-analyze that takes a base time. Where there is none, it is said, and nothing is compared.
fn is_there() -> bool {
    let found = ask(&["--base-time=2026-01-01 00:00:00 UTC"], &["daily"]);
    let is_there = found.is_some_and(|times| times.len() == 1);
    if !is_there {
        eprintln!("left out: there is no `systemd-analyze calendar --base-time` on this machine");
    }
    is_there
}

/// The next times of each expression that it takes; None where the program is not there or fails.
fn ask(options: &[&str], expressions: &[&str]) -> Option<Vec<Vec<Timestamp>>> {
    let output = Command::new("systemd-analyze")
        .args(["calendar", &format!("--iterations={TIMES}")])
        .args(options)
        .arg("--")
        .args(expressions)
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .env("SYSTEMD_COLORS", "0")
        .output()
        .ok()?;
    let mut answers: Vec<Vec<Timestamp>> = Vec::new();
    for line in String::from_utf8(output.stdout).ok()?.lines() {
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        if name.trim() == "Normalized form" {
            answers.push(Vec::new());
        }
        // `Mon 2026-06-01 00:10:00 UTC`, or `never`.
        let is_time = name.trim() == "Next elapse" || name.trim().starts_with("Iter. #");
        if is_time && let Some((_, time)) = value.trim().trim_end_matches(" UTC").split_once(' ') {
            let wall: DateTime = time.parse().ok()?;
            answers.last_mut()?.push(TimeZone::UTC.to_timestamp(wall).ok()?);
        }
    }
    output.status.success().then_some(answers)
}

/// A list, range or repetition of numbers from `low` to `high`, as systemd takes them.
fn part(numbers: &mut Numbers, low: u64, high: u64, star: u64) -> String {
    if numbers.between(1, 10) <= star {
        return "*".to_owned();
    }
    let first = numbers.between(low, high);
    match numbers.between(0, 4) {
        0 => format!("{},{first}", numbers.between(low, high)),
        1 if first + 2 < high => format!("{first}..{}", numbers.between(first + 1, high)),
        2 if first + 2 < high => format!("{first}/{}", numbers.between(1, high - first)),
        3 if first + 4 < high => {
            let last = numbers.between(first + 3, high);
            format!("{first}..{last}/{}", numbers.between(1, last - first))
        }
        _ => first.to_string(),
    }
}

fn expression(numbers: &mut Numbers) -> String {
    let weekdays = ["Mon", "Sat,Sun", "Mon..Fri", "Tuesday,Thu..Sat", "sun"];
    let shorthands = [
        "minutely",
        "hourly",
        "daily",
        "weekly",
        "monthly",
        "quarterly",
        "semiannually",
        "yearly",
    ];
    if numbers.between(0, 15) == 0 {
        return numbers.one_of(&shorthands).to_owned();
    }
    let mut words = Vec::new();
    if numbers.between(0, 3) == 0 {
        words.push(numbers.one_of(&weekdays).to_owned());
    }
    let year = match numbers.between(0, 7) {
        0 => part(numbers, 2026, 2034, 0),
        1 => numbers.between(26, 34).to_string(),
        _ => "*".to_owned(),
    };
    let month = part(numbers, 1, 12, 7);
    match numbers.between(0, 5) {
        0 => {
            // From the month's end; a repetition counts down.
            // The second of a list may be 25 at most there, the third 22: no rule of systemd.time(7), and not kept here.
            let first = numbers.between(2, 25);
            let step = numbers.between(1, first - 1);
            let day = numbers.one_of(&["A", "A/B", "1..A", "1..A/B", "1,A"]);
            let day = day.replace('A', &first.to_string()).replace('B', &step.to_string());
            words.push(format!("{year}-{month}~{day}"));
        }
        1 => {}
        _ => words.push(format!("{year}-{month}-{}", part(numbers, 1, 31, 4))),
    }
    let (hour, minute) = (part(numbers, 0, 23, 3), part(numbers, 0, 59, 2));
    match numbers.between(0, 3) {
        0 => words.push(format!("{hour}:{minute}:{}", part(numbers, 0, 59, 2))),
        1 if !words.is_empty() => {}
        _ => words.push(format!("{hour}:{minute}")),
    }
    words.join(" ")
}

/// A base time, near a change of the zone's clocks for every second one.
fn base(numbers: &mut Numbers, zone: &TimeZone) -> Timestamp {
    let any = at("2026-01-01T00:00:00Z").as_second() + numbers.between(0, 4 * 365 * 86_400).cast_signed();
    let any = Timestamp::from_second(any).unwrap();
    match zone.following(any).next() {
        Some(change) if numbers.between(0, 1) == 0 => {
            let second = change.timestamp().as_second() + numbers.between(0, 172_800).cast_signed() - 86_400;
            Timestamp::from_second(second).unwrap()
        }
        _ => any,
    }
}

/// Whether the wall clock shows a time for the second time: systemd 252 answers by the half in which it is asked, and
/// systemd has a time due once.
fn is_second(zone: &TimeZone, instant: Timestamp) -> bool {
    let wall = zone.to_datetime(instant);
    match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Fold { after, .. } => zone.to_offset(instant) == after,
        _ => false,
    }
}

#[test]
fn on_calendar_elapses_when_systemd_says() {
    if !is_there() {
        return;
    }
    let mut numbers = Numbers(252);
    let mut compared = 0;
    for zone in ZONES {
        let time_zone = TimeZone::get(zone).unwrap();
        for _ in 0..12 {
            let base = base(&mut numbers, &time_zone);
            if is_second(&time_zone, base) {
                continue;
            }
            let expressions: Vec<String> = (0..12)
                .map(|_| format!("{} {zone}", expression(&mut numbers)))
                .collect();
            let asked: Vec<&str> = expressions.iter().map(String::as_str).collect();
            let option = format!("--base-time={} UTC", base.strftime("%Y-%m-%d %H:%M:%S"));
            let answers = ask(&[&option], &asked).unwrap_or_default();
            assert_eq!(answers.len(), asked.len(), "systemd-analyze refused one of {asked:?}");
            for (expression, answer) in expressions.iter().zip(answers) {
                let found = calendar(expression, "UTC").next_times(base, TIMES);
                assert_eq!(found, answer, "{expression} after {base}");
                compared += answer.len();
            }
        }
    }
    assert!(compared > 1_000, "only {compared} times were compared");
}

#[test]
fn on_calendar_is_taken_where_systemd_takes_it() {
    if !is_there() {
        return;
    }
    for expression in [
        "5..5:00",
        "*-*~1..3",
        "*-*~7/1",
        "*-*~7/7",
        "*-*~1..6/2",
        "*-*~*",
        "*-*~28",
        "*-*~29",
        "Mon,",
        "Mon, 5:00",
        "Mon,,Tue",
        "Mon..Wed,Sat 2003-03-05",
        "mon-fri 3:00",
        "Mon...Fri",
        "Sat..Tue",
        "69-1-1",
        "70-1-1",
        "1969-1-1",
        "2199-12-31",
        "2200-1-1",
        "12-5",
        "1-2-3-4",
        "02~1",
        "~1",
        "*-~1",
        "*-*-1~3",
        "*~1-3",
        "*-*-0",
        "*-*-32",
        "*-13-1",
        "24:00",
        "0:60",
        "0:0:60",
        "0005:00",
        "5",
        "*",
        "*-*",
        "*:*",
        "*:*:*",
        "*/5:00",
        "*:5,*",
        "*:*,5",
        "*:0/70",
        "*:0/59",
        "*:0/60",
        "*:0/0",
        "*:30..10",
        "*:5..8/9",
        "*:5..8/3",
        "*:5..5/3",
        "1..3/2,8:00",
        "2026-01-01T00:00",
        "06:00 *-*-*",
        "Mon weekly",
        "anually",
        "semi-annually",
        "biannually",
        "fortnightly",
        "2000..2010/11-1-1",
        "1,1,2:00",
        "1,:00",
        ",1:00",
        "1..:00",
        "..1:00",
        "1.5:00",
        "5:00 UTC",
        "5:00 utc",
        "5:00 Mars/Olympus",
        "@1395716396",
        "@x",
        "daily UTC",
        "Mon Tue 5:00",
        "1:2:3:4",
        "10:00:0..30/7",
        "-5:00",
    ] {
        let takes = ask(&[], &[expression]).is_some();
        let found = OnCalendar::new(expression, "UTC");
        assert_eq!(found.is_ok(), takes, "{expression}: {found:?}");
    }
}
