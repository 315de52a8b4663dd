//! Which secrets there are, how old they are, and who used them last. No value is read.

use cc_devops_kernel::audit::{AuditRow, actions};
use cc_devops_kernel::names::{AgentName, SecretName, SecretPrefix};
use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{PortResult, SecretSummary, VersionSummary};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use crate::actions::put_secret;
use crate::engine::ControlPlane;

/// How many secrets' last uses are looked up at once.
const AT_ONCE: usize = 16;

/// How many rows about a secret are looked at for the last use that succeeded.
const TRIED: usize = 10;

/// How far apart the store's time of a write and the trail's may be: a provider's store goes by its own clock.
const SAME_WRITE: SignedDuration = SignedDuration::from_mins(5);

/// Who used a secret, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// Who; none for the control plane itself.
    pub by: Option<AgentName>,
    /// When.
    pub at: Timestamp,
}

/// A secret as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSecret {
    /// The secret.
    pub summary: SecretSummary,
    /// How old its newest version may be, where the configuration says that.
    pub rotate_after: Option<SignedDuration>,
    /// Who read it last, as far as the audit trail reaches back.
    pub last_read: Option<SecretUse>,
    /// Who wrote its newest version.
    pub last_written: SecretUse,
}

impl ListedSecret {
    /// When its newest version is to be replaced, where it has one.
    pub fn rotate_at(&self) -> Option<Timestamp> {
        if self.summary.versions == 0 {
            return None;
        }
        self.summary.updated_at.saturating_add(self.rotate_after?).ok()
    }
}

/// A part of a list of secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretsPage {
    /// The secrets, by name.
    pub secrets: Vec<ListedSecret>,
    /// Behind which name the next ones are; none at the end.
    pub next: Option<SecretName>,
}

/// A secret with its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedSecret {
    /// The secret.
    pub listed: ListedSecret,
    /// Its versions, the newest first, as many as the store describes.
    pub versions: Vec<VersionSummary>,
}

impl ControlPlane {
    /// Secrets by name, those under a prefix where one is given, from behind `after`, `limit` at most.
    ///
    /// # Errors
    /// What the store or the trail says.
    pub async fn secrets(
        &self,
        prefix: Option<&SecretPrefix>,
        after: Option<&SecretName>,
        limit: usize,
    ) -> PortResult<SecretsPage> {
        // One more tells whether there is more.
        let mut found = self.ports.secrets.list(prefix, after, limit.saturating_add(1)).await?;
        let is_last = found.len() <= limit;
        found.truncate(limit);
        let next = found.last().filter(|_| !is_last).map(|last| last.name.clone());
        let secrets = stream::iter(found)
            .map(|summary| self.listed_secret(summary))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(SecretsPage { secrets, next })
    }

    /// A secret with its versions; none where there is no such secret.
    ///
    /// # Errors
    /// What the store or the trail says.
    pub async fn describe_secret(&self, name: &SecretName) -> PortResult<Option<DescribedSecret>> {
        let Some(described) = self.ports.secrets.describe(name).await? else {
            return Ok(None);
        };
        let listed = self.listed_secret(described.summary).await?;
        let versions = described.versions;
        Ok(Some(DescribedSecret { listed, versions }))
    }

    /// What is on record about a secret, newest first, from `before` on.
    ///
    /// # Errors
    /// What the trail says.
    pub async fn secret_history(
        &self,
        name: &SecretName,
        before: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<AuditRow>> {
        self.ports.audit.about(name.as_str(), None, before, limit).await
    }

    async fn listed_secret(&self, summary: SecretSummary) -> PortResult<ListedSecret> {
        let name = summary.name.as_str();
        let last_read = self.last_use(name, actions::SECRET_READ).await?;
        let written = self.last_use(name, put_secret::ACTION.name).await?;
        // The trail may be cut, or the secret written past it: then the store says who.
        let by_store = SecretUse {
            by: Some(summary.updated_by.clone()),
            at: summary.updated_at,
        };
        let is_newest = |written: &SecretUse| written.at.duration_since(summary.updated_at).abs() <= SAME_WRITE;
        Ok(ListedSecret {
            rotate_after: self.settings.conditions.rotate_after(name),
            last_read,
            last_written: written.filter(is_newest).unwrap_or(by_store),
            summary,
        })
    }

    async fn last_use(&self, name: &str, action: &str) -> PortResult<Option<SecretUse>> {
        let rows = self.ports.audit.about(name, Some(action), None, TRIED).await?.items;
        let used = rows.into_iter().find(|row| row.entry.status == Status::Success);
        Ok(used.map(|AuditRow { entry, .. }| SecretUse {
            by: entry.principal.or(entry.agent),
            at: entry.at,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_has_no_version_is_not_to_be_replaced() {
        let (at, by) = (Timestamp::UNIX_EPOCH, AgentName::new("Writer").unwrap());
        let listed = |versions| ListedSecret {
            summary: SecretSummary {
                name: SecretName::new("/contentcraft/writer/key").unwrap(),
                version_id: String::new(),
                previous_id: None,
                versions,
                updated_by: by.clone(),
                created_at: at,
                updated_at: at,
                changed_at: at,
                description: None,
                tags: BTreeMap::new(),
            },
            rotate_after: Some(SignedDuration::from_hours(1)),
            last_read: None,
            last_written: SecretUse {
                by: Some(by.clone()),
                at,
            },
        };
        assert_eq!(listed(0).rotate_at(), None);
        assert!(listed(1).rotate_at().is_some());
    }
}
