//! The part of settings that GraphQL knows: for an owner's repositories in pages, or for one.

use std::collections::{BTreeMap, BTreeSet};

use cc_devops_repos::settings::{Items, Section, SettingsFacts};
use cc_devops_repos::snapshot::{Fact, Gap, RepositoryFlag, RepositoryId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Client, Error, GraphError};
use crate::queries;

/// The most repositories in a page.
const PAGE: usize = 100;

/// A repository that is listed.
pub(super) struct Listed {
    /// What GraphQL knows of it.
    pub(super) facts: SettingsFacts,
    /// Whether its owner is an organisation.
    pub(super) organization: bool,
    /// Whether it has more labels than were listed.
    pub(super) more_labels: bool,
}

/// A page of repositories.
pub(super) struct Page {
    /// How many there are in all.
    pub(super) total: u64,
    /// Those that are listed; one that could not be read has the reason.
    pub(super) repositories: Vec<Result<Listed, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnerAnswer {
    repository_owner: Option<Owner>,
}

#[derive(Deserialize)]
struct Owner {
    repositories: Repositories,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Repositories {
    total_count: u64,
    page_info: PageInfo,
    nodes: Vec<Option<Wire>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    #[serde(default)]
    end_cursor: Option<String>,
}

#[derive(Deserialize)]
struct OneAnswer {
    repository: Option<Wire>,
}

/// A repository as GitHub writes it. What was not asked for is among the rest, and not there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the switches are GitHub's")]
struct Wire {
    database_id: Option<u64>,
    name: String,
    owner: WireOwner,
    is_archived: bool,
    is_disabled: bool,
    is_locked: bool,
    is_fork: bool,
    is_template: bool,
    is_mirror: bool,
    is_empty: bool,
    #[serde(default)]
    repository_topics: Option<Nodes<WireTopic>>,
    #[serde(default)]
    labels: Option<Nodes<Label>>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct WireOwner {
    #[serde(rename = "__typename")]
    kind: String,
    login: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Nodes<T> {
    #[serde(default)]
    page_info: Option<PageInfo>,
    nodes: Option<Vec<Option<T>>>,
}

#[derive(Deserialize)]
struct WireTopic {
    topic: Topic,
}

#[derive(Deserialize)]
struct Topic {
    name: String,
}

/// A label, in GraphQL and REST alike.
#[derive(Deserialize)]
pub(super) struct Label {
    name: String,
    color: String,
    #[serde(default)]
    description: Option<String>,
}

impl Label {
    /// Its name, and the rest.
    pub(super) fn item(self) -> (String, Value) {
        let value = json!({
            "color": self.color.to_ascii_lowercase(), "description": self.description.unwrap_or_default(),
        });
        (self.name, value)
    }
}

/// GraphQL's name of each option that REST has another name for.
const OPTIONS: [(&str, &str); 16] = [
    ("description", "description"),
    ("homepage", "homepageUrl"),
    ("has_issues", "hasIssuesEnabled"),
    ("has_projects", "hasProjectsEnabled"),
    ("has_wiki", "hasWikiEnabled"),
    ("allow_merge_commit", "mergeCommitAllowed"),
    ("allow_squash_merge", "squashMergeAllowed"),
    ("allow_rebase_merge", "rebaseMergeAllowed"),
    ("allow_auto_merge", "autoMergeAllowed"),
    ("allow_update_branch", "allowUpdateBranch"),
    ("delete_branch_on_merge", "deleteBranchOnMerge"),
    ("merge_commit_title", "mergeCommitTitle"),
    ("merge_commit_message", "mergeCommitMessage"),
    ("squash_merge_commit_title", "squashMergeCommitTitle"),
    ("squash_merge_commit_message", "squashMergeCommitMessage"),
    ("web_commit_signoff_required", "webCommitSignoffRequired"),
];

impl Wire {
    fn listed(self, any: &BTreeSet<Section>, errors: &[&GraphError]) -> Option<Listed> {
        let traits = [
            (self.is_archived, RepositoryFlag::Archived),
            (self.is_disabled, RepositoryFlag::Disabled),
            (self.is_locked, RepositoryFlag::Locked),
            (self.is_fork, RepositoryFlag::Fork),
            (self.is_template, RepositoryFlag::Template),
            (self.is_mirror, RepositoryFlag::Mirror),
            (self.is_empty, RepositoryFlag::Empty),
        ];
        // A field that is refused leaves its whole section unknown.
        let about = |field: &str| errors.iter().find(|error| error.path.iter().any(|step| step == field));
        let fact = |section: Section, fields: &[&str], items: Items| match fields.iter().find_map(|field| about(field))
        {
            Some(error) => Fact::Unknown(error.gap(section.to_read())),
            None => Fact::Known(items),
        };
        let mut sections = BTreeMap::new();
        if any.contains(&Section::General) {
            let option = |(name, field): &(&str, &str)| {
                let value = match self.rest.get(*field) {
                    Some(Value::Null) | None if matches!(*name, "description" | "homepage") => Value::from(""),
                    value => value.cloned().unwrap_or_default(),
                };
                ((*name).to_owned(), value)
            };
            let fields = OPTIONS.map(|(_, field)| field);
            let items = OPTIONS.iter().map(option).collect();
            sections.insert(Section::General, fact(Section::General, &fields, items));
        }
        if any.contains(&Section::Topics) {
            let topics = self.repository_topics.into_iter().flat_map(Nodes::all);
            let items = topics.map(|topic| (topic.topic.name, Value::Bool(true))).collect();
            sections.insert(Section::Topics, fact(Section::Topics, &["repositoryTopics"], items));
        }
        let mut more_labels = false;
        if any.contains(&Section::Labels) {
            let labels = self.labels;
            more_labels = labels
                .as_ref()
                .and_then(|labels| labels.page_info.as_ref())
                .is_some_and(|page| page.has_next_page);
            let items = labels.into_iter().flat_map(Nodes::all).map(Label::item).collect();
            sections.insert(Section::Labels, fact(Section::Labels, &["labels"], items));
        }
        Some(Listed {
            organization: self.owner.kind == "Organization",
            more_labels,
            facts: SettingsFacts {
                id: RepositoryId(self.database_id?),
                owner: self.owner.login,
                name: self.name,
                traits: traits.into_iter().filter(|(is, _)| *is).map(|(_, kind)| kind).collect(),
                sections,
            },
        })
    }
}

impl<T> Nodes<T> {
    fn all(self) -> impl Iterator<Item = T> {
        self.nodes.into_iter().flatten().flatten()
    }
}

/// Which parts a query asks for.
fn variables(any: &BTreeSet<Section>) -> Value {
    json!({
        "general": any.contains(&Section::General), "topics": any.contains(&Section::Topics),
        "labels": any.contains(&Section::Labels),
    })
}

fn with(mut variables: Value, more: Value) -> Value {
    if let (Some(fields), Value::Object(more)) = (variables.as_object_mut(), more) {
        fields.extend(more);
    }
    variables
}

/// One repository, under an older name too.
pub(super) async fn one(client: &Client, owner: &str, name: &str, any: &BTreeSet<Section>) -> Result<Listed, Error> {
    let what = format!("read the settings of {owner}/{name}");
    let variables = with(variables(any), json!({"owner": owner, "name": name}));
    let answer = client
        .query::<OneAnswer>(queries::ONE_WANTED_SETTINGS, variables, &what)
        .await?;
    let errors: Vec<&GraphError> = answer.errors.iter().collect();
    let Some(wire) = answer.data.repository else {
        return Err(queries::absent(&answer.errors, &what));
    };
    wire.listed(any, &errors).ok_or(Error::NotFound { what })
}

/// Reads pages one after the other.
pub(super) struct Pages<'c> {
    client: &'c Client,
    owner: &'c str,
    any: &'c BTreeSet<Section>,
    size: usize,
    after: Option<String>,
    ended: bool,
}

impl<'c> Pages<'c> {
    pub(super) fn new(client: &'c Client, owner: &'c str, any: &'c BTreeSet<Section>) -> Self {
        Self {
            client,
            owner,
            any,
            size: PAGE,
            after: None,
            ended: false,
        }
    }

    /// Whether there is no other page.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// The next page, half as large as often as it is too much for GitHub; `None` after the last and after an error.
    pub(super) async fn next(&mut self) -> Result<Option<Page>, Error> {
        while !self.ended {
            let what = format!("read the settings of the repositories of {}", self.owner);
            let asked = json!({"owner": self.owner, "first": self.size, "after": self.after});
            let variables = with(variables(self.any), asked);
            let answer = if self.size > 1 {
                self.client
                    .query_or_shrink::<OwnerAnswer>(queries::WANTED_SETTINGS, variables, &what)
                    .await
            } else {
                self.client.query(queries::WANTED_SETTINGS, variables, &what).await
            };
            let answer = match answer {
                Err(Error::TooSlow { .. }) if self.size > 1 => {
                    self.size /= 2;
                    continue;
                }
                answer => answer.inspect_err(|_| self.ended = true)?,
            };
            let Some(owner) = answer.data.repository_owner else {
                self.ended = true;
                return Err(queries::absent(&answer.errors, &what));
            };
            let repositories = owner.repositories;
            self.ended = !repositories.page_info.has_next_page;
            self.after = repositories.page_info.end_cursor;
            let listed = repositories.nodes.into_iter().enumerate().map(|(place, wire)| {
                let about = |error: &&GraphError| error.index(3) == Some(place);
                let errors: Vec<&GraphError> = answer.errors.iter().filter(about).collect();
                wire.and_then(|wire| wire.listed(self.any, &errors)).ok_or_else(|| {
                    let why = errors.first().map(|error| error.gap(Section::General.to_read()));
                    let unsaid = || Gap::NotRead("GitHub lists it without anything about it".to_owned());
                    why.unwrap_or_else(unsaid).to_string()
                })
            });
            return Ok(Some(Page {
                total: repositories.total_count,
                repositories: listed.collect(),
            }));
        }
        Ok(None)
    }
}
