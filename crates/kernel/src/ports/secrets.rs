//! Where secrets are kept.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::audit::AuditEntry;
use crate::names::{AgentName, SecretName, SecretPrefix, Stage};
use crate::outcome::SecretAction;
use crate::port_error::{PortError, PortErrorKind, PortResult};
use crate::secret::SecretValue;

/// The largest secret value, in bytes (the limit of AWS Secrets Manager).
pub const MAX_SECRET_BYTES: usize = 65_536;

/// For how many days, from when it was written, the value of a version is kept that is neither the newest nor the one
/// before: a promise to its readers, and no setting.
pub const VALUE_DAYS: u32 = 1;

/// The same as a duration.
pub const VALUE_KEPT: SignedDuration = SignedDuration::from_hours(24 * VALUE_DAYS as i64);

/// Of how many of a secret's newest versions values are kept for that long.
pub const MOST_VALUES: usize = 100;

/// The parameters of `putSecret`: with the value as it was given, or as it is written.
#[derive(Clone)]
pub struct PutSecret<V = SecretValue> {
    /// The secret, within the installation's namespace.
    pub name: SecretName,
    /// 1 to [`MAX_SECRET_BYTES`] bytes.
    pub value: V,
    /// The KMS key to encrypt with; the embedded backend has its own key and ignores it.
    pub kms_key: Option<String>,
}

/// A secret to write.
#[derive(Clone, Copy)]
pub struct SecretWrite<'a> {
    /// The parameters.
    pub put: &'a PutSecret,
    /// 64 hex digits made from the request's id and the secret's name. The same token with the
    /// same value is the same write; it becomes the version's id.
    pub token: &'a str,
    /// Whether the same write may have been made before, by an attempt that did not hear of it.
    /// The answer must then say what that one did.
    pub may_be_repeat: bool,
    /// Who asked, for the secret's tags.
    pub agent: &'a AgentName,
    /// The stage, for the secret's tags.
    pub stage: &'a Stage,
    /// When.
    pub at: Timestamp,
}

/// What a write did; the same again when it is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretWritten {
    /// Whether the secret was new.
    pub action: SecretAction,
    /// The store's own address of the secret.
    pub arn: String,
    /// The version.
    pub version_id: String,
}

/// Which version of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretVersion {
    /// The newest.
    Current,
    /// The one before.
    Previous,
}

impl SecretVersion {
    /// How many versions back from the newest it is.
    pub fn back(self) -> u8 {
        match self {
            Self::Current => 0,
            Self::Previous => 1,
        }
    }

    /// The version so many back, unless newer ones have taken its place.
    pub fn of_back(back: impl TryInto<u8>) -> Option<Self> {
        match back.try_into() {
            Ok(0) => Some(Self::Current),
            Ok(1) => Some(Self::Previous),
            _ => None,
        }
    }
}

/// A secret's value, for somebody who may have it.
#[derive(Clone)]
pub struct SecretRead {
    /// The value.
    pub value: SecretValue,
    /// The version.
    pub version_id: String,
    /// When it was written.
    pub created_at: Timestamp,
}

/// A secret without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSummary {
    /// Its name.
    pub name: SecretName,
    /// The newest version's id; empty where it was made without a value and has none yet.
    pub version_id: String,
    /// The id of the version before, while its value is kept.
    pub previous_id: Option<String>,
    /// How many versions it has had.
    pub versions: u64,
    /// Who wrote the newest version, or made it where it has none.
    pub updated_by: AgentName,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the newest version was written; when it was made, where it has none.
    pub updated_at: Timestamp,
    /// When anything of it was changed last: its value, or what is said of it.
    pub changed_at: Timestamp,
    /// What its owner says of it.
    pub description: Option<String>,
    /// Its owner's tags, by key.
    pub tags: BTreeMap<String, String>,
}

/// How many versions of a secret are described.
pub const MOST_VERSIONS: usize = 20;

/// A version of a secret without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionSummary {
    /// Its id.
    pub version_id: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// Who wrote it, where the store knows.
    pub by: Option<AgentName>,
    /// Which one it is; none where newer ones have taken its place.
    pub version: Option<SecretVersion>,
}

/// A secret with its versions, without a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretDescription {
    /// The secret.
    pub summary: SecretSummary,
    /// Its versions, the newest first, [`MOST_VERSIONS`] at most.
    pub versions: Vec<VersionSummary>,
}

/// Whether a change makes a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretTarget {
    /// It makes one that is not there yet.
    New,
    /// It changes one that is there.
    Existing,
}

/// A version that a change writes.
#[derive(Clone, Copy)]
pub struct NewVersion<'a> {
    /// Its value, 1 to [`MAX_SECRET_BYTES`] bytes.
    pub value: &'a SecretValue,
    /// Its id, which whoever asks chose: the same id with the same value is the same version.
    pub id: &'a str,
}

/// A change of a secret that is no request's: what is not given stays as it is.
#[derive(Clone, Copy)]
pub struct SecretChange<'a> {
    /// The secret, within the installation's namespace.
    pub name: &'a SecretName,
    /// Whether it is made.
    pub target: SecretTarget,
    /// Its next version.
    pub version: Option<NewVersion<'a>>,
    /// What is said of it; nothing any more where this is empty.
    pub description: Option<&'a str>,
    /// All of its owner's tags.
    pub tags: Option<&'a BTreeMap<String, String>>,
    /// The KMS key to encrypt with; the embedded backend has its own key and ignores it.
    pub kms_key: Option<&'a str>,
    /// Who asks.
    pub agent: &'a AgentName,
    /// The stage, for the version's row.
    pub stage: &'a Stage,
    /// When.
    pub at: Timestamp,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretChanged {
    /// The secret is as it was asked for, by this change or by the one that it repeats. Which version the given one is
    /// now; none where none was given, or where newer ones have taken its place.
    Done(Option<SecretVersion>),
    /// There is a secret of that name. Nothing was changed.
    Exists,
    /// There is no secret of that name. Nothing was changed.
    Missing,
    /// The version's id was used before for another value. Nothing was changed.
    IdTaken,
}

/// Where secrets are kept: the current and the previous version of each, and older ones for [`VALUE_KEPT`].
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// Writes a version. Idempotent by token; the same token with another value is refused.
    async fn put(&self, write: SecretWrite<'_>) -> PortResult<SecretWritten>;

    /// Reads a version, if there is one.
    async fn read(&self, name: &SecretName, version: SecretVersion) -> PortResult<Option<SecretRead>>;

    /// The secrets under a prefix, or all, by name; `after` starts behind that name.
    async fn list(
        &self,
        prefix: Option<&SecretPrefix>,
        after: Option<&SecretName>,
        limit: usize,
    ) -> PortResult<Vec<SecretSummary>>;

    /// A secret with its versions; none where there is no such secret. No value is read. A store that hands out nothing
    /// but values describes none.
    async fn describe(&self, _name: &SecretName) -> PortResult<Option<SecretDescription>> {
        Ok(None)
    }

    /// Reads the version of that id while its value is kept, and tells which one it is: neither the newest nor the one
    /// before, where it is older. Such a value is forgotten by the first write or housekeeping after [`VALUE_KEPT`], and
    /// by the write of the [`MOST_VALUES`]th version behind it.
    async fn read_version(
        &self,
        name: &SecretName,
        id: &str,
    ) -> PortResult<Option<(Option<SecretVersion>, SecretRead)>> {
        for version in [SecretVersion::Current, SecretVersion::Previous] {
            match self.read(name, version).await? {
                Some(read) if read.version_id == id => return Ok(Some((Some(version), read))),
                Some(_) => {}
                // Without a newest version there is none before it.
                None => break,
            }
        }
        Ok(None)
    }

    /// Makes or changes a secret and puts `audit` on record with it: all of it or nothing. A store that is another
    /// system's puts it on record before it is begun as well, and when it was refused. A repeat, which is known by the
    /// version's id, changes nothing.
    async fn change(&self, _change: SecretChange<'_>, _audit: &AuditEntry) -> PortResult<SecretChanged> {
        Err(PortError::new(
            PortErrorKind::Refused,
            "secrets are written by requests alone where these are kept",
        ))
    }
}
