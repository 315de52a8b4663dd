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

use super::file::{BackendName, ConfigFile, DeploysSection, FreezeKindName, FreezeSection, TriggersSection};
use super::problems::Findings;
use super::shape::{must_be_at_least, must_be_at_most, required};

/// The longest that a plan waits: 30 days, in seconds.
const LONGEST_WAIT: u32 = 2_592_000;

/// How many alarms CloudFormation watches at most.
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackConfiguration.html>.
const MOST_ALARMS: usize = 5;

/// For how many minutes it watches them at most.
const LONGEST_WATCH: u16 = 180;

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
    let is_default = named == DeploysSection::default().detect_drift;
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
