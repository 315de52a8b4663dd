//! What a policy's form means: names, numbers, patterns and days.

use std::collections::BTreeSet;

use jiff::civil::Date;
use toml::Value;

use super::file::{self, BreachReportsTable, Check, ExemptionTable, Table};
use super::problems::Problems;
use super::{BreachReport, BreachReportsLayer, Exemption, Layer, Policy, PolicyErrors, security};
use crate::dependabot::ecosystems;
use crate::patterns::Glob;
use crate::rules::{Rule, Severity};
use crate::settings;
use crate::snapshot::{RepositoryFlag, RequiredCheck};
use cc_devops_kernel::text::nearest;

/// GitHub's own limit.
/// Source: <https://docs.github.com/en/rest/branches/branch-protection#update-branch-protection>.
const MOST_REVIEWS: i64 = 6;

/// Reads a policy, or tells everything that is wrong with it.
pub(super) fn read(text: &str) -> Result<Policy, PolicyErrors> {
    let mut problems = Problems(Vec::new());
    let file = file::shape(text, &mut problems.0);
    let defaults = problems.layer("defaults", file.defaults);
    let mut overrides = Vec::new();
    for (index, entry) in file.overrides.into_iter().enumerate() {
        let path = format!("overrides.{index}");
        let (patterns, table) = entry.split();
        let repositories = problems.repositories(&path, &patterns);
        overrides.push((repositories, problems.layer(&path, table)));
    }
    let mut exemptions = Vec::new();
    for (index, table) in file.exemptions.iter().enumerate() {
        exemptions.extend(problems.exemption(&format!("exemptions.{index}"), table));
    }
    if problems.0.is_empty() {
        Ok(Policy::new(defaults, overrides, exemptions))
    } else {
        Err(PolicyErrors(problems.0))
    }
}

impl Problems {
    fn layer(&mut self, path: &str, table: Table) -> Layer {
        let Table {
            include,
            rules,
            rules_on,
            rules_off,
            severity,
            tell,
            issues,
            protection,
            dependabot,
            workflows,
            actions,
            access,
            deployments,
            settings,
        } = table;
        let mut layer = Layer {
            include: include.map(|kinds| self.kinds(&format!("{path}.include"), &kinds)),
            rules,
            rules_on: rules_on.map(|names| self.rules(&format!("{path}.rules_on"), &names)),
            rules_off: rules_off.map(|names| self.rules(&format!("{path}.rules_off"), &names)),
            dismiss_stale_reviews: protection.dismiss_stale_reviews,
            require_status_checks: protection.require_status_checks,
            allow_force_push: protection.allow_force_push,
            allow_deletion: protection.allow_deletion,
            allowed_bypass_actors: protection.allowed_bypass_actors.map(BTreeSet::from_iter),
            renovate_counts: dependabot.renovate_counts,
            nested: dependabot.nested,
            labels: workflows.labels,
            tell: tell
                .map(|table| self.breach_reports(&format!("{path}.tell"), table))
                .unwrap_or_default(),
            issues_labels: issues.labels,
            issues_fallback: issues
                .fallback_repository
                .and_then(|name| self.full_name(&format!("{path}.issues.fallback_repository"), name)),
            required_workflows: workflows.required,
            security: security::Layer::read(self, path, actions, access, deployments),
            wanted: settings::read(&format!("{path}.settings"), &settings, &mut self.0),
            ..Layer::default()
        };
        if let (Some(on), Some(off)) = (&layer.rules_on, &layer.rules_off) {
            for rule in on.intersection(off) {
                self.add(format!("{path}.rules_on"), format!("`{rule}` is in rules_off too"));
            }
        }
        for (name, severity) in &severity {
            let at = format!("{path}.severity.{name}");
            let rule = self.rule(&at, name);
            let Some(severity) = Severity::named(severity) else {
                self.add(
                    at,
                    format!("`{severity}` is no severity; write low, medium, high or critical"),
                );
                continue;
            };
            layer.severity.extend(rule.map(|rule| (rule, severity)));
        }
        if let Some(reviews) = protection.required_reviews {
            match u32::try_from(reviews) {
                Ok(number) if reviews <= MOST_REVIEWS => layer.required_reviews = Some(number),
                _ => self.add(
                    format!("{path}.protection.required_reviews"),
                    format!("{reviews} is out of range; GitHub takes 0 to {MOST_REVIEWS}"),
                ),
            }
        }
        layer.status_checks = protection.status_checks.map(|checks| {
            let at = format!("{path}.protection.status_checks");
            checks
                .into_iter()
                .map(|check| {
                    let (context, app) = match check {
                        Check::OfAnyApp(context) => (context, None),
                        Check::OfApp { context, app } => (context, Some(app)),
                    };
                    if context.trim().is_empty() {
                        self.add(at.clone(), "a check needs a name");
                    }
                    RequiredCheck { context, app }
                })
                .collect()
        });
        layer.ignored_ecosystems = dependabot
            .ignored_ecosystems
            .map(|names| self.ecosystems(&format!("{path}.dependabot.ignored_ecosystems"), names));
        layer.ignored_paths = dependabot
            .ignored_paths
            .map(|globs| self.globs(&format!("{path}.dependabot.ignored_paths"), &globs));
        layer.ignored_workflows = workflows
            .ignored
            .map(|globs| self.globs(&format!("{path}.workflows.ignored"), &globs));
        layer.fallback_repository = workflows
            .fallback_repository
            .and_then(|name| self.full_name(&format!("{path}.workflows.fallback_repository"), name));
        layer
    }

    /// A repository that is written as `owner/name`.
    fn full_name(&mut self, path: &str, name: String) -> Option<String> {
        let parts: Vec<&str> = name.split('/').collect();
        if matches!(parts.as_slice(), [owner, name] if !owner.is_empty() && !name.is_empty()) {
            return Some(name);
        }
        self.add(path, format!("`{name}` is no repository; write it as `owner/name`"));
        None
    }

    fn breach_reports(&mut self, path: &str, table: BreachReportsTable) -> BreachReportsLayer {
        let mut layer = BreachReportsLayer::default();
        let wrong = |name: &str| format!("`{name}` is no way to tell of breaches; write event or issue");
        match table {
            BreachReportsTable::All(name) => match BreachReport::named(&name) {
                Some(tell) => layer.all = Some(tell),
                None => self.add(path, wrong(&name)),
            },
            BreachReportsTable::ByRule(rules) => {
                for (name, tell) in rules {
                    let at = format!("{path}.{name}");
                    let rule = self.rule(&at, &name);
                    match BreachReport::named(&tell) {
                        Some(tell) => layer.of.extend(rule.map(|rule| (rule, tell))),
                        None => self.add(at, wrong(&tell)),
                    }
                }
            }
        }
        layer
    }

    fn kinds(&mut self, path: &str, kinds: &[String]) -> BTreeSet<RepositoryFlag> {
        let known = [
            ("forks", RepositoryFlag::Fork),
            ("mirrors", RepositoryFlag::Mirror),
            ("templates", RepositoryFlag::Template),
            ("archived", RepositoryFlag::Archived),
        ];
        let mut set = BTreeSet::new();
        for kind in kinds {
            match known.iter().find(|(name, _)| name == kind) {
                Some((_, kind)) => {
                    set.insert(*kind);
                }
                None => self.add(
                    path,
                    format!("`{kind}` is no kind that can be included; write forks, mirrors, templates or archived"),
                ),
            }
        }
        set
    }

    fn rules(&mut self, path: &str, names: &[String]) -> BTreeSet<Rule> {
        names.iter().filter_map(|name| self.rule(path, name)).collect()
    }

    fn rule(&mut self, path: &str, name: &str) -> Option<Rule> {
        let rule = Rule::named(name);
        if rule.is_none() {
            let known = Rule::ALL.map(Rule::name);
            let hint = match nearest(name, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", known.join(", ")),
            };
            self.add(path, format!("`{name}` is no rule; {hint}"));
        }
        rule
    }

    fn ecosystems(&mut self, path: &str, names: Vec<String>) -> BTreeSet<String> {
        let known: Vec<&str> = ecosystems::names().collect();
        for name in &names {
            if !known.contains(&name.as_str()) {
                let hint = match nearest(name, &known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", known.join(", ")),
                };
                self.add(path, format!("Dependabot has no package-ecosystem `{name}`; {hint}"));
            }
        }
        names.into_iter().collect()
    }

    fn repositories(&mut self, path: &str, patterns: &[String]) -> Vec<Glob> {
        let at = format!("{path}.repositories");
        if patterns.is_empty() {
            self.add(at.clone(), "names no repository; write patterns such as [\"legacy-*\"]");
        }
        self.globs(&at, patterns)
    }

    fn exemption(&mut self, path: &str, table: &ExemptionTable) -> Option<Exemption> {
        let before = self.0.len();
        let repositories = self.repositories(path, &table.repositories);
        let rule = self.rule(&format!("{path}.rule"), &table.rule);
        if rule == Some(Rule::ExemptionExpired) {
            self.add(
                format!("{path}.rule"),
                "an expired exemption cannot be exempted; renew it or remove it",
            );
        }
        for (key, text) in [("owner", &table.owner), ("reason", &table.reason)] {
            if text.trim().is_empty() {
                self.add(format!("{path}.{key}"), format!("an exemption needs its {key}"));
            }
        }
        let until = match &table.until {
            Some(Value::Datetime(date)) => date.to_string().parse::<Date>().ok(),
            Some(Value::String(text)) => text.parse::<Date>().ok(),
            _ => None,
        };
        if until.is_none() {
            self.add(
                format!("{path}.until"),
                "an exemption needs its last day, such as 2027-03-31",
            );
        }
        match (rule, until) {
            (Some(rule), Some(until)) if self.0.len() == before => Some(Exemption {
                repositories,
                rule,
                owner: table.owner.clone(),
                reason: table.reason.clone(),
                until,
            }),
            _ => None,
        }
    }
}
