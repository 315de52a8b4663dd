//! Whether an agent is alive, from its last heartbeat and the clock.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Beat;

/// How often heartbeats are expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeartbeatInterval {
    /// The time between two heartbeats.
    pub period: SignedDuration,
    /// How much later one may come before the agent counts as down.
    pub grace: SignedDuration,
}

impl Default for HeartbeatInterval {
    /// Every five minutes (section 5 of the wire contract), and as much grace again.
    fn default() -> Self {
        Self {
            period: SignedDuration::from_mins(5),
            grace: SignedDuration::from_mins(5),
        }
    }
}

/// An agent's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Liveness {
    /// It was never heard.
    New,
    /// It was heard within its period and said it works.
    Up,
    /// Its heartbeat is overdue, within the grace.
    Late,
    /// Its heartbeat is overdue beyond the grace, or its last one said it fails.
    Down,
}

impl Liveness {
    /// The state of an agent whose last heartbeat was `last`.
    pub fn of(last: Option<&Beat>, now: Timestamp, interval: HeartbeatInterval) -> Self {
        let Some(beat) = last else { return Self::New };
        let age = now.duration_since(beat.at);
        let late_after = interval.period;
        let down_after = interval.period.saturating_add(interval.grace);
        if !beat.healthy || age > down_after {
            Self::Down
        } else if age > late_after {
            Self::Late
        } else {
            Self::Up
        }
    }

    /// The state's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Up => "up",
            Self::Late => "late",
            Self::Down => "down",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(age_seconds: i64, healthy: bool) -> Liveness {
        let at = Timestamp::from_second(1_000_000).unwrap();
        let beat = Beat {
            at,
            healthy,
            message: None,
        };
        let now = at.checked_add(SignedDuration::from_secs(age_seconds)).unwrap();
        Liveness::of(Some(&beat), now, HeartbeatInterval::default())
    }

    #[test]
    fn the_borders_belong_to_the_kinder_side() {
        assert_eq!(state(0, true), Liveness::Up);
        assert_eq!(state(300, true), Liveness::Up);
        assert_eq!(state(301, true), Liveness::Late);
        assert_eq!(state(600, true), Liveness::Late);
        assert_eq!(state(601, true), Liveness::Down);
    }

    #[test]
    fn an_agent_that_says_it_fails_is_down_and_a_silent_one_is_new() {
        assert_eq!(state(0, false), Liveness::Down);
        assert_eq!(
            Liveness::of(None, Timestamp::UNIX_EPOCH, HeartbeatInterval::default()),
            Liveness::New
        );
    }

    #[test]
    fn a_clock_that_went_back_does_not_take_an_agent_down() {
        assert_eq!(state(-3600, true), Liveness::Up);
    }
}
