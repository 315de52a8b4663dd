//! The marks of being awake. Between two of them that are more than a minute apart nobody could hear: deadlines stand
//! still for that time. A clock that was set is such a gap too, in either direction.
//!
//! The mark's record has a number for each gap, and the gaps that were not yet applied to every watch. A watch has the
//! number of the last gap that was applied to it, so whoever reads one that is behind applies what it missed: however
//! often the pass over all watches is broken off or made twice, each gap moves each deadline once.

use cc_devops_kernel::ports::{Content, PortResult, Record, RecordKey, RecordKind, StateChange};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::record::{Watched, read, written};
use super::turn::Turn;
use super::{TRIES, Watching, met_another, to_millis};
use crate::watch::WatchSettings;

/// The longest time between two marks that is no gap.
pub const LONGEST_BREATH: SignedDuration = SignedDuration::from_mins(1);

/// How old a mark may be before another one is made by what is heard and swept. What it is too old by, deadlines are
/// moved too far by.
const MARK_EVERY: SignedDuration = SignedDuration::from_secs(5);

/// The same where nothing is blind, and each write has its price.
const MARK_SELDOM: SignedDuration = SignedDuration::from_secs(30);

/// The mark's name.
const NAME: &str = "watch";

/// How many watches one step of the pass over all of them takes.
const STEP: usize = 1_000;

/// A mark, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Mark {
    at: Timestamp,
    /// The number of the last gap.
    #[serde(default)]
    epoch: u64,
    /// Gaps that not every watch was moved over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    gaps: Vec<Gap>,
    /// The name of the last watch that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    applied_to: Option<String>,
}

/// Time in which nobody could hear.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Gap {
    number: u64,
    from: Timestamp,
    to: Timestamp,
}

/// What this process knows of the mark.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    at: Timestamp,
    epoch: u64,
    gaps: Vec<Gap>,
}

impl Watching {
    /// Marks that the watch is awake. Where the last mark is more than a minute ago, the deadlines of all watches are
    /// moved by that time, or what was begun of it is ended. To be called at least twice a minute, and before a process
    /// begins to hear; what is heard and swept does it where nobody did.
    ///
    /// # Errors
    /// What the store says. What was begun is ended by the next call.
    pub async fn awake(&self, now: Timestamp) -> PortResult<()> {
        let has_gaps = self.seen().as_ref().is_some_and(|seen| !seen.gaps.is_empty());
        if self.is_marked(now) && !has_gaps {
            return Ok(());
        }
        let mark = self.mark(now).await?;
        if mark.gaps.is_empty() {
            Ok(())
        } else {
            self.apply(mark).await
        }
    }

    /// When the watch was last awake, here or elsewhere; none where it never was.
    pub async fn last_awake(&self) -> PortResult<Option<Timestamp>> {
        Ok(self.read_mark().await?.map(|(_, mark)| mark.at))
    }

    /// Makes sure that what is heard or swept at `now` meets deadlines that know of the gap before it.
    pub(super) async fn ready(&self, now: Timestamp) -> PortResult<()> {
        if !self.is_marked(now) {
            self.mark(now).await?;
        }
        Ok(())
    }

    /// Makes sure that the gaps are known, without being awake: for a command beside the server, which hears nobody.
    pub(super) async fn informed(&self, now: Timestamp) -> PortResult<()> {
        if !self.is_marked(now)
            && let Some((_, mark)) = self.read_mark().await?
        {
            // It stays stale: the next one who hears makes a mark.
            self.remember(&mark);
        }
        Ok(())
    }

    /// The number of the last gap.
    pub(super) fn epoch(&self) -> u64 {
        self.seen().as_ref().map_or(0, |seen| seen.epoch)
    }

    /// A watch's turn, with its deadlines moved over the gaps that it did not know of.
    pub(super) fn turn(&self, watched: Watched) -> Turn {
        let (epoch, gaps) = match &*self.seen() {
            Some(seen) if seen.epoch > watched.kept.epoch => (seen.epoch, seen.gaps.clone()),
            _ => return Turn::of(watched),
        };
        moved(watched, epoch, &gaps, &self.defaults)
    }

    async fn read_mark(&self) -> PortResult<Option<(Record, Mark)>> {
        let key = RecordKey::new(RecordKind::Mark, NAME);
        let record = self.ports.state.read_one(&key).await?;
        record
            .map(|record| read(&record).map(|mark| (record, mark)))
            .transpose()
    }

    fn remember(&self, mark: &Mark) {
        *self.seen() = Some(Seen {
            at: mark.at,
            epoch: mark.epoch,
            gaps: mark.gaps.clone(),
        });
    }

    /// Whether the last mark that is known is a fresh one.
    fn is_marked(&self, now: Timestamp) -> bool {
        self.seen()
            .as_ref()
            .is_some_and(|seen| apart(seen.at, now) < self.mark_every())
    }

    fn mark_every(&self) -> SignedDuration {
        if self.heartbeat_source.is_some() {
            MARK_SELDOM
        } else {
            MARK_EVERY
        }
    }

    /// Renews the mark, with the gap before it.
    async fn mark(&self, now: Timestamp) -> PortResult<Mark> {
        let now = to_millis(now);
        let mut tries = 0;
        loop {
            let (version, old) = match self.read_mark().await? {
                Some((record, mark)) => (record.version, Some(mark)),
                None => (0, None),
            };
            let renewed = old.as_ref().is_some_and(|mark| apart(mark.at, now) < self.mark_every());
            let mut mark = old.unwrap_or(Mark {
                at: now,
                epoch: 0,
                gaps: Vec::new(),
                applied_to: None,
            });
            if renewed {
                self.remember(&mark);
                return Ok(mark);
            }
            if self.heartbeat_source.is_none() && apart(mark.at, now) > LONGEST_BREATH {
                mark.epoch += 1;
                mark.gaps.push(Gap {
                    number: mark.epoch,
                    from: mark.at,
                    to: now,
                });
                mark.applied_to = None;
            }
            mark.at = now;
            let outcome = self.ports.state.write(&[mark_change(&mark, version)?], None).await;
            tries += 1;
            if met_another(&outcome) && tries < TRIES {
                continue;
            }
            outcome?;
            self.remember(&mark);
            return Ok(mark);
        }
    }

    /// Moves the deadlines of all watches over the mark's gaps, from where it was left.
    async fn apply(&self, mark: Mark) -> PortResult<()> {
        let (epoch, mut after) = (mark.epoch, mark.applied_to);
        loop {
            let page = self
                .ports
                .state
                .list(RecordKind::Watch, None, after.as_deref(), STEP)
                .await?;
            let now = self.now();
            let mut turns = Vec::new();
            for record in &page {
                let watched = Watched::of(record)?;
                if watched.kept.epoch < epoch {
                    turns.push(self.turn(watched));
                }
            }
            self.write_all(turns, now).await?;
            let done = page.len() < STEP;
            after = page.into_iter().last().map(|record| record.key.name).or(after);
            // It goes on being awake meanwhile; and whoever goes on from here need not begin anew.
            let (record, mut mark) = match self.read_mark().await? {
                Some((record, mark)) if mark.epoch == epoch => (record, mark),
                // There is another gap already, which begins the pass anew.
                _ => return Ok(()),
            };
            mark.at = if apart(mark.at, now) <= LONGEST_BREATH {
                now
            } else {
                mark.at
            };
            mark.applied_to = if done { None } else { after.clone() };
            if done {
                mark.gaps.clear();
            }
            let outcome = self
                .ports
                .state
                .write(&[mark_change(&mark, record.version)?], None)
                .await;
            if !met_another(&outcome) {
                outcome?;
                self.remember(&mark);
            }
            if done {
                return Ok(());
            }
        }
    }
}

/// A watch's turn over the gaps that it does not know of.
fn moved(watched: Watched, epoch: u64, gaps: &[Gap], defaults: &WatchSettings) -> Turn {
    let known = watched.kept.epoch;
    let mut turn = Turn::of(watched);
    for gap in gaps.iter().filter(|gap| gap.number > known) {
        turn.let_happen(defaults, None, |state, settings| {
            // When the agent was heard somebody was awake, whenever the mark was made.
            let heard = state.heard.max(state.started).filter(|heard| *heard <= gap.to);
            let from = heard.map_or(gap.from, |heard| heard.max(gap.from));
            state.shift(settings, if gap.from < gap.to { from } else { gap.from }, gap.to)
        });
    }
    turn.watched.kept.epoch = epoch;
    turn
}

fn mark_change(mark: &Mark, version: u64) -> PortResult<StateChange> {
    Ok(StateChange {
        key: RecordKey::new(RecordKind::Mark, NAME),
        version,
        content: Some(Content {
            due_at: None,
            list: None,
            body: written(mark)?,
        }),
    })
}

fn apart(one: Timestamp, other: Timestamp) -> SignedDuration {
    one.duration_since(other).abs()
}
