//! Renewing the claims of what runs in this process, and stopping it. Whoever drives the control plane calls
//! [`ControlPlane::renew`] by the clock.

use cc_devops_kernel::names::RequestId;
use jiff::SignedDuration;

use crate::engine::{ControlPlane, later};
use crate::ports::PortResult;
use crate::record::Progress;
use crate::running::{Renewed, UnderWay};

impl ControlPlane {
    /// How often [`ControlPlane::renew`] is to be called while something runs: three times a lease.
    pub fn renewal_interval(&self) -> SignedDuration {
        self.settings.lease / 3
    }

    /// Renews the leases of what runs here, and keeps how far it is. Work whose claim is not good
    /// any more is told to stop; so is all whose lease has ended while the ledger could not be
    /// asked.
    pub async fn renew(&self) -> PortResult<Renewed> {
        self.renew_after(self.settings.lease / 6).await
    }

    /// Renews before a sweep: what runs here must not look as if nobody carried it out, not even
    /// where the clock was set forward or the renewals came late.
    pub(super) async fn renew_old(&self) -> PortResult<()> {
        self.renew_after(self.settings.lease / 2).await.map(drop)
    }

    async fn renew_after(&self, span: SignedDuration) -> PortResult<Renewed> {
        let now = self.now();
        let renewals = self.running.older_than(span, now);
        if renewals.is_empty() {
            return Ok(Renewed::default());
        }
        let lease = self.settings.lease;
        match self.ports.ledger.renew(&renewals, later(now, lease)).await {
            Ok(lost) => {
                self.running.renewed(&renewals, &lost, now);
                Ok(Renewed {
                    renewed: renewals.len().saturating_sub(lost.len()),
                    lost: lost.len(),
                })
            }
            Err(error) => {
                self.running.stop_expired(lease, now);
                Err(error)
            }
        }
    }

    /// Tells everything that runs here to stop at its next safe place, and lets nothing long begin
    /// any more. What is broken off is handed back, for the next start.
    pub fn stop(&self) {
        self.running.stop();
    }

    /// Tells what requests asked for to stop at its next safe place. What comes later may begin.
    pub(super) fn break_off(&self) {
        self.running.break_off();
    }

    /// Puts long work that no request asked for on the list of what runs here, so that a stop
    /// reaches it.
    pub fn begin_work(&self) -> UnderWay {
        self.running.begin(None, self.now())
    }

    /// How far a request is, where it runs here and says so.
    pub fn progress_of(&self, id: &RequestId) -> Option<Progress> {
        self.running.progress_of(id)
    }
}
