//! What a backend says of a change that it prepared, before it is judged.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The stack as it stood when the change was prepared. A stack that stands otherwise has moved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Basis {
    /// The provider's own address of the stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_id: Option<String>,
    /// When the stack was last changed, in the provider's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_updated: Option<String>,
    /// Its status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// SHA-256 of the template to come, as 64 hexadecimal digits, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_digest: Option<String>,
}

/// A change set as `aws cloudformation describe-change-set --include-property-values` tells it, all pages as one, and
/// those of its nested stacks by the last part of their ARNs.
#[derive(Clone, PartialEq)]
pub struct ChangeSetDocuments {
    /// The root's.
    pub root: Value,
    /// Those of nested stacks.
    pub nested: BTreeMap<String, Value>,
}

impl fmt::Debug for ChangeSetDocuments {
    /// A change set holds secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChangeSetDocuments({} nested)", self.nested.len())
    }
}

/// What a draft consists of.
#[derive(Clone, PartialEq)]
pub enum DraftContent {
    /// A change set.
    ChangeSet(ChangeSetDocuments),
    /// What a stack's own command wrote.
    File(Vec<u8>),
    /// Nobody knows what the change will do.
    Unplanned,
}

impl fmt::Debug for DraftContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChangeSet(documents) => documents.fmt(f),
            Self::File(bytes) => write!(f, "File({} bytes)", bytes.len()),
            Self::Unplanned => f.write_str("Unplanned"),
        }
    }
}

/// A change that a backend prepared, and that nobody has begun.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The backend's own address of what would run: a change set's ARN; of a plan file, what finds it again.
    pub handle: String,
    /// The stack as it stood.
    pub basis: Basis,
    /// Whether the stack would be made.
    pub first_creation: bool,
    /// What it would do.
    pub content: DraftContent,
    /// What else the approver is to know, as sentences: unpinned references, what could not be read. They are no part
    /// of the digest.
    pub notes: Vec<String>,
}
