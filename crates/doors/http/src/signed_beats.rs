//! Heartbeats whose time is their signature's: what was recorded keeps no dead agent alive.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use cc_devops_kernel::names::AgentName;
use jiff::{SignedDuration, Timestamp};

/// For how long a signature of the future is remembered: longer than one is taken.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(31);

/// For how long another heartbeat may have the same second.
const FRESH: SignedDuration = SignedDuration::from_secs(3);

/// Signatures from clocks that run ahead. Their heartbeats count from when they came, so nothing in their times tells a
/// recorded one from a new one but that it was there before. They are known by their second, so that they are never more
/// than the seconds for which a clock may be ahead.
#[derive(Default)]
pub(crate) struct SignedBeats(Mutex<HashMap<(AgentName, i64), Timestamp>>);

impl SignedBeats {
    /// When a heartbeat counts from that was signed, or says that it is of, `said`: never later than now. None where it
    /// was there before.
    pub(crate) fn counts_from(&self, agent: &AgentName, said: Timestamp, now: Timestamp) -> Option<Timestamp> {
        if said <= now {
            return (!self.was_there(agent, said, now)).then_some(said);
        }
        let mut ahead = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.retain(|_, came| now.duration_since(*came) <= REMEMBERED);
        let came = *ahead.entry((agent.clone(), said.as_second())).or_insert(now);
        (now.duration_since(came) <= FRESH).then_some(now)
    }

    fn was_there(&self, agent: &AgentName, said: Timestamp, now: Timestamp) -> bool {
        let ahead = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ahead.is_empty() {
            return false;
        }
        let came = ahead.get(&(agent.clone(), said.as_second()));
        came.is_some_and(|came| now.duration_since(*came) > FRESH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_heartbeat_is_never_of_later_than_now() {
        let (beats, agent) = (SignedBeats::default(), AgentName::new("A").unwrap());
        assert_eq!(beats.counts_from(&agent, at(900), at(1_000)), Some(at(900)));
        assert_eq!(
            beats.counts_from(&agent, at(900), at(1_001)),
            Some(at(900)),
            "the watch knows"
        );
        assert_eq!(beats.counts_from(&agent, at(1_600), at(1_000)), Some(at(1_000)));
    }

    #[test]
    fn those_of_one_second_are_remembered_as_one() {
        let (beats, agent) = (SignedBeats::default(), AgentName::new("A").unwrap());
        for millis in 1_600_000..1_600_500 {
            let said = Timestamp::from_millisecond(millis).unwrap();
            assert_eq!(beats.counts_from(&agent, said, at(1_000)), Some(at(1_000)));
        }
        assert_eq!(beats.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn one_from_a_clock_ahead_counts_once() {
        let (beats, agent) = (SignedBeats::default(), AgentName::new("A").unwrap());
        assert_eq!(beats.counts_from(&agent, at(1_600), at(1_000)), Some(at(1_000)));
        assert_eq!(
            beats.counts_from(&agent, at(1_600), at(1_002)),
            Some(at(1_002)),
            "another one of its second"
        );
        assert_eq!(beats.counts_from(&agent, at(1_600), at(1_300)), None);
        assert_eq!(
            beats.counts_from(&agent, at(1_600), at(1_700)),
            None,
            "also once its time has come"
        );
        // A clock that was set right is heard at once, and so is another agent.
        assert_eq!(beats.counts_from(&agent, at(1_700), at(1_700)), Some(at(1_700)));
        let other = AgentName::new("B").unwrap();
        assert_eq!(beats.counts_from(&other, at(1_900), at(1_700)), Some(at(1_700)));
        assert_eq!(beats.counts_from(&other, at(9_999), at(4_000)), Some(at(4_000)));
        assert_eq!(beats.0.lock().unwrap().len(), 1, "what is over is forgotten");
    }
}
