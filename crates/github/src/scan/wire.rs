//! The answers to the queries about repositories, as GitHub writes them.
#![expect(
    clippy::enum_variant_names,
    clippy::struct_excessive_bools,
    clippy::struct_field_names,
    reason = "the names and switches are GitHub's"
)]

use jiff::Timestamp;
use serde::Deserialize;

/// A list that GitHub may leave out, with entries it may leave out.
#[derive(Debug, Deserialize)]
pub(super) struct Nodes<T> {
    nodes: Option<Vec<Option<T>>>,
    #[serde(default, rename = "pageInfo")]
    pub(super) page: Option<Page>,
}

impl<T> Nodes<T> {
    pub(super) fn all(self) -> impl Iterator<Item = T> {
        self.nodes.into_iter().flatten().flatten()
    }

    pub(super) fn has_more(&self) -> bool {
        self.page.as_ref().is_some_and(|page| page.has_next_page)
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    pub(super) has_next_page: bool,
    #[serde(default)]
    pub(super) end_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OwnerAnswer {
    pub(super) repository_owner: Option<Owner>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Owner {
    #[serde(rename = "__typename")]
    pub(super) kind: String,
    pub(super) login: String,
    pub(super) repositories: Repositories,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Repositories {
    pub(super) total_count: u64,
    pub(super) page_info: Page,
    pub(super) nodes: Vec<Option<Repository>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OneAnswer {
    pub(super) repository: Option<Repository>,
}

/// A repository. What was not asked for is not there.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Repository {
    pub(super) id: String,
    pub(super) database_id: Option<u64>,
    pub(super) name: String,
    pub(super) owner: Login,
    pub(super) is_archived: bool,
    pub(super) is_disabled: bool,
    pub(super) is_locked: bool,
    pub(super) is_fork: bool,
    pub(super) is_template: bool,
    pub(super) is_mirror: bool,
    pub(super) is_empty: bool,
    pub(super) visibility: String,
    pub(super) has_issues_enabled: bool,
    pub(super) default_branch_ref: Option<Branch>,
    pub(super) viewer_permission: Option<String>,
    pub(super) has_vulnerability_alerts_enabled: Option<bool>,
    pub(super) pull_requests: Option<Nodes<PullRequest>>,
    pub(super) yml: Option<Blob>,
    pub(super) yaml: Option<Blob>,
    pub(super) workflows: Option<Tree>,
    pub(super) tree: Option<Tree>,
    pub(super) rulesets: Option<Nodes<Ruleset>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Login {
    #[serde(rename = "__typename")]
    pub(super) kind: String,
    pub(super) login: String,
}

/// Whether an owner is an organisation.
pub(super) fn is_organization(kind: &str) -> bool {
    kind == "Organization"
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Branch {
    pub(super) name: String,
    pub(super) branch_protection_rule: Option<Protection>,
    pub(super) ref_update_rule: Option<Pattern>,
    pub(super) rules: Option<Nodes<PlacedRule>>,
    pub(super) target: Option<Commit>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pattern {
    #[expect(dead_code, reason = "that there is one says enough")]
    pattern: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Protection {
    pub(super) pattern: String,
    pub(super) requires_approving_reviews: bool,
    pub(super) required_approving_review_count: Option<u32>,
    pub(super) dismisses_stale_reviews: bool,
    pub(super) requires_code_owner_reviews: bool,
    pub(super) require_last_push_approval: bool,
    pub(super) requires_status_checks: bool,
    pub(super) requires_strict_status_checks: bool,
    pub(super) required_status_checks: Option<Vec<ClassicCheck>>,
    pub(super) is_admin_enforced: bool,
    pub(super) requires_linear_history: bool,
    pub(super) allows_force_pushes: bool,
    pub(super) allows_deletions: bool,
    pub(super) blocks_creations: bool,
    pub(super) requires_conversation_resolution: bool,
    pub(super) lock_branch: bool,
    pub(super) lock_allows_fetch_and_merge: bool,
    pub(super) requires_commit_signatures: bool,
    pub(super) restricts_pushes: bool,
    pub(super) restricts_review_dismissals: bool,
    pub(super) bypass_pull_request_allowances: Option<Nodes<Allowance>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ClassicCheck {
    pub(super) context: String,
    pub(super) app: Option<Numbered>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Numbered {
    pub(super) database_id: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Allowance {
    pub(super) actor: Option<Actor>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Actor {
    #[serde(rename = "__typename")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) login: Option<String>,
    #[serde(default)]
    pub(super) slug: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlacedRule {
    #[serde(flatten)]
    pub(super) rule: Rule,
    pub(super) repository_ruleset: Option<Ruleset>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Rule {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) parameters: Option<Parameters>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub(super) enum Parameters {
    #[serde(rename_all = "camelCase")]
    PullRequestParameters {
        required_approving_review_count: u32,
        dismiss_stale_reviews_on_push: bool,
        require_code_owner_review: bool,
        require_last_push_approval: bool,
    },
    #[serde(rename_all = "camelCase")]
    RequiredStatusChecksParameters {
        strict_required_status_checks_policy: bool,
        required_status_checks: Vec<RulesetCheck>,
    },
    WorkflowsParameters {
        workflows: Vec<WorkflowFile>,
    },
    #[serde(rename_all = "camelCase")]
    CodeScanningParameters {
        code_scanning_tools: Vec<Tool>,
    },
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RulesetCheck {
    pub(super) context: String,
    pub(super) integration_id: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WorkflowFile {
    pub(super) path: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tool {
    pub(super) tool: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ruleset {
    pub(super) id: String,
    pub(super) database_id: Option<u64>,
    pub(super) name: String,
    pub(super) enforcement: String,
    pub(super) target: Option<String>,
    pub(super) source: Source,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "__typename")]
pub(super) enum Source {
    #[serde(rename_all = "camelCase")]
    Repository {
        name_with_owner: String,
    },
    Organization {
        login: String,
    },
    Enterprise {
        slug: String,
    },
}

/// The bypass actors of a ruleset; `None` where the credential may not read them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BypassAnswer {
    /// When the ruleset was last changed.
    #[serde(default)]
    pub(super) updated_at: Option<String>,
    #[serde(default)]
    pub(super) bypass_actors: Option<Nodes<Bypass>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bypass {
    pub(super) bypass_mode: Option<String>,
    pub(super) deploy_key: bool,
    pub(super) enterprise_owner: bool,
    pub(super) organization_admin: bool,
    pub(super) repository_role_name: Option<String>,
    pub(super) actor: Option<Actor>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PullRequest {
    pub(super) base_ref_name: String,
    pub(super) commits: Option<Nodes<PullRequestCommit>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PullRequestCommit {
    pub(super) commit: Commit,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Commit {
    #[serde(default)]
    pub(super) status_check_rollup: Option<Rollup>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Rollup {
    pub(super) contexts: Nodes<Context>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub(super) enum Context {
    #[serde(rename_all = "camelCase")]
    CheckRun {
        name: String,
        check_suite: Option<Suite>,
    },
    StatusContext {
        context: String,
    },
}

#[derive(Debug, Deserialize)]
pub(super) struct Suite {
    pub(super) app: Option<Numbered>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob {
    #[serde(default)]
    pub(super) is_binary: Option<bool>,
    /// Not there if the path leads to something else than a file.
    #[serde(default)]
    pub(super) is_truncated: Option<bool>,
    #[serde(default)]
    pub(super) text: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tree {
    #[serde(default)]
    pub(super) oid: Option<String>,
    #[serde(default)]
    pub(super) entries: Option<Vec<Entry>>,
}

impl Tree {
    /// The names of its files.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        let entries = self.entries.iter().flatten();
        entries
            .filter(|entry| entry.kind != "tree")
            .map(|entry| entry.name.as_str())
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) object: Option<Below>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Below {
    #[serde(default)]
    pub(super) entries: Option<Vec<Entry>>,
}

/// A workflow's state and, where they were asked for, its newest runs.
#[derive(Debug, Deserialize)]
pub(super) struct Workflow {
    pub(super) name: String,
    pub(super) state: String,
    #[serde(default)]
    pub(super) runs: Option<Runs>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Runs {
    pub(super) nodes: Vec<Option<Run>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Run {
    pub(super) event: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) url: String,
    pub(super) check_suite: CheckSuite,
}

/// A run that is asked for by itself.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RunNode {
    pub(super) updated_at: Timestamp,
}

#[derive(Debug, Deserialize)]
pub(super) struct CheckSuite {
    pub(super) status: String,
    pub(super) conclusion: Option<String>,
    pub(super) branch: Option<Named>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
}
