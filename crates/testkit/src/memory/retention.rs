//! The fake housekeeping: forgets at once what an adapter forgets in steps.

use async_trait::async_trait;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::ports::{Forgotten, Retention, Weight};
use cc_devops_requests::retention::Kept;
use jiff::Timestamp;

use super::{Memory, Model};

#[async_trait]
impl Retention for Memory {
    fn ends_by_itself(&self) -> bool {
        false
    }

    async fn forget(
        &self,
        what: Kept,
        before: Timestamp,
        _after: Option<Cursor>,
        _limit: usize,
    ) -> PortResult<Forgotten> {
        let mut model = self.lock()?;
        let Model {
            requests,
            outbox,
            log,
            webhooks,
            secrets,
            records,
            ..
        } = &mut *model;
        let removed = match what {
            Kept::Outputs => requests.forget_outputs(before),
            Kept::DeadLetters => webhooks.forget(before) + outbox.forget(before),
            Kept::Events => {
                let there = log.len();
                let newest = log.last().map(|logged| logged.cursor);
                log.retain(|logged| logged.published_at >= before || Some(logged.cursor) == newest);
                (there - log.len()) as u64
            }
            Kept::Requests => requests.forget(before, |id| {
                outbox.refers_to(id) || log.iter().any(|logged| logged.event.body.key() == id.as_str())
            }),
            Kept::Records => records.forget(before),
            Kept::SecretValues => secrets.values_mut().map(|secret| secret.forget_values(before)).sum(),
            Kept::SecretVersions => secrets.values_mut().map(|secret| secret.forget(before)).sum(),
        };
        Ok(Forgotten { removed, next: None })
    }

    async fn shrink(&self) -> PortResult<u64> {
        self.lock().map(|_| 0)
    }

    async fn weigh(&self) -> PortResult<Vec<Weight>> {
        self.lock().map(|_| Vec::new())
    }
}
