//! What flips are to whoever has to be told, in words.

use cc_devops_alerts::{Condition, ConditionChange, ConditionKind};
use cc_devops_kernel::names::AgentName;
use jiff::{SignedDuration, Timestamp};

use super::{Cause, Flip, Reason, ReceivedSignal, Signal, Status, WatchSettings, WatchState};

/// The key of an agent's condition: `agent/Writer`.
pub fn condition_key(agent: &AgentName) -> String {
    format!("agent/{agent}")
}

/// What becomes of an agent's condition by these flips, after which it is in `state`. A failure that is heard while the
/// agent is down already opens the condition again, and so does the silence of one that failed, where it was not silent
/// before (`was_silent`): routes may count failures.
pub fn conditions(
    agent: &AgentName,
    settings: &WatchSettings,
    state: &WatchState,
    was_silent: Option<Timestamp>,
    flips: &[Flip],
    heard: Option<&ReceivedSignal>,
) -> Vec<ConditionChange> {
    let key = || condition_key(agent);
    let mut changes: Vec<ConditionChange> = flips
        .iter()
        .filter_map(|flip| match (flip.from, flip.to) {
            (_, Status::Down) => Some(opened(agent, settings, state, flip.at, flip.reason)),
            (_, Status::Paused) => Some(ConditionChange::Closed {
                key: key(),
                at: flip.at,
                why: format!("paused by {}", flip.by.as_deref().unwrap_or("somebody")),
            }),
            (Status::Down, Status::Up) => Some(ConditionChange::Resolved {
                key: key(),
                at: flip.at,
                title: format!("{agent} is up again"),
            }),
            _ => None,
        })
        .collect();
    let fell_silent = state.silent_since().is_some_and(|since| was_silent != Some(since));
    if fell_silent && flips.is_empty() && heard.is_none() {
        let since = state.since.unwrap_or_default();
        changes.push(opened(agent, settings, state, since, Reason::Timeout));
    }
    let fails = heard.is_some_and(|heard| heard.signal == Signal::Failure) && state.status == Status::Down;
    let by_a_flip = flips.iter().any(|flip| flip.reason == Reason::Fail);
    if fails && !by_a_flip {
        let since = state.since.unwrap_or_default();
        changes.push(opened(agent, settings, state, since, Reason::Fail));
    }
    if let Some(ConditionChange::Opened(condition)) = changes.last_mut() {
        condition.body = heard.and_then(|heard| heard.body.as_deref()).map(shown);
    }
    changes
}

fn shown(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

fn opened(
    agent: &AgentName,
    settings: &WatchSettings,
    state: &WatchState,
    since: Timestamp,
    reason: Reason,
) -> ConditionChange {
    let (what, text) = match (reason, state.cause) {
        (Reason::Fail, _) => failing(state),
        (_, Some(Cause::Failure)) => failed_and_silent(settings, state),
        _ => overdue(settings, state, since),
    };
    ConditionChange::Opened(Box::new(Condition {
        key: condition_key(agent),
        kind: ConditionKind::Agent,
        severity: settings.severity,
        agent: Some(agent.clone()),
        stage: settings.stage.clone(),
        tags: settings.tags.clone(),
        since,
        title: format!("{agent} is down: {what}"),
        text,
        body: None,
        counts: reason == Reason::Fail,
        plan: None,
    }))
}

/// What is the matter with an agent that says so itself.
fn failing(state: &WatchState) -> (String, String) {
    let what = match (&state.message, state.exit) {
        (Some(message), _) => format!("it says `{message}`"),
        (None, Some(exit)) => format!("it ended with exit status {exit}"),
        (None, None) => "it says that it fails".to_owned(),
    };
    let exit = match (&state.message, state.exit) {
        (Some(_), Some(exit)) => format!("It ended with exit status {exit}. "),
        _ => String::new(),
    };
    (what, format!("{exit}It stays down until it reports a success."))
}

/// What is the matter with an agent that said so and was not heard again in time.
fn failed_and_silent(settings: &WatchSettings, state: &WatchState) -> (String, String) {
    let (what, text) = failing(state);
    let words = settings.schedule.in_words();
    let since = state.heard.map_or_else(String::new, |heard| format!(" since {heard}"));
    (
        format!("{what}, and it was not heard again in time"),
        format!("{text} Nothing was heard of it{since}; it is due {words}."),
    )
}

/// What is the matter with an agent that was waited for.
fn overdue(settings: &WatchSettings, state: &WatchState, since: Timestamp) -> (String, String) {
    if state.cause.is_none() {
        // It is over already, and what is known of the agent now was not known then.
        return (
            "no heartbeat in time".to_owned(),
            "It was not heard when it was due.".to_owned(),
        );
    }
    let last = state.heard.filter(|heard| *heard <= since);
    let said = match &state.message {
        Some(message) if last.is_some() => format!(" It said `{message}`."),
        _ => String::new(),
    };
    let last_heard = match last {
        Some(last) => format!("The last heartbeat came at {last}.{said}"),
        None => "It was never heard.".to_owned(),
    };
    if let Some(Cause::Run { started }) = state.cause {
        let limit = settings.max_runtime.unwrap_or(settings.grace);
        let text = format!("It began at {started} and may take {}. {last_heard}", span(limit));
        return ("its run did not end in time".to_owned(), text);
    }
    let what = match last {
        Some(last) => format!("no heartbeat for {}", span(since.duration_since(last))),
        None => "no heartbeat since it is waited for".to_owned(),
    };
    let (due, early) = match state.cause {
        Some(Cause::Silence { due, early }) => (Some(due), early),
        _ => (None, None),
    };
    let due = due.map(|due| {
        let words = settings.schedule.in_words();
        format!(
            " The next was due at {due} ({words}), with a grace of {}.",
            span(settings.grace)
        )
    });
    let early = early.map(|early| {
        let early = span(early);
        format!(" A heartbeat came {early} before it was due: is the time zone of the schedule the one of the job?")
    });
    (
        what,
        format!("{last_heard}{}{}", due.unwrap_or_default(), early.unwrap_or_default()),
    )
}

/// A time as people say it, in its two largest units: `3 h 56 min`.
fn span(time: SignedDuration) -> String {
    let seconds = time.as_secs().unsigned_abs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (size, unit) in units {
        let number = rest / size;
        rest %= size;
        if number > 0 {
            parts.push(format!("{number} {unit}"));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() {
        "0 s".to_owned()
    } else {
        parts.join(" ")
    }
}
