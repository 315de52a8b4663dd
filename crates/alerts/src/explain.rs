//! Which routes a condition would take, and what would be told when.

use std::collections::BTreeMap;

use cc_devops_kernel::port_error::PortResult;
use jiff::Timestamp;
use serde::Serialize;

use crate::acting::Alerts;
use crate::condition::Severity;
use crate::policy::{AlertPolicy, Grouping, Route};

/// What becomes of a condition with certain labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// Each route in its order, and whether it is taken.
    pub routes: Vec<ExplainedRoute>,
    /// The silence that would hold it back now, and until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silenced: Option<HeldBack>,
    /// The quiet hours that would hold it back now, and until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet: Option<HeldBack>,
    /// Why nobody would be told, where nobody would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nobody: Option<String>,
}

/// What holds a message back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldBack {
    /// What.
    pub by: String,
    /// Until when.
    pub until: Timestamp,
}

/// A route, and whether it is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedRoute {
    /// What it is called: `route 2`.
    pub route: String,
    /// What it matches.
    pub matches: String,
    /// Whether it is taken.
    pub taken: bool,
    /// Why, or why not.
    pub why: String,
    /// Who is told, and how; only of those that are taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tells: Vec<String>,
}

impl AlertPolicy {
    /// Each route, and why it is taken or not by a condition with these labels.
    pub fn explain(&self, labels: &BTreeMap<String, String>) -> Vec<ExplainedRoute> {
        let label = |name: &str| labels.get(name).cloned();
        let mut ended = None;
        let mut all = Vec::with_capacity(self.routes.len());
        for route in &self.routes {
            let (taken, why) = match (&ended, route.matches.misses(&label)) {
                (Some(before), _) => (false, format!("{before} matched, and does not say continue")),
                (None, Some((name, Some(value)))) => (false, format!("{name} is {value}")),
                (None, Some((name, None))) => (false, format!("it has no label {name}")),
                (None, None) if route.matches.is_everything() => (true, "it matches everything".to_owned()),
                (None, None) => (true, "all its labels hold".to_owned()),
            };
            if taken && !route.goes_on {
                ended = Some(route.title());
            }
            all.push(ExplainedRoute {
                route: route.title(),
                matches: route.matches.to_string(),
                taken,
                why,
                tells: if taken { tells(route) } else { Vec::new() },
            });
        }
        all
    }
}

impl Route {
    /// What it tells whom, in sentences.
    pub fn in_words(&self) -> Vec<String> {
        tells(self)
    }
}

/// What a route tells whom, in sentences.
fn tells(route: &Route) -> Vec<String> {
    let written = |lasts: jiff::SignedDuration| {
        cc_devops_kernel::duration::WrittenDuration::from_secs(lasts.as_secs()).to_string()
    };
    if route.channels.is_empty() && route.escalate.is_empty() {
        return vec!["nobody: it has no channels".to_owned()];
    }
    let mut said = Vec::new();
    let together = match &route.group_by {
        Grouping::Alone => "each alone".to_owned(),
        Grouping::Labels(labels) if labels.is_empty() => "all together".to_owned(),
        Grouping::Labels(labels) => format!("together what has the same {}", labels.join(" and ")),
    };
    let wait = written(route.group_wait);
    let interval = written(route.group_interval);
    said.push(format!(
        "{} after {wait}, {together}; what follows {interval} after that at the earliest",
        route.channels.join(", ")
    ));
    if route.failures > 1 {
        said.push(format!("a failure only after {} in a row", route.failures));
    }
    if let Some(every) = route.remind {
        said.push(format!("again every {} until it is acknowledged", written(every)));
    }
    for step in &route.escalate {
        let after = written(step.after);
        said.push(format!(
            "{} as well where nobody acknowledged it for {after}",
            step.channels.join(", ")
        ));
    }
    if let Some(flap) = route.flap {
        let (within, calm) = (written(flap.within), written(flap.calm));
        let flips = flap.flips;
        said.push(format!(
            "from {flips} flips within {within} on one message only, and the next after {calm} of calm"
        ));
    }
    said
}

impl Alerts {
    /// What would become at `now` of a condition with these labels.
    pub async fn explain(&self, labels: &BTreeMap<String, String>, now: Timestamp) -> PortResult<Explained> {
        let label = |name: &str| labels.get(name).cloned();
        let routes = self.policy.explain(labels);
        let severity = labels
            .get("severity")
            .and_then(|name| Severity::named(name))
            .unwrap_or_default();
        let quiet = self.policy.quiet(severity, now).map(|(until, words)| HeldBack {
            by: format!("quiet hours ({words})"),
            until,
        });
        let fixed = self.policy.silences.iter().filter_map(|silence| {
            let until = silence.window.covers(now)?;
            silence
                .matches
                .holds(&label)
                .then(|| (until, silence.matches.to_string()))
        });
        let made = self.silences().await?;
        let made = made.iter().filter_map(|silence| {
            let covers = silence.from <= now && now < silence.to;
            (covers && silence.matches.holds(&label)).then(|| (silence.to, silence.matches.to_string()))
        });
        let silenced = fixed
            .chain(made)
            .max_by_key(|(until, _)| *until)
            .map(|(until, matches)| HeldBack {
                by: format!("the silence of {matches}"),
                until,
            });
        let tells = self.policy.routes_matching(label);
        let nobody = match tells.as_slice() {
            [] => Some("no route matches".to_owned()),
            routes if routes.iter().all(|route| route.channels.is_empty()) => {
                Some("no route that is taken has a channel".to_owned())
            }
            _ => None,
        };
        Ok(Explained {
            routes,
            silenced,
            quiet,
            nobody,
        })
    }
}
