//! The fake of work that is handed over.

use std::collections::BTreeMap;

use async_trait::async_trait;
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::work::Progress;
use cc_devops_repos::ports::{Begun, HandedOver, WorkOutcome, WorkRecord};
use jiff::Timestamp;

use super::Memory;

/// Work by its request, and who was told of its end.
#[derive(Default)]
pub(super) struct HandedOverModel {
    work: BTreeMap<String, Work>,
    told: Vec<RequestId>,
}

struct Work {
    run: String,
    tries: u32,
    standing: WorkRecord,
}

impl Memory {
    /// The requests whose work was told to have ended, in their order.
    pub fn notified_of_ends(&self) -> Vec<RequestId> {
        self.peek().handed_over.told.clone()
    }
}

#[async_trait]
impl HandedOver for Memory {
    async fn begin(&self, request: &RequestId, run: &str, now: Timestamp, until: Timestamp) -> PortResult<Begun> {
        let mut model = self.lock()?;
        let known = model.handed_over.work.get(request.as_str());
        let tries = match known {
            Some(work) if work.standing.answer.is_some() => return Ok(Begun::Ended),
            Some(work) if work.run != run && work.standing.until >= now => return Ok(Begun::Elsewhere),
            Some(work) => work.tries + 1,
            None => 1,
        };
        let work = Work {
            run: run.to_owned(),
            tries,
            standing: WorkRecord {
                until,
                progress: None,
                answer: None,
            },
        };
        model.handed_over.work.insert(request.to_string(), work);
        Ok(Begun::Claimed { tries })
    }

    async fn renew(
        &self,
        request: &RequestId,
        run: &str,
        until: Timestamp,
        progress: Option<&Progress>,
    ) -> PortResult<bool> {
        let mut model = self.lock()?;
        let work = model.handed_over.work.get_mut(request.as_str());
        let Some(work) = work.filter(|work| work.run == run && work.standing.answer.is_none()) else {
            return Ok(false);
        };
        work.standing.until = until;
        if progress.is_some() {
            work.standing.progress = progress.cloned();
        }
        Ok(true)
    }

    async fn end(&self, request: &RequestId, run: &str, answer: &WorkOutcome) -> PortResult<bool> {
        let mut model = self.lock()?;
        let work = model.handed_over.work.get_mut(request.as_str());
        let Some(work) = work.filter(|work| work.run == run) else {
            return Ok(false);
        };
        if work.standing.answer.as_ref().is_some_and(|known| known != answer) {
            return Ok(false);
        }
        work.standing.progress = None;
        work.standing.answer = Some(answer.clone());
        Ok(true)
    }

    async fn standing(&self, request: &RequestId) -> PortResult<Option<WorkRecord>> {
        let model = self.lock()?;
        Ok(model
            .handed_over
            .work
            .get(request.as_str())
            .map(|work| work.standing.clone()))
    }

    async fn notify_ended(&self, request: &RequestId) -> PortResult<()> {
        self.lock()?.handed_over.told.push(request.clone());
        Ok(())
    }
}
