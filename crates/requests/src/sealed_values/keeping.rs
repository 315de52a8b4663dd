//! Keeping the pairs of keys: one is made when it is first needed and replaced at an age, and what was replaced still
//! opens for a while, so that requests that are under way end well.

use cc_devops_kernel::acts::Author;
use cc_devops_kernel::names::{AgentName, SecretName};
use cc_devops_kernel::outcome::Failure;
use cc_devops_kernel::secret::SecretValue;
use jiff::{SignedDuration, Timestamp};

use super::{Replacing, SealedValue, SealingKey, SealingKeyId, SealingPair, rotates_at, unknown_key};
use crate::ports::{Clock, PortError, PortErrorKind, PortResult, Ports, SealingKeys};

/// How long a pair that was replaced still opens.
pub const OPENS_FOR: SignedDuration = SignedDuration::from_hours(24 * 30);

/// The most pairs that are kept, however often they are replaced: beyond it the oldest go.
pub const MOST_KEPT: usize = 64;

/// How often the newest pair is looked for that somebody else makes just now.
const ROUNDS: usize = 3;

/// A key and how long it is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The key.
    pub key: SealingKey,
    /// Until when values sealed to it are opened; none for the newest, which others are sealed to.
    pub opens_until: Option<Timestamp>,
}

/// Looks after the pairs.
pub struct SealingKeeper<'a> {
    keys: &'a dyn SealingKeys,
    clock: &'a dyn Clock,
}

impl<'a> SealingKeeper<'a> {
    /// Over the ports.
    pub fn new(ports: &'a Ports) -> Self {
        Self {
            keys: &*ports.sealing_keys,
            clock: &*ports.clock,
        }
    }

    /// The key that values are to be sealed to. It is made where there is none, or the newest is too old.
    pub async fn current(&self) -> PortResult<SealingKey> {
        let mut pairs = self.keys.pairs().await?;
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            if let Some(newest) = pairs.first()
                && now < rotates_at(newest.created_at)
            {
                return Ok(newest.published());
            }
            let replacing = Replacing {
                instead_of: pairs.first().map(|newest| newest.id.clone()),
                at: now,
                author: Author::default(),
            };
            if let Some(new) = self.keys.replace(&replacing).await? {
                return Ok(new.published());
            }
            // Somebody else was first.
            pairs = self.keys.pairs().await?;
        }
        Err(unsteady())
    }

    /// Makes a new pair now, and publishes it.
    pub async fn rotate(&self, author: &Author) -> PortResult<SealingKey> {
        for _ in 0..ROUNDS {
            let pairs = self.keys.pairs().await?;
            let replacing = Replacing {
                instead_of: pairs.first().map(|newest| newest.id.clone()),
                at: self.clock.now(),
                author: author.clone(),
            };
            if let Some(new) = self.keys.replace(&replacing).await? {
                let key = new.published();
                self.keys.publish(&key).await?;
                return Ok(key);
            }
        }
        Err(unsteady())
    }

    /// What is to be done from time to time: forgets what is not to open any more, makes the next pair where it is
    /// time, and publishes it. Where a key is published for those alone who ask for it, none is made before somebody has.
    pub async fn keep(&self) -> PortResult<()> {
        let pairs = self.keys.pairs().await?;
        let over = over(&pairs, self.clock.now());
        if !over.is_empty() {
            self.keys.forget(&over).await?;
        }
        if pairs.is_empty() && !self.keys.is_published() {
            return Ok(());
        }
        let current = self.current().await?;
        self.keys.publish(&current).await
    }

    /// The keys that open now, the newest first.
    pub async fn kept(&self) -> PortResult<Vec<Kept>> {
        let now = self.clock.now();
        let pairs = self.keys.pairs().await?;
        let kept = opening(&pairs, now).map(|(pair, opens_until)| Kept {
            key: pair.published(),
            opens_until,
        });
        Ok(kept.collect())
    }

    /// The value in a box, for whom it is meant.
    pub async fn open(
        &self,
        sealed: &SealedValue,
        agent: &AgentName,
        name: &SecretName,
    ) -> PortResult<Result<SecretValue, Failure>> {
        let pairs = self.keys.pairs().await?;
        let found = opening(&pairs, self.clock.now()).find(|(pair, _)| pair.id == sealed.key_id);
        Ok(match found {
            Some((pair, _)) => sealed.open(pair, agent, name),
            None => Err(unknown_key()),
        })
    }
}

fn unsteady() -> PortError {
    PortError::new(
        PortErrorKind::Unavailable,
        "somebody else replaces the sealing key just now; try again",
    )
}

/// The pairs that open at a moment, each with when it ends: so long after the next newer one was made.
fn opening(pairs: &[SealingPair], now: Timestamp) -> impl Iterator<Item = (&SealingPair, Option<Timestamp>)> {
    let ends = |newer: &SealingPair| newer.created_at.saturating_add(OPENS_FOR).unwrap_or(Timestamp::MAX);
    let newer = std::iter::once(None).chain(pairs.iter().map(Some));
    pairs
        .iter()
        .zip(newer)
        .map(move |(pair, newer)| (pair, newer.map(ends)))
        .take(MOST_KEPT)
        .filter(move |(_, ends)| ends.is_none_or(|ends| now < ends))
}

/// The pairs that do not open any more.
fn over(pairs: &[SealingPair], now: Timestamp) -> Vec<SealingKeyId> {
    let opens: Vec<&SealingKeyId> = opening(pairs, now).map(|(pair, _)| &pair.id).collect();
    let ids = pairs.iter().map(|pair| &pair.id);
    ids.filter(|id| !opens.contains(id)).cloned().collect()
}
