//! What needs a person now: a line for each matter, which leads to it; or that all is well.

use cc_devops_alerts::{AlertState, Maintenance, OpenAlerts, Severity};
use cc_devops_deploys::{PlanRecord, PlanState};
use cc_devops_fleet::watch::Status;
use cc_devops_http::access::ByState;
use cc_devops_kernel::health::{Check, Condition, Health};
use cc_devops_kernel::text::{self, counted};
use cc_devops_repos::hygiene::FailingWorkflow;
use cc_devops_requests::deploys::OpenPlans;
use cc_devops_requests::standing::OUTBOX;
use jiff::Timestamp;
use maud::{Markup, html};

use super::FEW;
use super::fleet;
use super::part::Part;
use super::upkeep::{ConsumerStandings, TrailState};
use crate::components::{Tone, age, moment, section, shape, status};
use crate::links;

/// What is looked at.
pub(super) struct Seen<'a> {
    pub(super) alerts: &'a Part<OpenAlerts>,
    pub(super) plans: &'a Part<OpenPlans>,
    pub(super) fleet: &'a Part<ByState>,
    pub(super) workflows: &'a Part<Vec<FailingWorkflow>>,
    pub(super) maintenance: &'a Part<Option<Maintenance>>,
    pub(super) outbox: &'a Part<ConsumerStandings>,
    pub(super) trail: &'a Part<TrailState>,
    pub(super) health: &'a Part<Health>,
}

/// A matter.
struct Need {
    tone: Tone,
    what: String,
    /// Which, or since when.
    about: String,
    path: String,
}

impl Seen<'_> {
    /// What could not be looked at.
    fn failed(&self) -> Vec<&'static str> {
        let parts = [
            ("alerts", failed(self.alerts)),
            ("deploys", failed(self.plans)),
            ("agents", failed(self.fleet)),
            ("workflows", failed(self.workflows)),
            ("maintenance mode", failed(self.maintenance)),
            ("deliveries", failed(self.outbox)),
            ("the audit trail", failed(self.trail)),
        ];
        parts
            .into_iter()
            .filter_map(|(name, failed)| failed.then_some(name))
            .collect()
    }

    /// The matters, the worst first.
    fn needs(&self, now: Timestamp) -> Vec<Need> {
        let mut needs = Vec::new();
        needs.extend(self.trail.here().and_then(trail));
        if let Some(health) = self.health.here() {
            needs.extend(checks(health));
        }
        if let Some(open) = self.alerts.here() {
            needs.extend(alerts(open, now));
        }
        if let Some(open) = self.plans.here() {
            needs.extend(approvals(open, now));
        }
        if let Some(fleet) = self.fleet.here() {
            needs.extend(agents(fleet));
        }
        if let Some(failing) = self.workflows.here() {
            needs.extend(workflows(failing, now));
        }
        if let Some(told) = self.outbox.here() {
            needs.extend(deliveries(told, now));
        }
        if let Some(Some(maintenance)) = self.maintenance.here() {
            needs.push(Need {
                tone: Tone::Waiting,
                what: "Maintenance mode is on".to_owned(),
                about: maintenance.reason.clone(),
                path: "/ui/health".to_owned(),
            });
        }
        needs.sort_by_key(|need| need.tone != Tone::Bad);
        needs
    }
}

fn failed<T>(part: &Part<T>) -> bool {
    matches!(part, Part::Failed(_))
}

/// The part of the page.
pub(super) fn markup(seen: &Seen<'_>, now: Timestamp) -> Markup {
    let (needs, failed) = (seen.needs(now), seen.failed());
    let list = html! {
        ul.needs {
            @for need in &needs {
                li {
                    a href=(need.path) { (status(need.tone, &need.what)) }
                    @if !need.about.is_empty() { span.soft { (text::line(&need.about)) } }
                }
            }
            @if !failed.is_empty() {
                li {
                    a href="/ui/health" { (status(Tone::Bad, &format!("Not everything could be looked at: {}", failed.join(", ")))) }
                }
            }
        }
    };
    if needs.is_empty() && failed.is_empty() {
        return html! {
            section.well id="now" aria-labelledby="now-heading" {
                (shape(Tone::Good))
                div {
                    h2 id="now-heading" { "All is well" }
                    p { "Nothing needs a person. Checked " (moment(now, now)) "." }
                }
            }
        };
    }
    section("now", "Needs a person now", &list)
}

fn number(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}

fn and_more(others: u64) -> String {
    if others == 0 {
        String::new()
    } else {
        format!(" and {others} more")
    }
}

fn trail(state: &TrailState) -> Option<Need> {
    state.doubt.as_ref().map(|doubt| Need {
        tone: Tone::Bad,
        what: "The audit trail is in doubt".to_owned(),
        about: doubt.clone(),
        path: "/ui/audit".to_owned(),
    })
}

/// The control plane's own checks. What the outbox lacks has lines of its own.
fn checks(health: &Health) -> Option<Need> {
    let fails = |check: &&Check| check.status == Condition::Degraded && check.name != OUTBOX;
    let failing = health.checks.iter().filter(fails);
    let names: Vec<&str> = failing.map(|check| check.name.as_str()).collect();
    (!names.is_empty()).then(|| Need {
        tone: Tone::Bad,
        what: "The control plane itself is not well".to_owned(),
        about: names.join(", "),
        path: "/ui/health".to_owned(),
    })
}

/// A line for each severity of which nobody takes care.
fn alerts(open: &OpenAlerts, now: Timestamp) -> Vec<Need> {
    let untaken = || open.alerts.iter().filter(|alert| alert.state == AlertState::Open);
    let mut needs = Vec::new();
    for severity in [Severity::Critical, Severity::Warning] {
        let mut of = untaken().filter(|alert| alert.condition.severity == severity);
        let Some(first) = of.next() else { continue };
        let others = number(of.count());
        let more = if open.more { " or more" } else { "" };
        let name = severity.as_str();
        let one = format!("{name} alert is open");
        let many = format!("{name} alerts{more} are open");
        let tail = and_more(others);
        needs.push(Need {
            tone: if severity == Severity::Critical {
                Tone::Bad
            } else {
                Tone::Warning
            },
            what: counted(others + 1, &one, &many),
            about: format!(
                "{}, for {}{tail}",
                // A title may be a sentence of its own.
                first.condition.title.trim_end_matches('.'),
                age(now.duration_since(first.condition.since))
            ),
            path: "/ui/alerts".to_owned(),
        });
    }
    needs
}

fn workflows(failing: &[FailingWorkflow], now: Timestamp) -> Option<Need> {
    let first = failing.first()?;
    Some(Need {
        tone: Tone::Warning,
        what: counted(number(failing.len()), "workflow fails", "workflows fail"),
        about: format!("{}, for {}", first.path, age(now.duration_since(first.since))),
        path: "/ui/repositories".to_owned(),
    })
}

fn approvals(open: &OpenPlans, now: Timestamp) -> Option<Need> {
    let waiting: Vec<&PlanRecord> = open
        .plans
        .iter()
        .filter(|plan| plan.state == PlanState::Waiting && plan.frozen.is_none())
        .collect();
    let first = waiting.first()?;
    let path = match waiting.as_slice() {
        [only] => links::plan(&only.id),
        _ => "/ui/deploys".to_owned(),
    };
    let left = age(first.expires_at.duration_since(now));
    Some(Need {
        tone: Tone::Waiting,
        what: counted(
            number(waiting.len()),
            "deploy waits for approval",
            "deploys wait for approval",
        ),
        about: format!("{}, {left} left to decide", first.stack),
        path,
    })
}

fn agents(fleet: &ByState) -> Vec<Need> {
    let need = |state: Status, tone, is: &str, are: &str| {
        let here = fleet::count(fleet, state);
        let failing = fleet.failing.iter().filter(|agent| agent.state.status == state);
        let names: Vec<&str> = failing.take(FEW).map(|agent| agent.name.as_str()).collect();
        let more = here.saturating_sub(number(names.len()));
        let tail = and_more(more);
        (here > 0).then(|| Need {
            tone,
            what: counted(here, is, are),
            about: format!("{}{tail}", names.join(", ")),
            path: format!("/ui/agents?state={}", state.as_str()),
        })
    };
    let down = need(Status::Down, Tone::Bad, "agent is down", "agents are down");
    let late = need(Status::Late, Tone::Warning, "agent is late", "agents are late");
    down.into_iter().chain(late).collect()
}

fn deliveries(told: &ConsumerStandings, now: Timestamp) -> Vec<Need> {
    let mut needs = Vec::new();
    let given_up = told.given_up();
    if given_up > 0 {
        needs.push(Need {
            tone: Tone::Warning,
            what: counted(given_up, "delivery was given up", "deliveries were given up"),
            about: "replay them when the receiver works again".to_owned(),
            path: "/ui/webhooks".to_owned(),
        });
    }
    for (consumer, behind) in told.behind(now) {
        needs.push(Need {
            tone: Tone::Warning,
            what: format!("{consumer} hears of events late"),
            about: format!("{} behind", age(behind)),
            path: "/ui/health".to_owned(),
        });
    }
    needs
}
