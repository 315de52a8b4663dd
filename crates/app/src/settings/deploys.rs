//! `[deploys]`, and what `[stacks.NAME]` says of every backend: what waits for whom, when nothing is deployed, and what
//! is asked before something is.

use std::collections::{BTreeMap, BTreeSet};

use cc_devops_deploys::freeze::{FreezeKind, FreezeWindow, Freezes, StackPattern, length};
use cc_devops_deploys::order::Order;
use cc_devops_deploys::{DeploySettings, RollbackTriggers};
use cc_devops_kernel::installation::Stages;
use cc_devops_kernel::names::{StackName, Stage};
use cc_devops_kernel::text::nearest;
use cc_devops_schedule::Schedule;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::{BackendName, ConfigFile};
use super::problems::Findings;
use super::shape::{must_be_at_least, must_be_at_most, required};

/// The stage that is searched for drift where none is named.
const DRIFT_STAGE: &str = "prod";

/// The longest that a plan waits: 30 days, in seconds.
const LONGEST_WAIT: u32 = 2_592_000;

/// How many alarms CloudFormation watches at most.
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackConfiguration.html>.
const MOST_ALARMS: usize = 5;

/// For how many minutes it watches them at most.
const LONGEST_WATCH: u16 = 180;

/// `[deploys]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeploysSection {
    /// The user that commands run as, where their stack names none.
    #[schemars(length(min = 1))]
    pub user: Option<String>,
    /// How long a plan waits for approval, in seconds.
    #[schemars(range(min = 1, max = 2_592_000))]
    pub approval_timeout_seconds: u32,
    /// Whether a change is refused of which nobody can say what it will do.
    pub require_plan: bool,
    /// Resource types that hold data, beside those that are known to.
    pub stateful_types: Vec<String>,
    /// The stages on which a stack is searched for drift before it is planned.
    pub detect_drift: Vec<String>,
    /// When nothing is deployed, and when alone something is.
    pub freezes: Vec<FreezeSection>,
    /// What makes CloudFormation roll back, by stage.
    pub rollback_triggers: BTreeMap<String, TriggersSection>,
}

impl Default for DeploysSection {
    fn default() -> Self {
        Self {
            user: None,
            approval_timeout_seconds: 86_400,
            require_plan: false,
            stateful_types: Vec::new(),
            detect_drift: vec![DRIFT_STAGE.to_owned()],
            freezes: Vec::new(),
            rollback_triggers: BTreeMap::new(),
        }
    }
}

/// `[[deploys.freezes]]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "kind", "cron", "duration"]))]
pub struct FreezeSection {
    /// What people call it.
    pub name: String,
    /// What it does.
    // The schema requires it; without it the rest of the section can still be checked.
    pub kind: Option<FreezeKindName>,
    /// When it begins: a cron expression of five fields, or a name such as `@daily`.
    pub cron: String,
    /// How long it lasts, as in `2d 12h`.
    pub duration: String,
    /// The IANA zone that the cron expression is read in.
    pub zone: String,
    /// The stacks that it is about, by name without the stage or as patterns; all where none is named.
    pub stacks: Vec<String>,
    /// The stages that it is about; all where none is named.
    pub stages: Vec<String>,
    /// Why, for people.
    pub reason: Option<String>,
}

impl Default for FreezeSection {
    fn default() -> Self {
        Self {
            name: String::new(),
            kind: None,
            cron: String::new(),
            duration: String::new(),
            zone: "UTC".to_owned(),
            stacks: Vec::new(),
            stages: Vec::new(),
            reason: None,
        }
    }
}

/// What a window does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FreezeKindName {
    /// Nothing is deployed while it is open.
    Deny,
    /// Nothing is deployed while no such window is open.
    Allow,
}

/// `[deploys.rollback_triggers.STAGE]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TriggersSection {
    /// ARNs of CloudWatch alarms.
    pub alarms: Vec<String>,
    /// For how many minutes after a change they are watched.
    #[schemars(range(min = 0, max = 180))]
    pub minutes: u16,
}

/// Checks the sections. `known` are the stages, where they could be read.
pub(crate) fn check(file: &ConfigFile, known: Option<&Stages>, findings: &mut Findings<'_>) -> DeploySettings {
    let section = &file.deploys;
    let wait = section.approval_timeout_seconds;
    bounded("deploys.approval_timeout_seconds", wait, (1, LONGEST_WAIT), findings);
    DeploySettings {
        approval_timeout: SignedDuration::from_secs(wait.into()),
        require_plan: section.require_plan,
        stateful_types: stateful_types(&section.stateful_types, findings),
        freezes: freezes(&section.freezes, known, findings),
        order: order(file, findings),
        drift_stages: drift_stages(&section.detect_drift, known, findings),
        rollback_triggers: triggers(&section.rollback_triggers, known, findings),
    }
}

fn bounded<N: PartialOrd + Copy + std::fmt::Display>(
    path: &str,
    value: N,
    (least, most): (N, N),
    findings: &mut Findings<'_>,
) {
    if value < least {
        findings.add(path, must_be_at_least(least));
    } else if value > most {
        findings.add(path, must_be_at_most(most));
    }
}

fn stateful_types(named: &[String], findings: &mut Findings<'_>) -> BTreeSet<String> {
    let read = |text: &str| {
        let parts: Vec<&str> = text.split("::").collect();
        let is_part =
            |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "_@-".contains(c));
        // `Custom::Orders` has two parts, a module four.
        if parts.len() >= 2 && parts.iter().all(is_part) {
            Ok(text.to_owned())
        } else {
            Err("write a resource type as CloudFormation has it, such as \"AWS::DynamoDB::Table\"".to_owned())
        }
    };
    findings
        .listed("deploys.stateful_types", named, read)
        .into_iter()
        .collect()
}

fn drift_stages(named: &[String], known: Option<&Stages>, findings: &mut Findings<'_>) -> BTreeSet<Stage> {
    let Some(known) = known else { return BTreeSet::new() };
    // The default holds where there is such a stage.
    let is_default = named.len() == 1 && named.iter().all(|name| name == DRIFT_STAGE);
    let found = |(at, name): (usize, &String)| {
        let stage = known.find(name);
        if is_default {
            return stage.ok();
        }
        findings.take(format!("deploys.detect_drift[{at}]"), stage)
    };
    named.iter().enumerate().filter_map(found).collect()
}

fn triggers(
    named: &BTreeMap<String, TriggersSection>,
    known: Option<&Stages>,
    findings: &mut Findings<'_>,
) -> BTreeMap<Stage, RollbackTriggers> {
    let mut all = BTreeMap::new();
    for (name, section) in named {
        let path = format!("deploys.rollback_triggers.{name}");
        bounded(
            &format!("{path}.minutes"),
            section.minutes,
            (0, LONGEST_WATCH),
            findings,
        );
        if section.alarms.len() > MOST_ALARMS {
            let problem = format!("CloudFormation takes {MOST_ALARMS} at most");
            findings.add(format!("{path}.alarms"), problem);
        }
        for (at, arn) in section.alarms.iter().enumerate() {
            let parts: Vec<&str> = arn.split(':').collect();
            if !matches!(parts.as_slice(), ["arn", _, "cloudwatch", _, _, "alarm", ..]) {
                let problem = "write an alarm's ARN, as in arn:aws:cloudwatch:eu-central-1:123456789012:alarm:errors";
                findings.add(format!("{path}.alarms[{at}]"), problem);
            }
        }
        let stage = known.and_then(|known| findings.take(path, known.find(name)));
        let (alarms, minutes) = (section.alarms.clone(), section.minutes);
        all.extend(stage.map(|stage| (stage, RollbackTriggers { alarms, minutes })));
    }
    all
}

fn freezes(sections: &[FreezeSection], known: Option<&Stages>, findings: &mut Findings<'_>) -> Freezes {
    let mut windows: Vec<FreezeWindow> = Vec::new();
    let mut names = BTreeSet::new();
    for (at, section) in sections.iter().enumerate() {
        let path = format!("deploys.freezes[{at}]");
        let missing = [
            ("name", section.name.is_empty()),
            ("kind", section.kind.is_none()),
            ("cron", section.cron.is_empty()),
            ("duration", section.duration.is_empty()),
        ];
        for (key, _) in missing.into_iter().filter(|(_, missing)| *missing) {
            findings.add(path.as_str(), required(key));
        }
        if !section.name.is_empty() && !names.insert(&section.name) {
            findings.add(format!("{path}.name"), "another window has this name");
        }
        let kind = section.kind.map(|kind| match kind {
            FreezeKindName::Deny => FreezeKind::Deny,
            FreezeKindName::Allow => FreezeKind::Allow,
        });
        let given = |text: &str| !text.is_empty();
        // Whether it ever begins does not depend on when it is asked.
        let schedule =
            given(&section.cron).then(|| Schedule::cron(&section.cron, &section.zone, Timestamp::UNIX_EPOCH));
        let schedule = schedule.and_then(|schedule| findings.take(format!("{path}.cron"), schedule));
        let lasts = given(&section.duration).then(|| length(&section.duration));
        let lasts = lasts.and_then(|lasts| findings.take(format!("{path}.duration"), lasts));
        let stacks = patterns(&format!("{path}.stacks"), &section.stacks, known, findings);
        let mut stages = Vec::new();
        for (at, name) in section.stages.iter().enumerate() {
            let stage = known.map(|known| known.find(name));
            stages.extend(stage.and_then(|stage| findings.take(format!("{path}.stages[{at}]"), stage)));
        }
        if let (Some(kind), Some(schedule), Some(length)) = (kind, schedule, lasts) {
            windows.push(FreezeWindow {
                name: section.name.clone(),
                kind,
                schedule,
                length,
                stacks,
                stages,
                reason: section.reason.clone(),
            });
        }
    }
    Freezes::new(windows)
}

/// Names of stacks, or patterns. A name with a stage behind it would freeze nothing, which nobody means.
fn patterns(path: &str, named: &[String], known: Option<&Stages>, findings: &mut Findings<'_>) -> Vec<StackPattern> {
    let mut patterns = Vec::new();
    for (at, text) in named.iter().enumerate() {
        let path = format!("{path}[{at}]");
        let bare = known.and_then(|known| {
            known
                .iter()
                .find_map(|stage| text.strip_suffix(stage.as_str())?.strip_suffix('-'))
        });
        match bare {
            Some(bare) if StackName::new(bare).is_ok() && StackName::new(text).is_ok() => {
                let problem =
                    format!("a stack is named without its stage, which `stages` names; did you mean \"{bare}\"?");
                findings.add(path, problem);
            }
            _ => patterns.extend(findings.take(path, StackPattern::new(text))),
        }
    }
    patterns
}

/// What depends on what. A stack that only others name needs no section of its own.
fn order(file: &ConfigFile, findings: &mut Findings<'_>) -> Order {
    let mut needed: BTreeMap<StackName, BTreeSet<StackName>> = BTreeMap::new();
    for (name, section) in &file.stacks {
        // A name that is none is told where the section is checked.
        let Ok(stack) = StackName::new(name) else { continue };
        let mut on = BTreeSet::new();
        for (at, other) in section.depends_on.iter().enumerate() {
            let path = format!("stacks.{name}.depends_on[{at}]");
            let Some(other) = findings.take(path.as_str(), StackName::new(other)) else {
                continue;
            };
            // In an account stacks need no section; here one without it cannot be deployed at all.
            if file.backend == BackendName::Embedded && !file.stacks.contains_key(other.as_str()) {
                let known: Vec<&str> = file.stacks.keys().map(String::as_str).collect();
                let near = nearest(other.as_str(), &known).map(|near| format!("; did you mean \"{near}\"?"));
                let problem = format!("there is no section [stacks.{other}]{}", near.unwrap_or_default());
                findings.add(path.as_str(), problem);
            }
            if !on.insert(other) {
                findings.add(path, "it is named twice");
            }
        }
        needed.insert(stack, on);
    }
    match Order::of(needed) {
        Ok(order) => order,
        Err(cycle) => {
            let first = cycle.stacks.first().map_or_else(String::new, ToString::to_string);
            findings.add(format!("stacks.{first}.depends_on"), cycle.to_string());
            Order::default()
        }
    }
}
