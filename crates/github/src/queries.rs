//! The GraphQL queries, each with the fragments it uses.

use crate::client::{Error, GraphError, Query};

/// Why the one thing that was asked for is not there: there is none, or it could not be read.
pub(crate) fn absent(errors: &[GraphError], what: &str) -> Error {
    let what = what.to_owned();
    match errors.iter().find(|error| error.kind != "NOT_FOUND") {
        None => Error::NotFound { what },
        Some(error) if error.kind == "FORBIDDEN" => Error::Forbidden {
            what,
            permission: None,
            message: error.message.clone(),
        },
        Some(error) => Error::Network {
            what,
            reason: error.message.clone(),
        },
    }
}

/// A query from files: the first names it, the others are its fragments.
macro_rules! query {
    ($name:literal: $($file:literal),+) => {
        Query {
            name: $name,
            text: concat!($(include_str!(concat!("../queries/", $file, ".graphql"))),+),
        }
    };
}

pub(crate) const SETTINGS: Query = query!("Settings": "settings", "basics", "settings_of", "ruleset");
pub(crate) const ONE_SETTINGS: Query = query!("OneSettings": "one_settings", "basics", "settings_of", "ruleset");
pub(crate) const LISTING: Query = query!("Listing": "listing", "basics");
pub(crate) const ONE_LISTING: Query = query!("OneListing": "one_listing", "basics");
pub(crate) const BYPASS_ACTORS: Query = query!("BypassActors": "bypass_actors", "bypass");
pub(crate) const WORKFLOW_STATES: Query = query!("WorkflowStates": "workflow_states");
pub(crate) const WORKFLOW_RUNS: Query = query!("WorkflowRuns": "workflow_runs");
pub(crate) const RUN_NODES: Query = query!("RunNodes": "run_nodes");
pub(crate) const ISSUES: Query = query!("Issues": "issues", "issue");
pub(crate) const COMMENTS: Query = query!("Comments": "comments");
pub(crate) const SEARCH: Query = query!("Search": "search", "issue");
pub(crate) const POSTURE: Query = query!("Posture": "posture");
pub(crate) const VIEWER: Query = query!("Viewer": "viewer");
pub(crate) const REPOSITORY_ID: Query = query!("RepositoryId": "repository_ids");
pub(crate) const WANTED_SETTINGS: Query = query!("WantedSettings": "wanted_settings", "settings_fields");
pub(crate) const ONE_WANTED_SETTINGS: Query = query!("OneWantedSettings": "one_wanted_settings", "settings_fields");

#[cfg(test)]
mod tests {
    use std::io::Read;

    use apollo_compiler::{ExecutableDocument, Schema};

    use super::*;

    const ALL: [Query; 16] = [
        SETTINGS,
        ONE_SETTINGS,
        LISTING,
        ONE_LISTING,
        BYPASS_ACTORS,
        WORKFLOW_STATES,
        WORKFLOW_RUNS,
        RUN_NODES,
        ISSUES,
        COMMENTS,
        SEARCH,
        VIEWER,
        POSTURE,
        REPOSITORY_ID,
        WANTED_SETTINGS,
        ONE_WANTED_SETTINGS,
    ];

    /// GitHub's schema is not quite valid itself: a type has two fields of one name, and which counts is
    /// for nothing here.
    #[test]
    fn every_query_fits_githubs_schema() {
        let packed = include_bytes!("../../fake-github/data/schema-public.graphql.gz");
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed[..])
            .read_to_string(&mut text)
            .unwrap();
        let schema = match Schema::parse(&text, "github.graphql") {
            Ok(schema) => schema,
            Err(mistakes) => mistakes.partial,
        };
        let schema = apollo_compiler::validation::Valid::assume_valid(schema);
        let made = [1, 250].map(crate::issues::kept_text);
        let made = made.iter().map(|text| ("KeptIssues", text.as_str()));
        let fixed = ALL.into_iter().map(|query| (query.name, query.text));
        for (name, text) in fixed.chain(made) {
            if let Err(mistakes) = ExecutableDocument::parse_and_validate(&schema, text, name) {
                panic!("{name}: {}", mistakes.errors);
            }
        }
    }
}
