//! What GraphQL knows, a hundred repositories a request.

use std::collections::HashMap;

use cc_devops_repos::snapshot::{
    Collaborator, DeployKey, Environment, Fact, Gap, Observed, Posture, TagRuleset, WorkflowFile,
};
use cc_devops_repos::workflows::uses::used_actions;
use futures::stream::{self, StreamExt};
use serde_json::{Value, json};

use super::asked::{Asked, Topic};
use super::wire::{Answer, Collaborators, Deployed, Folder, Key, Kind, Node, OnTags};
use super::{ADMINISTRATION, CONTENTS};
use crate::batches::MOST_NODES;
use crate::client::{Client, Error, GraphError};
use crate::queries;
use crate::scan::settings::Errors;
use crate::scan::wire::Nodes;

const ACTIONS: &str = "Actions: read";
const METADATA: &str = "Metadata: read";

/// How many requests are made at the same time.
const AT_ONCE: usize = 4;

/// What came of a repository.
pub(super) type Looked = HashMap<String, Result<Seen, Gap>>;

/// What was seen of a repository, by its node id.
pub(super) struct Seen {
    node: Node,
    errors: Vec<GraphError>,
    /// What it was asked without, because GitHub answers nothing at all where it refuses that.
    withheld: Withheld,
}

/// What is not asked of a repository, and why.
type Withheld = Vec<(Topic, Gap)>;

/// Lists that are never null in GitHub's schema: where one is refused, the whole repository is null. With what it takes
/// to see them.
const NEVER_NULL: [(&str, Topic, &str); 2] = [
    ("deployKeys", Topic::DeployKeys, ADMINISTRATION),
    ("environments", Topic::Environments, ACTIONS),
];

/// Looks repositories up by their node ids. Fails only if the credential is refused.
pub(super) async fn look_up(client: &Client, asked: &Asked, ids: &[String]) -> Result<Looked, Error> {
    let mut batches = Vec::new();
    for batch in ids.chunks(MOST_NODES) {
        batches.push(one(client, asked, batch));
    }
    let mut batches = stream::iter(batches).buffer_unordered(AT_ONCE);
    let mut found = HashMap::with_capacity(ids.len());
    while let Some(batch) = batches.next().await {
        found.extend(batch?);
    }
    Ok(found)
}

/// One batch, halved as often as it is too much.
async fn one(client: &Client, asked: &Asked, batch: &[String]) -> Result<Looked, Error> {
    const WHAT: &str = "read how repositories are secured";
    let mut found = HashMap::with_capacity(batch.len());
    let mut parts: Vec<(Vec<String>, Withheld)> = vec![(batch.to_vec(), Vec::new())];
    while let Some((part, withheld)) = parts.pop() {
        let variables = variables(asked, &withheld, &part);
        let answer = if part.len() > 1 {
            client
                .query_or_shrink::<Answer>(queries::POSTURE, variables, WHAT)
                .await
        } else {
            client.query::<Answer>(queries::POSTURE, variables, WHAT).await
        };
        match answer {
            Ok(answer) => {
                let mut again = Vec::new();
                let mut refused = withheld.clone();
                for (place, (id, node)) in part.into_iter().zip(answer.data.nodes).enumerate() {
                    let about = answer.errors.iter().filter(|error| error.index(1) == Some(place));
                    let errors: Vec<GraphError> = about.cloned().collect();
                    let seen = match (node, errors.first()) {
                        (Some(node), _) => Ok(Seen {
                            node,
                            errors,
                            withheld: withheld.clone(),
                        }),
                        (None, Some(error)) => match refusal(error, &withheld) {
                            Some(refusal) => {
                                if !refused.iter().any(|(topic, _)| *topic == refusal.0) {
                                    refused.push(refusal);
                                }
                                again.push(id);
                                continue;
                            }
                            None => Err(error.gap(METADATA)),
                        },
                        (None, None) => Err(Gap::NotRead("GitHub did not answer".to_owned())),
                    };
                    found.insert(id, seen);
                }
                if !again.is_empty() {
                    parts.push((again, refused));
                }
            }
            Err(Error::TooSlow { .. }) if part.len() > 1 => {
                let (first, second) = part.split_at(part.len() / 2);
                let halves = [second, first].map(|half| (half.to_vec(), withheld.clone()));
                parts.extend(halves);
            }
            Err(error) if error.refuses_credential() => return Err(error),
            Err(error) => {
                let gap = Gap::NotRead(error.to_string());
                found.extend(part.into_iter().map(|id| (id, Err(gap.clone()))));
            }
        }
    }
    Ok(found)
}

/// What an error says is refused, if it is one of those that leave nothing of the repository and were asked for.
fn refusal(error: &GraphError, withheld: &Withheld) -> Option<(Topic, Gap)> {
    let (_, topic, permission) = NEVER_NULL.iter().find(|(field, ..)| error.at(2) == Some(field))?;
    let asked = !withheld.iter().any(|(each, _)| each == topic);
    asked.then(|| (*topic, error.gap(permission)))
}

fn variables(asked: &Asked, withheld: &Withheld, ids: &[String]) -> Value {
    let may = |topic: Topic| asked.has(topic) && !withheld.iter().any(|(each, _)| *each == topic);
    json!({
        "ids": ids,
        "securityPolicy": asked.has(Topic::SecurityPolicy),
        "codeowners": asked.has(Topic::Codeowners),
        "deployKeys": may(Topic::DeployKeys),
        "outsideCollaborators": asked.has(Topic::OutsideCollaborators),
        "environments": may(Topic::Environments),
        "tagRulesets": asked.has(Topic::TagRulesets),
        "uses": asked.has(Topic::Uses),
    })
}

impl Seen {
    /// What moves when the repository does: its last change and its last push.
    pub(super) fn stamp(&self) -> String {
        let text = |time: &Option<String>| time.clone().unwrap_or_default();
        format!("{} {}", text(&self.node.updated_at), text(&self.node.pushed_at))
    }

    /// Fills in what was asked of it. `organization` says whether an organisation owns it, `unprotected` why its
    /// plan has no protection, if it has none.
    pub(super) fn fill(self, posture: &mut Posture, asked: &Asked, organization: bool, unprotected: Option<&str>) {
        let Self { node, errors, withheld } = self;
        let withheld = |topic: Topic| {
            let gap = withheld.iter().find(|(each, _)| *each == topic);
            gap.map(|(_, gap)| gap.clone())
        };
        let errors = Errors::new(2, errors.iter().collect());
        let administers = node.viewer_permission.as_deref().is_none_or(|may| may == "ADMIN");
        if asked.has(Topic::SecurityPolicy) {
            posture.security_policy = Some(Observed::now(
                match (
                    node.is_security_policy_enabled,
                    errors.gap(&["isSecurityPolicyEnabled"], METADATA),
                ) {
                    (_, Some(gap)) => Fact::Unknown(gap),
                    (Some(there), None) => Fact::Known(there),
                    (None, None) => Fact::Unknown(Gap::NotRead("GitHub does not say whether there is one".to_owned())),
                },
            ));
        }
        if asked.has(Topic::Codeowners) {
            posture.codeowners = Some(Observed::now(match errors.gap(&["codeowners"], CONTENTS) {
                Some(gap) => Fact::Unknown(gap),
                None => Fact::Known(node.codeowners.map(|codeowners| codeowners.errors)),
            }));
        }
        if asked.has(Topic::DeployKeys) {
            posture.deploy_keys = Some(Observed::now(match (node.deploy_keys, withheld(Topic::DeployKeys)) {
                (_, Some(gap)) => Fact::Unknown(gap),
                (None, None) => may_not_administer(),
                // Those who may not know are told that there are none.
                (Some(_), None) if !administers => may_not_administer(),
                (Some(keys), None) => whole(keys, "deploy keys").map(deploy_keys),
            }));
        }
        if asked.has(Topic::OutsideCollaborators) {
            // A person shares a repository with others, but nobody else administers it.
            posture.outside_collaborators = Some(if organization {
                Observed::now(
                    match (node.collaborators, errors.gap(&["collaborators"], ADMINISTRATION)) {
                        (_, Some(gap)) => Fact::Unknown(gap),
                        (None, None) => may_not_administer(),
                        (Some(people), None) => collaborators(people),
                    },
                )
            } else {
                Observed::known(Vec::new())
            });
        }
        if asked.has(Topic::Environments) {
            posture.environments = Some(Observed::now(
                match (node.environments, withheld(Topic::Environments), unprotected) {
                    (_, Some(gap), _) => Fact::Unknown(gap),
                    (_, None, Some(why)) => Fact::Unavailable(why.to_owned()),
                    (None, None, None) => Fact::Unknown(Gap::Permission(ACTIONS.to_owned())),
                    (Some(all), None, None) => whole(all, "environments").map(environments),
                },
            ));
        }
        if asked.has(Topic::TagRulesets) {
            posture.tag_rulesets = Some(Observed::now(
                match (node.tag_rulesets, errors.gap(&["tagRulesets"], METADATA), unprotected) {
                    (_, Some(gap), _) => Fact::Unknown(gap),
                    (_, None, Some(why)) => Fact::Unavailable(why.to_owned()),
                    (None, None, None) => Fact::Known(Vec::new()),
                    (Some(all), None, None) => whole(all, "rulesets on tags").map(tag_rulesets),
                },
            ));
        }
        if asked.has(Topic::Uses) {
            posture.uses = Some(Observed::now(match errors.gap(&["workflowFiles"], CONTENTS) {
                Some(gap) => Fact::Unknown(gap),
                None => Fact::Known(node.workflow_files.map(workflow_files).unwrap_or_default()),
            }));
        }
    }
}

fn may_not_administer<T>() -> Fact<T> {
    Fact::Unknown(Gap::Permission(ADMINISTRATION.to_owned()))
}

/// Notes that none of what was asked could be read.
pub(super) fn unread(posture: &mut Posture, asked: &Asked, gap: &Gap) {
    fn note<T>(place: &mut Option<Observed<T>>, asked: &Asked, topic: Topic, gap: &Gap) {
        if asked.has(topic) {
            *place = Some(Observed::now(Fact::Unknown(gap.clone())));
        }
    }
    note(&mut posture.security_policy, asked, Topic::SecurityPolicy, gap);
    note(&mut posture.codeowners, asked, Topic::Codeowners, gap);
    note(&mut posture.deploy_keys, asked, Topic::DeployKeys, gap);
    note(
        &mut posture.outside_collaborators,
        asked,
        Topic::OutsideCollaborators,
        gap,
    );
    note(&mut posture.environments, asked, Topic::Environments, gap);
    note(&mut posture.tag_rulesets, asked, Topic::TagRulesets, gap);
    note(&mut posture.uses, asked, Topic::Uses, gap);
}

/// A list, if all of it came. What is longer stays so: it is no reason to scan again.
fn whole<T>(list: Nodes<T>, what: &str) -> Fact<Vec<T>> {
    if list.has_more() {
        Fact::Unavailable(format!(
            "there are more {what} than GitHub lists at once, and only the first are read"
        ))
    } else {
        Fact::Known(list.all().collect())
    }
}

fn deploy_keys(keys: Vec<Key>) -> Vec<DeployKey> {
    let enabled = keys.into_iter().filter(|key| key.enabled);
    enabled
        .map(|key| DeployKey {
            title: key.title,
            read_only: key.read_only,
        })
        .collect()
}

fn collaborators(people: Collaborators) -> Fact<Vec<Collaborator>> {
    let more = people.page_info.has_next_page;
    let all: Vec<Collaborator> = people
        .edges
        .into_iter()
        .flatten()
        .flatten()
        .map(|edge| Collaborator {
            login: edge.node.login,
            permission: edge.permission.to_ascii_lowercase(),
        })
        .collect();
    // One who administers is enough to say so.
    if more && !all.iter().any(|person| person.permission == "admin") {
        return Fact::Unavailable(
            "there are more than 100 outside collaborators, and only the first are read".to_owned(),
        );
    }
    Fact::Known(all)
}

fn environments(all: Vec<Deployed>) -> Vec<Environment> {
    let environment = |each: Deployed| Environment {
        name: each.name,
        rules: kinds(each.protection_rules),
    };
    all.into_iter().map(environment).collect()
}

fn kinds(rules: Option<Nodes<Kind>>) -> Vec<String> {
    let rules = rules.into_iter().flat_map(Nodes::all);
    rules.map(|rule| rule.kind.to_ascii_lowercase()).collect()
}

fn tag_rulesets(all: Vec<OnTags>) -> Vec<TagRuleset> {
    all.into_iter()
        .filter(|each| each.enforcement == "ACTIVE" && each.target.as_deref() == Some("TAG"))
        .map(|each| {
            let names = each.conditions.ref_name;
            let (include, exclude) = names.map(|names| (names.include, names.exclude)).unwrap_or_default();
            TagRuleset {
                name: each.name,
                include,
                exclude,
                rules: kinds(each.rules),
            }
        })
        .collect()
}

fn workflow_files(folder: Folder) -> Vec<WorkflowFile> {
    let entries = folder.entries.unwrap_or_default().into_iter();
    entries
        .filter(|entry| matches!(entry.name.rsplit_once('.'), Some((_, "yml" | "yaml"))))
        .filter_map(|entry| {
            let path = format!(".github/workflows/{}", entry.name);
            let blob = entry.object?;
            let uses = match blob.text {
                Some(text) if blob.is_truncated != Some(true) && blob.is_binary != Some(true) => {
                    match used_actions(&text) {
                        Ok(uses) => Fact::Known(uses),
                        // GitHub does not run it either.
                        Err(why) => {
                            tracing::debug!(%path, %why, "a workflow file cannot be read");
                            Fact::Known(Vec::new())
                        }
                    }
                }
                _ => Fact::Unknown(Gap::NotRead(format!("{path} is binary, or too large"))),
            };
            Some(WorkflowFile { path, uses })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use cc_devops_repos::policy::Policy;

    use super::*;

    #[test]
    fn what_github_does_not_say_of_a_security_policy_is_not_known() {
        let policy = Policy::from_toml("defaults.rules_on = ['security_policy']").unwrap();
        let said = |node: Value| {
            let seen = Seen {
                node: serde_json::from_value(node).unwrap(),
                errors: Vec::new(),
                withheld: Vec::new(),
            };
            let mut posture = Posture::default();
            seen.fill(&mut posture, &Asked::at_all(&policy), true, None);
            posture.security_policy.unwrap().fact
        };
        for there in [true, false] {
            assert_eq!(said(json!({"isSecurityPolicyEnabled": there})), Fact::Known(there));
        }
        let unsaid = said(json!({"isSecurityPolicyEnabled": null}));
        assert!(matches!(unsaid, Fact::Unknown(Gap::NotRead(_))), "{unsaid:?}");
    }
}
