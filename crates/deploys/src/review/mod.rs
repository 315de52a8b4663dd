//! What a draft says: rows, the sum that policies are asked with, and what else the approver sees. What he may not see
//! is kept apart, for the digest alone.

mod about;
mod document;
mod known;
pub(crate) mod masking;
mod nested;
mod resource;
pub(crate) mod signals;
mod stateful;
mod unread;

use std::fmt;

use serde_json::Value;

pub use about::{About, Parameter};
pub use nested::nested_ids;
pub use stateful::StatefulTypes;

use crate::draft::ChangeSetDocuments;
use crate::rows::{ChangeAction, Replacement, Row, Summary};

/// Whether what was read can be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It can.
    Ready,
    /// There is nothing to change, which is a success.
    NoChanges,
    /// It could not be prepared; why, as a sentence.
    Failed(String),
    /// Something else was carried out meanwhile, or this was.
    Obsolete,
    /// It is no plan, or none yet; why, as a sentence.
    NotAPlan(String),
}

impl Standing {
    /// Its name for programs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NoChanges => "no_changes",
            Self::Failed(_) => "failed",
            Self::Obsolete => "obsolete",
            Self::NotAPlan(_) => "not_a_plan",
        }
    }

    /// Why it cannot be carried out, as a sentence.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Failed(why) | Self::NotAPlan(why) => Some(why),
            Self::Obsolete => {
                Some("the change set is obsolete: the stack was changed after it was made, so make another")
            }
            Self::Ready | Self::NoChanges => None,
        }
    }
}

/// What of a plan nobody is shown: secrets, contexts, what is not known to be harmless. It goes into the digest under a
/// key, and nowhere else.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Hidden {
    /// By the place where it stands.
    pub(crate) values: Vec<(String, Value)>,
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hidden({})", self.values.len())
    }
}

impl Hidden {
    pub(crate) fn add(&mut self, place: impl Into<String>, value: Value) {
        self.values.push((place.into(), value));
    }
}

/// A draft as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reviewed {
    /// What changes, a row for each resource, in the order of the document; nested ones behind their stack.
    pub rows: Vec<Row>,
    /// The sum of the rows.
    pub summary: Summary,
    /// Whether it can be carried out.
    pub standing: Standing,
    /// What a stack's command wrote, where it is of no known form; without what looks like a secret.
    pub text: Option<String>,
    /// What else the approver sees.
    pub about: About,
    /// What the approver is to know, as sentences: what could not be read or classified. They are no part of the digest.
    pub notes: Vec<String>,
    /// What is seen by nobody and is no secret either, but is part of what is approved: how each change was found.
    pub(crate) unseen: Vec<(String, Value)>,
    pub(crate) hidden: Hidden,
}

impl Reviewed {
    pub(crate) fn empty(standing: Standing) -> Self {
        Self {
            rows: Vec::new(),
            summary: Summary::default(),
            standing,
            text: None,
            about: About::default(),
            notes: Vec::new(),
            unseen: Vec::new(),
            hidden: Hidden::default(),
        }
    }

    /// Whether part of it is hidden. Then its digest depends on the key, else it is the same under every key.
    pub fn hides_something(&self) -> bool {
        !self.hidden.values.is_empty()
    }

    /// Says that something could not be read or classified.
    pub(crate) fn unknown(&mut self, note: impl Into<String>) {
        self.summary.unknown_change = true;
        let note = note.into();
        // A thousand sentences of one kind tell no more than some.
        if self.notes.len() < MOST_NOTES && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Takes a row into the sum.
    pub(crate) fn count(&mut self, row: &Row) {
        let sum = &mut self.summary;
        match row.action {
            ChangeAction::Add => sum.adds += 1,
            ChangeAction::Modify => sum.modifies += 1,
            ChangeAction::Remove => sum.removes += 1,
            ChangeAction::Other(_) => sum.unknown_change = true,
        }
        sum.replacements += u32::from(row.replacement != Replacement::No);
        if row.stateful {
            sum.replaces_stateful |= row.replacement == Replacement::Yes;
            sum.maybe_replaces_stateful |= row.replacement == Replacement::Maybe;
            sum.deletes_stateful |=
                row.action == ChangeAction::Remove && row.policy_action.as_deref() != Some("Retain");
        }
        sum.loses_stateful |= row.lost;
        sum.changes_iam |= row.iam;
        sum.drifted |= row.drifted;
        if !sum.resource_types.contains(&row.resource_type) {
            sum.resource_types.insert(row.resource_type.clone());
        }
    }
}

/// How many sentences are kept.
const MOST_NOTES: usize = 100;

/// Whether a document looks like what CloudFormation says of a change set.
pub fn is_change_set(document: &Value) -> bool {
    document.as_object().is_some_and(document::is_change_set)
}

/// Reads a change set with those of its nested stacks. It takes time in proportion to their size.
pub fn review_documents(documents: &ChangeSetDocuments, stateful: &StatefulTypes) -> Reviewed {
    document::read(documents, stateful)
}
