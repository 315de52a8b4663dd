//! What changed, for pages that are open: a number that grows with each change, and which kinds of things each was about.
//!
//! Nothing is looked at while nobody listens. While somebody does, one task looks (`polling`), however many listen: once a
//! second for what other processes did, and at once when this one knows. What is looked at is in `looking`.

mod area;
mod changes;
mod listening;
mod looker;
mod looking;
mod polling;

use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

pub use area::{Area, Areas};
pub use changes::{Changes, Next};
use looker::Looker;

/// How many changes are remembered for whoever comes back.
const REMEMBERED: usize = 256;

/// What is known of changes.
pub(crate) struct Live {
    /// Tells this process's numbers from others'.
    process: String,
    /// The newest change's number.
    newest: watch::Sender<u64>,
    known: Mutex<Known>,
    looker: tokio::sync::Mutex<Looker>,
    /// Whether there was a look with which the next is compared.
    begun: AtomicBool,
    /// There is something to look at.
    wake: Notify,
}

#[derive(Default)]
struct Known {
    /// The newest changes, oldest first.
    changes: VecDeque<(u64, Areas)>,
    /// What this process knows to have changed, and nobody was told yet.
    noted: Areas,
    /// Whether a heartbeat came that changed nobody's state.
    beaten: bool,
    listeners: usize,
    is_looking: bool,
}

impl Live {
    pub(crate) fn new() -> Self {
        Self {
            process: uuid::Uuid::now_v7().simple().to_string(),
            newest: watch::Sender::new(0),
            known: Mutex::default(),
            looker: tokio::sync::Mutex::default(),
            begun: AtomicBool::new(false),
            wake: Notify::new(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that this process changed something.
    pub(crate) fn note(&self, areas: impl Into<Areas>) {
        self.known().noted.add(areas);
        self.wake.notify_one();
    }

    /// Says that a heartbeat came that changed nobody's state: that is told, but not at once for each.
    pub(crate) fn beaten(&self) {
        self.known().beaten = true;
    }

    /// Tells whoever listens.
    fn notify(&self, areas: Areas) {
        if areas.is_empty() {
            return;
        }
        let mut known = self.known();
        self.newest.send_modify(|newest| *newest += 1);
        let number = *self.newest.borrow();
        known.changes.push_back((number, areas));
        if known.changes.len() > REMEMBERED {
            known.changes.pop_front();
        }
    }

    /// What changed behind a number; everything, where that is not remembered.
    fn since(&self, number: u64) -> Areas {
        let known = self.known();
        let newest = *self.newest.borrow();
        let first = known.changes.front().map_or(newest + 1, |(number, _)| *number);
        if number > newest || number + 1 < first {
            return Areas::ALL;
        }
        let behind = known.changes.iter().filter(|(of, _)| *of > number);
        behind.fold(Areas::NONE, |mut all, (_, areas)| {
            all.add(*areas);
            all
        })
    }

    /// A number as readers know it.
    fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.process)
    }

    /// The number of an id; none where it is no id of this process's.
    fn number(&self, id: &str) -> Option<u64> {
        let (process, number) = id.rsplit_once('-')?;
        let number = number.parse().ok()?;
        (process == self.process && number <= *self.newest.borrow()).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_back_is_told_what_changed_since_or_everything() {
        let live = Live::new();
        assert_eq!(live.since(0), Areas::NONE);
        live.notify(Areas::NONE);
        assert_eq!(*live.newest.borrow(), 0, "nothing is no change");
        live.notify(Area::Requests.into());
        live.notify(Area::Audit.into());
        assert_eq!(live.since(0), Areas::from([Area::Requests, Area::Audit]));
        assert_eq!(live.since(1), Area::Audit.into());
        assert_eq!(live.since(2), Areas::NONE);
        assert_eq!(live.since(3), Areas::ALL, "it was never given out");
        assert_eq!(live.number(&live.id(2)), Some(2));
        assert_eq!(live.number(&live.id(3)), None);
        assert_eq!(live.number(&Live::new().id(1)), None, "another process's");
        assert_eq!(live.number("2"), None);
        for _ in 0..REMEMBERED {
            live.notify(Area::Health.into());
        }
        assert_eq!(live.since(1), Areas::ALL, "it is forgotten");
        assert_eq!(live.since(2), Area::Health.into());
    }
}
