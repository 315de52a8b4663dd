//! The parameter with the enabled agents' names: one text, which others write too.
//!
//! The parameter store takes a write whatever was written before it. So every write is checked by
//! the version it became, and where another came in between, the history tells both apart and they
//! are put together ([`super::names::merged`]). For that, a write says in the parameter's
//! description which version it was made from; of others' writes it is guessed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_ssm::types::ParameterType;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use backon::{BackoffBuilder, ExponentialBuilder};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::names::{Change, Version, merged, names, same, text};
use crate::Shared;
use crate::error::port_error;
use crate::times::timestamp;

/// The most characters that a standard parameter holds.
const MOST_CHARS: usize = 4_096;
/// How long a list that was read is good for finding a name in it.
const KNOWN_FOR: Duration = Duration::from_mins(1);
/// How often a change is tried, as long as others write at the same time.
const TRIES: usize = 12;

/// The parameter.
pub(super) struct Enabled {
    shared: Arc<Shared>,
    known: Mutex<Option<Known>>,
}

struct Known {
    names: Vec<String>,
    read_at: Instant,
}

/// The parameter as it was read.
#[derive(Debug, Default)]
pub(crate) struct List {
    /// The names, as they stand there.
    pub(super) names: Vec<String>,
    /// When it was last written; none where there is no parameter.
    pub(super) changed_at: Option<Timestamp>,
    version: i64,
}

impl List {
    /// Whether the name is enabled.
    pub(super) fn has(&self, name: &AgentName) -> bool {
        self.names.iter().any(|known| known == name.as_str())
    }

    /// Those that are agents' names.
    pub(crate) fn agents(&self) -> impl Iterator<Item = AgentName> + '_ {
        self.names.iter().filter_map(|name| AgentName::new(name.as_str()).ok())
    }
}

impl Shared {
    /// Who is enabled; nobody, where there is no parameter.
    pub(crate) async fn enabled(&self) -> PortResult<List> {
        Ok(self.find_enabled().await?.unwrap_or_default())
    }

    async fn find_enabled(&self) -> PortResult<Option<List>> {
        let call = self.clients.ssm().get_parameter().name(&self.resources.enabled_agents);
        match call.send().await {
            Ok(answer) => Ok(answer.parameter.map(|parameter| List {
                names: names(parameter.value().unwrap_or_default()),
                changed_at: parameter.last_modified_date().and_then(timestamp),
                version: parameter.version(),
            })),
            Err(error) if error.code() == Some("ParameterNotFound") => Ok(None),
            Err(error) => Err(port_error("ssm:GetParameter", error)),
        }
    }
}

impl Enabled {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            known: Mutex::new(None),
        }
    }

    /// Whether an agent is enabled. A list read a short time ago will do to find it; to say that it
    /// is not there the parameter is read again, so a new agent is found at once.
    pub(super) async fn has(&self, name: &AgentName) -> PortResult<bool> {
        let is_known = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let fresh = known.as_ref().filter(|known| known.read_at.elapsed() < KNOWN_FOR);
            fresh.is_some_and(|known| known.names.iter().any(|known| known == name.as_str()))
        };
        if is_known {
            return Ok(true);
        }
        let list = self.shared.enabled().await?;
        let is_there = list.has(name);
        self.remember(Some(Known {
            names: list.names,
            read_at: Instant::now(),
        }));
        Ok(is_there)
    }

    /// Puts a name among the enabled ones.
    pub(super) async fn add(&self, name: &AgentName) -> PortResult<()> {
        self.change(Change::Add(name.as_str())).await
    }

    /// Takes a name away from the enabled ones.
    pub(super) async fn remove(&self, name: &AgentName) -> PortResult<()> {
        self.change(Change::Remove(name.as_str())).await
    }

    fn remember(&self, known: Option<Known>) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    fn parameter(&self) -> &str {
        &self.shared.resources.enabled_agents
    }

    async fn change(&self, change: Change<'_>) -> PortResult<()> {
        self.remember(None);
        let mut race = Race::default();
        let mut delays = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(20))
            .with_max_delay(Duration::from_secs(1))
            .with_max_times(TRIES)
            .with_jitter()
            .build();
        while !self.try_change(&mut race, change).await? {
            let Some(delay) = delays.next() else {
                return Err(PortError::new(
                    PortErrorKind::Unavailable,
                    format!(
                        "the parameter {} is being written by others all the time: try again",
                        self.parameter()
                    ),
                ));
            };
            tokio::time::sleep(delay).await;
        }
        Ok(())
    }

    /// Whether the change stands, with everything that others have changed meanwhile.
    async fn try_change(&self, race: &mut Race, change: Change<'_>) -> PortResult<bool> {
        let (base, wanted) = if let (Some(first), Some(ours)) = (race.first, race.ours) {
            let versions = self.history().await?;
            if versions.last().is_none_or(|last| last.number < first) {
                // It was deleted, and perhaps made anew.
                *race = Race::default();
                return Ok(false);
            }
            let Some(versions) = whole(&versions, first, ours) else {
                return Ok(false);
            };
            let wanted = merged(versions, first);
            match versions.last() {
                Some(latest) if !same(&latest.names, &wanted) => (latest.number, wanted),
                _ => return Ok(true),
            }
        } else {
            let list = self.shared.find_enabled().await?;
            let version = list.as_ref().map(|list| list.version);
            let mut wanted = list.map(|list| list.names).unwrap_or_default();
            if change.is_made(&wanted) {
                return Ok(true);
            }
            change.make(&mut wanted);
            let Some(version) = version else {
                return Ok(self.write(&wanted, None).await?.is_some());
            };
            race.first = Some(version);
            (version, wanted)
        };
        let Some(written) = self.write(&wanted, Some(base)).await? else {
            return Ok(false);
        };
        race.ours = Some(written);
        Ok(written == base + 1)
    }

    /// Writes the names, made from the version `base`, or the first; the version that this became,
    /// or none where another writer must be waited for.
    async fn write(&self, names: &[String], base: Option<i64>) -> PortResult<Option<i64>> {
        let value = text(names);
        let chars = value.chars().count();
        if chars > MOST_CHARS {
            return Err(PortError::new(
                PortErrorKind::Full,
                format!(
                    "the parameter {} would have {chars} characters, and a standard parameter holds {MOST_CHARS}: \
                     revoke agents that are gone",
                    self.parameter()
                ),
            ));
        }
        let call = self.shared.clients.ssm().put_parameter().name(self.parameter());
        let call = call.description(description(base.unwrap_or_default(), &value));
        // A type may be given at the making alone.
        let kind = base.is_none().then_some(ParameterType::String);
        match call.value(value).set_type(kind).overwrite(base.is_some()).send().await {
            Ok(answer) => Ok(Some(answer.version())),
            Err(error) if matches!(error.code(), Some("ParameterAlreadyExists" | "TooManyUpdates")) => Ok(None),
            Err(error) => Err(port_error("ssm:PutParameter", error)),
        }
    }

    /// The versions that are kept (the store keeps a hundred), oldest first.
    async fn history(&self) -> PortResult<Vec<Version>> {
        let call = self.shared.clients.ssm().get_parameter_history().name(self.parameter());
        let mut pages = call.into_paginator().send();
        let mut versions = Vec::new();
        while let Some(page) = pages.next().await {
            let page = match page {
                Err(error) if error.code() == Some("ParameterNotFound") => return Ok(Vec::new()),
                page => page.map_err(|error| port_error("ssm:GetParameterHistory", error))?,
            };
            versions.extend(page.parameters().iter().map(|version| {
                let value = version.value().unwrap_or_default();
                Version {
                    number: version.version(),
                    names: names(value),
                    base: base(version.description().unwrap_or_default(), value),
                }
            }));
        }
        versions.sort_by_key(|version| version.number);
        Ok(versions)
    }
}

/// A change and its writes, since another's crossed them.
#[derive(Default)]
struct Race {
    /// The version that was read first.
    first: Option<i64>,
    /// The version that is our newest write.
    ours: Option<i64>,
}

/// The versions of a history up to its end without a gap, if that holds the one that was read first
/// and our own: a history may lag behind the writes.
fn whole(versions: &[Version], first: i64, ours: i64) -> Option<&[Version]> {
    let follows = |pair: &[Version]| matches!(pair, [one, next] if one.number + 1 == next.number);
    let gap = versions.windows(2).rposition(|pair| !follows(pair));
    let tail = versions.get(gap.map_or(0, |gap| gap + 1)..)?;
    let reaches = tail.first()?.number <= first && ours <= tail.last()?.number;
    reaches.then_some(tail)
}

/// What a write says of itself: the version it was made from, and a check by which the text is
/// known to be the one it says it of. Who writes without a description may leave the older one.
fn description(base: i64, value: &str) -> String {
    format!("{ABOUT}{base}, {}", check(value))
}

/// The version that a write was made from, if it says so of this value.
fn base(description: &str, value: &str) -> Option<i64> {
    let (base, its_check) = description.strip_prefix(ABOUT)?.split_once(", ")?;
    (its_check == check(value)).then(|| base.parse().ok())?
}

/// The start of what a write says of itself.
const ABOUT: &str = "The enabled agents, separated by commas. Written by cc-devops from version ";

fn check(value: &str) -> String {
    let mut digest = hex::encode(Sha256::digest(value));
    digest.truncate(16);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(numbers: &[i64]) -> Vec<Version> {
        let version = |number: &i64| Version {
            number: *number,
            names: Vec::new(),
            base: None,
        };
        numbers.iter().map(version).collect()
    }

    #[test]
    fn a_history_with_a_gap_or_without_our_write_is_not_whole() {
        let numbers = |history: &[i64]| -> Option<Vec<i64>> {
            let history = versions(history);
            let tail = whole(&history, 7, 9)?;
            Some(tail.iter().map(|version| version.number).collect())
        };
        assert_eq!(numbers(&[7, 8, 9, 10]), Some(vec![7, 8, 9, 10]));
        assert_eq!(
            numbers(&[3, 6, 7, 8, 9]),
            Some(vec![6, 7, 8, 9]),
            "a gap before is none of ours"
        );
        for lagging in [&[7, 9][..], &[8, 9], &[7, 8], &[]] {
            assert_eq!(numbers(lagging), None, "{lagging:?}");
        }
    }

    #[test]
    fn a_write_says_what_it_was_made_from_and_of_which_text() {
        let said = description(17, "A,B");
        assert_eq!(base(&said, "A,B"), Some(17));
        assert_eq!(base(&said, "A,C"), None, "another's text under an older description");
        assert_eq!(base("the agents", "A,B"), None);
        assert!(said.len() < 1024, "the longest description of a parameter");
    }
}
