//! What may be said often, and is said once in a while: a flood of refusals must not become a flood of
//! log lines.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long nothing is said after something was.
const EVERY: Duration = Duration::from_secs(10);

/// One kind of line.
pub(crate) struct ThrottledLog(Mutex<Said>);

struct Said {
    last: Option<Instant>,
    left_out: u64,
}

impl ThrottledLog {
    /// Nothing was said yet.
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Said {
            last: None,
            left_out: 0,
        }))
    }

    /// How many lines were left out since the last one, where it is time for the next.
    pub(crate) fn say(&self) -> Option<u64> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if said.last.is_some_and(|last| now.duration_since(last) < EVERY) {
            said.left_out += 1;
            return None;
        }
        said.last = Some(now);
        Some(std::mem::take(&mut said.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_one_line_with_a_count() {
        let log = ThrottledLog::new();
        assert_eq!(log.say(), Some(0));
        for _ in 0..500 {
            assert_eq!(log.say(), None);
        }
        tokio::time::advance(EVERY).await;
        assert_eq!(log.say(), Some(500));
        assert_eq!(log.say(), None);
    }
}
