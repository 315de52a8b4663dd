//! Who is watched: whoever stands in the parameter of enabled agents, which others write too.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use cc_devops_fleet::watching::Watching;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortErrorKind, PortResult, RecordKind};
use jiff::Timestamp;

use crate::Backend;

/// How many watches are read at once.
const PAGE: usize = 1_000;

/// Why an agent is not watched any more that was taken out of the parameter.
const WHY: &str = "taken out of the list of enabled agents";

/// The agents as they were last brought in line. A function that starts looks at all of them once; from then on, when
/// the parameter has changed.
#[derive(Debug, Default)]
pub struct SyncedAgents(Mutex<Option<BTreeSet<AgentName>>>);

impl SyncedAgents {
    /// Watches whoever is enabled, armed by what was last heard of them, and nobody else.
    ///
    /// # Errors
    /// The parameter, CloudWatch or the table could not be asked; what was begun is ended by the next call.
    pub async fn bring_in_line(&self, backend: &Backend, watching: &Watching, now: Timestamp) -> PortResult<()> {
        let enabled: BTreeSet<AgentName> = backend.enabled_agents().await?.into_iter().collect();
        if self.known().as_ref() == Some(&enabled) {
            return Ok(());
        }
        let watched = watched(backend).await?;
        let mut new = Vec::new();
        for name in enabled.difference(&watched) {
            // Revoked here, or no name for an agent: nobody waits for them.
            if backend.agents().find(name).await?.is_some() {
                new.push(name.clone());
            }
        }
        let heard = backend.last_heard(new, now).await?;
        watching.enroll(&heard, now).await?;
        for name in watched.difference(&enabled) {
            match watching.remove(name, WHY).await {
                // Another function was first.
                Err(error) if error.kind == PortErrorKind::NotFound => {}
                removed => removed?,
            }
        }
        *self.known() = Some(enabled);
        Ok(())
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<BTreeSet<AgentName>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who has a watch.
async fn watched(backend: &Backend) -> PortResult<BTreeSet<AgentName>> {
    let state = backend.state();
    let (mut names, mut after) = (BTreeSet::new(), None);
    loop {
        let page = state
            .list(RecordKind::Watch, None, Option::as_deref(&after), PAGE)
            .await?;
        let found = page.iter().map(|record| &record.key.name);
        names.extend(found.filter_map(|name| AgentName::new(name.as_str()).ok()));
        if page.len() < PAGE {
            return Ok(names);
        }
        after = page.into_iter().last().map(|record| record.key.name);
    }
}
