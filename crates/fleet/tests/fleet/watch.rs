//! The watch, held to cases that were worked out by hand: what was heard, each flip with its instant, and the state one
//! second before and after it. `tests/data/watch.json` and `watch_more.json` have one case a line.

use cc_devops_alerts::ConditionChange;
use cc_devops_fleet::schedule::Schedule;
use cc_devops_fleet::watch::{Flip, ReceivedSignal, Signal, Status, WatchSettings, WatchState, conditions};
use cc_devops_kernel::names::AgentName;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    kind: String,
    schedule: Option<String>,
    period_s: Option<i64>,
    grace_s: i64,
    max_runtime_s: Option<i64>,
    timezone: String,
    #[serde(default)]
    sticky_pause: bool,
    created: Option<Timestamp>,
    events: Vec<Event>,
    observe_until: Timestamp,
    transitions: Vec<Flip>,
    state: Status,
    next_due: Option<Timestamp>,
    next_down: Option<Timestamp>,
    #[serde(default)]
    probes: Vec<Probe>,
}

#[derive(Debug, Deserialize)]
struct Event {
    at: Timestamp,
    #[serde(rename = "do")]
    act: String,
    rid: Option<String>,
    code: Option<u8>,
}

#[derive(Debug, Deserialize)]
struct Probe {
    at: Timestamp,
    state: Status,
}

impl Case {
    fn settings(&self) -> WatchSettings {
        let first = self.events.first().map_or(self.observe_until, |event| event.at);
        let set = self.created.unwrap_or(first);
        let text = || self.schedule.as_deref().unwrap();
        let schedule = match self.kind.as_str() {
            "period" => Schedule::period(SignedDuration::from_secs(self.period_s.unwrap())),
            "cron" => Schedule::cron(text(), &self.timezone, set),
            "oncalendar" => Schedule::on_calendar(text(), &self.timezone, set),
            kind => panic!("{kind}"),
        };
        WatchSettings {
            schedule: schedule.unwrap(),
            grace: SignedDuration::from_secs(self.grace_s),
            max_runtime: self.max_runtime_s.map(SignedDuration::from_secs),
            sticky_pause: self.sticky_pause,
            ..WatchSettings::default()
        }
    }
}

/// An agent that is watched, with the flips there were.
struct Watched {
    settings: WatchSettings,
    state: WatchState,
    flips: Vec<Flip>,
    /// Since when nobody hears.
    blind: Option<Timestamp>,
}

impl Watched {
    fn new(case: &Case) -> Self {
        Self {
            settings: case.settings(),
            state: WatchState::default(),
            flips: Vec::new(),
            blind: None,
        }
    }

    fn keep(&mut self, (state, flips): (WatchState, Vec<Flip>)) {
        // What is stored is what goes on.
        let stored = serde_json::to_string(&state).unwrap();
        self.state = serde_json::from_str(&stored).unwrap();
        assert_eq!(self.state, state, "{stored}");
        self.flips.extend(flips);
    }

    fn step(&mut self, now: Timestamp) {
        // Nobody sweeps while the control plane is away.
        if self.blind.is_none() {
            self.keep(self.state.clone().step(&self.settings, now));
        }
    }

    fn play(&mut self, event: &Event) {
        let signal = match event.act.as_str() {
            "ping" => Signal::Success,
            "fail" => Signal::Failure,
            "start" => Signal::Start,
            "log" => Signal::Log,
            "exit" => Signal::of_exit(event.code.unwrap()),
            "sweep" => return self.step(event.at),
            "pause" => return self.keep(self.state.clone().pause(&self.settings, event.at, "ana")),
            "resume" => return self.keep(self.state.clone().resume(&self.settings, event.at, "ana")),
            "server_down" => {
                self.blind = Some(event.at);
                return;
            }
            "server_up" => {
                let from = self.blind.take().unwrap();
                if event.at.duration_since(from) > SignedDuration::from_mins(1) {
                    self.keep(self.state.clone().shift(&self.settings, from, event.at));
                }
                return;
            }
            act => panic!("{act}"),
        };
        let heard = ReceivedSignal {
            rid: event.rid.clone(),
            exit: event.code,
            ..ReceivedSignal::new(event.at, signal)
        };
        self.keep(self.state.clone().after(&self.settings, &heard));
    }
}

/// The sixty cases, and those of what they leave open.
fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = serde_json::from_str(include_str!("../data/watch.json")).unwrap();
    assert_eq!(cases.len(), 60);
    let more: Vec<Case> = serde_json::from_str(include_str!("../data/watch_more.json")).unwrap();
    cases.extend(more);
    cases
}

fn shown(flips: &[Flip]) -> Vec<String> {
    flips
        .iter()
        .map(|flip| {
            format!(
                "{} {} > {} {}",
                flip.at,
                flip.from.as_str(),
                flip.to.as_str(),
                flip.reason.as_str()
            )
        })
        .collect()
}

#[test]
fn every_case_flips_as_it_was_worked_out() {
    let cases = cases();
    let mut wrong = Vec::new();
    for case in &cases {
        let mut watched = Watched::new(case);
        for event in &case.events {
            watched.play(event);
        }
        watched.step(case.observe_until);
        let end = (
            watched.state.status,
            watched.state.due(),
            watched.state.down_at(&watched.settings),
        );
        let (flips, expected) = (shown(&watched.flips), shown(&case.transitions));
        if flips != expected || end != (case.state, case.next_due, case.next_down) {
            wrong.push(format!("{}: {flips:#?} {end:?}, not {expected:#?}", case.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_second_before_and_after_each_flip_the_state_is_the_one_between_them() {
    for case in cases() {
        for probe in &case.probes {
            let mut watched = Watched::new(&case);
            for event in case.events.iter().filter(|event| event.at <= probe.at) {
                watched.play(event);
            }
            watched.step(probe.at);
            assert_eq!(watched.state.status, probe.state, "{} at {}", case.id, probe.at);
        }
    }
}

#[test]
fn a_sweep_each_second_and_none_at_all_find_the_same_flips() {
    for case in cases() {
        let mut watched = Watched::new(&case);
        let mut now = case.events.first().map_or(case.observe_until, |event| event.at);
        let end = now
            .checked_add(SignedDuration::from_hours(3))
            .unwrap()
            .min(case.observe_until);
        let mut events = case.events.iter().filter(|event| event.at <= end).peekable();
        while now <= end {
            while let Some(event) = events.next_if(|event| event.at <= now) {
                watched.play(event);
            }
            watched.step(now);
            now = now.checked_add(SignedDuration::from_secs(1)).unwrap();
        }
        let expected: Vec<Flip> = case.transitions.iter().filter(|flip| flip.at <= end).cloned().collect();
        assert_eq!(shown(&watched.flips), shown(&expected), "{}", case.id);
    }
}

#[test]
fn the_next_look_is_when_the_next_flip_is() {
    for case in cases() {
        let mut watched = Watched::new(&case);
        for event in &case.events {
            watched.play(event);
            if let Some(look) = watched.state.next_look(&watched.settings) {
                let before = look.checked_sub(SignedDuration::from_nanos(1)).unwrap();
                let (_, early) = watched.state.clone().step(&watched.settings, before);
                assert_eq!(early, [], "{}", case.id);
                let (after, flips) = watched.state.clone().step(&watched.settings, look);
                let found = flips.first().map(|flip| flip.at).or(after.silent_since());
                assert_eq!(found, Some(look), "{}", case.id);
            }
        }
    }
}

/// What is told of a case's last flip.
fn told(id: &str) -> (String, String) {
    let case = cases().into_iter().find(|case| case.id == id).unwrap();
    let mut watched = Watched::new(&case);
    for event in &case.events {
        watched.play(event);
    }
    watched.step(case.observe_until);
    let agent = AgentName::new("Backup").unwrap();
    let last = watched.flips.last().cloned();
    let told = conditions(&agent, &watched.settings, &watched.state, None, last.as_slice(), None);
    match told.as_slice() {
        [ConditionChange::Opened(condition)] => (condition.title.clone(), condition.text.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_told_says_what_was_heard_and_what_was_due() {
    assert_eq!(
        told("C02"),
        (
            "Backup is down: no heartbeat for 4 h 56 min".to_owned(),
            "The last heartbeat came at 2025-05-20T06:04:00Z. The next was due at 2025-05-20T10:00:00Z (at 10:00 on day \
             20 of the month, UTC), with a grace of 1 h. A heartbeat came 3 h 56 min before it was due: is the time zone of the \
             schedule the one of the job?"
                .to_owned()
        )
    );
    assert_eq!(
        told("S02"),
        (
            "Backup is down: its run did not end in time".to_owned(),
            "It began at 2026-06-02T06:00:00Z and may take 30 min. The last heartbeat came at 2026-06-01T06:10:00Z."
                .to_owned()
        )
    );
    assert_eq!(
        told("S03").1,
        "It began at 2026-06-01T06:00:00Z and may take 1 h. It was never heard."
    );
    assert_eq!(told("P12").0, "Backup is down: it ended with exit status 1");
    assert_eq!(told("P08").0, "Backup is down: it says that it fails");
    assert!(!told("P01").1.contains("before it was due"));
}

#[test]
fn one_that_failed_and_was_not_heard_again_is_told_though_failures_are_counted() {
    let agent = AgentName::new("Writer").unwrap();
    let settings = WatchSettings::default();
    let at = |minute: &str| format!("2026-06-01T10:{minute}:00Z").parse::<Timestamp>().unwrap();
    let signal = |at, signal| ReceivedSignal::new(at, signal);
    let (state, _) = WatchState::default().after(&settings, &signal(at("00"), Signal::Success));
    let (state, _) = state.after(&settings, &signal(at("02"), Signal::Failure));
    assert_eq!((state.due(), state.down_at(&settings)), (None, None), "it is down");
    assert_eq!(state.next_look(&settings), Some(at("12")));

    let (early, _) = state.clone().step(&settings, at("11"));
    assert_eq!(conditions(&agent, &settings, &early, None, &[], None), []);
    let (silent, flips) = state.clone().step(&settings, at("12"));
    assert_eq!(flips, [], "it was down already");
    let told = conditions(&agent, &settings, &silent, None, &flips, None);
    let [ConditionChange::Opened(condition)] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert!(!condition.counts && condition.since == at("02"), "{condition:?}");
    assert!(
        condition.title.ends_with("it was not heard again in time"),
        "{condition:?}"
    );
    let (again, _) = silent.step(&settings, at("30"));
    assert_eq!(
        (again.next_look(&settings), again.silent_since()),
        (None, Some(at("12"))),
        "once"
    );

    let (failing, _) = state.after(&settings, &signal(at("09"), Signal::Failure));
    assert_eq!(failing.next_look(&settings), Some(at("19")), "it was heard");
}
