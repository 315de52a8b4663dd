//! What GraphQL knows of a repository's settings.

use serde_json::Value;

use super::super::model::Repository;
use super::Context;
use super::object::{Args, Object, Val, connection, leaf};

/// GraphQL's name of an option, and REST's.
const OPTIONS: [(&str, &str); 14] = [
    ("homepageUrl", "homepage"),
    ("hasProjectsEnabled", "has_projects"),
    ("hasWikiEnabled", "has_wiki"),
    ("mergeCommitAllowed", "allow_merge_commit"),
    ("squashMergeAllowed", "allow_squash_merge"),
    ("rebaseMergeAllowed", "allow_rebase_merge"),
    ("autoMergeAllowed", "allow_auto_merge"),
    ("allowUpdateBranch", "allow_update_branch"),
    ("deleteBranchOnMerge", "delete_branch_on_merge"),
    ("mergeCommitTitle", "merge_commit_title"),
    ("mergeCommitMessage", "merge_commit_message"),
    ("squashMergeCommitTitle", "squash_merge_commit_title"),
    ("squashMergeCommitMessage", "squash_merge_commit_message"),
    ("webCommitSignoffRequired", "web_commit_signoff_required"),
];

/// A field of a repository that is one of its settings.
pub(super) fn field<'m>(context: Context<'m>, of: &'m Repository, field: &str, args: &Args) -> Val<'m> {
    match field {
        "description" => leaf(of.description.clone()),
        "repositoryTopics" => {
            let topics = of.settings.topics.iter().collect();
            connection(
                context,
                "RepositoryTopicConnection",
                topics,
                args,
                |topic: &'m String| {
                    Val::Object(Object::new("RepositoryTopic", move |field, _| match field {
                        "topic" => Val::Object(Object::new("Topic", move |field, _| match field {
                            "name" => leaf(topic.as_str()),
                            other => Val::unknown("Topic", other),
                        })),
                        other => Val::unknown("RepositoryTopic", other),
                    }))
                },
            )
        }
        "labels" => {
            let labels = of.labels().iter().collect();
            connection(
                context,
                "LabelConnection",
                labels,
                args,
                |label: &'m super::super::model::Label| {
                    Val::Object(Object::new("Label", move |field, _| match field {
                        "name" => leaf(label.name.as_str()),
                        "color" => leaf(label.color.as_str()),
                        "description" => leaf(label.description.clone()),
                        other => Val::unknown("Label", other),
                    }))
                },
            )
        }
        other => match OPTIONS.iter().find(|(name, _)| *name == other) {
            Some((_, option)) => match of.settings.options.get(*option) {
                Some(Value::String(text)) if text.is_empty() => Val::Null,
                Some(value) => leaf(value.clone()),
                None => Val::Null,
            },
            None => Val::unknown("Repository", other),
        },
    }
}
