//! The settings of a repository that a person changes on its pages.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Model;

/// What is set on a repository's pages. Tests change it as a person would by hand.
#[derive(Debug, Clone)]
pub struct RepositorySettings {
    /// What `PATCH /repos/{owner}/{repo}` sets, by REST's names; the description and issues are the repository's own.
    pub options: BTreeMap<String, Value>,
    /// Topics.
    pub topics: Vec<String>,
    /// What teams may do, by slug: `pull`, `triage`, `push`, `maintain`, `admin`.
    pub teams: BTreeMap<String, String>,
    /// Who is invited and has not answered.
    pub invitations: Vec<Invitation>,
    /// Deployment environments.
    pub environments: Vec<Environment>,
    /// Which actions are selected.
    pub actions: SelectedActions,
    /// Variables of Actions.
    pub variables: BTreeMap<String, String>,
    /// When each secret of Actions was set, in seconds since 1970.
    pub secret_times: BTreeMap<String, i64>,
}

/// An invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    pub(crate) id: u64,
    /// Whose.
    pub login: String,
    /// `read`, `triage`, `write`, `maintain` or `admin`.
    pub permissions: String,
}

/// A deployment environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    pub(crate) id: u64,
    /// What it is called.
    pub name: String,
    /// Minutes.
    pub wait_timer: u64,
    /// Whether who deploys may not approve.
    pub prevent_self_review: bool,
    /// Who must approve: `User` or `Team`, and the login or slug.
    pub reviewers: Vec<(String, String)>,
    /// What may be deployed from.
    pub branches: Branches,
}

/// What may be deployed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Branches {
    /// Everything.
    Any,
    /// Branches that are protected.
    Protected,
    /// What fits a pattern: its id, the pattern, and `branch` or `tag`.
    Patterns(Vec<(u64, String, String)>),
}

/// Which actions may be used where only the selected may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SelectedActions {
    /// GitHub's own.
    pub github_owned: bool,
    /// Those of verified creators.
    pub verified: bool,
    /// Patterns.
    pub patterns: Vec<String>,
}

impl Default for RepositorySettings {
    fn default() -> Self {
        let options = [
            ("homepage", json!("")),
            ("has_projects", json!(true)),
            ("has_wiki", json!(true)),
            ("allow_merge_commit", json!(true)),
            ("allow_squash_merge", json!(true)),
            ("allow_rebase_merge", json!(true)),
            ("allow_auto_merge", json!(false)),
            ("allow_update_branch", json!(false)),
            ("delete_branch_on_merge", json!(false)),
            ("merge_commit_title", json!("MERGE_MESSAGE")),
            ("merge_commit_message", json!("PR_TITLE")),
            ("squash_merge_commit_title", json!("COMMIT_OR_PR_TITLE")),
            ("squash_merge_commit_message", json!("COMMIT_MESSAGES")),
            ("web_commit_signoff_required", json!(false)),
        ];
        Self {
            options: options.map(|(name, value)| (name.to_owned(), value)).into(),
            topics: Vec::new(),
            teams: BTreeMap::new(),
            invitations: Vec::new(),
            environments: Vec::new(),
            actions: SelectedActions::default(),
            variables: BTreeMap::new(),
            secret_times: BTreeMap::new(),
        }
    }
}

impl Environment {
    /// One that holds nothing back.
    pub fn new(name: &str) -> Self {
        Self {
            id: 0,
            name: name.to_owned(),
            wait_timer: 0,
            prevent_self_review: false,
            reviewers: Vec::new(),
            branches: Branches::Any,
        }
    }
}

impl Model {
    /// A person makes a label.
    ///
    /// # Panics
    /// If there is no such repository.
    pub fn label(&mut self, name: &str, label: &str, color: &str) {
        let label = self.make_label(label, color, None);
        self.get_mut(name).labels.push(label);
    }
}
