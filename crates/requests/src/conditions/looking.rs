//! The look at how things stand, once a minute: what became a condition, and what is over.
//!
//! What a look found is kept by key, so that the next one knows what has ended, and says nothing where nothing changed.
//! A part that cannot be read changes nothing of its own.

use std::collections::BTreeMap;

use cc_devops_alerts::publishing::end_published;
use cc_devops_alerts::{Condition, ConditionChange, ConditionLimits};
use cc_devops_kernel::ports::{Content, Record, RecordKey, RecordKind, StateChange};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::newest_requests::newest_requests;
use super::{faults, spend, standing};
use crate::engine::ControlPlane;
use crate::ports::{PortError, PortErrorKind, PortResult, Ports, SecretSummary};

/// The name of the record of what looks found.
const RECORD: &str = "looks";

/// What the keys of webhooks' conditions begin with.
const WEBHOOKS: &str = "dead-letters/webhook/";

/// How often secrets are listed.
const SECRETS_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// How often the whole audit trail is verified.
const VERIFY_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// How long after the first look that is done first.
const FIRST_VERIFY: SignedDuration = SignedDuration::from_hours(1);

/// How often that is done while it is broken.
const VERIFY_BROKEN_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// How many secrets are asked for at a time.
const PAGE: usize = 500;

/// What looks found, as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Found {
    /// What is open, by key, with its title.
    open: BTreeMap<String, String>,
    /// When secrets were listed.
    secrets_at: Option<Timestamp>,
    /// When the audit trail was verified.
    verified_at: Option<Timestamp>,
    /// What was broken then.
    broken: Option<String>,
}

/// How thorough a look is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thoroughness {
    /// With a verification of the whole audit trail once a day: for who has the time.
    Whole,
    /// Without, for a function whose time is measured.
    Quick,
}

impl ControlPlane {
    /// Looks at how things stand and says what became a condition and what is over. It may be called as often as anybody
    /// likes, by several at once.
    ///
    /// # Errors
    /// What was found cannot be read or written. A part that cannot be looked at is logged.
    pub async fn look_for_conditions(&self, thoroughness: Thoroughness) -> PortResult<()> {
        let (ports, limits, now) = (&self.ports, &self.settings.conditions, self.now());
        let key = RecordKey::new(RecordKind::Source, RECORD);
        let kept = ports.state.read_one(&key).await?;
        let before: Found = kept.as_ref().map(read).unwrap_or_default();
        let mut look = Look {
            found: before.clone(),
            changes: Vec::new(),
        };
        if let Some(left) = &ports.left_conditions {
            let handed_over = left.hand_over(&*ports.conditions, now).await;
            if let Err(error) = handed_over {
                tracing::warn!(%error, "what others left to be told was not taken over; the next look does it");
            }
        }
        end_published(&*ports.state, &*ports.conditions, now).await?;
        faults::calm(ports, limits, now).await?;
        look.outbox(ports, limits, now).await;
        look.secrets(ports, limits, now).await;
        look.slow(ports, limits, now).await;
        look.take("spend/", spend::look(ports, limits, now).await, now);
        look.audit(ports, (thoroughness, self.doubted()), now).await;
        if !look.changes.is_empty() {
            ports.conditions.note(&look.changes, now).await?;
        }
        if look.found == before {
            return Ok(());
        }
        let content = Content {
            due_at: None,
            list: None,
            body: serde_json::to_string(&look.found).map_err(|error| {
                PortError::new(PortErrorKind::Corrupt, "what was found cannot be written").because(error)
            })?,
        };
        let change = StateChange {
            key,
            version: kept.map_or(0, |record| record.version),
            content: Some(content),
        };
        match ports.state.write(&[change], None).await {
            // Another process looked at the same time, and said the same.
            Err(error) if error.kind == PortErrorKind::Superseded => Ok(()),
            written => written,
        }
    }
}

/// What was found, or nothing where it cannot be read: it is found anew then.
fn read(record: &Record) -> Found {
    serde_json::from_str(&record.content.body).unwrap_or_else(|error| {
        tracing::error!(%error, "what was found at the last look cannot be read; it is found anew");
        Found::default()
    })
}

/// A look.
struct Look {
    found: Found,
    changes: Vec<ConditionChange>,
}

impl Look {
    /// Takes what a part found, whose keys begin with `family`: what is new or says something else, and what is over.
    /// Of the faults of requests nothing is kept here, so that `requests/` are those that are slow.
    fn take(&mut self, family: &str, conditions: PortResult<Vec<Condition>>, now: Timestamp) {
        let of_webhooks = |key: &str| key.starts_with(WEBHOOKS);
        let is_of = |key: &&String| key.starts_with(family) && of_webhooks(key) == (family == WEBHOOKS);
        let conditions = match conditions {
            Ok(conditions) => conditions,
            Err(error) => {
                tracing::warn!(%error, family, "a part of the look for what needs a person failed; the next look makes it");
                return;
            }
        };
        let mut over: Vec<String> = self.found.open.keys().filter(is_of).cloned().collect();
        for condition in conditions {
            over.retain(|key| *key != condition.key);
            let known = self.found.open.insert(condition.key.clone(), condition.title.clone());
            if known.as_ref() != Some(&condition.title) {
                self.changes.push(condition.opened());
            }
        }
        for key in over {
            self.found.open.remove(&key);
            self.changes.push(ConditionChange::Resolved {
                title: standing::over(&key),
                key,
                at: now,
            });
        }
    }

    async fn outbox(&mut self, ports: &Ports, limits: &ConditionLimits, now: Timestamp) {
        let standings = ports.outbox.standing(now).await;
        let statuses = ports.webhooks.statuses().await;
        self.take(WEBHOOKS, statuses.map(|all| standing::webhooks(&all, now)), now);
        match standings {
            Ok(standings) => {
                self.take("dead-letters/", Ok(standing::set_aside(&standings, now)), now);
                let age = limits.cursor_age;
                let behind = age.map(|age| standing::behind(&standings, age, now));
                self.take("cursor/", Ok(behind.unwrap_or_default()), now);
            }
            Err(error) => self.take("cursor/", Err(error), now),
        }
    }

    async fn secrets(&mut self, ports: &Ports, limits: &ConditionLimits, now: Timestamp) {
        let listed = self.found.secrets_at.map(|at| now.duration_since(at));
        if limits.secrets.is_empty() {
            self.take("secret/", Ok(Vec::new()), now);
            self.found.secrets_at = None;
        } else if listed.is_none_or(|age| age >= SECRETS_EVERY || age.is_negative()) {
            let aged = secrets(ports).await.map(|all| standing::aged(&all, limits, now));
            if aged.is_ok() {
                self.found.secrets_at = Some(now);
            }
            self.take("secret/", aged, now);
        }
    }

    async fn slow(&mut self, ports: &Ports, limits: &ConditionLimits, now: Timestamp) {
        let slow = match limits.requests_slow {
            None => Ok(Vec::new()),
            Some(limit) => {
                let since = now.saturating_sub(limits.requests_window).unwrap_or(Timestamp::MIN);
                let ended = newest_requests(ports, None, since).await;
                ended.map(|requests| standing::slow(&requests, limit, now))
            }
        };
        self.take("requests/", slow, now);
    }

    async fn audit(&mut self, ports: &Ports, (how, doubted): (Thoroughness, Option<String>), now: Timestamp) {
        let doubt = match ports.audit.doubt().await {
            Ok(doubt) => doubt.or(doubted),
            Err(error) => return self.take("audit/", Err(error), now),
        };
        // The first is made an hour after the first look: a start has other things to do.
        let first = now
            .saturating_sub(VERIFY_EVERY)
            .unwrap_or(now)
            .saturating_add(FIRST_VERIFY)
            .unwrap_or(now);
        let verified = now.duration_since(*self.found.verified_at.get_or_insert(first));
        let every = if self.found.broken.is_some() {
            VERIFY_BROKEN_EVERY
        } else {
            VERIFY_EVERY
        };
        if how == Thoroughness::Whole && (verified >= every || verified.is_negative()) {
            match ports.audit.verify().await {
                Ok(verification) => {
                    self.found.verified_at = Some(now);
                    self.found.broken = verification.breaks.first().map(|first| first.problem.clone());
                }
                Err(error) => tracing::warn!(%error, "the audit trail could not be verified; the next look does it"),
            }
        }
        let doubt = doubt.or_else(|| self.found.broken.clone());
        self.take("audit/", Ok(standing::broken(doubt.as_deref(), now)), now);
    }
}

/// Every secret, without its value.
async fn secrets(ports: &Ports) -> PortResult<Vec<SecretSummary>> {
    let mut all: Vec<SecretSummary> = Vec::new();
    loop {
        let behind = all.last().map(|last| last.name.clone());
        let page = ports.secrets.list(None, behind.as_ref(), PAGE).await?;
        let more = page.len() == PAGE;
        all.extend(page);
        if !more {
            return Ok(all);
        }
    }
}
