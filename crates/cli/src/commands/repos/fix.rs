//! `repos fix`: what would put breaches right, and doing it.

use std::collections::{BTreeMap, BTreeSet};

use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::ports::{Clock, SystemClock};
use cc_devops_kernel::work::WorkHandle;
use cc_devops_repos::fix::{Plan, ProtectionMethod};
use cc_devops_repos::fixing::{Applied, Plans, Wanted};
use cc_devops_repos::rules::Rule;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::audit::rule;
use super::planned::{not_read, outcomes, repositories};
use super::{Chosen, Keeping};
use crate::context::Context;
use crate::error::{CliError, with_exit_codes};
use crate::output::visible;

const AFTER_HELP: &str = "\
A plan only adds: what stands is merged with, never replaced. Branches are protected by a ruleset of
their own; --classic merges into the classic protection that stands. Dependabot's file is proposed by
a pull request. What a person must decide is refused, with the reason.

Without --apply nothing is changed. With it, each change is on record in the audit trail, before it is
made and after.

Examples:
  cc-devops repos fix web
  cc-devops repos fix --rule vulnerability_alerts
  cc-devops repos fix web --apply";

/// What to fix.
#[derive(Debug, clap::Args)]
#[command(after_help = with_exit_codes(AFTER_HELP))]
pub(crate) struct Args {
    #[command(flatten)]
    chosen: Chosen,
    /// One rule, and others by naming it again; without it, all
    #[arg(long, value_name = "RULE", value_parser = rule)]
    rule: Vec<Rule>,
    /// Protect branches with classic protection
    #[arg(long)]
    classic: bool,
    /// Carry the plans out
    #[arg(long)]
    apply: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    plans: &'a Plans,
    would_change: usize,
    applied: Option<&'a [Applied]>,
}

/// Runs `repos fix`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let output = context.output;
    let keeping = if args.apply { Keeping::Keeps } else { Keeping::Shows };
    let Chosen { names, whose } = args.chosen;
    let looking = Box::pin(whose.looking_at(&args.rule).look(context, &names, keeping)).await?;
    let hygiene = looking.tools;
    let wanted = Wanted {
        names: looking.names,
        rules: args.rule.into_iter().collect(),
        means: if args.classic {
            ProtectionMethod::Classic
        } else {
            ProtectionMethod::Ruleset
        },
    };
    let today = SystemClock.now().to_zoned(TimeZone::UTC).date();
    let mut progress = output.progress("plans made:");
    progress.start();
    let planned = hygiene
        .fixer
        .plan(&wanted, today, &mut |done, total| progress.of(done, total))
        .await;
    drop(progress);
    let plans = planned.map_err(|error| CliError::of_named(error, &wanted.names))?;
    let mut applied = Vec::new();
    if args.apply {
        let author = hygiene.fixer.author(&Actor::Operator, &wanted.names).await?;
        let mut progress = output.progress("plans carried out:");
        for (plan, done) in plans.plans.iter().zip(1..) {
            applied.extend(hygiene.fixer.apply(plan, &author, &WorkHandle::default()).await?);
            progress.of(done, plans.plans.len() as u64);
        }
    }
    let answer = Answer {
        plans: &plans,
        would_change: plans.would_change(),
        applied: args.apply.then_some(applied.as_slice()),
    };
    let of_all = wanted.names.is_empty();
    output.prose(&answer, || {
        text(&plans, args.apply.then_some(applied.as_slice()), of_all)
    })?;
    let failed = applied.iter().any(|applied| !applied.done);
    match (failed, plans.missing.is_empty()) {
        (true, _) => Err(CliError::Answered),
        (false, false) => Err(CliError::Unread),
        (false, true) => Ok(()),
    }
}

fn text(plans: &Plans, applied: Option<&[Applied]>, of_all: bool) -> String {
    let planned = |plan: &&Plan| !(plan.changes.is_empty() && plan.refused.is_empty());
    let mut parts: Vec<String> = plans
        .plans
        .iter()
        .filter(planned)
        .map(|plan| of_plan(plan, applied))
        .collect();
    let nothing = parts.is_empty();
    parts.extend(unknown(plans, of_all));
    parts.extend(not_read(&plans.missing));
    if parts.is_empty() {
        parts.push("There is nothing to put right.".to_owned());
    } else if nothing {
        parts.push("In what could be read there is nothing that a plan changes.".to_owned());
    }
    let would_change = plans.would_change();
    if applied.is_none() && (of_all || would_change > 0) {
        let mut end = format!("{} would be changed.", repositories(would_change));
        if would_change > 0 {
            end.push_str(" Nothing was changed. Carry it out with --apply.");
        }
        parts.push(end);
    }
    parts.join("\n\n")
}

/// What nobody can judge, together where the same is to be done about it.
fn unknown(plans: &Plans, of_all: bool) -> Vec<String> {
    let mut by_fix: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<Rule>)> = BTreeMap::new();
    for plan in &plans.plans {
        for unknown in &plan.unknown {
            let (places, rules) = by_fix.entry(&unknown.fix).or_default();
            places.insert(&plan.repository);
            rules.insert(unknown.rule);
        }
    }
    let told = |(fix, (places, rules)): (&str, (BTreeSet<&str>, BTreeSet<Rule>))| {
        let rules: Vec<&str> = rules.into_iter().map(Rule::name).collect();
        let places = match (places.len(), places.first()) {
            (1, Some(one)) => (*one).to_owned(),
            (many, _) if of_all => repositories(many),
            _ => places.into_iter().collect::<Vec<_>>().join(", "),
        };
        format!(
            "What holds is not known, of {}: {}. {}",
            visible(&places),
            rules.join(", "),
            visible(fix)
        )
    };
    by_fix.into_iter().map(told).collect()
}

fn of_plan(plan: &Plan, applied: Option<&[Applied]>) -> String {
    let mut lines = vec![plan.repository.clone()];
    match applied {
        None => {
            lines.push(plan.diff().trim_end().to_owned());
            let warnings: BTreeSet<&str> = plan
                .changes
                .iter()
                .flat_map(|change| change.warnings.iter().map(String::as_str))
                .collect();
            lines.extend(
                warnings
                    .into_iter()
                    .map(|warning| format!("  warning: {}", visible(warning))),
            );
        }
        Some(applied) => lines.extend(outcomes(&plan.repository, applied)),
    }
    for refusal in &plan.refused {
        lines.push(format!("  left alone: {}: {}", refusal.rule, visible(&refusal.why)));
    }
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}
