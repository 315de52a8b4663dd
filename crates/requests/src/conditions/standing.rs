//! What is a condition by how things stand: pure, from what the ports tell.

use std::collections::BTreeMap;

use cc_devops_alerts::{Condition, ConditionKind, ConditionLimits, Severity, wording};
use cc_devops_kernel::ports::SecretSummary;
use cc_devops_kernel::text::{counted, line};
use cc_devops_outbox::webhooks::SubscriptionStatus;
use jiff::{SignedDuration, Timestamp};

use crate::actions::{Action, Carrying};
use crate::ports::Standing;
use crate::record::RequestRecord;

/// How many requests of an action must have ended before it is said that they are slow.
const ENOUGH: usize = 5;

/// Events that were given up for consumers.
pub fn set_aside(standings: &[Standing], now: Timestamp) -> Vec<Condition> {
    let given_up = standings.iter().filter(|standing| standing.set_aside > 0);
    let conditions = given_up.map(|standing| {
        let consumer = standing.consumer;
        let known = format!(
            "{} given up for {consumer}, after about a day of tries or because they cannot be read. Nothing is lost.\n\n\
             See them, with the last error of each: cc-devops outbox list\nWhen its cause is mended, give them back: \
             cc-devops outbox retry {consumer}",
            counted(standing.set_aside, "event was", "events were"),
        );
        condition(
            (format!("dead-letters/{consumer}"), Severity::Warning),
            ConditionKind::DeadLetters,
            now,
            &format!("Events were given up for {consumer}"),
            (&known, "once nothing is set aside"),
        )
    });
    conditions.collect()
}

/// Consumers of events that are far behind.
pub fn behind(standings: &[Standing], age: SignedDuration, now: Timestamp) -> Vec<Condition> {
    let late = |standing: &&Standing| standing.oldest.is_some_and(|oldest| now.duration_since(oldest) > age);
    let conditions = standings.iter().filter(late).map(|standing| {
        let consumer = standing.consumer;
        let oldest = standing.oldest.unwrap_or(now);
        let known = format!(
            "{consumer} was not told of an event of {oldest}, and {} it (cursor_age is {} minutes). The others are told \
             all the same.\n\nSee how far each is: cc-devops outbox list; the log says what fails",
            counted(standing.waiting, "event waits for", "events wait for"),
            age.as_mins(),
        );
        condition(
            (format!("cursor/{consumer}"), Severity::Warning),
            ConditionKind::Cursor,
            oldest.saturating_add(age).unwrap_or(now),
            &format!("{consumer} is far behind with events"),
            (&known, "once it has caught up"),
        )
    });
    conditions.collect()
}

/// Webhooks that were switched off, or whose deliveries were given up.
pub fn webhooks(statuses: &[SubscriptionStatus], now: Timestamp) -> Vec<Condition> {
    let wrong = statuses
        .iter()
        .filter(|status| status.dead_letters > 0 || status.endpoint.disabled_at.is_some());
    let conditions = wrong.map(|status| {
        let id = line(&status.subscription.id.0);
        let error = status.endpoint.last_error.as_deref().map(line);
        let error = error.map_or(String::new(), |error| format!(" The last error: {error}."));
        let (title, since, enable) = match status.endpoint.disabled_at {
            Some(at) => (
                format!("Webhook {id} was switched off"),
                at,
                format!("\nSwitch it on: cc-devops webhooks enable {id}"),
            ),
            None => (format!("Deliveries to webhook {id} were given up"), now, String::new()),
        };
        let known = format!(
            "{title}; {} given up.{error} Nothing is lost.\n\nSee them: cc-devops webhooks dead {id}{enable}\nDeliver \
             them again: cc-devops webhooks replay {id}",
            counted(status.dead_letters, "delivery was", "deliveries were"),
        );
        condition(
            (format!("dead-letters/webhook/{id}"), Severity::Warning),
            ConditionKind::DeadLetters,
            since,
            &title,
            (&known, "once it is on and nothing is given up any more"),
        )
    });
    conditions.collect()
}

/// Secrets whose newest version is older than their rotation age.
pub fn aged(secrets: &[SecretSummary], limits: &ConditionLimits, now: Timestamp) -> Vec<Condition> {
    // One that was made without a value has none that could be old.
    let old = secrets
        .iter()
        .filter(|secret| secret.versions > 0)
        .filter_map(|secret| {
            let age = limits.rotate_after(secret.name.as_str())?;
            let due = secret.updated_at.saturating_add(age).ok()?;
            (due < now).then_some((secret, age, due))
        });
    let conditions = old.map(|(secret, age, due)| {
        let (name, days) = (&secret.name, age.as_hours() / 24);
        let known = format!(
            "The newest version of {name} is of {} and by {}; it is to be replaced every {days} days.\n\nMake a new value \
             where it is from, and put it: cc-devops put-secret {name}",
            secret.updated_at,
            line(secret.updated_by.as_str()),
        );
        condition(
            (format!("secret{name}"), Severity::Warning),
            ConditionKind::Secret,
            due,
            &format!("The secret {name} is older than {days} days"),
            (&known, "with its next version"),
        )
    });
    conditions.collect()
}

/// Actions of which more than five requests in a hundred took longer than `limit`. Deploys and work on repositories take
/// their time.
pub fn slow(requests: &[RequestRecord], limit: SignedDuration, now: Timestamp) -> Vec<Condition> {
    let mut by_action: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for request in requests {
        let quick = Action::find(&request.head.action)
            .is_some_and(|action| matches!(action.carrying, Carrying::AtOnce | Carrying::UnderClaim));
        if let (true, Some(completed)) = (quick, &request.completed) {
            by_action
                .entry(&request.head.action)
                .or_default()
                .push(completed.latency_ms);
        }
    }
    let most = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    let slow = by_action.into_iter().filter(|(_, latencies)| {
        let over = latencies.iter().filter(|latency| **latency > most).count();
        latencies.len() >= ENOUGH && over * 20 > latencies.len()
    });
    let conditions = slow.map(|(action, latencies)| {
        let known = format!(
            "More than 5 of 100 requests of {action} took longer than {most} milliseconds lately; {} ended.\n\nSee them \
             with: cc-devops requests list; what is slow behind them: cc-devops health",
            latencies.len(),
        );
        condition(
            (format!("requests/{action}/slow"), Severity::Warning),
            ConditionKind::Requests,
            now,
            &format!("Requests of {action} are slow"),
            (&known, "once so few of them are slow"),
        )
    });
    conditions.collect()
}

/// An audit trail that something speaks against.
pub fn broken(doubt: Option<&str>, now: Timestamp) -> Vec<Condition> {
    let conditions = doubt.map(|doubt| {
        let known = format!(
            "{doubt}\n\nKeep a copy of everything as it is before anything else. See what is wrong with: cc-devops audit \
             verify"
        );
        condition(
            ("audit/chain".to_owned(), Severity::Critical),
            ConditionKind::Audit,
            now,
            "The audit trail does not fit together",
            (&known, "only when the trail verifies again"),
        )
    });
    conditions.into_iter().collect()
}

/// What is told when a condition of that key is over.
pub fn over(key: &str) -> String {
    let (family, of) = key.split_once('/').unwrap_or((key, ""));
    wording::title(&match family {
        "dead-letters" => format!("Nothing is set aside for {} any more", of.replace('/', " ")),
        "cursor" => format!("{of} has caught up with events"),
        "audit" => "The audit trail fits together".to_owned(),
        "secret" => format!("The secret /{of} was replaced, or has no rotation age any more"),
        "spend" => "Spend is no longer above its share of MRR".to_owned(),
        "requests" => match of.strip_suffix("/slow") {
            Some(action) => format!("Requests of {action} are fast enough again"),
            None => format!("No request of {of} has failed lately"),
        },
        _ => format!("{key} is over"),
    })
}

fn condition(
    (key, severity): (String, Severity),
    kind: ConditionKind,
    since: Timestamp,
    title: &str,
    (known, ends): (&str, &str),
) -> Condition {
    let text = wording::text(kind, known, ends);
    Condition::new(key, (kind, severity), since, wording::title(title), text)
}

#[cfg(test)]
#[path = "standing_tests.rs"]
mod tests;
