//! The cohorts of customers, added up once for each newest day: all movements there ever were are read for it.

use std::sync::Arc;

use cc_devops_revenue::cohorts::{self, NoRetention, Retention};
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::day::Day;
use cc_devops_revenue::ports::RevenueStore;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

/// After how long they are added up anew, although the newest day is the same: older days may have been reconstructed.
const OLDEST: SignedDuration = SignedDuration::from_mins(30);

/// The cohorts as they were last added up. Who asks meanwhile waits for them.
#[derive(Default)]
pub(crate) struct CohortsCache(Mutex<Option<AddedUp>>);

struct AddedUp {
    of: (Date, Timestamp, Currency),
    at: Timestamp,
    retention: Arc<Retention>,
}

impl CohortsCache {
    /// The cohorts until the newest day.
    ///
    /// # Errors
    /// [`NoRetention`].
    pub(crate) async fn until(
        &self,
        latest: &Day,
        store: &dyn RevenueStore,
        currency: Currency,
        now: Timestamp,
    ) -> Result<Arc<Retention>, NoRetention> {
        let of = (latest.date, latest.at, currency);
        let mut last = self.0.lock().await;
        let good = |last: &AddedUp| last.of == of && now.duration_since(last.at) < OLDEST;
        if let Some(last) = last.as_ref().filter(|last| good(last)) {
            return Ok(Arc::clone(&last.retention));
        }
        let retention = Arc::new(cohorts::retention(store, latest.date, currency).await?);
        *last = Some(AddedUp {
            of,
            at: now,
            retention: Arc::clone(&retention),
        });
        Ok(retention)
    }
}
