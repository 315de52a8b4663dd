//! An agent's queue of completions: its outcomes of the last days, each until it is deleted.
//!
//! The event log is the queue. What an agent has not fetched yet is behind its place in the log, and stands nowhere else: so an
//! outcome costs nothing more for being in a queue, and a queue is there before anybody asks for it.

use cc_devops_kernel::events::{EventBody, LoggedEvent};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::outcome::Completed;
use cc_devops_kernel::paging::Cursor;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// How long a completion stays in its queue, as SQS has it where nothing else is said.
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(4 * 24);

/// The longest name of a queue in SQS, in bytes; an agent's name has ASCII alone.
const LONGEST_NAME: usize = 80;

/// How much of a longer one is kept, and how many hex digits of its hash stand behind it.
const SHORTENED: (usize, usize) = (63, 16);

/// How an agent's queue is called: `devops-completed-` and the agent's exact name. Of one that is too long for SQS, the first
/// 63 characters, a dash, and the first 16 hex digits of its SHA-256.
pub fn queue_name(agent: &AgentName) -> String {
    let name = format!("devops-completed-{agent}");
    if name.len() <= LONGEST_NAME {
        return name;
    }
    let (head, digits) = SHORTENED;
    let hash = hex::encode(Sha256::digest(&name));
    let head: String = name.chars().take(head).collect();
    let digits: String = hash.chars().take(digits).collect();
    format!("{head}-{digits}")
}

/// Before which time a completion is in no queue any more, as of `now`.
pub fn kept_since(now: Timestamp) -> Timestamp {
    now.saturating_sub(KEPT_FOR).unwrap_or(Timestamp::MIN)
}

/// A completion that was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedCompletion {
    /// Its place in the event log, by which it is deleted.
    pub place: Cursor,
    /// What it tells.
    pub completed: Completed,
    /// When it came into the queue.
    pub sent_at: Timestamp,
    /// When it was handed out for the first time.
    pub first_received_at: Timestamp,
    /// How often it was handed out, from 1.
    pub receives: u32,
}

impl QueuedCompletion {
    /// The completion that an event is, handed out so often; none where it is no completion.
    pub fn of(logged: LoggedEvent, first_received_at: Timestamp, receives: u32) -> Option<Self> {
        let EventBody::Completed(completed) = logged.event.body else {
            return None;
        };
        Some(Self {
            place: logged.cursor,
            completed,
            sent_at: logged.published_at,
            first_received_at,
            receives,
        })
    }
}

/// What became of the wish to hide a completion for longer, or for no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hiding {
    /// It is hidden until then.
    Changed,
    /// It is not hidden: it waits for whoever asks next.
    NotInFlight,
    /// It is not in the queue, or not any more.
    Gone,
}

/// How many completions a queue has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Those that whoever asks gets.
    pub visible: u64,
    /// Those that are hidden because somebody has them.
    pub in_flight: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_called_by_its_agents_exact_name() {
        let name = |text: String| queue_name(&AgentName::new(text).unwrap());
        assert_eq!(name("Cost_Sentinel-2".into()), "devops-completed-Cost_Sentinel-2");
        assert_eq!(name("a".repeat(63)).len(), 80, "the longest that fits");
        assert_eq!(name("a".repeat(63)), format!("devops-completed-{}", "a".repeat(63)));
    }

    #[test]
    fn one_that_is_too_long_for_sqs_ends_in_its_hash() {
        let name = |last: char| queue_name(&AgentName::new(format!("{}{last}", "a".repeat(63))).unwrap());
        let shortened = name('b');
        assert_eq!(shortened.len(), 80);
        assert!(shortened.starts_with(&format!("devops-completed-{}-", "a".repeat(46))));
        assert_ne!(shortened, name('c'), "no two agents share a queue");
    }

    #[test]
    fn a_queue_reaches_back_four_days_and_no_further_than_time() {
        assert_eq!(kept_since(Timestamp::MIN), Timestamp::MIN);
        let now = Timestamp::constant(1_750_000_000, 0);
        assert_eq!(now.duration_since(kept_since(now)), KEPT_FOR);
    }
}
