//! The store: one open data directory, and every adapter over it.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cc_devops_kernel::audit::{AuditEntry, Mark};
use cc_devops_kernel::names::{RequestId, StackName};
use cc_devops_kernel::ports::{Clock, PortResult};
use cc_devops_requests::conditions::LoggedConditions;
use cc_devops_requests::fingerprint::FingerprintKey;
use cc_devops_requests::ports::{Ports, Stacks};
use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;

use crate::agents::SqliteAgents;
use crate::at_once::SqliteAtOnce;
use crate::audit::TrailMismatch;
use crate::audit::trail::{self, SqliteAudit};
use crate::backup;
use crate::checks::SqliteChecks;
use crate::completion_queues::SqliteCompletionQueues;
use crate::db::{self, Db};
use crate::error::OpenError;
use crate::events::SqliteEvents;
use crate::ledger::SqliteLedger;
use crate::metrics::SqliteMetrics;
use crate::outbox::SqliteOutbox;
use crate::repositories::SqliteRepositories;
use crate::retention::SqliteRetention;
use crate::revenue::SqliteRevenue;
use crate::schedule::SqliteSchedule;
use crate::sealing_keys::SqliteSealingKeys;
use crate::secrets::SqliteSecrets;
use crate::stacks::{LocalStacks, StackCommand};
use crate::state::SqliteState;
use crate::vault::{MasterKeySource, Rotated, RotationStep, rotation};
use crate::webhooks::SqliteWebhooks;
use cc_devops_alerts::maintenance_mode::StoredMode;

/// How to open a store.
#[derive(Clone)]
pub struct StoreOptions {
    /// The data directory; the database is `control-plane.db` in it.
    pub data_dir: PathBuf,
    /// Where the master key comes from.
    pub master_key: MasterKeySource,
    /// Whether to make the directory, the database and the key where they are missing.
    pub create: bool,
}

/// An open data directory. Several processes may have the same one open.
///
/// Dropping it closes it; calls of its adapters are refused from then on.
pub struct Store {
    db: Db,
    ledger: Arc<SqliteLedger>,
    outbox: Arc<SqliteOutbox>,
    audit: Arc<SqliteAudit>,
    secrets: Arc<SqliteSecrets>,
    sealing_keys: Arc<SqliteSealingKeys>,
    agents: Arc<SqliteAgents>,
    events: Arc<SqliteEvents>,
    completion_queues: Arc<SqliteCompletionQueues>,
    webhooks: Arc<SqliteWebhooks>,
    revenue: Arc<SqliteRevenue>,
    repositories: Arc<SqliteRepositories>,
    state: Arc<SqliteState>,
    schedule: Arc<SqliteSchedule>,
    metrics: Arc<SqliteMetrics>,
    retention: Arc<SqliteRetention>,
    checks: Arc<SqliteChecks>,
}

impl Store {
    /// Opens the store, brings its schema up to date, and loads its keys. Blocks meanwhile.
    pub fn open(options: StoreOptions) -> Result<Self, OpenError> {
        let db = db::open(&options.data_dir, options.master_key, options.create)?;
        Ok(Self {
            ledger: Arc::new(SqliteLedger::new(db.clone())),
            outbox: Arc::new(SqliteOutbox::new(db.clone())),
            audit: Arc::new(SqliteAudit::new(db.clone())),
            secrets: Arc::new(SqliteSecrets::new(db.clone())),
            sealing_keys: Arc::new(SqliteSealingKeys::new(db.clone())),
            agents: Arc::new(SqliteAgents::new(db.clone())),
            events: Arc::new(SqliteEvents::new(db.clone())),
            completion_queues: Arc::new(SqliteCompletionQueues::new(db.clone())),
            webhooks: Arc::new(SqliteWebhooks::new(db.clone())),
            revenue: Arc::new(SqliteRevenue::new(db.clone())),
            repositories: Arc::new(SqliteRepositories::new(db.clone())),
            state: Arc::new(SqliteState::new(db.clone())),
            schedule: Arc::new(SqliteSchedule::new(db.clone())),
            metrics: Arc::new(SqliteMetrics::new(db.clone())),
            retention: Arc::new(SqliteRetention::new(db.clone())),
            checks: Arc::new(SqliteChecks::new(db.clone())),
            db,
        })
    }

    /// A runner for stacks that are deployed by a command on this machine; it keeps its record of
    /// runs in this store. `supervisor` is a program whose `main` begins with [`take_part`], as a rule
    /// [`this_program`]. `ended` is told the request of every run that ends.
    ///
    /// [`take_part`]: crate::stacks::take_part
    /// [`this_program`]: crate::stacks::this_program
    pub fn local_stacks(
        &self,
        commands: BTreeMap<StackName, StackCommand>,
        supervisor: PathBuf,
        clock: Arc<dyn Clock>,
        ended: UnboundedSender<RequestId>,
    ) -> LocalStacks {
        LocalStacks::new(self.db.clone(), commands, supervisor, clock, ended)
    }

    /// Where the database is.
    pub fn file(&self) -> &Path {
        self.db.file()
    }

    /// The ledger.
    pub fn ledger(&self) -> Arc<SqliteLedger> {
        Arc::clone(&self.ledger)
    }

    /// The audit trail.
    pub fn audit(&self) -> Arc<SqliteAudit> {
        Arc::clone(&self.audit)
    }

    /// The secrets.
    pub fn secrets(&self) -> Arc<SqliteSecrets> {
        Arc::clone(&self.secrets)
    }

    /// The keys that values are sealed to.
    pub fn sealing_keys(&self) -> Arc<SqliteSealingKeys> {
        Arc::clone(&self.sealing_keys)
    }

    /// The agents and their heartbeats.
    pub fn agents(&self) -> Arc<SqliteAgents> {
        Arc::clone(&self.agents)
    }

    /// Who is still to be told of which event.
    pub fn outbox(&self) -> Arc<SqliteOutbox> {
        Arc::clone(&self.outbox)
    }

    /// The event log.
    pub fn events(&self) -> Arc<SqliteEvents> {
        Arc::clone(&self.events)
    }

    /// The agents' queues of completions.
    pub fn completion_queues(&self) -> Arc<SqliteCompletionQueues> {
        Arc::clone(&self.completion_queues)
    }

    /// The webhooks.
    pub fn webhooks(&self) -> Arc<SqliteWebhooks> {
        Arc::clone(&self.webhooks)
    }

    /// Where MRR is kept.
    pub fn revenue(&self) -> Arc<SqliteRevenue> {
        Arc::clone(&self.revenue)
    }

    /// What is kept of repositories.
    pub fn repositories(&self) -> Arc<SqliteRepositories> {
        Arc::clone(&self.repositories)
    }

    /// What the watch and the alerts remember.
    pub fn state(&self) -> Arc<SqliteState> {
        Arc::clone(&self.state)
    }

    /// The schedule.
    pub fn schedule(&self) -> Arc<SqliteSchedule> {
        Arc::clone(&self.schedule)
    }

    /// The request metrics.
    pub fn metrics(&self) -> Arc<SqliteMetrics> {
        Arc::clone(&self.metrics)
    }

    /// The housekeeping.
    pub fn retention(&self) -> Arc<SqliteRetention> {
        Arc::clone(&self.retention)
    }

    /// The health checks.
    pub fn checks(&self) -> Arc<SqliteChecks> {
        Arc::clone(&self.checks)
    }

    /// All adapters, with the two ports that are not the store's.
    pub fn ports(&self, stacks: Arc<dyn Stacks>, clock: Arc<dyn Clock>) -> Ports {
        Ports {
            ledger: self.ledger(),
            audit: self.audit(),
            secrets: self.secrets(),
            sealing_keys: self.sealing_keys(),
            at_once: Some(Arc::new(SqliteAtOnce::new(self.db.clone()))),
            stacks,
            agents: self.agents(),
            heartbeats: self.agents(),
            outbox: self.outbox(),
            bus: None,
            log: None,
            events: self.events(),
            completion_queues: Some(self.completion_queues()),
            webhooks: self.webhooks(),
            conditions: Arc::new(LoggedConditions),
            maintenance: Arc::new(StoredMode::new(self.state())),
            left_conditions: None,
            revenue: self.revenue(),
            repositories: self.repositories(),
            state: self.state(),
            schedule: self.schedule(),
            metrics: self.metrics(),
            retention: self.retention(),
            checks: self.checks(),
            clock,
        }
    }

    /// The key of the requests' fingerprints: made with the database and never changed.
    pub fn fingerprint_key(&self) -> FingerprintKey {
        self.db.store_keys().fingerprint_key()
    }

    /// Replaces the master key while the store is in use, or goes on with a replacement that was
    /// interrupted. `at` is the time for the audit trail.
    ///
    /// `progress` hears of every step and may break off after it: the answer is then
    /// `Unavailable`, and the same call later goes on from there. With a key file, a new key is
    /// made; with given keys, both must be given: the new one, and the present one as previous.
    pub async fn rotate_master_key(
        &self,
        at: Timestamp,
        progress: &mut (dyn FnMut(RotationStep) -> ControlFlow<()> + Send),
    ) -> PortResult<Rotated> {
        rotation::rotate(&self.db, at, progress).await
    }

    /// Copies the database as it is at this moment to a new file of mode 0600, while it is in
    /// use, and checks the copy. The master key is not in it. Refused where `path` exists.
    pub async fn backup_to(&self, path: &Path) -> PortResult<()> {
        backup::write(&self.db, path).await
    }

    /// Why the audit trail may not be the newest: an older database was put in place, its write-ahead log is lost, or
    /// what was kept beside it is gone. A server is not to go on from such a trail without an operator's word,
    /// [`Store::accept`].
    pub fn doubt(&self) -> Option<TrailMismatch> {
        self.db.trail().doubt()
    }

    /// Takes the trail as it stands, on an operator's word; `entry` puts that on record. Where the trail ends then.
    pub async fn accept(&self, entry: AuditEntry) -> PortResult<Mark> {
        trail::accept(&self.db, entry).await
    }

    /// Keeps some room on the disk, so that a restart works when it is full. For a server; while there is no room
    /// for that, writes are refused as on a full disk.
    pub fn keep_reserve(&self) {
        self.db.reserve().keep();
    }

    /// Reads and writes nothing any more once this file is not at its path: `lock` is the open file at `path` whose
    /// lock keeps a second server out, and without it there another could begin beside this one.
    ///
    /// # Errors
    /// What the system says of the file.
    pub fn watch_lock(&self, path: &Path, lock: &File) -> std::io::Result<()> {
        self.db.watch_lock(path, lock)
    }

    /// The database, for what the crate does beside the ports.
    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    /// Comes when the store has failed for good: a thread that writes ended by a fault. It names the
    /// thread. From then on every call is refused; the process must end and be started again. Never
    /// comes where the store is closed.
    pub fn failed(&self) -> impl Future<Output = &'static str> + Send + use<> {
        self.db.pulse().ended()
    }

    /// Ends what was begun and lets go of the files. Blocks until that is done.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.db.close();
    }
}
