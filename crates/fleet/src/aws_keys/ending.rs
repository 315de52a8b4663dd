//! How an agent's access keys end with its tokens.

use cc_devops_kernel::acts::Author;
use cc_devops_kernel::audit::actions;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult, Record, StateChange, StateStore};
use jiff::Timestamp;
use serde_json::json;

use super::TRIES;
use super::kept::{Kept, records_of};
use crate::rows::of_agent;

/// How all keys of an agent end.
pub(crate) struct Ending<'a> {
    /// Where they are kept.
    pub(crate) state: &'a dyn StateStore,
    /// Now.
    pub(crate) at: Timestamp,
    /// Until when they go on, and the store's key for them; none where they end at once.
    pub(crate) until: Option<(Timestamp, [u8; 32])>,
}

/// What becomes of a key.
enum End {
    /// It ends earlier than it did.
    Sooner(StateChange),
    /// It has ended long since, and is forgotten: a clock that goes back must not bring it to life.
    Forgotten(StateChange),
    /// It ends soon enough.
    AsItWas,
}

impl Ending<'_> {
    /// Ends them, on record where there are any.
    pub(crate) async fn of(&self, name: &AgentName, author: &Author) -> PortResult<()> {
        for _ in 0..TRIES {
            let (mut changes, mut ended) = (Vec::new(), Vec::new());
            for record in records_of(self.state, name).await? {
                let id = record.key.name.clone();
                match self.end(record)? {
                    End::Sooner(change) => {
                        ended.push(id);
                        changes.push(change);
                    }
                    End::Forgotten(change) => changes.push(change),
                    End::AsItWas => {}
                }
            }
            if changes.is_empty() {
                return Ok(());
            }
            let end = self.until.map_or(self.at, |(until, _)| until);
            let entry = (!ended.is_empty()).then(|| {
                let detail = json!({"awsAccessKeyIds": ended, "end": end});
                of_agent(author, self.at, actions::AWS_KEY_ENDED, name, detail)
            });
            match self.state.write(&changes, entry.as_ref()).await {
                // Somebody else ends one of them.
                Err(error) if error.kind == PortErrorKind::Superseded => {}
                written => return written,
            }
        }
        let message = format!("others change the access keys of {name} at the same time; try again");
        Err(PortError::new(PortErrorKind::Unavailable, message))
    }

    fn end(&self, record: Record) -> PortResult<End> {
        let Some((until, key)) = self.until else {
            return Ok(End::Sooner(record.removal()));
        };
        // What somebody else wrote, or nobody can read, is no key.
        let Ok(Some((id, kept))) = Kept::open(&record, &key) else {
            return Ok(End::Forgotten(record.removal()));
        };
        if !kept.is_good(self.at) {
            return Ok(End::Forgotten(record.removal()));
        }
        if kept.ends.is_some_and(|ends| ends <= until) {
            return Ok(End::AsItWas);
        }
        let kept = Kept {
            ends: Some(until),
            ..kept
        };
        kept.change(&id, record.version, &key).map(End::Sooner)
    }
}
