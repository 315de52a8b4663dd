//! What is known of writing without trying it: how the last write went, and whether the threads
//! that write are there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cc_devops_kernel::ports::{PortError, PortErrorKind};
use rusqlite::{ErrorCode, ffi};
use tokio::sync::watch;

use super::readers::Readers;

/// How writing stands.
pub(crate) struct WriteHealth {
    known: Mutex<Known>,
    /// The thread that ended without being asked to.
    ended: watch::Sender<Option<&'static str>>,
}

#[derive(Default)]
struct Known {
    /// Why the last write is not durable; none where it is, or where there was none yet.
    failing: Option<String>,
    /// Why the write-ahead log could not be moved into the file the last time.
    stuck: Option<String>,
    /// When a write became durable last.
    written_at: Option<Instant>,
}

impl WriteHealth {
    /// Nothing is known yet.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            known: Mutex::default(),
            ended: watch::Sender::new(None),
        })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was changed, and it is durable.
    pub(super) fn written(&self) {
        let mut known = self.known();
        known.failing = None;
        known.written_at = Some(Instant::now());
    }

    /// A write failed for a reason that is not its own.
    pub(super) fn failed(&self, why: String) {
        let mut known = self.known();
        known.failing = Some(why);
        known.written_at = None;
    }

    /// How the last move of the write-ahead log went.
    pub(super) fn moved(&self, result: Result<(), String>) {
        self.known().stuck = result.err();
    }

    /// What is wrong with writing, as far as is known.
    pub(crate) fn trouble(&self) -> Option<String> {
        if let Some(thread) = *self.ended.borrow() {
            return Some(format!("the {thread} has ended by a fault: start the server again"));
        }
        let known = self.known();
        known
            .failing
            .as_ref()
            .map(|why| format!("writing fails: {why}"))
            .or_else(|| {
                let stuck = known.stuck.as_ref()?;
                Some(format!(
                    "the write-ahead log cannot be moved into the database and grows: {stuck}"
                ))
            })
    }

    /// Whether the last write became durable within this time.
    pub(crate) fn is_fresh(&self, within: Duration) -> bool {
        self.known().written_at.is_some_and(|at| at.elapsed() <= within)
    }

    /// Whether a thread has ended without being asked to.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// Comes when a thread ends without being asked to; never, where none does.
    pub(crate) fn ended(&self) -> impl Future<Output = &'static str> + Send + use<> {
        let mut ended = self.ended.subscribe();
        async move {
            let thread = ended.wait_for(Option::is_some).await.map(|thread| *thread);
            match thread {
                Ok(Some(thread)) => thread,
                Ok(None) | Err(_) => std::future::pending().await,
            }
        }
    }
}

/// Watches one thread from the inside: dropped without [`ThreadGuard::asked`], it says that the thread
/// ended by a fault, and the store refuses from then on.
pub(super) struct ThreadGuard {
    pulse: Arc<WriteHealth>,
    readers: Arc<Readers>,
    thread: &'static str,
    asked: bool,
}

impl ThreadGuard {
    /// Watches the thread of this name from now on.
    pub(super) fn new(pulse: Arc<WriteHealth>, readers: Arc<Readers>, thread: &'static str) -> Self {
        Self {
            pulse,
            readers,
            thread,
            asked: false,
        }
    }

    /// The thread ends because it was told to.
    pub(super) fn asked(mut self) {
        self.asked = true;
    }
}

impl Drop for ThreadGuard {
    fn drop(&mut self) {
        if self.asked {
            return;
        }
        self.readers.close(ended);
        self.pulse.ended.send_replace(Some(self.thread));
        tracing::error!(
            thread = self.thread,
            "a thread of the store ended by a fault; nothing more is read or written, and the server must be started again"
        );
    }
}

/// The answer to calls after a thread ended by a fault.
pub(super) fn ended() -> PortError {
    PortError::new(
        PortErrorKind::Unavailable,
        "the store has failed and the server ends: start it again, then repeat the request",
    )
}

/// Whether an error says that writing as such does not work, and not only this write.
pub(super) fn concerns_all(error: ffi::Error) -> bool {
    matches!(
        error.code,
        ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
    )
}
