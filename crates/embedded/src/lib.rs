//! The embedded backend: every port over one SQLite file, with nothing to install beside it.
//!
//! A data directory holds `control-plane.db` (the database) and `master.key` (the key it is
//! sealed with; keep a copy apart from the backups). Several processes may open the same
//! directory: operator commands work while the server runs.
//!
//! - Writes go through one thread that commits many with one flush of the disk, and only then
//!   answers them: what was acknowledged is durable.
//! - Secrets, the details of requests that are not ended, and webhooks' signing secrets are sealed
//!   with XChaCha20-Poly1305, each under a data key of its own.
//! - The audit trail is a chain of hashes; its end stands under a MAC, and so does where it was cut. How far it had
//!   come stands in `audit.head` beside the database, so that an older database shows ([`Store::doubt`]).
//! - The rows of agents and tokens stand under a MAC: one that somebody else wrote is refused.
//! - A file that is moved or removed under a running process is noticed, and nothing is acknowledged any more.
//!
//! ```
//! use std::sync::Arc;
//!
//! use cc_devops_kernel::names::{AgentName, SecretName, Stage};
//! use cc_devops_kernel::ports::{Clock, SecretStore, SecretVersion, SecretWrite, SystemClock};
//! use cc_devops_kernel::ports::PutSecret;
//! use cc_devops_kernel::secret::SecretValue;
//! use cc_devops_embedded::{MasterKeySource, Store, StoreOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! # let dir = tempfile::tempdir()?;
//! # let data_dir = dir.path().to_owned();
//! let store = Store::open(StoreOptions { data_dir, master_key: MasterKeySource::File, create: true })?;
//!
//! let put = PutSecret {
//!     name: SecretName::new("/contentcraft/example/key")?,
//!     value: SecretValue::new("open sesame".to_owned()),
//!     kms_key: None,
//! };
//! let written = store
//!     .secrets()
//!     .put(SecretWrite {
//!         put: &put,
//!         token: &"0".repeat(64),
//!         may_be_repeat: false,
//!         agent: &AgentName::new("Example")?,
//!         stage: &Stage::new("dev")?,
//!         at: SystemClock.now(),
//!     })
//!     .await?;
//! assert_eq!(written.arn, "local:secret:/contentcraft/example/key");
//!
//! let read = store.secrets().read(&put.name, SecretVersion::Current).await?;
//! assert!(read.is_some_and(|read| read.value.expose() == "open sesame"));
//! store.close();
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # LOGGING
//! Never logged, and never in an error of this crate: a sealed value or its plain text, a key, a
//! token or its hash, the text of an SQL parameter.

mod agents;
mod alerts;
mod at_once;
mod audit;
mod backup;
mod checks;
mod columns;
mod db;
mod error;
mod events;
mod ledger;
mod metrics;
mod outbox;
mod repositories;
mod restore;
mod retention;
mod revenue;
mod schedule;
mod sealing_keys;
mod secrets;
pub mod stacks;
mod store;
mod vault;
mod webhooks;

pub use agents::SqliteAgents;
pub use audit::Doubt;
pub use audit::trail::SqliteAudit;
pub use checks::SqliteChecks;
pub use db::{Compacted, compact};
pub use error::OpenError;
pub use events::SqliteEvents;
pub use ledger::SqliteLedger;
pub use metrics::SqliteMetrics;
pub use outbox::SqliteOutbox;
pub use repositories::SqliteRepositories;
pub use restore::{Restore, RestoreError, Restored};
pub use retention::SqliteRetention;
pub use revenue::SqliteRevenue;
pub use schedule::SqliteSchedule;
pub use sealing_keys::SqliteSealingKeys;
pub use secrets::SqliteSecrets;
pub use store::{Store, StoreOptions};
pub use vault::{MasterKeySource, Rotated, RotationStep};
pub use webhooks::SqliteWebhooks;
