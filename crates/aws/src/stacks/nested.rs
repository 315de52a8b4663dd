//! The change sets of nested stacks.

use std::collections::{BTreeMap, BTreeSet};

use cc_devops_kernel::ports::{PortErrorKind, PortResult};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::CloudFormation;
use super::document::document;
use super::reading::ChangeSet;

/// The most change sets of nested stacks that are read. What is behind them is not there, and so not known.
const MOST: usize = 500;

/// How many are read at once.
const AT_ONCE: usize = 5;

/// What was read of nested change sets.
#[derive(Default)]
pub(super) struct Nested {
    /// By the last part of their ARNs.
    pub(super) documents: BTreeMap<String, Value>,
    /// Whether one of them was overtaken, and the root with it.
    pub(super) is_overtaken: bool,
    /// What could not be read, as sentences.
    pub(super) notes: Vec<String>,
}

impl CloudFormation {
    /// Reads the change sets of nested stacks, level by level, each once however often it is named.
    pub(super) async fn nested_sets(&self, root: &ChangeSet) -> PortResult<Nested> {
        let mut read = Nested::default();
        let mut known: BTreeSet<String> = [root.id().to_owned()].into();
        let mut level: Vec<String> = root.nested().map(str::to_owned).collect();
        while !level.is_empty() {
            level.retain(|arn| known.len() <= MOST && known.insert(arn.clone()));
            let sets: Vec<(String, Option<ChangeSet>)> = stream::iter(std::mem::take(&mut level))
                .map(|arn| async {
                    match self.describe(None, &arn).await {
                        Ok(set) => Ok((arn, set)),
                        // The change is unknown then, and asks; the others are told.
                        Err(error) if error.kind == PortErrorKind::Refused => {
                            tracing::warn!(%arn, %error, "the change of a nested stack is not known");
                            Ok((error.message, None))
                        }
                        Err(error) => Err(error),
                    }
                })
                .buffered(AT_ONCE)
                .try_collect()
                .await?;
            for (arn, set) in sets {
                let Some(set) = set else {
                    read.notes
                        .push(format!("the change of a nested stack is not known: {arn}"));
                    continue;
                };
                read.is_overtaken |= set.is_obsolete();
                level.extend(set.nested().map(str::to_owned));
                let name = arn.rsplit('/').next().unwrap_or(&arn).to_owned();
                read.documents.insert(name, document(&set.0));
            }
        }
        Ok(read)
    }
}
