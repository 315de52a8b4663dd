//! The one decision: what of a group is told now, what waits and for what, and what is nothing to tell.
//!
//! Grouping, reminders, escalation, quiet hours, silences and flap damping are all decided here, by a function without
//! effects: whoever decides the same from the same records comes to the same messages with the same ids.

mod look;
mod notifications;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::alert::{Alert, Waiting, WaitsFor};
use crate::condition::Condition;
use crate::message::Message;
use crate::policy::{AlertPolicy, Match, Route};
use crate::silence::Silence;
use look::{Look, look};

/// A group of alerts that are told together.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    /// The list they stand in.
    pub list: &'a str,
    /// How they are told.
    pub route: &'a Route,
    /// The labels that they are grouped by, with their values.
    pub labels: &'a [(String, String)],
    /// When anything of the group was told last.
    pub told_at: Option<Timestamp>,
    /// Everything in it that is open, or of which something is to come.
    pub members: &'a [Alert],
    /// The names of those deliveries, among the members' last ones, that were not sent yet.
    pub unsent: &'a BTreeSet<String>,
}

/// What holds for all groups at an instant.
#[derive(Debug, Clone, Copy)]
pub struct DecisionContext<'a> {
    /// Quiet hours and fixed silences.
    pub policy: &'a AlertPolicy,
    /// The silences that people made.
    pub silences: &'a [Silence],
    /// Why nothing is done unasked, where maintenance mode is on.
    pub maintenance: Option<&'a str>,
}

/// What was decided of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What is to be done.
    pub verdict: Verdict,
    /// Why, in words.
    pub reason: String,
    /// The members that something is told of, as they are from now on.
    pub told: Vec<Alert>,
    /// The other members that changed: they wait for something, or nothing is to come of them.
    pub others: Vec<Alert>,
    /// The names of deliveries that the messages take the place of.
    pub replaced: BTreeSet<String>,
    /// Whether the group's interval begins anew: a reminder or an escalation does not do that.
    pub group_told: bool,
}

/// What is to be done about a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// These messages are told, in this order.
    Tell(Vec<Notification>),
    /// Nothing before then.
    Hold(Timestamp),
    /// Nothing is to come.
    Nothing,
}

/// One message and whom it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The message, without a channel.
    pub message: Message,
    /// The channels.
    pub channels: Vec<String>,
    /// Its place among what is decided at the same instant.
    pub order: u64,
}

impl DecisionContext<'_> {
    /// The latest end of the silences that hold a condition back at `at`, with what they are called.
    pub fn silenced(&self, condition: &Condition, at: Timestamp) -> Option<(Timestamp, String)> {
        let label = |name: &str| condition.label(name).map(str::to_owned);
        let named = |matches: &Match, reason: &str| {
            let why = if reason.is_empty() {
                String::new()
            } else {
                format!(": {reason}")
            };
            format!("silence of {matches}{why}")
        };
        let fixed = self.policy.silences.iter().filter_map(|silence| {
            let until = silence.window.covers(at)?;
            silence
                .matches
                .holds(&label)
                .then(|| (until, named(&silence.matches, &silence.reason)))
        });
        let made = self.silences.iter().filter_map(|silence| {
            let covers = silence.from <= at && at < silence.to;
            (covers && silence.matches.holds(&label)).then(|| (silence.to, named(&silence.matches, &silence.reason)))
        });
        fixed.chain(made).max_by_key(|(until, _)| *until)
    }
}

/// Decides what of a group is told at `now`. At most `most` members are told of at once; the others follow in the next
/// decision.
pub fn decide(group: &Group<'_>, context: &DecisionContext<'_>, most: usize, now: Timestamp) -> Decision {
    let mut looks: Vec<Look> = group
        .members
        .iter()
        .map(|alert| look(alert, group.route, context, now))
        .collect();
    if looks.iter().any(Look::reminds) {
        for look in &mut looks {
            look.remind_along(group.route, context, now);
        }
    }
    let ready = ready_at(group, &looks);
    let mut chosen = Vec::new();
    let mut rest = Vec::new();
    for (mut look, before) in looks.into_iter().zip(group.members) {
        if let Some(ready) = ready.filter(|ready| now < *ready) {
            look.wait_for_the_group(ready, before, now);
        }
        if look.wants.is_empty() {
            rest.push((look, before));
        } else if chosen.len() >= most.max(1) {
            // It stays due as it is: the next decision tells it.
            look.alert.clone_from(before);
            look.wants.clear();
            rest.push((look, before));
        } else {
            chosen.push(look);
        }
    }
    if chosen.is_empty() {
        return quiet_end(rest);
    }
    let leftover = ready.filter(|ready| now < *ready).unwrap_or(now);
    notifications::notify(group, context, chosen, rest, (most, leftover, now))
}

/// When what waits for the group is told; none where nothing does.
fn ready_at(group: &Group<'_>, looks: &[Look]) -> Option<Timestamp> {
    let noted = looks
        .iter()
        .filter(|look| look.waits_with_group())
        .map(|look| look.alert.noted_at);
    let first = noted.min()?;
    let after = |from: Timestamp, lasts| from.saturating_add(lasts).unwrap_or(Timestamp::MAX);
    Some(match group.told_at {
        None => after(first, group.route.group_wait),
        // What was noted before the group was told was held back by something else, which is over.
        Some(told) if first <= told => first,
        Some(told) => after(told, group.route.group_interval).max(after(first, group.route.group_wait)),
    })
}

/// Nothing is told: what each waits for.
fn quiet_end(rest: Vec<(Look, &Alert)>) -> Decision {
    let mut earliest: Option<Waiting> = None;
    let mut others = Vec::new();
    for (look, before) in rest {
        let due = look.alert.due_at;
        if let Some(until) = due
            && earliest.as_ref().is_none_or(|known| until < known.until)
        {
            earliest = Some(look.alert.waits.clone().unwrap_or(Waiting {
                what: WaitsFor::Group,
                until,
                words: look.why.clone(),
            }));
            if let Some(known) = &mut earliest {
                known.until = until;
            }
        }
        if look.alert != *before {
            others.push(look.alert);
        }
    }
    let (verdict, reason) = match earliest {
        Some(waiting) => (Verdict::Hold(waiting.until), waiting.words),
        None => (Verdict::Nothing, "there is nothing new to tell".to_owned()),
    };
    Decision {
        verdict,
        reason,
        told: Vec::new(),
        others,
        replaced: BTreeSet::new(),
        group_told: false,
    }
}
