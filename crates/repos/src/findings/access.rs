//! The rules on who and what has access, on deployments and on releases.

use serde_json::json;

use super::{Case, Outcome, few, observed};
use crate::patterns::fits_ref;
use crate::policy::PolicySettings;
use crate::snapshot::{Environment, Observed, Organization, TagRuleset, Webhook};

pub(super) fn two_factor(organization: &Organization) -> Outcome {
    let seen = organization.two_factor_required.as_ref();
    observed("Whether two-factor authentication is required", seen, |required| {
        if *required {
            Outcome::pass("The organisation requires two-factor authentication.")
        } else {
            Outcome::fail(
                "The organisation does not require two-factor authentication of its members and outside collaborators.",
                "Tell everybody first: who has none loses access. Then require it (organisation settings, \
                 Authentication security).",
            )
        }
    })
}

/// The webhooks of a repository or of its organisation.
pub(super) fn webhooks(seen: Option<&Observed<Vec<Webhook>>>, settings: &PolicySettings) -> Outcome {
    observed("Which webhooks there are", seen, |hooks| {
        let trusted = |hook: &Webhook| {
            let host = hook.host.rsplit_once(':').map_or(hook.host.as_str(), |(host, _)| host);
            settings
                .access
                .trusted_webhook_hosts
                .iter()
                .any(|glob| glob.fits_path(host))
        };
        let active: Vec<&Webhook> = hooks.iter().filter(|hook| hook.active).collect();
        if active.is_empty() {
            return Outcome::not_applicable("There is no active webhook.");
        }
        let weak: Vec<(&Webhook, &str)> = active
            .iter()
            .filter(|hook| !trusted(hook))
            .filter_map(|hook| Some((*hook, weakness(hook)?)))
            .collect();
        if weak.is_empty() {
            return Outcome::pass("Every webhook goes over verified TLS and is signed.");
        }
        let told = weak
            .iter()
            .map(|(hook, why)| format!("{} (number {}) {why}", hook.host, hook.id));
        let data: Vec<_> = weak
            .iter()
            .map(|(hook, _)| {
                json!({
                    "id": hook.id, "host": hook.host, "https": hook.https, "verified": hook.verified,
                    "secret": hook.secret,
                })
            })
            .collect();
        Outcome::fail(
            format!("Webhooks can be read or forged on their way: {}.", few(told)),
            "Give each an https address, let GitHub verify its certificate, and set a secret that the receiver checks.",
        )
        .with(json!({"webhooks": data}))
    })
}

fn weakness(hook: &Webhook) -> Option<&'static str> {
    match (hook.https, hook.verified, hook.secret) {
        (false, _, true) => Some("goes by plain http"),
        (false, _, false) => Some("goes by plain http and without a secret"),
        (true, false, true) => Some("goes without verifying the certificate"),
        (true, false, false) => Some("goes without verifying the certificate and without a secret"),
        (true, true, false) => Some("has no secret"),
        (true, true, true) => None,
    }
}

pub(super) fn deploy_keys(case: &Case<'_>) -> Outcome {
    let seen = case.repository.posture.deploy_keys.as_ref();
    observed("Which deploy keys there are", seen, |keys| {
        let named = |title: &str| {
            let mut globs = case.settings.access.writing_deploy_keys.iter();
            globs.any(|glob| glob.fits_path(title))
        };
        let writing: Vec<&str> = keys
            .iter()
            .filter(|key| !key.read_only && !named(&key.title))
            .map(|key| key.title.as_str())
            .collect();
        if writing.is_empty() {
            return Outcome::pass("No deploy key may write, but those the policy names.");
        }
        Outcome::fail(
            format!(
                "Whoever holds these deploy keys may push: {}.",
                few(writing.iter().map(|title| format!("`{title}`")))
            ),
            "Replace each by a key that reads, or by a GitHub App; or name it in `writing_deploy_keys` of the policy.",
        )
        .with(json!({"keys": writing}))
    })
}

pub(super) fn outside_admins(case: &Case<'_>) -> Outcome {
    let seen = case.repository.posture.outside_collaborators.as_ref();
    observed("Who has access from outside the organisation", seen, |people| {
        let allowed = &case.settings.access.outside_admins;
        let named = |login: &str| allowed.iter().any(|each| each.eq_ignore_ascii_case(login));
        let admins: Vec<&str> = people
            .iter()
            .filter(|person| person.permission == "admin" && !named(&person.login))
            .map(|person| person.login.as_str())
            .collect();
        if admins.is_empty() {
            return Outcome::pass("Nobody from outside the organisation administers it, but those the policy names.");
        }
        Outcome::fail(
            format!(
                "From outside the organisation these administer it: {}.",
                few(admins.iter())
            ),
            "Give them a lesser role, make them members, or name them in `outside_admins` of the policy.",
        )
        .with(json!({"admins": admins}))
    })
}

pub(super) fn environments(case: &Case<'_>) -> Outcome {
    let wanted = &case.settings.deployments;
    let seen = case.repository.posture.environments.as_ref();
    observed("Which environments there are", seen, |environments| {
        let meant: Vec<&Environment> = environments
            .iter()
            .filter(|environment| wanted.protected.iter().any(|glob| glob.fits_path(&environment.name)))
            .collect();
        if meant.is_empty() {
            return Outcome::not_applicable("No environment is one that the policy wants protected.");
        }
        let lacks = |environment: &&&Environment| {
            if wanted.require_reviewers {
                !environment.rules.iter().any(|rule| rule == "required_reviewers")
            } else {
                environment.rules.is_empty()
            }
        };
        let bare: Vec<&str> = meant
            .iter()
            .filter(lacks)
            .map(|environment| environment.name.as_str())
            .collect();
        if bare.is_empty() {
            return Outcome::pass(format!(
                "Protected: {}.",
                few(meant.iter().map(|environment| format!("`{}`", environment.name)))
            ));
        }
        let told = few(bare.iter().map(|name| format!("`{name}`")));
        let evidence = if wanted.require_reviewers {
            format!("Nobody has to approve deployments to {told}.")
        } else {
            format!("Any workflow on any branch may deploy to {told}.")
        };
        Outcome::fail(
            evidence,
            "Add required reviewers, or limit which branches may deploy (Settings, Environments).",
        )
        .with(json!({"environments": bare}))
    })
}

pub(super) fn tag_protection(case: &Case<'_>) -> Outcome {
    let tags = &case.settings.deployments.release_tags;
    let seen = case.repository.posture.tag_rulesets.as_ref();
    observed("Which rulesets hold for tags", seen, |rulesets| {
        let protects = |tag: &&String, kind: &str| {
            rulesets
                .iter()
                .any(|ruleset| covers(ruleset, tag) && ruleset.rules.iter().any(|rule| rule == kind))
        };
        let lacking = |kind: &str| -> Vec<&String> { tags.iter().filter(|tag| !protects(tag, kind)).collect() };
        // A rule on updates holds both moving and force-moving back.
        let moved: Vec<&String> = tags
            .iter()
            .filter(|tag| !protects(tag, "update") && !protects(tag, "non_fast_forward"))
            .collect();
        let deleted = lacking("deletion");
        if moved.is_empty() && deleted.is_empty() {
            return Outcome::pass("Rulesets keep the tags of releases from being moved and deleted.");
        }
        let quoted = |tags: &[&String]| few(tags.iter().map(|tag| format!("`{tag}`")));
        let mut evidence = Vec::new();
        if !moved.is_empty() {
            evidence.push(format!(
                "A tag such as {} may be moved to another commit.",
                quoted(&moved)
            ));
        }
        if !deleted.is_empty() {
            evidence.push(format!("A tag such as {} may be deleted.", quoted(&deleted)));
        }
        Outcome::fail(
            evidence.join(" "),
            "Add an active ruleset on tags that restricts updates and deletions.",
        )
        .with(json!({"movable": moved, "deletable": deleted}))
    })
}

fn covers(ruleset: &TagRuleset, tag: &str) -> bool {
    let full = format!("refs/tags/{tag}");
    let fits = |pattern: &String| pattern == "~ALL" || fits_ref(pattern, &full);
    ruleset.include.iter().any(fits) && !ruleset.exclude.iter().any(fits)
}
