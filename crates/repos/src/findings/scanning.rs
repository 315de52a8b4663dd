//! The rules on what GitHub looks for in the code, and on the files that say who answers for it.

use serde_json::json;

use super::{Case, Outcome, demanded, few, observed};
use crate::snapshot::{CodeownersMistake, Fact, Visibility};

pub(super) fn secret_scanning(case: &Case<'_>) -> Outcome {
    let what = "Whether secret scanning is on";
    observed(what, case.repository.posture.secret_scanning.as_ref(), |seen| {
        demanded(what, &seen.scanning, |on| {
            if *on {
                Outcome::pass("Secret scanning is on.")
            } else {
                Outcome::fail("Secret scanning is off.", "Switch secret scanning on.")
            }
        })
    })
}

pub(super) fn push_protection(case: &Case<'_>) -> Outcome {
    let what = "Whether pushes with secrets are stopped";
    observed(what, case.repository.posture.secret_scanning.as_ref(), |seen| {
        demanded(what, &seen.push_protection, |on| {
            if *on {
                Outcome::pass("Pushes that hold secrets are stopped.")
            } else {
                Outcome::fail(
                    "Pushes that hold secrets are let in: push protection is off.",
                    "Switch push protection on.",
                )
            }
        })
    })
}

pub(super) fn code_scanning(case: &Case<'_>) -> Outcome {
    let posture = &case.repository.posture;
    let files = posture.uses.as_ref().and_then(|seen| seen.fact.known());
    let by_workflow = files.and_then(|files| {
        files.iter().find(|file| {
            let used = file.uses.known().into_iter().flatten();
            used.into_iter()
                .any(|used| used.uses.to_ascii_lowercase().starts_with("github/codeql-action/"))
        })
    });
    if let Some(file) = by_workflow {
        return Outcome::pass(format!("The workflow `{}` scans the code.", file.path));
    }
    observed(
        "Whether code scanning is set up",
        posture.code_scanning.as_ref(),
        |seen| {
            if seen.default_setup {
                return Outcome::pass("GitHub's default setup scans the code with CodeQL.");
            }
            match &seen.uploaded_by {
                Some(Fact::Known(Some(tool))) => return Outcome::pass(format!("{tool} scans the code.")),
                Some(Fact::Unknown(gap)) => return Outcome::unknown("Whether another tool uploads results", gap),
                _ => {}
            }
            if seen.languages.is_empty() {
                return Outcome::not_applicable("CodeQL reads none of the languages here, and no other tool is used.");
            }
            Outcome::fail(
                format!(
                    "Nothing scans the code, though CodeQL reads {}.",
                    few(seen.languages.iter())
                ),
                "Switch on the default setup of code scanning, or upload the results of another tool.",
            )
            .with(json!({"languages": seen.languages}))
        },
    )
}

pub(super) fn security_policy(case: &Case<'_>) -> Outcome {
    if case.repository.visibility != Visibility::Public {
        return Outcome::not_applicable("Strangers cannot see it, so nobody of them looks for a way to report to you.");
    }
    let seen = case.repository.posture.security_policy.as_ref();
    observed("Whether there is a security policy", seen, |there| {
        if *there {
            Outcome::pass("There is a security policy.")
        } else {
            Outcome::fail(
                "Nothing says how a vulnerability is reported: there is no SECURITY.md.",
                "Add a SECURITY.md, or one for all repositories to the organisation's repository `.github`.",
            )
        }
    })
}

pub(super) fn codeowners(case: &Case<'_>) -> Outcome {
    let seen = case.repository.posture.codeowners.as_ref();
    observed("Whether there is a CODEOWNERS file", seen, |mistakes| {
        if mistakes.is_some() {
            Outcome::pass("There is a CODEOWNERS file.")
        } else {
            Outcome::fail(
                "There is no CODEOWNERS file, so nobody is asked to review by what a change touches.",
                "Add `.github/CODEOWNERS`.",
            )
        }
    })
}

pub(super) fn codeowners_errors(case: &Case<'_>) -> Outcome {
    let seen = case.repository.posture.codeowners.as_ref();
    observed("What is wrong in CODEOWNERS", seen, |mistakes| match mistakes {
        None => Outcome::not_applicable("There is no CODEOWNERS file."),
        Some(mistakes) if mistakes.is_empty() => Outcome::pass("GitHub finds no mistake in CODEOWNERS."),
        Some(mistakes) => {
            let path = mistakes.first().map_or("CODEOWNERS", |mistake| mistake.path.as_str());
            Outcome::fail(
                format!(
                    "GitHub passes over lines of `{path}`: {}.",
                    few(mistakes.iter().map(told))
                ),
                "Correct the lines. An owner must exist, must be visible to who reads the repository, and needs write \
                 access.",
            )
            .with(json!({"mistakes": mistakes}))
        }
    })
}

fn told(mistake: &CodeownersMistake) -> String {
    let kind = mistake.kind.to_lowercase();
    let source = mistake.source.trim();
    if source.is_empty() {
        format!("line {}, {kind}", mistake.line)
    } else {
        format!("line {}, {kind} (`{source}`)", mistake.line)
    }
}
