//! The rules on GitHub Actions: what workflows may do and use, which must pass, and Dependabot's own.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Case, Outcome, few, observed};
use crate::snapshot::{AllowedActions, DependabotRun, TokenPermission, UsedAction, WorkflowFile};
use crate::workflows::uses::{is_fixed, repository_of};

pub(super) fn workflow_permissions(case: &Case<'_>) -> Outcome {
    let seen = case.repository.posture.workflow_permissions.as_ref();
    observed("What workflows may do by default", seen, |permissions| {
        match permissions.token {
            TokenPermission::Read => Outcome::pass("The token of workflows may only read by default."),
            TokenPermission::Write => Outcome::fail(
                "The token of every workflow may write by default, to the code, packages and releases too.",
                "Set the default to read, here or for the whole organisation (Settings, Actions, General, Workflow \
                 permissions), and write `permissions:` into the jobs that need more.",
            ),
        }
        .with(json!({"default_workflow_permissions": permissions.token, "may_approve": permissions.may_approve}))
    })
}

pub(super) fn allowed_actions(case: &Case<'_>) -> Outcome {
    let seen = case.repository.posture.actions.as_ref();
    observed("Which actions may be used", seen, |actions| {
        if !actions.enabled {
            return Outcome::pass("GitHub Actions is off here.");
        }
        let evidence = match actions.allowed {
            AllowedActions::All => "Anybody's actions may be used.",
            AllowedActions::Selected => "Only actions of a list may be used.",
            AllowedActions::LocalOnly => "Only the owner's own actions may be used.",
        };
        if actions.allowed >= case.settings.actions.allowed {
            Outcome::pass(evidence)
        } else {
            Outcome::fail(
                evidence,
                "Allow the actions that are used and those of GitHub, and no others (Settings, Actions, General).",
            )
        }
        .with(json!({"allowed_actions": actions.allowed}))
    })
}

pub(super) fn pinned(case: &Case<'_>) -> Outcome {
    let posture = &case.repository.posture;
    let actions = posture.actions.as_ref().and_then(|seen| seen.fact.known());
    if actions.is_some_and(|actions| actions.sha_pinning_required) {
        return Outcome::pass("GitHub refuses actions that are not pinned to a commit here.");
    }
    observed("What the workflows use", posture.uses.as_ref(), |files| {
        if files.is_empty() {
            return Outcome::not_applicable("There is no workflow file.");
        }
        let trusted = |used: &UsedAction| {
            repository_of(&used.uses).is_some_and(|repository| {
                let (owner, name) = repository.split_once('/').unwrap_or((&repository, ""));
                owner.eq_ignore_ascii_case(&case.repository.owner)
                    || case
                        .settings
                        .actions
                        .trusted
                        .iter()
                        .any(|glob| glob.fits_repository(owner, name))
            })
        };
        let unpinned: Vec<(&WorkflowFile, &UsedAction)> = files
            .iter()
            .flat_map(|file| file.uses.known().into_iter().flatten().map(move |used| (file, used)))
            .filter(|(_, used)| !is_fixed(&used.uses) && !trusted(used))
            .collect();
        if !unpinned.is_empty() {
            let told = unpinned
                .iter()
                .map(|(file, used)| format!("`{}` (`{}`, line {})", used.uses, file.path, used.line));
            let data: Vec<_> = unpinned
                .iter()
                .map(|(file, used)| json!({"path": file.path, "line": used.line, "uses": used.uses}))
                .collect();
            return Outcome::fail(
                format!("Not pinned to a commit: {}.", few(told)),
                "Name each by its full commit id, with the version in a comment behind it; Dependabot then keeps both \
                 up to date.",
            )
            .with(json!({"unpinned": data}));
        }
        let unread = files.iter().find_map(|file| Some((file, file.uses.gap()?)));
        match unread {
            Some((file, gap)) => Outcome::unknown(&format!("What `{}` uses", file.path), gap),
            None => Outcome::pass("Every action of others is pinned to a commit."),
        }
    })
}

pub(super) fn required_workflows(case: &Case<'_>) -> Outcome {
    let wanted = &case.settings.workflows.required;
    if wanted.is_empty() {
        return Outcome::not_applicable("The policy names no workflow that must be required.");
    }
    let seen = case.repository.posture.required_workflows.as_ref();
    observed("Which workflows are required", seen, |required| {
        let missing: Vec<&String> = wanted.iter().filter(|path| !required.contains(path)).collect();
        if missing.is_empty() {
            Outcome::pass("Rulesets require every workflow that the policy names.")
        } else {
            Outcome::fail(
                format!(
                    "No ruleset requires {}.",
                    few(missing.iter().map(|path| format!("`{path}`")))
                ),
                "Add the rule \"Require workflows to pass before merging\" to a ruleset of the organisation.",
            )
        }
        .with(json!({"missing": missing, "required": required}))
    })
}

pub(super) fn dependabot_runs(case: &Case<'_>) -> Outcome {
    let seen = case.repository.posture.dependabot_runs.as_ref();
    observed("How Dependabot's own runs ended", seen, |runs| {
        // The newest run of each job that has ended; the runs come newest first.
        let mut newest: BTreeMap<&str, &DependabotRun> = BTreeMap::new();
        for run in runs.iter().filter(|run| said_something(run)) {
            newest.entry(&run.job).or_insert(run);
        }
        if newest.is_empty() {
            return Outcome::not_applicable("Dependabot has not run here lately.");
        }
        let failed: Vec<&DependabotRun> = newest.values().copied().filter(|run| failed(run)).collect();
        if failed.is_empty() {
            return Outcome::pass(format!("Dependabot's newest runs succeeded ({}).", few(newest.keys())));
        }
        let told = failed
            .iter()
            .map(|run| format!("{} on {}: {}", run.job, run.on, run.url));
        let data: Vec<_> = failed
            .iter()
            .map(|run| json!({"job": run.job, "conclusion": run.conclusion, "url": run.url, "on": run.on}))
            .collect();
        Outcome::fail(
            format!(
                "Dependabot fails, so nothing updates what it looks after: {}.",
                few(told)
            ),
            "Read the run's log: a registry without access, a manifest that cannot be resolved or a wrong folder are \
             the usual causes.",
        )
        .with(json!({"failed": data}))
    })
}

fn said_something(run: &DependabotRun) -> bool {
    matches!(run.conclusion.as_deref(), Some("success")) || failed(run)
}

fn failed(run: &DependabotRun) -> bool {
    matches!(
        run.conclusion.as_deref(),
        Some("failure" | "timed_out" | "startup_failure")
    )
}
