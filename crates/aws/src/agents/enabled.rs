//! The list of enabled agents: an SSM parameter that others write too.
//!
//! `PutParameter` takes no version to hold it against, so a write may undo another that came in
//! between. That shows in the version it answers; then the history is read, what the others changed
//! is done again on top of ours, and written once more.

use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use aws_sdk_ssm::types::ParameterType;
use backon::{BackoffBuilder, ExponentialBuilder};
use cc_devops_core::names::AgentName;
use cc_devops_core::ports::{PortError, PortErrorKind, PortResult};

use crate::Shared;
use crate::error::port_error;

/// What a standard parameter holds, in characters.
const MAX_CHARS: usize = 4_096;

/// How often a change is written at most.
const TRIES: usize = 12;

/// How long a list that was read is good for finding a name that is in it.
pub(super) const FRESH: Duration = Duration::from_mins(1);

/// The list as it was last read.
#[derive(Default)]
pub(super) struct Cache(Mutex<Option<(Instant, Vec<String>)>>);

/// A change of the list.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change<'a> {
    Add(&'a AgentName),
    Remove(&'a AgentName),
}

impl Change<'_> {
    /// The list after the change; none where it is so already.
    fn of(self, names: &[String]) -> Option<Vec<String>> {
        let mut changed = names.to_vec();
        match self {
            Self::Add(name) => {
                if names.iter().any(|known| known == name.as_str()) {
                    return None;
                }
                changed.push(name.to_string());
            }
            Self::Remove(name) => {
                changed.retain(|known| known != name.as_str());
                if changed.len() == names.len() {
                    return None;
                }
            }
        }
        Some(changed)
    }
}

/// The names of a list, in its order, each once.
pub(super) fn names_of(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// What another's write turned `before` into, done on top of `ours`.
fn merged(ours: &[String], before: &[String], after: &[String]) -> Vec<String> {
    let mut merged = ours.to_vec();
    merged.retain(|name| after.contains(name) || !before.contains(name));
    for name in after {
        if !before.contains(name) && !merged.contains(name) {
            merged.push(name.clone());
        }
    }
    merged
}

impl Cache {
    /// Whether a name was in the list lately.
    fn has(&self, name: &AgentName) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .as_ref()
            .is_some_and(|(at, names)| at.elapsed() < FRESH && names.iter().any(|known| known == name.as_str()))
    }

    fn keep(&self, names: Vec<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), names));
    }
}

impl Shared {
    /// The list and its version; version 0 where there is no parameter.
    pub(crate) async fn enabled(&self) -> PortResult<(Vec<String>, i64)> {
        let call = self.clients.ssm().get_parameter().name(&self.resources.enabled_agents);
        match call.send().await {
            Ok(answer) => {
                let parameter = answer
                    .parameter
                    .unwrap_or_else(|| aws_sdk_ssm::types::Parameter::builder().build());
                Ok((names_of(parameter.value().unwrap_or_default()), parameter.version))
            }
            Err(error) if error.code() == Some("ParameterNotFound") => Ok((Vec::new(), 0)),
            Err(error) => Err(port_error("ssm:GetParameter", error)),
        }
    }

    /// Whether an agent is enabled. A name that is missing is looked for again at once.
    pub(super) async fn is_enabled(&self, cache: &Cache, name: &AgentName) -> PortResult<bool> {
        if cache.has(name) {
            return Ok(true);
        }
        let (names, _) = self.enabled().await?;
        cache.keep(names);
        Ok(cache.has(name))
    }

    /// Changes the list, and loses no name that others write at the same time.
    pub(super) async fn change_enabled(&self, cache: &Cache, change: Change<'_>) -> PortResult<()> {
        let mut delays = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(20))
            .with_max_delay(Duration::from_secs(1))
            .with_jitter()
            .without_max_times()
            .build();
        let (mut names, mut version) = self.enabled().await?;
        // Set once our own write may have undone another's.
        let mut owed = false;
        for _ in 0..TRIES {
            let wanted = match change.of(&names) {
                Some(wanted) => wanted,
                None if owed => names.clone(),
                None => {
                    cache.keep(names);
                    return Ok(());
                }
            };
            let written = self.put_enabled(&wanted, version == 0).await?;
            if written == Some(version + 1) {
                cache.keep(wanted);
                return Ok(());
            }
            if let Some(written) = written {
                let (lost, newest) = self.history(version, written, &names, &wanted).await?;
                owed = lost != wanted;
                (names, version) = (lost, newest);
                if !owed && newest == written {
                    cache.keep(names);
                    return Ok(());
                }
            } else {
                // Somebody else created it meanwhile.
                (names, version) = self.enabled().await?;
            }
            if let Some(delay) = delays.next() {
                tokio::time::sleep(delay).await;
            }
        }
        let message = format!(
            "{} is written by others all the time; try again",
            self.resources.enabled_agents
        );
        Err(PortError::new(PortErrorKind::Unavailable, message))
    }

    /// Writes the list and answers its version; none where it should not have existed and did.
    async fn put_enabled(&self, names: &[String], create: bool) -> PortResult<Option<i64>> {
        // A parameter cannot be empty; a lone comma holds no name.
        let text = if names.is_empty() {
            ",".to_owned()
        } else {
            names.join(",")
        };
        if text.chars().count() > MAX_CHARS {
            let message = format!(
                "{} would have more than {MAX_CHARS} characters: revoke agents that are gone",
                self.resources.enabled_agents
            );
            return Err(PortError::new(PortErrorKind::Full, message));
        }
        let call = self.clients.ssm().put_parameter().name(&self.resources.enabled_agents);
        let call = call.r#type(ParameterType::String).value(text).overwrite(!create);
        match call.send().await {
            Ok(answer) => Ok(Some(answer.version)),
            Err(error) if error.code() == Some("ParameterAlreadyExists") => Ok(None),
            Err(error) => Err(port_error("ssm:PutParameter", error)),
        }
    }

    /// What the list should be: every write after `read` done on top of one another, with ours
    /// (`written`) as the change from `before` to `ours`. With it, the newest version.
    async fn history(
        &self,
        read: i64,
        written: i64,
        before: &[String],
        ours: &[String],
    ) -> PortResult<(Vec<String>, i64)> {
        let mut versions: Vec<(i64, Vec<String>)> = Vec::new();
        let mut next = None;
        loop {
            let call = self
                .clients
                .ssm()
                .get_parameter_history()
                .name(&self.resources.enabled_agents);
            let answer = call.max_results(50).set_next_token(next).send().await;
            let answer = answer.map_err(|error| port_error("ssm:GetParameterHistory", error))?;
            for version in answer.parameters.unwrap_or_default() {
                if version.version > read {
                    versions.push((version.version, names_of(version.value().unwrap_or_default())));
                }
            }
            next = answer.next_token;
            if next.is_none() {
                break;
            }
        }
        versions.sort_by_key(|(version, _)| *version);
        let newest = versions.last().map_or(written, |(version, _)| *version);
        let mut names = before.to_vec();
        let mut previous = before.to_vec();
        for (version, after) in versions {
            if version == written {
                // Ours was made from what we had read, not from what stood there.
                names = merged(&names, before, ours);
            } else {
                names = merged(&names, &previous, &after);
            }
            previous = after;
        }
        Ok((names, newest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<String> {
        names_of(text)
    }

    #[test]
    fn a_list_is_read_as_others_write_it() {
        assert_eq!(list(" A, B ,,A,"), ["A", "B"]);
        assert!(list(",").is_empty() && list("").is_empty());
    }

    #[test]
    fn what_another_added_and_removed_is_done_again() {
        assert_eq!(
            merged(&list("A,B,Ours"), &list("A,B"), &list("A,Theirs")),
            list("A,Ours,Theirs")
        );
        assert_eq!(merged(&list("A"), &list("A,B"), &list("A,B,C")), list("A,C"));
    }
}
