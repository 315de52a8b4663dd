//! What one alert wants told at an instant, what holds it back, and when it has to be looked at again.

use jiff::{SignedDuration, Timestamp};

use super::DecisionContext;
use super::words;
use crate::alert::{Alert, AlertState, NotifiedState, Waiting, WaitsFor};
use crate::message::MessageKind;
use crate::policy::{Flap, Route};

/// One thing that an alert wants told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Want {
    pub(super) kind: MessageKind,
    pub(super) channels: Vec<String>,
    /// Why now; empty where it is told because it is so.
    pub(super) why: String,
    /// Whether it waits until the group is told.
    pub(super) with_group: bool,
}

/// An alert, looked at.
#[derive(Debug, Clone)]
pub(super) struct Look {
    /// As it is from now on.
    pub(super) alert: Alert,
    pub(super) wants: Vec<Want>,
    /// Why nothing is told of it.
    pub(super) why: String,
}

/// A reminder that comes later than its time by less than this keeps the rhythm of those before it.
const ON_TIME: SignedDuration = SignedDuration::from_mins(2);

impl Look {
    pub(super) fn waits_with_group(&self) -> bool {
        self.wants.iter().any(|want| want.with_group)
    }

    pub(super) fn reminds(&self) -> bool {
        self.wants.iter().any(|want| want.kind == MessageKind::Reminder)
    }

    /// Puts off what waits for the group, until `ready`.
    pub(super) fn wait_for_the_group(&mut self, ready: Timestamp, before: &Alert, now: Timestamp) {
        if !self.waits_with_group() {
            return;
        }
        self.wants.retain(|want| !want.with_group);
        if before.due_at.is_some_and(|due| due > now) && self.wants.is_empty() {
            // The group's turn takes it along: it is not written for that.
            self.alert.due_at = before.due_at;
            self.alert.waits.clone_from(&before.waits);
            return;
        }
        let words = "the group waits for more, or was told a moment ago".to_owned();
        self.hold(WaitsFor::Group, ready, words);
    }

    /// Adds a reminder where others of the group are told again and half of its own time is over.
    pub(super) fn remind_along(&mut self, route: &Route, context: &DecisionContext<'_>, now: Timestamp) {
        let Some(every) = route.remind else { return };
        let alert = &self.alert;
        let held = || {
            context.silenced(&alert.condition, now).is_some()
                || context.policy.quiet(alert.condition.severity, now).is_some()
        };
        if !self.wants.is_empty() || alert.state != AlertState::Open || alert.flapping.is_some() || held() {
            return;
        }
        let along = half_over(alert, every, now);
        let why = reminded(every);
        self.want(MessageKind::Reminder, along, &why, false);
    }

    fn hold(&mut self, what: WaitsFor, until: Timestamp, words: String) {
        self.why.clone_from(&words);
        self.alert.waits = Some(Waiting { what, until, words });
        self.at(until);
    }

    /// It is to be looked at again at `at`, if not before.
    fn at(&mut self, at: Timestamp) {
        self.alert.due_at = Some(self.alert.due_at.map_or(at, |due| due.min(at)));
    }

    fn want(&mut self, kind: MessageKind, channels: Vec<String>, why: &str, with_group: bool) {
        if !channels.is_empty() {
            self.wants.push(Want {
                kind,
                channels,
                why: why.to_owned(),
                with_group,
            });
        }
    }
}

/// Looks at an alert.
pub(super) fn look(alert: &Alert, route: &Route, context: &DecisionContext<'_>, now: Timestamp) -> Look {
    let mut look = Look {
        alert: alert.clone(),
        wants: Vec::new(),
        why: String::new(),
    };
    look.alert.due_at = None;
    look.alert.waits = None;
    look.alert
        .told
        .retain(|channel, _| context.policy.channels.contains(channel));
    settle_flapping(&mut look.alert, route.flap, now);
    match alert.state {
        AlertState::Open | AlertState::Acknowledged => open(&mut look, route, context, now),
        AlertState::Resolved => resolved(&mut look, route, context, now),
        AlertState::Closed => closed(&mut look, context, now),
    }
    if look.alert.is_done() {
        look.alert.settle(now);
    }
    if let (Some(after), false) = (held_before(alert, now), look.wants.is_empty()) {
        for want in &mut look.wants {
            words::add(&mut want.why, &after);
        }
    }
    look
}

/// That something held the alert back until now.
fn held_before(alert: &Alert, now: Timestamp) -> Option<String> {
    let waits = alert.waits.as_ref()?;
    let over = waits.until <= now && matches!(waits.what, WaitsFor::Quiet | WaitsFor::Silence);
    over.then(|| format!("{} ended", waits.words))
}

fn settle_flapping(alert: &mut Alert, flap: Option<Flap>, now: Timestamp) {
    let (Some(flap), Some(last)) = (flap, alert.flips.last().copied()) else {
        alert.flapping = None;
        return;
    };
    if alert.flapping.is_some() {
        if calm_at(last, flap) <= now {
            alert.flapping = None;
        }
        return;
    }
    let from = last.saturating_sub(flap.within).unwrap_or(Timestamp::MIN);
    let mut lately = alert.flips.iter().filter(|flip| **flip >= from);
    let first = lately.next().copied();
    let enough = lately.count() + 1 >= usize::try_from(flap.flips).unwrap_or(usize::MAX);
    if enough && now < calm_at(last, flap) {
        alert.flapping = first;
    }
}

fn calm_at(last: Timestamp, flap: Flap) -> Timestamp {
    last.saturating_add(flap.calm).unwrap_or(Timestamp::MAX)
}

/// When a flapping alert is calm, if nothing happens before.
fn calm_of(alert: &Alert, route: &Route) -> Option<Timestamp> {
    alert.flapping?;
    Some(calm_at(*alert.flips.last()?, route.flap?))
}

/// The channels among `all` of which `wanted` says so.
fn pick<'a>(all: impl IntoIterator<Item = &'a String>, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut picked: Vec<String> = Vec::new();
    for channel in all {
        if wanted(channel) && !picked.contains(channel) {
            picked.push(channel.clone());
        }
    }
    picked
}

fn open(look: &mut Look, route: &Route, context: &DecisionContext<'_>, now: Timestamp) {
    let alert = look.alert.clone();
    let condition = &alert.condition;
    if condition.counts && alert.failures < route.failures && !alert.is_believed() {
        look.why = format!("{} of {} failures in a row", alert.failures, route.failures);
        return;
    }
    if route.channels.is_empty() && route.escalate.is_empty() {
        look.why = format!("{} leads to no channel", route.title());
    }
    let belief = |channel: &str| alert.told.get(channel).map(|told| told.belief);
    let knows = |channel: &str| matches!(belief(channel), Some(NotifiedState::Open | NotifiedState::Flapping));
    let kind = if alert.flapping.is_some() {
        MessageKind::Flapping
    } else {
        MessageKind::Down
    };
    let mut wants: Vec<(MessageKind, Vec<String>, String, bool)> = Vec::new();

    // What is new.
    let new = pick(&route.channels, |channel| !knows(channel));
    let due: Vec<&crate::policy::Step> = match (alert.first_told, alert.state) {
        (Some(first), AlertState::Open) => {
            let due = |step: &&crate::policy::Step| first.saturating_add(step.after).is_ok_and(|at| at <= now);
            route.escalate.iter().filter(due).collect()
        }
        _ => Vec::new(),
    };
    let escalated = pick(due.iter().flat_map(|step| &step.channels), |channel| {
        !knows(channel) && !new.contains(&channel.to_owned())
    });
    wants.push((kind, new, String::new(), true));
    if let Some(step) = due.last() {
        let why = format!("nobody acknowledged it for {}", words::duration(step.after));
        wants.push((kind, escalated, why, false));
    }

    // What changed for those who know of it.
    let told = alert.told.keys();
    if alert.flapping.is_some() {
        let changed = pick(told, |channel| belief(channel) == Some(NotifiedState::Open));
        wants.push((MessageKind::Flapping, changed, String::new(), true));
    } else {
        let calm = pick(told, |channel| belief(channel) == Some(NotifiedState::Flapping));
        wants.push((MessageKind::Down, calm, "it is calm".to_owned(), true));
        let worse = |channel: &str| {
            let told = alert.told.get(channel);
            told.is_some_and(|told| told.belief == NotifiedState::Open && condition.severity < told.severity)
        };
        let worse = pick(alert.told.keys(), worse);
        let why = format!("its severity is {} now", condition.severity.as_str());
        wants.push((MessageKind::Down, worse.clone(), why, true));
        remind(&alert, route, now, &worse, &mut wants);
    }
    wants.retain(|(_, channels, ..)| !channels.is_empty());

    // What holds it back.
    if !wants.is_empty() {
        if let Some((until, words)) = context.silenced(condition, now) {
            skip_reminders(look, route, now);
            wants.retain(|(kind, ..)| *kind != MessageKind::Reminder);
            if !wants.is_empty() {
                look.hold(WaitsFor::Silence, until, words);
            }
            wants.clear();
        } else if let Some((until, words)) = context.policy.quiet(condition.severity, now) {
            look.hold(WaitsFor::Quiet, until, format!("quiet hours ({words})"));
            wants.clear();
        }
    }
    for (kind, channels, why, with_group) in wants {
        look.want(kind, channels, &why, with_group);
    }
    come_back(look, route, now);
}

/// Adds the reminder that is due.
fn remind(
    alert: &Alert,
    route: &Route,
    now: Timestamp,
    told_anyhow: &[String],
    wants: &mut Vec<(MessageKind, Vec<String>, String, bool)>,
) {
    let Some(every) = route.remind.filter(|_| alert.state == AlertState::Open) else {
        return;
    };
    let due = |channel: &str| {
        let told = alert.told.get(channel);
        let due = told
            .filter(|told| told.belief == NotifiedState::Open)
            .and_then(|told| told.remind_from.saturating_add(every).ok());
        due.is_some_and(|due| due <= now) && !told_anyhow.contains(&channel.to_owned())
    };
    let due = pick(alert.told.keys(), due);
    if due.is_empty() {
        return;
    }
    // The others are told along, so that all have one rhythm.
    let mut along = half_over(alert, every, now);
    along.retain(|channel| !told_anyhow.contains(channel));
    wants.push((MessageKind::Reminder, along, reminded(every), false));
}

/// The channels that believe it is there and were told so half of a reminder's time ago, or longer.
fn half_over(alert: &Alert, every: SignedDuration, now: Timestamp) -> Vec<String> {
    pick(alert.told.keys(), |channel| {
        let told = alert
            .told
            .get(channel)
            .filter(|told| told.belief == NotifiedState::Open);
        told.is_some_and(|told| told.remind_from.saturating_add(every / 2).is_ok_and(|half| half <= now))
    })
}

fn reminded(every: SignedDuration) -> String {
    format!("nobody acknowledged it; told every {}", words::duration(every))
}

/// A reminder that falls into a silence is left out; the next comes in its rhythm.
fn skip_reminders(look: &mut Look, route: &Route, now: Timestamp) {
    let Some(every) = route.remind else { return };
    for told in look.alert.told.values_mut() {
        told.remind_from = rhythm(told.remind_from, every, now);
    }
}

/// The last of the times `from`, `from + every`, … that is not after `now`.
fn rhythm(from: Timestamp, every: SignedDuration, now: Timestamp) -> Timestamp {
    let passed = now.duration_since(from).as_secs();
    let times = passed.checked_div(every.as_secs()).unwrap_or(0).max(0);
    let seconds = every.as_secs().saturating_mul(times);
    from.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(now)
}

/// What the next reminder counts from after one that is told at `now`.
pub(super) fn next_rhythm(from: Timestamp, every: Option<SignedDuration>, now: Timestamp) -> Timestamp {
    let Some(every) = every else { return now };
    let last = rhythm(from, every, now);
    if last > from && now.duration_since(last) <= ON_TIME {
        last
    } else {
        now
    }
}

/// When an open alert is looked at again of itself.
fn come_back(look: &mut Look, route: &Route, now: Timestamp) {
    let alert = look.alert.clone();
    if let Some(calm) = calm_of(&alert, route) {
        look.at(calm);
    }
    if alert.state != AlertState::Open {
        return;
    }
    if let Some(every) = route.remind {
        let open = alert.told.values().filter(|told| told.belief == NotifiedState::Open);
        let next = open
            .filter_map(|told| told.remind_from.saturating_add(every).ok())
            .min();
        if let Some(next) = next.filter(|next| *next > now) {
            look.at(next);
        }
    }
    if let Some(first) = alert.first_told {
        let steps = route
            .escalate
            .iter()
            .filter_map(|step| first.saturating_add(step.after).ok());
        if let Some(next) = steps.filter(|at| *at > now).min() {
            look.at(next);
        }
    }
}

fn resolved(look: &mut Look, route: &Route, context: &DecisionContext<'_>, now: Timestamp) {
    let alert = look.alert.clone();
    let quiet = context.policy.quiet(alert.condition.severity, now);
    let silenced = context.silenced(&alert.condition, now);
    if !alert.is_believed() {
        if alert.missed.is_empty() {
            return;
        }
        match (quiet, silenced) {
            (Some((until, words)), _) => look.hold(WaitsFor::Quiet, until, format!("quiet hours ({words})")),
            // What came and went is no news after a silence.
            (None, Some(_)) => look.alert.missed.clear(),
            (None, None) => {
                let all = pick(&route.channels, |_| true);
                if all.is_empty() {
                    look.alert.missed.clear();
                }
                look.want(MessageKind::Digest, all, "", false);
            }
        }
        return;
    }
    let knows = |belief: NotifiedState| {
        pick(alert.told.keys(), |channel| {
            alert.told.get(channel).is_some_and(|told| told.belief == belief)
        })
    };
    let (open, flapping) = (knows(NotifiedState::Open), knows(NotifiedState::Flapping));
    let held = quiet.map(|(until, words)| (WaitsFor::Quiet, until, format!("quiet hours ({words})")));
    if alert.flapping.is_some() {
        let calm = calm_of(&alert, route).unwrap_or(now);
        let silenced = silenced.map(|(until, words)| (WaitsFor::Silence, until, words));
        match silenced.or(held).filter(|_| !open.is_empty()) {
            Some((what, until, words)) => look.hold(what, until.min(calm).max(now), words),
            None if open.is_empty() => look.hold(
                WaitsFor::Calm,
                calm,
                "it comes and goes; told when it is calm".to_owned(),
            ),
            None => look.want(MessageKind::Flapping, open, "", true),
        }
        look.at(calm);
        return;
    }
    if let Some((what, until, words)) = held {
        look.hold(what, until, words);
        return;
    }
    let why = if flapping.is_empty() { "" } else { "it is calm" };
    let all = pick(open.iter().chain(&flapping), |_| true);
    look.want(MessageKind::Up, all, why, true);
}

fn closed(look: &mut Look, context: &DecisionContext<'_>, now: Timestamp) {
    let alert = look.alert.clone();
    let open = pick(alert.told.keys(), |channel| {
        alert
            .told
            .get(channel)
            .is_some_and(|told| told.belief != NotifiedState::Over)
    });
    if open.is_empty() {
        return;
    }
    if let Some((until, words)) = context.policy.quiet(alert.condition.severity, now) {
        look.hold(WaitsFor::Quiet, until, format!("quiet hours ({words})"));
        return;
    }
    look.want(MessageKind::Closed, open, "", true);
}
