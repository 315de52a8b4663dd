//! Windows as people write them; `every_minute` holds them to a clock that is looked at minute by minute.

mod every_minute;

use cc_devops_schedule::Schedule;

use super::*;

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn stack(name: &str) -> StackName {
    StackName::new(name).unwrap()
}

fn stage(name: &str) -> Stage {
    Stage::new(name).unwrap()
}

pub(super) fn window(name: &str, kind: FreezeKind, (cron, zone): (&str, &str), lasts: &str) -> FreezeWindow {
    FreezeWindow {
        name: name.to_owned(),
        kind,
        schedule: Schedule::cron(cron, zone, Timestamp::UNIX_EPOCH).unwrap(),
        length: length(lasts).unwrap(),
        stacks: Vec::new(),
        stages: Vec::new(),
        reason: None,
    }
}

fn deny(name: &str, cron: &str, lasts: &str) -> FreezeWindow {
    window(name, FreezeKind::Deny, (cron, "UTC"), lasts)
}

fn allow(name: &str, cron: &str, lasts: &str) -> FreezeWindow {
    window(name, FreezeKind::Allow, (cron, "UTC"), lasts)
}

fn frozen(windows: &[FreezeWindow], when: &str) -> Option<Frozen> {
    Freezes::new(windows.to_vec()).frozen(&stack("shop"), &stage("prod"), at(when))
}

/// The name, and until when.
fn said(windows: &[FreezeWindow], when: &str) -> Option<(String, Option<String>)> {
    frozen(windows, when).map(|frozen| (frozen.name, frozen.until.map(|until| until.to_string())))
}

fn holds(name: &str, until: &str) -> (String, Option<String>) {
    (name.to_owned(), Some(until.to_owned()))
}

#[test]
fn a_deny_window_freezes_from_its_first_instant_to_the_one_before_its_end() {
    let night = [deny("night", "0 20 * * *", "10h")];
    assert_eq!(said(&night, "2026-03-01T19:59:59.999Z"), None);
    assert_eq!(
        said(&night, "2026-03-01T20:00:00Z"),
        Some(holds("night", "2026-03-02T06:00:00Z"))
    );
    assert_eq!(
        said(&night, "2026-03-02T05:59:59.999Z"),
        Some(holds("night", "2026-03-02T06:00:00Z"))
    );
    assert_eq!(said(&night, "2026-03-02T06:00:00Z"), None);
    assert_eq!(said(&[], "2026-03-01T20:00:00Z"), None);
}

#[test]
fn outside_of_allow_windows_all_is_frozen_and_deny_wins() {
    let office = allow("office", "0 8 * * mon-fri", "9h");
    let late = allow("late", "0 18 * * fri", "1h");
    let lunch = deny("lunch", "0 12 * * *", "1h");
    let all = [office, late, lunch];
    // 2026-03-06 is a Friday.
    assert_eq!(
        said(&all, "2026-03-06T07:00:00Z"),
        Some(holds("office", "2026-03-06T08:00:00Z"))
    );
    assert_eq!(said(&all, "2026-03-06T08:00:00Z"), None);
    assert_eq!(
        said(&all, "2026-03-06T12:30:00Z"),
        Some(holds("lunch", "2026-03-06T13:00:00Z"))
    );
    assert_eq!(
        said(&all, "2026-03-06T17:30:00Z"),
        Some(holds("late", "2026-03-06T18:00:00Z"))
    );
    assert_eq!(said(&all, "2026-03-06T18:30:00Z"), None);
    assert_eq!(
        said(&all, "2026-03-06T19:00:00Z"),
        Some(holds("office", "2026-03-09T08:00:00Z"))
    );
}

#[test]
fn the_end_is_that_of_all_windows_together() {
    // One ends as the next begins, and after that no allow window is open.
    let all = [
        deny("one", "0 0 1 3 *", "12h"),
        deny("other", "0 12 1 3 *", "1d"),
        allow("office", "0 8 * * *", "2h"),
    ];
    assert_eq!(
        said(&all, "2026-03-01T09:00:00Z"),
        Some(holds("one", "2026-03-03T08:00:00Z"))
    );
    // Windows of one schedule overlap.
    let overlapping = [deny("often", "0 */2 6 3 *", "5h")];
    assert_eq!(
        said(&overlapping, "2026-03-06T01:00:00Z"),
        Some(holds("often", "2026-03-07T03:00:00Z"))
    );
}

#[test]
fn an_end_that_is_out_of_sight_is_none() {
    let always = [deny("always", "* * * * *", "1m")];
    assert_eq!(said(&always, "2026-03-01T20:00:00Z"), Some(("always".to_owned(), None)));
    let months = [deny("always", "0 0 1 * *", "31d")];
    assert_eq!(said(&months, "2026-03-01T20:00:00Z"), Some(("always".to_owned(), None)));
    // The next 29th of February is farther away than 400 days.
    let leap = [allow("leap", "0 0 29 2 *", "1d")];
    assert_eq!(said(&leap, "2026-03-01T20:00:00Z"), Some(("leap".to_owned(), None)));
    assert_eq!(
        said(&leap, "2028-02-01T00:00:00Z"),
        Some(holds("leap", "2028-02-29T00:00:00Z"))
    );
    let year = [deny("holidays", "0 0 20 12 *", "18d")];
    assert_eq!(
        said(&year, "2026-12-31T00:00:00Z"),
        Some(holds("holidays", "2027-01-07T00:00:00Z"))
    );
}

#[test]
fn a_window_lasts_in_time_that_passes_whatever_clocks_do() {
    // In the night to 2026-03-29 Berlin skips an hour, in that to 2026-10-25 it has one twice.
    let night = [window("night", FreezeKind::Deny, ("0 22 * * *", "Europe/Berlin"), "8h")];
    assert_eq!(
        said(&night, "2026-03-28T23:00:00Z"),
        Some(holds("night", "2026-03-29T05:00:00Z"))
    );
    assert_eq!(
        said(&night, "2026-10-24T23:00:00Z"),
        Some(holds("night", "2026-10-25T04:00:00Z"))
    );
    // 02:30 is skipped: the window opens with the first instant after the gap.
    let skipped = [window("early", FreezeKind::Deny, ("30 2 * * *", "Europe/Berlin"), "1h")];
    assert_eq!(said(&skipped, "2026-03-29T00:59:59Z"), None);
    assert_eq!(
        said(&skipped, "2026-03-29T01:00:00Z"),
        Some(holds("early", "2026-03-29T02:00:00Z"))
    );
}

#[test]
fn a_window_is_about_the_stacks_and_stages_that_it_names() {
    let mut named = deny("night", "0 20 * * *", "10h");
    named.stacks = ["shop", "data-*"].map(|text| StackPattern::new(text).unwrap()).into();
    named.stages = vec![stage("prod"), stage("live")];
    let windows = Freezes::new(vec![named]);
    for (name, on, expected) in [
        ("shop", "prod", true),
        ("shop", "live", true),
        ("shop", "dev", false),
        ("shopping", "prod", false),
        ("data-orders", "prod", true),
        ("data", "prod", false),
    ] {
        let found = windows.frozen(&stack(name), &stage(on), at("2026-03-01T21:00:00Z"));
        assert_eq!(found.is_some(), expected, "{name} on {on}");
    }
    // An allow window about one stack freezes no other.
    let mut office = allow("office", "0 8 * * *", "1h");
    office.stacks = vec![StackPattern::new("shop").unwrap()];
    let windows = Freezes::new(vec![office]);
    let when = at("2026-03-01T21:00:00Z");
    assert!(windows.frozen(&stack("shop"), &stage("dev"), when).is_some());
    assert_eq!(windows.frozen(&stack("other"), &stage("dev"), when), None);
}

#[test]
fn it_is_said_in_words() {
    let mut night = deny("night", "0 20 * * *", "10h");
    night.reason = Some("nobody is there".to_owned());
    let of = |windows: &[FreezeWindow]| frozen(windows, "2026-03-01T21:00:00Z").unwrap().to_string();
    assert_eq!(
        of(&[night]),
        "freeze \"night\" holds until 2026-03-02T06:00:00Z: nobody is there"
    );
    let office = allow("office", "0 8 * * *", "1h");
    assert_eq!(of(&[office]), "window \"office\" is closed until 2026-03-02T08:00:00Z");
    let always = deny("always", "* * * * *", "1m");
    assert_eq!(of(&[always]), "freeze \"always\" holds, and no end is in sight");
}

#[test]
fn spans_are_given_whole_and_those_on_end_are_one() {
    let times = |window: &FreezeWindow, most: usize| -> Vec<(String, String)> {
        let spans = window.spans(at("2026-03-01T21:00:00Z"), at("2026-03-04T00:00:00Z"), most);
        spans
            .iter()
            .map(|(from, to)| (from.to_string(), to.to_string()))
            .collect()
    };
    let night = deny("night", "0 20 * * *", "10h");
    let of = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let expected = [
        of("2026-03-01T20:00:00Z", "2026-03-02T06:00:00Z"),
        of("2026-03-02T20:00:00Z", "2026-03-03T06:00:00Z"),
        of("2026-03-03T20:00:00Z", "2026-03-04T06:00:00Z"),
    ];
    assert_eq!(times(&night, 10), expected);
    assert_eq!(times(&night, 2), expected[..2]);
    let hours = deny("hours", "0 0-11 2 * *", "1h");
    assert_eq!(times(&hours, 10), [of("2026-03-02T00:00:00Z", "2026-03-02T12:00:00Z")]);
}

#[test]
fn lengths_and_patterns_that_are_none_are_refused() {
    for (text, minutes) in [
        ("1m", 1),
        ("90m", 90),
        ("2h", 120),
        ("2d 12h", 3_600),
        ("1h30m", 90),
        (" 1d  1h 1m ", 1_501),
        ("366d", 366 * 1_440),
    ] {
        assert_eq!(length(text), Ok(SignedDuration::from_mins(minutes)), "{text}");
    }
    for text in [
        "",
        "0m",
        "1",
        "h",
        "1h 1d",
        "1h 1h",
        "367d",
        "-1h",
        "1.5h",
        "1s",
        "1 h",
        "99999999999999999999d",
    ] {
        assert_eq!(length(text), Err(LengthError), "{text}");
    }
    for text in ["shop", "shop-*", "*", "s?op", "[a-m]*", "[!a]*"] {
        assert_eq!(StackPattern::new(text).unwrap().as_str(), text);
    }
    for text in ["", "shop_x", "a/b", "[a", "sh op", "{a,b}"] {
        assert_eq!(StackPattern::new(text), Err(StackPatternError), "{text}");
    }
}
