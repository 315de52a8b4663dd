//! What is told, as messages, and what the alerts remember of that.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::look::{Look, Want, look, next_rhythm};
use super::words;
use super::{Decision, DecisionContext, Group, Notification, Verdict};
use crate::alert::{Alert, AlertState, LastMessage, NotifiedState};
use crate::delivery::Delivery;
use crate::message::{MOST_NAMED, MOST_NEW, Message, MessageKind, Named};
use crate::policy::Grouping;

/// One message: what it tells, of which of the chosen.
struct Bucket {
    kind: MessageKind,
    channels: Vec<String>,
    items: Vec<Item>,
}

/// What one message tells of one alert.
struct Item {
    place: usize,
    kind: MessageKind,
    why: String,
    /// Whether the message before it, which told the same, was not sent yet.
    restated: bool,
}

/// Makes the messages. `most` is how many alerts may be told of at once, and `leftover` when what is left of the chosen
/// is to be decided.
pub(super) fn notify(
    group: &Group<'_>,
    context: &DecisionContext<'_>,
    mut chosen: Vec<Look>,
    mut rest: Vec<(Look, &Alert)>,
    (most, leftover, now): (usize, Timestamp, Timestamp),
) -> Decision {
    let replaced = replace_unsent(group, &mut chosen, &mut rest, most);
    let with_group = chosen.iter().any(Look::waits_with_group);
    let buckets = buckets(group, &chosen);
    // Of all members: what a group is told later at the same instant comes behind.
    let order = group
        .members
        .iter()
        .map(|alert| alert.tellings)
        .max()
        .unwrap_or_default();
    let ids: Vec<String> = buckets.iter().map(|bucket| id_of(group, bucket, &chosen)).collect();
    let mut told: Vec<Alert> = chosen.iter().map(|look| look.alert.clone()).collect();
    for (bucket, id) in buckets.iter().zip(&ids) {
        for item in &bucket.items {
            if let Some(alert) = told.get_mut(item.place) {
                name_thread(alert, bucket, &replaced, id);
            }
        }
    }
    let all: Vec<&Alert> = told.iter().chain(rest.iter().map(|(look, _)| &look.alert)).collect();
    let wanted = |place: usize| {
        let wants = chosen.get(place).map(|look| look.wants.as_slice()).unwrap_or_default();
        wants
            .iter()
            .any(|want| matches!(want.kind, MessageKind::Down | MessageKind::Flapping))
    };
    let known = |place: usize, alert: &Alert| alert.state.is_open() && (alert.is_believed() || wanted(place));
    let count = all
        .iter()
        .enumerate()
        .filter(|(place, alert)| known(*place, alert))
        .count();
    let open_threads: BTreeSet<&str> = all
        .iter()
        .enumerate()
        .filter(|(place, alert)| known(*place, alert))
        .filter_map(|(_, alert)| alert.thread.as_deref())
        .collect();
    let order_of = |place: u64| (order + 1).saturating_mul(100).saturating_add(place.min(99));
    let messages: Vec<Notification> = (0..)
        .zip(buckets.iter().zip(&ids))
        .map(|(place, (bucket, id))| Notification {
            message: message(group, context, bucket, id, &chosen, &told, count, &open_threads, now),
            channels: bucket.channels.clone(),
            order: order_of(place),
        })
        .collect();
    for (place, (bucket, id)) in (0..).zip(buckets.iter().zip(&ids)) {
        for item in &bucket.items {
            if let Some(alert) = told.get_mut(item.place) {
                remember(alert, item.kind, &bucket.channels, id, order_of(place), group, now);
            }
        }
    }
    for alert in &mut told {
        alert.tellings = order + 1;
        if with_group {
            alert.told_at = Some(now);
        }
        come_back(alert, group, context, leftover, now);
    }
    let reason = messages
        .iter()
        .map(|notification| notification.message.reason.as_str())
        .collect::<Vec<_>>()
        .join("; ");
    let changed = rest.into_iter().filter(|(look, before)| look.alert != **before);
    Decision {
        verdict: Verdict::Tell(messages),
        reason,
        told,
        others: changed.map(|(look, _)| look.alert).collect(),
        replaced: replaced.into_keys().collect(),
        group_told: with_group,
    }
}

/// Takes back what was not sent yet and is told anew: the names of the deliveries, with their channels. Whatever else
/// such a message told is told again with the rest.
fn replace_unsent(
    group: &Group<'_>,
    chosen: &mut Vec<Look>,
    rest: &mut Vec<(Look, &Alert)>,
    most: usize,
) -> BTreeMap<String, String> {
    let mut replaced = BTreeMap::new();
    for look in chosen.iter() {
        for channel in look.wants.iter().flat_map(|want| &want.channels) {
            let told = look.alert.told.get(channel);
            if let Some(told) = told.filter(|told| group.unsent.contains(&told.delivery)) {
                replaced.insert(told.delivery.clone(), channel.clone());
            }
        }
    }
    let is_in = |alert: &Alert, delivery: &str, channel: &str| {
        alert.told.get(channel).is_some_and(|told| told.delivery == delivery)
    };
    replaced.retain(|delivery, channel| {
        let others = rest
            .iter()
            .filter(|(look, _)| is_in(&look.alert, delivery, channel))
            .count();
        // Too many to be told again at once: the older message goes first, and this one says what is true.
        let fits = chosen.len() + others <= most;
        if fits {
            let (along, left) = rest
                .drain(..)
                .partition(|(look, _)| is_in(&look.alert, delivery, channel));
            *rest = left;
            let along: Vec<(Look, &Alert)> = along;
            chosen.extend(along.into_iter().map(|(look, _)| look));
            for look in chosen.iter_mut() {
                restate(look, delivery, channel);
            }
        }
        fits
    });
    replaced
}

/// Adds what is true of an alert that a message told which is taken back.
fn restate(look: &mut Look, delivery: &str, channel: &str) {
    let wants = look
        .wants
        .iter()
        .any(|want| want.channels.iter().any(|name| name == channel));
    let told = look.alert.told.get(channel).filter(|told| told.delivery == delivery);
    let (Some(told), false) = (told, wants) else { return };
    let kind = match (look.alert.state, told.belief) {
        (AlertState::Open | AlertState::Acknowledged, NotifiedState::Flapping) => MessageKind::Flapping,
        (AlertState::Open | AlertState::Acknowledged, _) => MessageKind::Down,
        (AlertState::Resolved, _) => MessageKind::Up,
        (AlertState::Closed, _) => MessageKind::Closed,
    };
    look.wants.push(Want {
        kind,
        channels: vec![channel.to_owned()],
        why: "in place of a message that was not sent yet".to_owned(),
        with_group: false,
    });
}

/// What is told together: of one kind and to the same channels. In a group, what came and what went is one message.
fn buckets(group: &Group<'_>, chosen: &[Look]) -> Vec<Bucket> {
    let mut buckets: BTreeMap<(u8, Vec<String>), Bucket> = BTreeMap::new();
    for (place, look) in chosen.iter().enumerate() {
        for want in &look.wants {
            let mut channels = want.channels.clone();
            channels.sort();
            let bucket = buckets
                .entry((rank(want.kind), channels.clone()))
                .or_insert_with(|| Bucket {
                    kind: want.kind,
                    channels,
                    items: Vec::new(),
                });
            let told = want.channels.iter().filter_map(|channel| look.alert.told.get(channel));
            bucket.items.push(Item {
                place,
                kind: want.kind,
                why: want.why.clone(),
                restated: told.into_iter().any(|told| group.unsent.contains(&told.delivery)),
            });
        }
    }
    if group.route.group_by != Grouping::Alone {
        let ups: Vec<Vec<String>> = buckets
            .keys()
            .filter(|(kind, _)| *kind == rank(MessageKind::Up))
            .map(|(_, channels)| channels.clone())
            .collect();
        for channels in ups {
            if buckets.contains_key(&(rank(MessageKind::Down), channels.clone()))
                && let Some(up) = buckets.remove(&(rank(MessageKind::Up), channels.clone()))
                && let Some(down) = buckets.get_mut(&(rank(MessageKind::Down), channels))
            {
                down.items.extend(up.items);
            }
        }
    }
    buckets.into_values().collect()
}

/// What is told first: the last message is the one that says what is open.
fn rank(kind: MessageKind) -> u8 {
    match kind {
        MessageKind::Digest | MessageKind::Test => 0,
        MessageKind::Closed => 1,
        MessageKind::Up => 2,
        MessageKind::Flapping => 3,
        MessageKind::Reminder => 4,
        MessageKind::Down => 5,
    }
}

/// The decision's id: of the group, the alerts and what they are told.
fn id_of(group: &Group<'_>, bucket: &Bucket, chosen: &[Look]) -> String {
    let mut hash = Sha256::new();
    hash.update(format!(
        "{}\n{}\n{}",
        group.list,
        bucket.kind.as_str(),
        bucket.channels.join("\n")
    ));
    for item in &bucket.items {
        if let Some(look) = chosen.get(item.place) {
            let alert = &look.alert;
            hash.update(format!(
                "\n{} {} {} {}",
                alert.name(),
                alert.id,
                alert.tellings,
                item.kind.as_str()
            ));
        }
    }
    let mut id = hex::encode(hash.finalize());
    id.truncate(32);
    format!("al_{id}")
}

/// The thread that an alert is told in: the one it has; where the end of the one before was not sent, that one; else
/// this message begins it.
fn name_thread(alert: &mut Alert, bucket: &Bucket, replaced: &BTreeMap<String, String>, id: &str) {
    if alert.thread.is_none() {
        let unsent = bucket.channels.iter().filter_map(|channel| alert.told.get(channel));
        let before = unsent
            .filter(|told| replaced.contains_key(&told.delivery))
            .map(|told| told.thread.clone())
            .next();
        alert.thread = Some(before.unwrap_or_else(|| id.to_owned()));
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "one place makes messages, from all that was decided"
)]
fn message(
    group: &Group<'_>,
    context: &DecisionContext<'_>,
    bucket: &Bucket,
    id: &str,
    chosen: &[Look],
    told: &[Alert],
    count: usize,
    open_threads: &BTreeSet<&str>,
    now: Timestamp,
) -> Message {
    let mut items: Vec<(&Item, &Alert)> = bucket
        .items
        .iter()
        .filter_map(|item| Some((item, told.get(item.place)?)))
        .collect();
    items.sort_by(|(a, x), (b, y)| {
        let first = |item: &Item, alert: &Alert| (item.kind != bucket.kind, alert.condition.severity);
        first(a, x)
            .cmp(&first(b, y))
            .then_with(|| x.condition.key.cmp(&y.condition.key))
    });
    let of_kind = || items.iter().filter(|(item, _)| item.kind == bucket.kind);
    let since = of_kind()
        .map(|(item, alert)| began(item.kind, alert))
        .min()
        .unwrap_or(now);
    let grouped = group.route.group_by != Grouping::Alone;
    let is_new = |item: &Item, alert: &Alert| {
        let before = chosen.get(item.place).and_then(|look| look.alert.thread.as_ref());
        let first = |thread: &String| alert.told.values().any(|told| told.message == *thread);
        alert.state.is_open() && before.is_none_or(|thread| item.restated && first(thread))
    };
    let new = items
        .iter()
        .filter(|(item, alert)| is_new(item, alert))
        .map(|(_, alert)| words::called(alert).to_owned());
    let new: Vec<String> = new.take(MOST_NEW).collect();
    let alone = match items.as_slice() {
        [(_, alert)] => Some(*alert),
        _ => None,
    };
    let mut threads: Vec<String> = Vec::new();
    for thread in items.iter().filter_map(|(_, alert)| alert.thread.as_ref()) {
        if threads.len() < MOST_NAMED && !threads.contains(thread) {
            threads.push(thread.clone());
        }
    }
    let alerts = named(&items);
    let subjects: Vec<(MessageKind, &Alert, &str)> = items
        .iter()
        .map(|(item, alert)| (item.kind, *alert, item.why.as_str()))
        .collect();
    Message {
        id: id.to_owned(),
        kind: bucket.kind,
        at: now,
        since,
        agent: alone.and_then(|alert| alert.condition.agent.clone()),
        count: grouped.then(|| u64::try_from(count).unwrap_or(u64::MAX)),
        new: grouped.then_some(new),
        channel: None,
        reason: words::reason(bucket.kind, &subjects, since),
        severity: items
            .iter()
            .map(|(_, alert)| alert.condition.severity)
            .min()
            .unwrap_or_default(),
        thread: threads.first().cloned().unwrap_or_else(|| id.to_owned()),
        over: threads
            .iter()
            .filter(|thread| !open_threads.contains(thread.as_str()))
            .cloned()
            .collect(),
        threads,
        labels: shared(&items, group.labels),
        title: words::title(bucket.kind, &subjects),
        left_out: u64::try_from(items.len() - alerts.len()).unwrap_or_default(),
        alerts,
        maintenance: context.maintenance.map(str::to_owned),
    }
}

fn began(kind: MessageKind, alert: &Alert) -> Timestamp {
    match kind {
        MessageKind::Flapping => alert.flapping.unwrap_or_else(|| alert.since()),
        MessageKind::Digest => alert.missed.first().map_or_else(|| alert.since(), |missed| missed.from),
        _ => alert.since(),
    }
}

/// The labels that everything has, with the same value.
fn shared(items: &[(&Item, &Alert)], of_group: &[(String, String)]) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<String, String> = of_group.iter().filter(|(label, _)| label != "key").cloned().collect();
    if let Some((_, first)) = items.first() {
        let tags = first.condition.tags.keys().map(String::as_str);
        for label in ["kind", "severity", "stage", "agent"].into_iter().chain(tags) {
            let value = first.condition.label(label);
            if let Some(value) = value
                && items
                    .iter()
                    .all(|(_, alert)| alert.condition.label(label) == Some(value))
            {
                labels.insert(label.to_owned(), value.to_owned());
            }
        }
    }
    labels
}

/// How many bytes the alerts of a message take up at most, about.
const MOST_BYTES: usize = 180_000;

fn named(items: &[(&Item, &Alert)]) -> Vec<Named> {
    let most_text = match items.len() {
        0..=5 => 8_000,
        6..=20 => 2_000,
        _ => 300,
    };
    let mut size = 0;
    let mut all = Vec::new();
    for (_, alert) in items.iter().take(MOST_NAMED) {
        let condition = &alert.condition;
        let ended = alert.ended.as_ref();
        let text = crate::alert::shortened(&condition.text, most_text);
        let body = condition.body.clone().filter(|_| items.len() <= 5);
        let title = ended.map_or(condition.title.as_str(), |ended| ended.line.as_str());
        let plan = condition.plan.as_ref().filter(|_| ended.is_none());
        let named = Named {
            key: condition.key.clone(),
            alert: alert.id.clone(),
            kind: condition.kind,
            severity: condition.severity,
            agent: condition.agent.clone(),
            open: alert.state.is_open(),
            since: alert.since(),
            title: title.to_owned(),
            text,
            body,
            plan: plan.map(|plan| plan.within(most_text)),
        };
        // As it is written: what others sent may be all escapes.
        size += serde_json::to_string(&named).map_or(MOST_BYTES, |written| written.len());
        if size > MOST_BYTES && !all.is_empty() {
            break;
        }
        all.push(named);
    }
    all
}

/// What an alert remembers of a telling.
fn remember(
    alert: &mut Alert,
    kind: MessageKind,
    channels: &[String],
    id: &str,
    order: u64,
    group: &Group<'_>,
    now: Timestamp,
) {
    let belief = match kind {
        MessageKind::Down | MessageKind::Reminder => NotifiedState::Open,
        MessageKind::Flapping => NotifiedState::Flapping,
        MessageKind::Up | MessageKind::Closed => NotifiedState::Over,
        MessageKind::Digest | MessageKind::Test => {
            alert.missed.clear();
            return;
        }
    };
    for channel in channels {
        let before = alert.told.get(channel).map(|told| told.remind_from);
        let remind_from = match (kind, before) {
            (MessageKind::Reminder, Some(before)) => next_rhythm(before, group.route.remind, now),
            _ => now,
        };
        let told = LastMessage {
            belief,
            at: now,
            severity: alert.condition.severity,
            message: id.to_owned(),
            delivery: Delivery::name_of(now, order, id, channel),
            thread: alert.thread.clone().unwrap_or_else(|| id.to_owned()),
            remind_from,
        };
        alert.told.insert(channel.clone(), told);
    }
    if belief != NotifiedState::Over {
        alert.first_told.get_or_insert(now);
    }
    let steps = group.route.escalate.iter();
    let done = steps
        .filter(|step| step.channels.iter().all(|channel| alert.told.contains_key(channel)))
        .count();
    alert.escalated = alert.escalated.max(done);
    alert.missed.clear();
}

/// When an alert that was told of is looked at again.
fn come_back(alert: &mut Alert, group: &Group<'_>, context: &DecisionContext<'_>, leftover: Timestamp, now: Timestamp) {
    let again = look(alert, group.route, context, now);
    let more = !again.wants.is_empty();
    *alert = again.alert;
    if more {
        alert.due_at = Some(alert.due_at.map_or(leftover, |due| due.min(leftover)));
    }
    if alert.is_done() {
        alert.settle(now);
    }
}
