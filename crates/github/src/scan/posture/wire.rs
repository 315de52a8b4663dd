//! GitHub's answer about how repositories are secured, as it writes it.

use cc_devops_repos::snapshot::CodeownersMistake;
use serde::Deserialize;

use crate::scan::wire::{Blob, Nodes};

#[derive(Deserialize)]
pub(super) struct Answer {
    pub(super) nodes: Vec<Option<Node>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Node {
    #[serde(default)]
    pub(super) viewer_permission: Option<String>,
    #[serde(default)]
    pub(super) updated_at: Option<String>,
    #[serde(default)]
    pub(super) pushed_at: Option<String>,
    #[serde(default)]
    pub(super) is_security_policy_enabled: Option<bool>,
    #[serde(default)]
    pub(super) codeowners: Option<Codeowners>,
    #[serde(default)]
    pub(super) deploy_keys: Option<Nodes<Key>>,
    #[serde(default)]
    pub(super) collaborators: Option<Collaborators>,
    #[serde(default)]
    pub(super) environments: Option<Nodes<Deployed>>,
    #[serde(default)]
    pub(super) tag_rulesets: Option<Nodes<OnTags>>,
    #[serde(default)]
    pub(super) workflow_files: Option<Folder>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Codeowners {
    pub(super) errors: Vec<CodeownersMistake>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Key {
    pub(super) title: String,
    pub(super) read_only: bool,
    pub(super) enabled: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Collaborators {
    pub(super) page_info: Page,
    pub(super) edges: Option<Vec<Option<Edge>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    pub(super) has_next_page: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Edge {
    pub(super) permission: String,
    pub(super) node: Person,
}

#[derive(Debug, Deserialize)]
pub(super) struct Person {
    pub(super) login: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deployed {
    pub(super) name: String,
    pub(super) protection_rules: Option<Nodes<Kind>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Kind {
    #[serde(rename = "type")]
    pub(super) kind: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct OnTags {
    pub(super) name: String,
    pub(super) enforcement: String,
    pub(super) target: Option<String>,
    pub(super) conditions: Conditions,
    pub(super) rules: Option<Nodes<Kind>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Conditions {
    pub(super) ref_name: Option<Names>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Names {
    pub(super) include: Vec<String>,
    pub(super) exclude: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Folder {
    #[serde(default)]
    pub(super) entries: Option<Vec<Entry>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    pub(super) name: String,
    #[serde(default)]
    pub(super) object: Option<Blob>,
}
