//! A case as it is written, and what it means.

use std::collections::BTreeMap;

use cc_devops_alerts::AlertPolicy;
use cc_devops_alerts::policy::file::{AlertsFile, FlapForm, OneOrMany, RouteForm, StepForm};
use cc_devops_kernel::duration::WrittenDuration;
use cc_devops_kernel::names::AgentName;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::form::{Config, EscalateForm, GroupForm};
use crate::schedule::Schedule;
use crate::watch::WatchSettings;

/// A case that can be played.
pub(super) struct Case {
    pub(super) agents: BTreeMap<AgentName, WatchSettings>,
    pub(super) policy: AlertPolicy,
    /// In the order of their instants.
    pub(super) events: Vec<Event>,
    pub(super) until: Timestamp,
}

/// Something that happens.
pub(super) struct Event {
    pub(super) at: Timestamp,
    pub(super) act: Act,
    /// Whom it is of.
    pub(super) agents: Vec<AgentName>,
}

/// What happens.
pub(super) enum Act {
    Ping { rid: Option<String> },
    Fail { rid: Option<String> },
    Exit { code: u8, rid: Option<String> },
    Start { rid: Option<String> },
    Log,
    Pause { by: String },
    Resume { by: String },
    Ack { by: String },
    Sweep,
    ServerDown,
    ServerUp,
}

/// How many agents a case has at most.
const MOST_AGENTS: usize = 20_000;

/// The agent of a case that names none.
const ONLY: &str = "agent";

#[derive(Deserialize)]
struct Form {
    class: Option<String>,
    created: Option<Timestamp>,
    observe_until: Timestamp,
    #[serde(default)]
    events: Vec<EventForm>,
}

#[derive(Deserialize)]
struct EventForm {
    at: Timestamp,
    #[serde(rename = "do")]
    act: String,
    agent: Option<OneOrMany>,
    rid: Option<String>,
    code: Option<u8>,
    by: Option<String>,
}

/// The keys of a timing case that describe its agent.
const OF_THE_AGENT: [&str; 9] = [
    "kind",
    "schedule",
    "period_s",
    "grace_s",
    "max_runtime_s",
    "timezone",
    "sticky_pause",
    "severity",
    "agents",
];

impl Case {
    /// Reads a case; none where it is of a class that is not played.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(super) fn of(value: &Value) -> Result<Option<Self>, Vec<String>> {
        let class = value.get("class").and_then(Value::as_str);
        if class == Some("behaviour") {
            return Ok(None);
        }
        let form: Form = serde_json::from_value(value.clone()).map_err(|error| vec![error.to_string()])?;
        if let Some(class) = form
            .class
            .as_deref()
            .filter(|class| !matches!(*class, "timing" | "alerting"))
        {
            return Err(vec![format!(
                "class: {class:?} is none of timing, alerting and behaviour"
            )]);
        }
        let mut described = Map::new();
        for key in OF_THE_AGENT {
            if let Some(given) = value.get(key).filter(|given| !given.is_null()) {
                described.insert(key.to_owned(), given.clone());
            }
        }
        match value.get("config") {
            Some(Value::Object(config)) => described.extend(config.clone()),
            None | Some(Value::Null) => {}
            Some(_) => return Err(vec!["config: it must be an object".to_owned()]),
        }
        let config = Config::of(described)?;
        let mut wrong = Vec::new();
        let agents = agents(&form, &config, &mut wrong);
        let first = form.events.iter().map(|event| event.at).min();
        let set_at = form.created.or(first).unwrap_or(form.observe_until);
        let watched = watched(&agents, &config, set_at, &mut wrong);
        let events = events(form.events, &agents, &mut wrong);
        let policy = policy(config, &mut wrong);
        match (watched, policy) {
            (Some(agents), Some(policy)) if wrong.is_empty() => Ok(Some(Self {
                agents,
                policy,
                events,
                until: form.observe_until,
            })),
            _ => Err(wrong),
        }
    }
}

/// The names that `a01..a50` stands for: the same letters, then numbers of as many digits.
fn expanded(text: &str) -> Result<Vec<AgentName>, String> {
    let name = |text: &str| AgentName::new(text).map_err(|error| format!("agent {text:?}: {error}"));
    let Some((from, to)) = text.split_once("..") else {
        return Ok(vec![name(text)?]);
    };
    let refused = || format!("agent {text:?}: write a range as in a01..a50");
    let letters = from.trim_end_matches(|c: char| c.is_ascii_digit());
    let (Some(first), Some(last)) = (from.strip_prefix(letters), to.strip_prefix(letters)) else {
        return Err(refused());
    };
    let digits = first.len();
    let number = |text: &str| {
        text.parse::<usize>()
            .ok()
            .filter(|_| !text.is_empty() && text.len() >= digits)
    };
    let (Some(begin), Some(end)) = (number(first), number(last)) else {
        return Err(refused());
    };
    if end < begin || end - begin >= MOST_AGENTS {
        return Err(format!(
            "agent {text:?}: a range goes up, to {MOST_AGENTS} agents at most"
        ));
    }
    (begin..=end)
        .map(|number| name(&format!("{letters}{number:0digits$}")))
        .collect()
}

fn agents(form: &Form, config: &Config, wrong: &mut Vec<String>) -> Vec<AgentName> {
    let mut all: Vec<AgentName> = Vec::new();
    let of_events = form
        .events
        .iter()
        .filter_map(|event| event.agent.as_ref())
        .flat_map(OneOrMany::values);
    let texts: Vec<&String> = if config.agents.is_empty() {
        of_events.collect()
    } else {
        config.agents.iter().collect()
    };
    for text in texts {
        match expanded(text) {
            Ok(names) => all.extend(names),
            Err(error) => wrong.push(error),
        }
    }
    all.sort();
    all.dedup();
    if all.is_empty() && wrong.is_empty() {
        all.extend(AgentName::new(ONLY));
    }
    all
}

fn watched(
    agents: &[AgentName],
    config: &Config,
    set_at: Timestamp,
    wrong: &mut Vec<String>,
) -> Option<BTreeMap<AgentName, WatchSettings>> {
    let zone = config.timezone.as_deref().unwrap_or("UTC");
    let kind = match (config.kind.as_deref(), &config.schedule) {
        (Some(kind), _) => kind,
        (None, Some(_)) => "cron",
        (None, None) => "period",
    };
    let usual = WatchSettings::default();
    let expression = config.schedule.as_deref().unwrap_or_default();
    let schedule = match kind {
        "period" => config
            .period
            .map_or(Ok(usual.schedule.clone()), |period| Schedule::period(period.get())),
        "cron" => Schedule::cron(expression, zone, set_at),
        "oncalendar" => Schedule::on_calendar(expression, zone, set_at),
        other => {
            wrong.push(format!("kind: {other:?} is none of period, cron and oncalendar"));
            return None;
        }
    };
    let schedule = match schedule {
        Ok(schedule) => schedule,
        Err(error) => {
            wrong.push(format!(
                "{}: {error}",
                if kind == "period" { "period_s" } else { "schedule" }
            ));
            return None;
        }
    };
    let mut watched = BTreeMap::new();
    for agent in agents {
        let settings = WatchSettings {
            schedule: schedule.clone(),
            grace: config.grace.map_or(usual.grace, WrittenDuration::get),
            max_runtime: config.max_runtime.map(WrittenDuration::get),
            sticky_pause: config.sticky_pause.unwrap_or_default(),
            severity: config.severity.of(agent).unwrap_or(usual.severity),
            stage: config.stage.of(agent),
            tags: tags_of(config, agent, wrong),
            ..usual.clone()
        };
        if let Err(problems) = settings.check() {
            wrong.extend(problems);
            return None;
        }
        watched.insert(agent.clone(), settings);
    }
    Some(watched)
}

/// The tags that all agents have, or those that `tags` has for this one.
fn tags_of(config: &Config, agent: &AgentName, wrong: &mut Vec<String>) -> BTreeMap<String, String> {
    let Some(tags) = &config.tags else {
        return BTreeMap::new();
    };
    let by_agent = tags.values().any(Value::is_object);
    let of_agent = if by_agent {
        tags.get(agent.as_str()).and_then(Value::as_object)
    } else {
        Some(tags)
    };
    let mut all = BTreeMap::new();
    for (name, value) in of_agent.into_iter().flatten() {
        match value.as_str() {
            Some(value) => {
                all.insert(name.clone(), value.to_owned());
            }
            None => wrong.push(format!("tags.{name}: it must be a text")),
        }
    }
    all
}

fn events(forms: Vec<EventForm>, agents: &[AgentName], wrong: &mut Vec<String>) -> Vec<Event> {
    let mut events = Vec::with_capacity(forms.len());
    for (place, form) in forms.into_iter().enumerate() {
        let by = form.by.unwrap_or_else(|| "somebody".to_owned());
        let rid = form.rid;
        let act = match (form.act.as_str(), form.code) {
            ("ping" | "success", _) => Act::Ping { rid },
            ("fail", _) => Act::Fail { rid },
            ("exit", Some(code)) => Act::Exit { code, rid },
            ("exit", None) => {
                wrong.push(format!("events[{place}].code: an exit has a status, 0 to 255"));
                continue;
            }
            ("start", _) => Act::Start { rid },
            ("log", _) => Act::Log,
            ("pause", _) => Act::Pause { by },
            ("resume", _) => Act::Resume { by },
            ("ack", _) => Act::Ack { by },
            ("sweep", _) => Act::Sweep,
            ("server_down", _) => Act::ServerDown,
            ("server_up", _) => Act::ServerUp,
            (other, _) => {
                wrong.push(format!(
                    "events[{place}].do: {other:?} is none of ping, fail, exit, start, log, pause, resume, ack, sweep, \
                     server_down and server_up"
                ));
                continue;
            }
        };
        let mut of = Vec::new();
        for text in form.agent.iter().flat_map(OneOrMany::values) {
            match expanded(text) {
                Ok(names) => of.extend(names),
                Err(error) => wrong.push(format!("events[{place}].{error}")),
            }
        }
        if let Some(unknown) = of.iter().find(|name| agents.binary_search(name).is_err()) {
            wrong.push(format!("events[{place}].agent: the case has no agent {unknown}"));
        }
        if form.agent.is_none() {
            of = agents.to_vec();
        }
        events.push(Event {
            at: form.at,
            act,
            agents: of,
        });
    }
    events.sort_by_key(|event| event.at);
    events
}

/// The policy: what is left out is off, and nothing is grouped.
fn policy(config: Config, wrong: &mut Vec<String>) -> Option<AlertPolicy> {
    let group = config.group.unwrap_or_else(|| GroupForm {
        by: vec!["key".to_owned()],
        ..GroupForm::default()
    });
    let off = || "0s".to_owned();
    let (at_once, later): (Vec<EscalateForm>, Vec<EscalateForm>) = config.escalate.into_iter().partition(|step| {
        step.after
            .parse::<WrittenDuration>()
            .is_ok_and(|after| after.get() == SignedDuration::ZERO)
    });
    let named = |step: EscalateForm| step.channels.into_iter().chain(step.channel).collect::<Vec<_>>();
    let mut channels: Vec<String> = at_once.into_iter().flat_map(named).collect();
    let escalate: Vec<StepForm> = later
        .into_iter()
        .map(|step| StepForm {
            after: step.after.clone(),
            channels: named(step),
        })
        .collect();
    if channels.is_empty() {
        channels = if config.channels.is_empty() {
            vec![String::new()]
        } else {
            config.channels.clone()
        };
    }
    let routes = if config.routes.is_empty() {
        vec![RouteForm {
            channels: channels.clone(),
            escalate,
            ..RouteForm::default()
        }]
    } else {
        config.routes
    };
    let steps = routes
        .iter()
        .flat_map(|route| route.escalate.iter().flat_map(|step| &step.channels));
    let known: Vec<String> = routes
        .iter()
        .flat_map(|route| &route.channels)
        .chain(steps)
        .chain(&config.channels)
        .cloned()
        .collect();
    let mut quiet_hours = config.quiet.into_list();
    quiet_hours.extend(config.quiet_hours.into_list());
    let file = AlertsFile::<Value> {
        group_by: config.group_by.unwrap_or(group.by),
        group_wait: config.group_wait.or(group.wait).unwrap_or_else(off),
        group_interval: config.group_interval.or(group.interval).unwrap_or_else(off),
        remind: config.remind.unwrap_or_else(|| "off".to_owned()),
        failures: config.failures.unwrap_or(1),
        flap: config.flap.unwrap_or_else(|| FlapForm::Off("off".to_owned())),
        routes,
        quiet_hours,
        silences: config.silences,
        ..AlertsFile::default()
    };
    AlertPolicy::of(&file, &known)
        .map_err(|problems| {
            let named = |problem: &cc_devops_alerts::policy::PolicyProblem| {
                problem.to_string().replacen("alerts.", "config.", 1)
            };
            wrong.extend(problems.iter().map(named));
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_stands_for_its_agents() {
        let names = |text: &str| expanded(text).map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(names("a08..a11").unwrap(), ["a08", "a09", "a10", "a11"]);
        assert_eq!(names("Writer").unwrap(), ["Writer"]);
        assert_eq!(names("web-1..web-2").unwrap(), ["web-1", "web-2"]);
        for wrong in ["a2..a1", "a..b", "a1..b2", "a1..", "..a2", "1..2", "a 1"] {
            assert!(names(wrong).unwrap_err().contains("agent"), "{wrong}");
        }
    }
}
