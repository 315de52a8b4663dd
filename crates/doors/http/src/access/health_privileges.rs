//! What may be touched by whoever asks how the control plane does, and by whoever switches it to maintenance.

use cc_devops_alerts::Maintenance;
use cc_devops_kernel::access::Access;
use cc_devops_kernel::health::Health;
use cc_devops_kernel::ports::PortResult;
use cc_devops_outbox::ports::Standing;
use cc_devops_requests::ports::{Backlog, Weight};
use jiff::{SignedDuration, Timestamp};

use super::{Permitted, Privilege, Question};
use crate::health;
use crate::problem::Problem;

/// Know what is wrong with the control plane, and how much it has to do.
#[derive(Clone)]
pub struct ReadHealth;

impl Privilege for ReadHealth {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.require(&Access::ReadHealth).map(|()| Self)
    }
}

impl Permitted<ReadHealth> {
    /// Every check with what is wrong, as last found or looked at now. Nothing is written.
    pub async fn health(&self) -> Health {
        health::look(&self.app).await
    }

    /// How many requests are open, and for how many events somebody waits.
    pub async fn backlog(&self) -> PortResult<Backlog> {
        self.app.ports().ledger.backlog().await
    }

    /// How each consumer of events stands.
    pub async fn standings(&self) -> PortResult<Vec<Standing>> {
        self.app.ports().outbox.standing(self.now()).await
    }

    /// What the parts of the store weigh; none where that is not known.
    pub async fn weights(&self) -> PortResult<Vec<Weight>> {
        self.app.ports().retention.weigh().await
    }

    /// How many connections are open, and how many may be.
    pub fn connections(&self) -> (usize, usize) {
        (self.app.connections.count(), self.app.config.limits.connections)
    }

    /// Maintenance mode, where somebody switched it on.
    pub async fn switched(&self) -> PortResult<Option<Maintenance>> {
        self.switched_on().await
    }

    /// Whether maintenance mode can be switched here.
    pub fn can_be_switched(&self) -> bool {
        self.app.watch.is_some()
    }
}

/// Try to switch maintenance mode. The domain asks the policies, and puts what they deny on record.
#[derive(Clone)]
pub struct TryMaintenance;

impl Privilege for TryMaintenance {
    fn ask(_question: &Question<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl Permitted<TryMaintenance> {
    /// Switches it on, for a while or until somebody ends it.
    ///
    /// # Errors
    /// There is no reason; what no policy permits.
    pub async fn begin(&self, reason: &str, lasts: Option<SignedDuration>) -> Result<Maintenance, Problem> {
        let until = lasts.map(|lasts| self.now().saturating_add(lasts).unwrap_or(Timestamp::MAX));
        let (actor, by) = self.actor();
        Ok(self.watched()?.alerts.maintenance_on(reason, until, by, actor).await?)
    }

    /// Switches it off; what the configuration says stays.
    ///
    /// # Errors
    /// What no policy permits.
    pub async fn end(&self) -> Result<(), Problem> {
        let (actor, by) = self.actor();
        Ok(self.watched()?.alerts.maintenance_off(by, actor).await?)
    }
}
