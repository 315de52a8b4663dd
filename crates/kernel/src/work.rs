//! How a piece of long work goes: how far it is, and whether it is to stop.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{Either, Shared, select};

use serde::{Deserialize, Serialize};

use crate::names::RequestId;
use crate::port_error::{PortError, PortErrorKind, PortResult};

/// Proof that its holder may carry a request out; the ledger refuses it once it is superseded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The request.
    pub request: RequestId,
    /// The fence: it grows with each claim, from 1. It says nothing of how often the request was
    /// tried; that is a count of its own.
    pub attempt: u32,
}

/// How far long work is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// How much is done.
    pub done: u64,
    /// Of how much, as far as it is known.
    pub of: u64,
    /// What is counted: a plural, as in `repositories`.
    pub what: String,
}

/// What those who do long work share with those who wait for it. Clones are handles of the same work.
///
/// Who works says how far it is, and asks at each safe place whether to go on. Whoever drives it
/// shows the progress, and may tell it to stop.
#[derive(Clone)]
pub struct WorkHandle(Arc<Shares>);

struct Shares {
    progress: Mutex<Option<Progress>>,
    /// Dropped when the work is to stop.
    goes_on: Mutex<Option<oneshot::Sender<Infallible>>>,
    stops: Shared<oneshot::Receiver<Infallible>>,
}

impl Default for WorkHandle {
    fn default() -> Self {
        let (goes_on, stops) = oneshot::channel();
        Self(Arc::new(Shares {
            progress: Mutex::default(),
            goes_on: Mutex::new(Some(goes_on)),
            stops: stops.shared(),
        }))
    }
}

impl WorkHandle {
    /// Says that `done` of `of` are done, of what is counted: a plural, as in `repositories`.
    pub fn is_at(&self, done: u64, of: u64, what: &str) {
        let what = what.to_owned();
        *lock(&self.0.progress) = Some(Progress { done, of, what });
    }

    /// How far it is, if it has said so.
    pub fn progress(&self) -> Option<Progress> {
        lock(&self.0.progress).clone()
    }

    /// Tells the work to stop at the next safe place. It cannot be taken back.
    pub fn stop(&self) {
        drop(lock(&self.0.goes_on).take());
    }

    /// Whether it was told to stop.
    pub fn is_stopping(&self) -> bool {
        lock(&self.0.goes_on).is_none()
    }

    /// Asked at a safe place.
    ///
    /// # Errors
    /// `Stopped` where the work is to end here.
    pub fn go_on(&self) -> PortResult<()> {
        if self.is_stopping() { Err(stopped()) } else { Ok(()) }
    }

    /// Does what may be left at any moment, because it changes nothing.
    ///
    /// # Errors
    /// `Stopped` where it was left; its own.
    pub async fn unless_stopped<T>(&self, reading: impl Future<Output = PortResult<T>>) -> PortResult<T> {
        match select(self.0.stops.clone(), pin!(reading)).await {
            Either::Left(_) => Err(stopped()),
            Either::Right((read, _)) => read,
        }
    }
}

fn stopped() -> PortError {
    PortError::new(
        PortErrorKind::Stopped,
        "it was told to stop; it goes on when it is begun again",
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::future::pending;

    use super::*;

    #[test]
    fn what_reads_is_left_at_once_and_what_writes_at_its_next_safe_place() {
        let handle = WorkHandle::default();
        assert!(handle.go_on().is_ok());
        assert_eq!(block_on(handle.unless_stopped(async { Ok(7) })).unwrap(), 7);
        handle.clone().stop();
        assert_eq!(handle.go_on().unwrap_err().kind, PortErrorKind::Stopped);
        let left = block_on(handle.unless_stopped(pending::<PortResult<()>>()));
        assert_eq!(left.unwrap_err().kind, PortErrorKind::Stopped);
    }
}
