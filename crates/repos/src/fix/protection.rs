//! Protecting the default branch.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Case, ChangeKind, Draft, ProtectionMethod};
use crate::diff::unified_json;
use crate::protection::union;
use crate::rules::Rule;
use crate::snapshot::{
    Actors, Classic, ClassicSwitch, Fact, RequiredCheck, Reviews, RulesetRule, RulesetSource, StatusChecks,
};

/// The name of the ruleset that plans write; further ones have a number behind it.
pub const RULESET_NAME: &str = "cc-devops baseline";

/// The rules a plan for a branch can put right.
const RULES: [Rule; 6] = [
    Rule::BranchProtection,
    Rule::RequiredReviews,
    Rule::StaleReviewsDismissed,
    Rule::RequiredStatusChecks,
    Rule::ForcePush,
    Rule::Deletion,
];

/// What is to hold in the end, of what fails now.
#[derive(Default)]
struct Wanted {
    rules: Vec<Rule>,
    reviews: Option<Reviews>,
    checks: BTreeSet<RequiredCheck>,
    no_force_push: bool,
    no_deletion: bool,
}

pub(super) fn plan(case: &Case<'_>, draft: &mut Draft) {
    let wanted = wanted(case, draft);
    if wanted.rules.is_empty() {
        return;
    }
    let planned = match case.means {
        ProtectionMethod::Ruleset => ruleset(case, &wanted),
        ProtectionMethod::Classic => classic(case, &wanted),
    };
    match planned {
        Ok((kind, diff)) => draft.change(wanted.rules, kind, diff),
        Err(why) => {
            for rule in wanted.rules {
                draft.refuse(rule, why.clone());
            }
        }
    }
}

fn wanted(case: &Case<'_>, draft: &mut Draft) -> Wanted {
    let demands = &case.settings.protection;
    let standing = union(case.branch);
    let mut wanted = Wanted::default();
    for rule in RULES.into_iter().filter(|rule| case.fails(*rule)) {
        match rule {
            Rule::RequiredReviews | Rule::StaleReviewsDismissed => {
                wanted.reviews = Some(Reviews {
                    approvals: demands.required_reviews.max(standing.approvals()),
                    dismiss_stale: demands.dismiss_stale_reviews,
                    ..standing.reviews.unwrap_or_default()
                });
            }
            Rule::RequiredStatusChecks if demands.status_checks.is_empty() => {
                let why = "the policy names no check that could be required; name it in `status_checks`";
                draft.refuse(rule, why);
                continue;
            }
            Rule::RequiredStatusChecks => wanted.checks.extend(demands.status_checks.iter().cloned()),
            Rule::ForcePush => wanted.no_force_push = true,
            Rule::Deletion => wanted.no_deletion = true,
            _ => {}
        }
        wanted.rules.push(rule);
    }
    let holds_nothing =
        wanted.reviews.is_none() && wanted.checks.is_empty() && !wanted.no_force_push && !wanted.no_deletion;
    if wanted.rules == [Rule::BranchProtection] && holds_nothing {
        wanted.rules.clear();
        let why = "the policy demands protection, but nothing it should consist of";
        draft.refuse(Rule::BranchProtection, why);
    }
    wanted
}

/// A ruleset of our own beside what stands. One that is there is not written anew, because that would lose
/// what people set in it; a second one adds to it.
fn ruleset(case: &Case<'_>, wanted: &Wanted) -> Result<(ChangeKind, String), String> {
    let rulesets = match &case.branch.rulesets {
        Fact::Known(rulesets) => rulesets,
        Fact::Unknown(gap) => return Err(format!("the rulesets are not known: {gap}")),
        Fact::Unavailable(why) => return Err(why.clone()),
    };
    let mut ours: Vec<&str> = Vec::new();
    for ruleset in rulesets {
        if ruleset.name.starts_with(RULESET_NAME) && matches!(ruleset.source, RulesetSource::Repository(_)) {
            if !ruleset.is_in_force() {
                return Err(format!(
                    "a person took the ruleset `{}` out of force here; put it into force, or rename it",
                    ruleset.name
                ));
            }
            ours.push(&ruleset.name);
        }
    }
    let name = (1..=ours.len() + 1)
        .map(|number| match number {
            1 => RULESET_NAME.to_owned(),
            number => format!("{RULESET_NAME} {number}"),
        })
        .find(|name| !ours.contains(&name.as_str()))
        .unwrap_or_default();
    let mut rules = Vec::new();
    rules.extend(wanted.reviews.map(RulesetRule::PullRequest));
    if !wanted.checks.is_empty() {
        rules.push(RulesetRule::RequiredStatusChecks(StatusChecks {
            strict: false,
            checks: wanted.checks.iter().cloned().collect(),
        }));
    }
    if wanted.no_force_push {
        rules.push(RulesetRule::NonFastForward);
    }
    if wanted.no_deletion {
        rules.push(RulesetRule::Deletion);
    }
    let body = ruleset_body(&name, &rules);
    let diff = unified_json(&format!("rulesets/{name}"), &Value::Null, &body);
    Ok((ChangeKind::CreateRuleset { name, rules, body }, diff))
}

fn strictest(a: Reviews, b: Reviews) -> Reviews {
    Reviews {
        approvals: a.approvals.max(b.approvals),
        dismiss_stale: a.dismiss_stale || b.dismiss_stale,
        code_owners: a.code_owners || b.code_owners,
        last_push: a.last_push || b.last_push,
    }
}

/// Source: <https://docs.github.com/en/rest/repos/rules#create-a-repository-ruleset>.
fn ruleset_body(name: &str, rules: &[RulesetRule]) -> Value {
    let rules: Vec<Value> = rules
        .iter()
        .map(|rule| match rule {
            RulesetRule::PullRequest(reviews) => json!({
                "type": "pull_request",
                "parameters": {
                    "required_approving_review_count": reviews.approvals,
                    "dismiss_stale_reviews_on_push": reviews.dismiss_stale,
                    "require_code_owner_review": reviews.code_owners,
                    "require_last_push_approval": reviews.last_push,
                    "required_review_thread_resolution": false,
                },
            }),
            RulesetRule::RequiredStatusChecks(checks) => json!({
                "type": "required_status_checks",
                "parameters": {
                    "strict_required_status_checks_policy": checks.strict,
                    "required_status_checks": checks.checks.iter().map(|check| match check.app {
                        Some(app) => json!({"context": check.context, "integration_id": app}),
                        None => json!({"context": check.context}),
                    }).collect::<Vec<_>>(),
                },
            }),
            RulesetRule::NonFastForward => json!({"type": "non_fast_forward"}),
            RulesetRule::Deletion => json!({"type": "deletion"}),
            // No plan makes these.
            RulesetRule::Workflows(_) => json!({"type": "workflows"}),
            RulesetRule::CodeScanning(_) => json!({"type": "code_scanning"}),
            RulesetRule::Other(name) => json!({"type": name}),
        })
        .collect();
    json!({
        "name": name,
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "rules": rules,
    })
}

/// Classic protection with what stands merged in, because writing it replaces every list.
fn classic(case: &Case<'_>, wanted: &Wanted) -> Result<(ChangeKind, String), String> {
    let standing = match &case.branch.classic {
        Fact::Known(standing) => standing.clone(),
        Fact::Unknown(gap) => return Err(format!("the classic protection that stands is not known: {gap}")),
        Fact::Unavailable(why) => return Err(why.clone()),
    };
    let mut after = standing.clone().unwrap_or_else(|| Classic {
        pattern: case.branch.name.clone(),
        reviews: None,
        status_checks: None,
        switches: allowed(case),
        restrictions: Fact::Known(None),
        dismissals: Fact::Known(None),
        bypass: Fact::Known(Actors::default()),
    });
    if let Some(reviews) = wanted.reviews {
        after.reviews = Some(after.reviews.map_or(reviews, |standing| strictest(standing, reviews)));
    }
    if !wanted.checks.is_empty() {
        let checks = after.status_checks.get_or_insert_default();
        for check in &wanted.checks {
            if !checks.checks.contains(check) {
                checks.checks.push(check.clone());
            }
        }
    }
    if wanted.no_force_push {
        after.switches.remove(&ClassicSwitch::AllowForcePushes);
    }
    if wanted.no_deletion {
        after.switches.remove(&ClassicSwitch::AllowDeletions);
    }
    let body = classic_body(&after)?;
    let before = standing.as_ref().map_or(Ok(Value::Null), classic_body)?;
    let diff = unified_json(&format!("branches/{}/protection", case.branch.name), &before, &body);
    let branch = case.branch.name.clone();
    let after = Box::new(after);
    Ok((ChangeKind::PutProtection { branch, after, body }, diff))
}

/// What a new protection has switched on: what the policy does not mind stays as it was without one.
fn allowed(case: &Case<'_>) -> BTreeSet<ClassicSwitch> {
    let demands = &case.settings.protection;
    [
        (demands.allow_force_push, ClassicSwitch::AllowForcePushes),
        (demands.allow_deletion, ClassicSwitch::AllowDeletions),
        (
            !demands.allowed_bypass_actors.contains("role:admin"),
            ClassicSwitch::EnforceAdmins,
        ),
    ]
    .into_iter()
    .filter(|(on, _)| *on)
    .map(|(_, switch)| switch)
    .collect()
}

/// Source: <https://docs.github.com/en/rest/branches/branch-protection#update-branch-protection>.
fn classic_body(classic: &Classic) -> Result<Value, String> {
    fn read<'f, T>(what: &str, fact: &'f Fact<T>) -> Result<&'f T, String> {
        fact.known()
            .ok_or_else(|| format!("{what} of the protection that stands is not known, and writing it would lose it"))
    }
    let actors = |actors: &Actors| json!({"users": actors.users, "teams": actors.teams, "apps": actors.apps});
    let on = |switch| classic.switches.contains(&switch);
    let restrictions = read("who may push", &classic.restrictions)?.as_ref();
    let dismissals = read("who may dismiss reviews", &classic.dismissals)?.as_ref();
    let bypass = read("who needs no pull request", &classic.bypass)?;
    let reviews = classic.reviews.map(|reviews| {
        let mut body = json!({
            "required_approving_review_count": reviews.approvals,
            "dismiss_stale_reviews": reviews.dismiss_stale,
            "require_code_owner_reviews": reviews.code_owners,
            "require_last_push_approval": reviews.last_push,
        });
        // Lists that are sent are refused for a repository without an organisation.
        if let Some(object) = body.as_object_mut() {
            if let Some(dismissals) = dismissals {
                object.insert("dismissal_restrictions".to_owned(), actors(dismissals));
            }
            if *bypass != Actors::default() {
                object.insert("bypass_pull_request_allowances".to_owned(), actors(bypass));
            }
        }
        body
    });
    let checks = classic.status_checks.as_ref().map(|checks| {
        let list: Vec<Value> = checks
            .checks
            .iter()
            // -1 is any app; without a number GitHub would choose one.
            .map(|check| json!({"context": check.context, "app_id": check.app.map_or(json!(-1), |app| json!(app))}))
            .collect();
        json!({"strict": checks.strict, "checks": list})
    });
    Ok(json!({
        "required_status_checks": checks,
        "enforce_admins": on(ClassicSwitch::EnforceAdmins),
        "required_pull_request_reviews": reviews,
        "restrictions": restrictions.map(actors),
        "required_linear_history": on(ClassicSwitch::LinearHistory),
        "allow_force_pushes": on(ClassicSwitch::AllowForcePushes),
        "allow_deletions": on(ClassicSwitch::AllowDeletions),
        "block_creations": on(ClassicSwitch::BlockCreations),
        "required_conversation_resolution": on(ClassicSwitch::ConversationResolution),
        "lock_branch": on(ClassicSwitch::LockBranch),
        "allow_fork_syncing": on(ClassicSwitch::AllowForkSyncing),
    }))
}
