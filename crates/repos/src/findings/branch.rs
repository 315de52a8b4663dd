//! The rules on the default branch.
//!
//! What holds is at least what was read. So a demand that is met stays met whatever could not be read,
//! and one that is not met is a breach only if everything was read.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::json;

use super::{Case, Outcome};
use crate::snapshot::{BypassKind, RequiredCheck};

/// Judges a demand on what protects the branch.
fn judge<T: Into<Cow<'static, str>>>(
    case: &Case<'_>,
    met: bool,
    passes: impl FnOnce() -> T,
    fails: impl FnOnce() -> Outcome,
) -> Outcome {
    if met {
        Outcome::pass(passes())
    } else if let Some(gap) = case.union.gaps.first() {
        Outcome::unknown(&format!("What else protects `{}`", case.branch.name), gap)
    } else if let Some(why) = &case.union.unavailable {
        Outcome::unavailable(why)
    } else {
        fails()
    }
}

pub(super) fn protected(case: &Case<'_>) -> Outcome {
    let name = &case.branch.name;
    judge(
        case,
        !case.union.sources.is_empty(),
        || format!("`{name}` is protected by {}.", case.union.told()),
        || {
            Outcome::fail(
                format!(
                    "Nothing protects `{name}`: there is no classic protection, and no active branch ruleset fits it."
                ),
                format!("Protect `{name}` with a ruleset for `~DEFAULT_BRANCH`, or with classic protection."),
            )
        },
    )
    .with(json!({"branch": name, "sources": case.union.sources}))
}

pub(super) fn reviews(case: &Case<'_>) -> Outcome {
    let demanded = case.settings.protection.required_reviews;
    if demanded == 0 {
        return Outcome::not_applicable("The policy demands no approvals here.");
    }
    let found = case.union.approvals();
    judge(
        case,
        found >= demanded,
        || format!("Pull requests need {}.", approvals(found)),
        || {
            let evidence = match case.union.reviews {
                None if case.union.locked => format!(
                    "`{}` is read-only, so that it takes no change; once it is not, it takes those without a pull request.",
                    case.branch.name
                ),
                None => format!("`{}` takes changes without a pull request.", case.branch.name),
                Some(_) => format!("Pull requests are required, but need {}.", approvals(found)),
            };
            Outcome::fail(evidence, format!("Require {} of a pull request.", approvals(demanded)))
        },
    )
    .with(json!({"found": found, "demanded": demanded, "pull_request": case.union.reviews.is_some()}))
}

fn approvals(number: u32) -> String {
    match number {
        0 => "no approval".to_owned(),
        1 => "1 approval".to_owned(),
        more => format!("{more} approvals"),
    }
}

pub(super) fn stale_reviews(case: &Case<'_>) -> Outcome {
    if !case.settings.protection.dismiss_stale_reviews {
        return Outcome::not_applicable("The policy lets approvals stand after new commits here.");
    }
    let reviews = case.union.reviews.unwrap_or_default();
    let nothing_to_take_back = reviews.approvals == 0;
    if nothing_to_take_back && case.union.gaps.is_empty() && case.union.unavailable.is_none() {
        return Outcome::not_applicable("No approval is required, so there is none to take back.");
    }
    judge(
        case,
        reviews.dismiss_stale && !nothing_to_take_back,
        || "New commits take approvals back.",
        || {
            Outcome::fail(
                "New commits leave earlier approvals standing.",
                "Dismiss stale approvals when new commits are pushed.",
            )
        },
    )
}

pub(super) fn status_checks(case: &Case<'_>) -> Outcome {
    let demands = &case.settings.protection;
    if !demands.require_status_checks && demands.status_checks.is_empty() {
        return Outcome::not_applicable("The policy demands no status checks here.");
    }
    let found = &case.union.checks;
    let missing: Vec<&RequiredCheck> = demands
        .status_checks
        .iter()
        .filter(|demand| {
            !found
                .iter()
                .any(|check| check.context == demand.context && (demand.app.is_none() || check.app == demand.app))
        })
        .collect();
    let others = &case.union.other_checks;
    let required = || {
        let others = others.iter().cloned();
        let all: Vec<String> = found.iter().map(name).chain(others).collect();
        all.join(", ")
    };
    judge(
        case,
        missing.is_empty() && !(found.is_empty() && others.is_empty()),
        || format!("Must pass: {}.", required()),
        || {
            let evidence = if !(found.is_empty() && others.is_empty()) {
                format!(
                    "Not required: {}. Required: {}.",
                    names(missing.iter().copied()),
                    required()
                )
            } else if case.union.locked {
                format!(
                    "`{}` is read-only, so that it takes no change; once it is not, it takes those whose checks fail.",
                    case.branch.name
                )
            } else if case.union.without_checks.is_empty() {
                format!("`{}` takes changes whose checks fail.", case.branch.name)
            } else {
                let sources: Vec<&str> = case.union.without_checks.iter().map(String::as_str).collect();
                format!("Status checks are required, but none is named: {}.", sources.join(", "))
            };
            let fix = if missing.is_empty() {
                "Require at least one status check.".to_owned()
            } else {
                format!("Require {}.", names(missing.iter().copied()))
            };
            Outcome::fail(evidence, fix)
        },
    )
    .with(if others.is_empty() {
        json!({"found": found, "missing": missing})
    } else {
        json!({"found": found, "missing": missing, "others": others})
    })
}

fn name(check: &RequiredCheck) -> String {
    match check.app {
        None => format!("`{}`", check.context),
        Some(app) => format!("`{}` of app {app}", check.context),
    }
}

fn names<'c>(checks: impl IntoIterator<Item = &'c RequiredCheck>) -> String {
    let names: Vec<String> = checks.into_iter().map(name).collect();
    names.join(", ")
}

pub(super) fn never_ran(case: &Case<'_>) -> Outcome {
    let required = &case.union.checks;
    if required.is_empty() {
        return match case.union.gaps.first() {
            Some(gap) => Outcome::unknown("Which checks are required", gap),
            None if case.union.other_checks.is_empty() => Outcome::not_applicable("No status check is required."),
            None => Outcome::not_applicable("No status check is required by its name."),
        };
    }
    super::demanded("Which checks were reported", &case.branch.checks_seen, |seen| {
        let mut never = Vec::new();
        let mut told = Vec::new();
        for check in required {
            let same: Vec<_> = seen.iter().filter(|seen| seen.context == check.context).collect();
            if same.iter().any(|seen| check.app.is_none() || seen.app == check.app) {
                continue;
            }
            never.push(check);
            let others: BTreeSet<String> = same
                .iter()
                .map(|seen| {
                    seen.app
                        .map_or_else(|| "a commit status".to_owned(), |app| format!("app {app}"))
                })
                .collect();
            told.push(if others.is_empty() {
                format!("{} was never reported", names([check]))
            } else {
                let others: Vec<String> = others.into_iter().collect();
                format!("{} was reported by {} only", names([check]), others.join(", "))
            });
        }
        if never.is_empty() {
            Outcome::pass("Every required check was reported.")
        } else {
            Outcome::fail(
                format!(
                    "On `{}`, {}: no pull request can be merged.",
                    case.branch.name,
                    told.join("; ")
                ),
                "Correct the check's name or its app in the protection, or let it run.",
            )
        }
        .with(json!({"never_ran": never}))
    })
}

pub(super) fn force_push(case: &Case<'_>) -> Outcome {
    if case.settings.protection.allow_force_push {
        return Outcome::not_applicable("The policy allows force pushes here.");
    }
    judge(
        case,
        case.union.refuses_force_push,
        || format!("Force pushes to `{}` are refused.", case.branch.name),
        || {
            Outcome::fail(
                format!("Force pushes can rewrite `{}`.", case.branch.name),
                "Block force pushes.",
            )
        },
    )
}

pub(super) fn deletion(case: &Case<'_>) -> Outcome {
    if case.settings.protection.allow_deletion {
        return Outcome::not_applicable("The policy allows deleting the default branch here.");
    }
    judge(
        case,
        case.union.refuses_deletion,
        || format!("`{}` cannot be deleted.", case.branch.name),
        || Outcome::fail(format!("`{}` can be deleted.", case.branch.name), "Restrict deletions."),
    )
}

pub(super) fn bypass(case: &Case<'_>) -> Outcome {
    let union = &case.union;
    let allowed = &case.settings.protection.allowed_bypass_actors;
    let found: Vec<_> = union
        .bypass
        .iter()
        .map(|(source, actor)| (source, actor, actor.allowed_by(allowed)))
        .collect();
    let data = json!({
        "actors": found
            .iter()
            .map(|(source, actor, allowed)| {
                json!({"source": source, "actor": actor.label(), "mode": actor.mode, "allowed": allowed})
            })
            .collect::<Vec<_>>()
    });
    let mut others = BTreeSet::new();
    let mut unnamed = false;
    for (source, actor, _) in found.iter().filter(|(.., allowed)| !allowed) {
        unnamed |= actor.kind == BypassKind::Unnamed;
        others.insert(match (actor.kind, actor.name.as_str()) {
            (BypassKind::Unnamed, "") => format!("somebody whom GitHub does not name past {source}"),
            (BypassKind::Unnamed, known) => format!("somebody whom GitHub does not name ({known}) past {source}"),
            _ => format!("`{}` past {source}", actor.label()),
        });
    }
    let outcome = if !others.is_empty() {
        let others: Vec<String> = others.into_iter().collect();
        let fix = if unnamed {
            "Take them off the bypass list, or name them in `allowed_bypass_actors` of the policy. Whom GitHub does not \
             name, the policy cannot name either."
        } else {
            "Take them off the bypass list, or name them in `allowed_bypass_actors` of the policy."
        };
        Outcome::fail(format!("Let past: {}.", others.join(", ")), fix)
    } else if let Some((source, gap)) = union.bypass_gaps.first() {
        Outcome::unknown(&format!("Who is let past {source}"), gap)
    } else if let Some(gap) = union.gaps.first() {
        Outcome::unknown("Who is let past the protection", gap)
    } else if union.sources.is_empty() {
        Outcome::not_applicable("There is no protection to be let past.")
    } else {
        Outcome::pass("Nobody else is let past the protection.")
    };
    outcome.with(data)
}
