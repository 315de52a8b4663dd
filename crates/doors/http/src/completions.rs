//! Who in this process waits for a request's outcome. Only a shortcut: the ledger is read again
//! from time to time, because another process may conclude the request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::outcome::Completed;
use tokio::sync::oneshot;

/// The waiters, by request.
#[derive(Default)]
pub(crate) struct Completions {
    waiting: Mutex<HashMap<String, Vec<oneshot::Sender<Completed>>>>,
}

impl Completions {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<oneshot::Sender<Completed>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a request from now on, until the waiter is dropped.
    pub(crate) fn expect(self: &Arc<Self>, id: &RequestId) -> Waiter {
        let (sender, receiver) = oneshot::channel();
        self.lock().entry(id.to_string()).or_default().push(sender);
        Waiter {
            id: id.clone(),
            receiver,
            completions: Arc::clone(self),
        }
    }

    /// Tells everybody who waits for this request.
    pub(crate) fn announce(&self, completed: &Completed) {
        let Some(senders) = self.lock().remove(&completed.request_id) else {
            return;
        };
        for sender in senders {
            // A waiter that is gone was not waiting any more.
            drop(sender.send(completed.clone()));
        }
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }
}

/// Somebody who waits for a request.
pub(crate) struct Waiter {
    id: RequestId,
    receiver: oneshot::Receiver<Completed>,
    completions: Arc<Completions>,
}

impl Waiter {
    /// The request.
    pub(crate) fn id(&self) -> &RequestId {
        &self.id
    }

    /// Its outcome, as soon as this process is told; never, where it is not.
    pub(crate) async fn completed(&mut self) -> Completed {
        match (&mut self.receiver).await {
            Ok(completed) => completed,
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.receiver.close();
        let mut waiting = self.completions.lock();
        if let Some(senders) = waiting.get_mut(self.id.as_str()) {
            senders.retain(|sender| !sender.is_closed());
            if senders.is_empty() {
                waiting.remove(self.id.as_str());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cc_devops_kernel::outcome::Status;
    use jiff::Timestamp;

    use super::*;

    fn completed(id: &str) -> Completed {
        Completed {
            request_id: id.into(),
            action: "putSecret".into(),
            status: Status::Success,
            result: None,
            error: None,
            reason: None,
            latency_ms: 1,
            requested_by: "A".into(),
            timestamp: Timestamp::UNIX_EPOCH,
            approval: None,
        }
    }

    #[tokio::test]
    async fn everybody_who_waits_is_told_and_nobody_is_left_behind() {
        let completions = Arc::new(Completions::default());
        let id = RequestId::new("r1").unwrap();
        let (mut one, mut two) = (completions.expect(&id), completions.expect(&id));
        completions.announce(&completed("r1"));
        assert_eq!(one.completed().await.request_id, "r1");
        assert_eq!(two.completed().await.request_id, "r1");
        drop((one, two));
        let gone = completions.expect(&id);
        drop(gone);
        assert!(completions.is_empty());
    }
}
