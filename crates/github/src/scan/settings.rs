//! From what GitHub answers about a repository to what is known of it.

use std::collections::{BTreeMap, BTreeSet};

use cc_devops_repos::snapshot::{
    Actors, AppliesTo, Classic, ClassicSwitch, DefaultBranch, Fact, Files, Gap, Posture, Repository, RepositoryFlag,
    RepositoryId, RequiredCheck, Reviews, Ruleset, SeenCheck, StatusChecks, TextFile, Visibility,
};

use super::unread::not_asked;
use super::{rulesets, trees, wire};
use crate::client::GraphError;

pub(super) const ADMINISTRATION: &str = "Administration: read";
pub(super) const CONTENTS: &str = "Contents: read";
/// What it takes to see what holds for a whole organisation.
pub(super) const OF_THE_ORGANIZATION: &str = "Administration: read (organisation)";
const CHECKS: &str = "Checks: read";
const PULL_REQUESTS: &str = "Pull requests: read";

/// What could not be answered about one repository.
pub(super) struct Errors<'e> {
    /// The length of the path that leads to the repository.
    depth: usize,
    errors: Vec<&'e GraphError>,
}

impl<'e> Errors<'e> {
    pub(super) fn new(depth: usize, errors: Vec<&'e GraphError>) -> Self {
        Self { depth, errors }
    }

    /// Why a field of the repository, something in it, or what it is in, is not there.
    pub(super) fn gap(&self, path: &[&str], permission: &str) -> Option<Gap> {
        let error = self.errors.iter().find(|error| {
            let fields = error.path.iter().skip(self.depth).map(serde_json::Value::as_str);
            fields.zip(path).all(|(field, asked)| field == Some(asked))
        })?;
        Some(error.gap(permission))
    }
}

/// What is true of all of an owner's repositories.
#[derive(Debug)]
pub(super) struct Plan {
    /// Whether the plan has no protection for private repositories.
    pub(super) free: bool,
    /// Whether an organisation requires two-factor authentication.
    pub(super) two_factor_required: Fact<bool>,
}

impl Plan {
    /// Nobody asked.
    pub(super) fn not_asked() -> Self {
        Self {
            free: false,
            two_factor_required: not_asked(),
        }
    }
}

/// What every query asks for: the rest is not known yet.
pub(super) fn basics(wire: &wire::Repository) -> Option<Repository> {
    let traits = [
        (wire.is_archived, RepositoryFlag::Archived),
        (wire.is_disabled, RepositoryFlag::Disabled),
        (wire.is_locked, RepositoryFlag::Locked),
        (wire.is_fork, RepositoryFlag::Fork),
        (wire.is_mirror, RepositoryFlag::Mirror),
        (wire.is_template, RepositoryFlag::Template),
        (wire.is_empty, RepositoryFlag::Empty),
    ];
    Some(Repository {
        id: RepositoryId(wire.database_id?),
        owner: wire.owner.login.clone(),
        name: wire.name.clone(),
        traits: traits.into_iter().filter(|(is, _)| *is).map(|(_, kind)| kind).collect(),
        visibility: match wire.visibility.as_str() {
            "PUBLIC" => Visibility::Public,
            "INTERNAL" => Visibility::Internal,
            _ => Visibility::Private,
        },
        issues_enabled: wire.has_issues_enabled,
        default_branch: wire.default_branch_ref.as_ref().map(|branch| DefaultBranch {
            name: branch.name.clone(),
            read_as: None,
            protected: not_asked(),
            classic: not_asked(),
            rulesets: not_asked(),
            checks_seen: not_asked(),
        }),
        vulnerability_alerts: not_asked(),
        security_updates: not_asked(),
        files: not_asked(),
        workflows: not_asked(),
        posture: Posture::default(),
        settings: None,
    })
}

/// What must be asked for besides.
#[derive(Debug, Default)]
pub(super) struct More {
    /// The node ids of rulesets, by their numbers: who is let past them.
    pub(super) rulesets: BTreeMap<u64, String>,
    /// The id of the root's tree.
    pub(super) root: Option<String>,
}

/// Fills in what an audit asks for, but the workflows, the security updates, the tree below its uppermost
/// levels and the bypass actors of rulesets.
pub(super) fn fill(repository: &mut Repository, mut wire: wire::Repository, errors: &Errors<'_>, plan: &Plan) -> More {
    let mut more = More::default();
    let administers = wire
        .viewer_permission
        .as_deref()
        .map(|permission| permission == "ADMIN");
    repository.vulnerability_alerts = match (
        wire.has_vulnerability_alerts_enabled,
        errors.gap(&["hasVulnerabilityAlertsEnabled"], "Dependabot alerts: read"),
        administers,
    ) {
        (_, Some(gap), _) => Fact::Unknown(gap),
        // Those who may not know are told that there are none.
        (Some(false), None, Some(false)) => Fact::Unknown(Gap::Permission(ADMINISTRATION.to_owned())),
        (Some(on), None, _) => Fact::Known(on),
        (None, None, _) => not_asked(),
    };
    repository.files = files(&mut wire, errors, &mut more.root);
    let unavailable = (plan.free && repository.visibility == Visibility::Private)
        .then(|| "GitHub protects branches of private repositories from the plans Pro and Team on".to_owned());
    let merged = wire.pull_requests.take();
    let seen = checks_seen(&mut wire, merged, errors);
    let (Some(branch), Some(wire)) = (&mut repository.default_branch, wire.default_branch_ref) else {
        return more;
    };
    branch.checks_seen = seen;
    if let Some(why) = unavailable {
        branch.protected = Fact::Unavailable(why.clone());
        branch.classic = Fact::Unavailable(why.clone());
        branch.rulesets = Fact::Unavailable(why);
        return more;
    }
    let path = ["defaultBranchRef", "branchProtectionRule"];
    branch.classic = match (
        wire.branch_protection_rule,
        errors.gap(&path, ADMINISTRATION),
        administers,
    ) {
        (Some(rule), ..) => Fact::Known(Some(classic(rule))),
        (None, Some(gap), _) => Fact::Unknown(gap),
        // GraphQL hides it from those who may not administer, without an error.
        (None, None, Some(false)) => Fact::Unknown(Gap::Permission(ADMINISTRATION.to_owned())),
        (None, None, _) => Fact::Known(None),
    };
    branch.rulesets = match (wire.rules, errors.gap(&["defaultBranchRef", "rules"], "Metadata: read")) {
        (_, Some(gap)) => Fact::Unknown(gap),
        (None, None) => Fact::Known(Vec::new()),
        (Some(rules), None) if rules.has_more() => {
            Fact::Unknown(Gap::NotRead("more than 100 rules hold for the branch".to_owned()))
        }
        (Some(rules), None) => Fact::Known(in_force(rules, &mut more.rulesets)),
    };
    branch.protected = match (&branch.classic, wire.ref_update_rule) {
        (Fact::Known(rule), _) => Fact::Known(rule.is_some()),
        (_, Some(_)) => Fact::Known(true),
        (Fact::Unknown(gap), None) => Fact::Unknown(gap.clone()),
        (Fact::Unavailable(why), None) => Fact::Unavailable(why.clone()),
    };
    more
}

/// The rulesets that GitHub lists for the branch, rule by rule.
fn in_force(rules: wire::Nodes<wire::PlacedRule>, nodes: &mut BTreeMap<u64, String>) -> Vec<Ruleset> {
    let mut rulesets: BTreeMap<u64, Ruleset> = BTreeMap::new();
    for placed in rules.all() {
        let Some(wire) = placed.repository_ruleset else {
            continue;
        };
        let Some(id) = wire.database_id else { continue };
        nodes.insert(id, wire.id.clone());
        rulesets
            .entry(id)
            .or_insert_with(|| rulesets::ruleset(id, wire, AppliesTo::DefaultBranch))
            .rules
            .push(rulesets::rule(placed.rule));
    }
    rulesets.into_values().collect()
}

/// Adds the rulesets of a repository and of those above it that do not hold for the branch.
pub(super) fn add_others(in_force: &mut Vec<Ruleset>, all: wire::Nodes<wire::Ruleset>) {
    for wire in all.all() {
        let Some(id) = wire.database_id else { continue };
        if !in_force.iter().any(|ruleset| ruleset.id == id) {
            in_force.push(rulesets::ruleset(id, wire, AppliesTo::Elsewhere));
        }
    }
}

fn classic(rule: wire::Protection) -> Classic {
    let switches = [
        (rule.is_admin_enforced, ClassicSwitch::EnforceAdmins),
        (rule.requires_linear_history, ClassicSwitch::LinearHistory),
        (rule.allows_force_pushes, ClassicSwitch::AllowForcePushes),
        (rule.allows_deletions, ClassicSwitch::AllowDeletions),
        (rule.blocks_creations, ClassicSwitch::BlockCreations),
        (
            rule.requires_conversation_resolution,
            ClassicSwitch::ConversationResolution,
        ),
        (rule.lock_branch, ClassicSwitch::LockBranch),
        (rule.lock_allows_fetch_and_merge, ClassicSwitch::AllowForkSyncing),
        (rule.requires_commit_signatures, ClassicSwitch::Signatures),
    ];
    // Who they are is read by itself, before a change.
    let listed = |restricted: bool| if restricted { not_asked() } else { Fact::Known(None) };
    Classic {
        pattern: rule.pattern,
        reviews: rule.requires_approving_reviews.then(|| Reviews {
            approvals: rule.required_approving_review_count.unwrap_or_default(),
            dismiss_stale: rule.dismisses_stale_reviews,
            code_owners: rule.requires_code_owner_reviews,
            last_push: rule.require_last_push_approval,
        }),
        status_checks: rule.requires_status_checks.then(|| StatusChecks {
            strict: rule.requires_strict_status_checks,
            checks: rule
                .required_status_checks
                .unwrap_or_default()
                .into_iter()
                .map(|check| RequiredCheck {
                    context: check.context,
                    app: check.app.and_then(|app| app.database_id),
                })
                .collect(),
        }),
        switches: switches
            .into_iter()
            .filter(|(on, _)| *on)
            .map(|(_, switch)| switch)
            .collect(),
        restrictions: listed(rule.restricts_pushes),
        dismissals: listed(rule.restricts_review_dismissals),
        bypass: match rule.bypass_pull_request_allowances {
            Some(allowances) => actors(allowances),
            None => Fact::Unknown(Gap::Permission(ADMINISTRATION.to_owned())),
        },
    }
}

/// Who needs no pull request. Where GraphQL does not name them all, REST must be asked.
fn actors(allowances: wire::Nodes<wire::Allowance>) -> Fact<Actors> {
    let mut actors = Actors::default();
    let mut whole = !allowances.has_more();
    for allowance in allowances.all() {
        match allowance.actor {
            Some(wire::Actor {
                kind,
                login: Some(login),
                ..
            }) if kind == "User" => actors.users.push(login),
            Some(wire::Actor {
                kind, slug: Some(slug), ..
            }) if kind == "Team" => actors.teams.push(slug),
            Some(wire::Actor {
                kind, slug: Some(slug), ..
            }) if kind == "App" => actors.apps.push(slug),
            _ => whole = false,
        }
    }
    if whole {
        Fact::Known(actors)
    } else {
        Fact::Unknown(Gap::NotRead(
            "GitHub does not name everybody who needs no pull request".to_owned(),
        ))
    }
}

/// The checks of the branch's newest commit and of the pull request into it that was merged last. Without one
/// nobody knows which checks run on pull requests only.
fn checks_seen(
    wire: &mut wire::Repository,
    merged: Option<wire::Nodes<wire::PullRequest>>,
    errors: &Errors<'_>,
) -> Fact<Vec<SeenCheck>> {
    let unread = errors
        .gap(&["defaultBranchRef", "target"], CHECKS)
        .or_else(|| errors.gap(&["pullRequests", "nodes"], CHECKS))
        .or_else(|| errors.gap(&["pullRequests"], PULL_REQUESTS));
    if let Some(gap) = unread {
        return Fact::Unknown(gap);
    }
    let Some(branch) = wire.default_branch_ref.as_mut() else {
        return not_asked();
    };
    let mut pulls = merged
        .into_iter()
        .flat_map(wire::Nodes::all)
        .filter(|pull| pull.base_ref_name == branch.name)
        .peekable();
    if pulls.peek().is_none() {
        let why = "the pull request that was merged last, if any was, did not go into this branch, so nobody knows \
                   which checks run on them";
        return Fact::Unavailable(why.to_owned());
    }
    let heads = pulls
        .filter_map(|pull| pull.commits)
        .flat_map(wire::Nodes::all)
        .map(|commit| commit.commit);
    let rollups: Vec<wire::Rollup> = heads
        .chain(branch.target.take())
        .filter_map(|commit| commit.status_check_rollup)
        .collect();
    if rollups.iter().any(|rollup| rollup.contexts.has_more()) {
        return Fact::Unavailable("more than 100 checks ran on a commit, and only the first were read".to_owned());
    }
    let seen: BTreeSet<(String, Option<u64>)> = rollups
        .into_iter()
        .flat_map(|rollup| rollup.contexts.all())
        .map(|context| match context {
            wire::Context::CheckRun { name, check_suite } => {
                let app = check_suite.and_then(|suite| suite.app);
                (name, app.and_then(|app| app.database_id))
            }
            wire::Context::StatusContext { context } => (context, None),
        })
        .collect();
    let check = |(context, app)| SeenCheck { context, app };
    Fact::Known(seen.into_iter().map(check).collect())
}

/// The files; `root` becomes the id of the tree.
fn files(wire: &mut wire::Repository, errors: &Errors<'_>, root: &mut Option<String>) -> Fact<Files> {
    let blobs = [
        (".github/dependabot.yml", wire.yml.take(), "yml"),
        (".github/dependabot.yaml", wire.yaml.take(), "yaml"),
    ];
    for (_, _, field) in &blobs {
        if let Some(gap) = errors.gap(&[field], CONTENTS) {
            return Fact::Unknown(gap);
        }
    }
    let dependabot = blobs
        .into_iter()
        .filter_map(|(path, blob, _)| {
            let blob = blob?;
            let truncated = blob.is_truncated?;
            let text = match blob.text {
                Some(text) if !truncated && blob.is_binary != Some(true) => Fact::Known(text),
                _ => Fact::Unknown(Gap::NotRead("it is binary, or too large".to_owned())),
            };
            Some(TextFile {
                path: path.to_owned(),
                text,
            })
        })
        .collect();
    let tree = match (errors.gap(&["tree"], CONTENTS), wire.tree.take()) {
        (Some(gap), _) => Fact::Unknown(gap),
        (None, tree) => {
            let listed = trees::listed(tree, wire.workflows.as_ref());
            *root = listed.oid;
            Fact::Known(listed.tree)
        }
    };
    Fact::Known(Files { dependabot, tree })
}
