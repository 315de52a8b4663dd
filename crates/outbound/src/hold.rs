//! A pause that a server asked of everybody who uses one credential.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Nothing leaves before a time. Shared by all requests of one client.
#[derive(Debug)]
pub struct Hold {
    until: Mutex<Instant>,
}

impl Default for Hold {
    fn default() -> Self {
        Self {
            until: Mutex::new(Instant::now()),
        }
    }
}

impl Hold {
    /// The server said it is too much: nothing leaves for so long. A longer pause that was asked for before
    /// stays.
    pub fn pause(&self, pause: Duration) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        // Later than a clock can say is a pause that the caller should have bounded; then the old one stays.
        *until = Instant::now()
            .checked_add(pause)
            .map_or(*until, |later| later.max(*until));
    }

    /// Returns when the pause is over, and every one that was asked for meanwhile.
    pub async fn over(&self) {
        loop {
            let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
            if Instant::now() >= until {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longest_pause_counts() {
        for (pauses, expected) in [(&[][..], 0), (&[3][..], 3), (&[3, 1][..], 3), (&[1, 3][..], 3)] {
            let (hold, begin) = (Hold::default(), Instant::now());
            for pause in pauses {
                hold.pause(Duration::from_secs(*pause));
            }
            hold.over().await;
            assert_eq!(begin.elapsed().as_secs(), expected, "{pauses:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_is_asked_for_meanwhile_counts_too() {
        let (hold, begin) = (Hold::default(), Instant::now());
        hold.pause(Duration::from_secs(2));
        let second = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            hold.pause(Duration::from_secs(5));
        };
        tokio::join!(hold.over(), second);
        assert_eq!(begin.elapsed().as_secs(), 6);
        hold.pause(Duration::MAX);
        hold.over().await;
    }
}
