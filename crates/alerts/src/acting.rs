//! What people do with alerts: see them, take them on, silence them, and switch maintenance mode. Each act and its audit
//! row are one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use cc_devops_kernel::access::Access;
use cc_devops_kernel::acts::{ActError, Actor, Author};
use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::port_error::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::ports::{AuditTrail, Clock, Record, RecordKey, RecordKind, StateChange, StateStore};
use cc_devops_kernel::text::cleaned;
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::alert::{Acknowledged, Alert, AlertState, WaitsFor, shortened};
use crate::condition::Severity;
use crate::conditions::TRIES;
use crate::delivery::Delivery;
use crate::policy::{AlertPolicy, Match, OVER};
use crate::seen::{Cursor, PAGE, Page, Seen, lists, wake};
use crate::silence::{MODE, Maintenance, Silence};
use crate::taking::{Taken, find, take};

/// Alerts, as people see and handle them.
#[derive(Clone)]
pub struct Alerts {
    pub(crate) state: Arc<dyn StateStore>,
    pub(crate) policy: Arc<AlertPolicy>,
    pub(crate) audit: Arc<dyn AuditTrail>,
    clock: Arc<dyn Clock>,
}

/// What a reason may have at most, in bytes: the 500 characters that the API takes, of four bytes each.
const MOST_REASON: usize = 2_000;

impl Alerts {
    /// Over a store, by a policy.
    pub fn new(
        state: Arc<dyn StateStore>,
        policy: Arc<AlertPolicy>,
        audit: Arc<dyn AuditTrail>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            state,
            policy,
            audit,
            clock,
        }
    }

    /// Alerts, those that are open or of which something is to come first, from behind `after` (a page's `next`),
    /// `limit` at most, 500 at most.
    pub async fn list(&self, after: Option<&str>, limit: usize) -> PortResult<Page> {
        let limit = limit.clamp(1, PAGE);
        let lists = lists(self.state.as_ref()).await?;
        let from = after.and_then(Cursor::of);
        let begin = from
            .as_ref()
            .map_or(0, |from| lists.partition_point(|list| !from.is_at_or_before(list)));
        let mut alerts = Vec::new();
        for list in lists.into_iter().skip(begin) {
            let mut after = from
                .as_ref()
                .filter(|from| from.list == list)
                .map(|from| from.name.clone());
            loop {
                let page = self
                    .state
                    .list(RecordKind::Alert, Some(&list), after.as_deref(), PAGE)
                    .await?;
                let full = page.len() >= PAGE;
                for record in &page {
                    let alert = Alert::of(record)?;
                    if alert.is_further {
                        continue;
                    }
                    if alerts.len() >= limit {
                        let last = alerts.last().map(|seen: &Seen| seen.key.clone()).unwrap_or_default();
                        let end = Cursor {
                            list: last_list(&alerts, &list),
                            name: last,
                        };
                        return Ok(Page {
                            alerts,
                            next: Some(end.to_string()),
                        });
                    }
                    alerts.push(Seen::of(&alert, &list));
                }
                match page.last() {
                    Some(last) if full => after = Some(last.key.name.clone()),
                    _ => break,
                }
            }
        }
        Ok(Page { alerts, next: None })
    }

    /// An alert by its id or its condition's key, with everything that is kept of it.
    pub async fn show(&self, which: &str) -> PortResult<Option<Alert>> {
        Ok(find(self.state.as_ref(), which).await?.map(|(_, alert)| alert))
    }

    /// Somebody takes care of an alert: it is not told again, nor to anybody else, until it is over. One that somebody
    /// took on already stays theirs, and no row is written.
    ///
    /// # Errors
    /// `invalid_parameter` where there is no such alert, or it is over; what no policy permits.
    pub async fn ack(&self, which: &str, by: &str, reason: Option<&str>, actor: Actor<'_>) -> Result<Alert, ActError> {
        let now = self.clock.now();
        let author = self
            .author(actor, &Access::ManageAlerts, actions::ALERT_ACKNOWLEDGED, now)
            .await?;
        let taken = Acknowledged {
            by: said(by),
            at: now,
            reason: reason.map(said).filter(|reason| !reason.is_empty()),
        };
        let entry = |alert: &Alert| {
            let detail = json!({"alert": alert.id, "by_name": taken.by, "reason": taken.reason});
            let key = alert.condition.key.clone();
            Some(with_agent(
                author.entry(now, actions::ALERT_ACKNOWLEDGED, key, detail),
                alert,
            ))
        };
        match take(self.state.as_ref(), which, &taken, entry).await? {
            Taken::Now(alert) | Taken::Before(alert) => Ok(*alert),
            Taken::Over(alert) => Err(refused(format!(
                "the alert {} of {} is over",
                alert.id, alert.condition.key
            ))),
            Taken::Unknown => Err(refused(format!("there is no alert {which:?}: see `alerts list`"))),
        }
    }

    /// Silences what matches from `from` until `to`. The same silence made again is the same.
    ///
    /// # Errors
    /// `invalid_parameter` for one that ends before it begins or is over, and for a label that no condition can have so;
    /// what no policy permits.
    pub async fn silence(
        &self,
        matches: Match,
        (from, to): (Timestamp, Timestamp),
        reason: &str,
        by: &str,
        actor: Actor<'_>,
    ) -> Result<Silence, ActError> {
        let now = self.clock.now();
        let author = self
            .author(actor, &Access::ManageAlerts, actions::ALERTS_SILENCED, now)
            .await?;
        if let Some((label, message)) = matches.wrong() {
            return Err(refused(format!("a silence of {label}: {message}")));
        }
        if to <= from || to <= now {
            return Err(refused("a silence must end after it begins, and after now".to_owned()));
        }
        let mut id = hex::encode(Sha256::digest(format!("{matches}\n{from}\n{to}\n{by}\n{reason}")));
        id.truncate(12);
        let silence = Silence {
            id,
            matches,
            from,
            to,
            reason: said(reason),
            by: said(by),
        };
        let detail =
            json!({"match": silence.matches, "from": from, "to": to, "reason": silence.reason, "by_name": silence.by});
        let entry = author.entry(now, actions::ALERTS_SILENCED, silence.id.clone(), detail);
        // Refused only where there is this very silence already.
        self.written(&[silence.change()?], &entry).await?;
        Ok(silence)
    }

    /// Ends a silence before its time. What it held back is decided at once.
    ///
    /// # Errors
    /// `invalid_parameter` where there is no such silence; what no policy permits.
    pub async fn unsilence(&self, id: &str, by: &str, actor: Actor<'_>) -> Result<(), ActError> {
        let now = self.clock.now();
        let author = self
            .author(actor, &Access::ManageAlerts, actions::ALERTS_UNSILENCED, now)
            .await?;
        for _ in 0..TRIES {
            let Some(record) = self.state.read_one(&RecordKey::new(RecordKind::Silence, id)).await? else {
                return Err(refused(format!("there is no silence {id:?}: see `alerts silences`")));
            };
            let entry = author.entry(
                now,
                actions::ALERTS_UNSILENCED,
                id.to_owned(),
                json!({"by_name": said(by)}),
            );
            if self.written(&[record.removal()], &entry).await? {
                let held = |alert: &Alert| {
                    alert
                        .waits
                        .as_ref()
                        .is_some_and(|waits| waits.what == WaitsFor::Silence)
                };
                return Ok(wake(self.state.as_ref(), now, held).await?);
            }
        }
        Err(busy())
    }

    /// The silences that people made, those to come and those that ended within a week too, by id.
    pub async fn silences(&self) -> PortResult<Vec<Silence>> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self
                .state
                .list(RecordKind::Silence, None, after.as_deref(), PAGE)
                .await?;
            for record in &page {
                all.push(Silence::of(record)?);
            }
            match page.last() {
                Some(last) if page.len() >= PAGE => after = Some(last.key.name.clone()),
                _ => return Ok(all),
            }
        }
    }

    /// Switches maintenance mode on, until a time or until it is switched off. On again: the new reason and time hold.
    ///
    /// # Errors
    /// `invalid_parameter` without a reason, or with a time that is over; what no policy permits.
    pub async fn maintenance_on(
        &self,
        reason: &str,
        until: Option<Timestamp>,
        by: &str,
        actor: Actor<'_>,
    ) -> Result<Maintenance, ActError> {
        let now = self.clock.now();
        let author = self
            .author(actor, &Access::SetMaintenance, actions::MAINTENANCE_ON, now)
            .await?;
        let reason = said(reason);
        if reason.is_empty() {
            return Err(refused(
                "say why: every alert tells it while maintenance mode is on".to_owned(),
            ));
        }
        if until.is_some_and(|until| until <= now) {
            return Err(refused("maintenance mode must end after now".to_owned()));
        }
        let mode = Maintenance {
            reason,
            by: said(by),
            since: now,
            until,
        };
        for _ in 0..TRIES {
            let before = self.mode().await?;
            let change = mode.change(before.map_or(0, |record| record.version))?;
            let detail = json!({"reason": mode.reason, "until": until, "by_name": mode.by});
            let entry = author.entry(now, actions::MAINTENANCE_ON, "*".to_owned(), detail);
            if self.written(&[change], &entry).await? {
                return Ok(mode);
            }
        }
        Err(busy())
    }

    /// Switches maintenance mode off. Where it is off already, no row is written.
    ///
    /// # Errors
    /// What no policy permits.
    pub async fn maintenance_off(&self, by: &str, actor: Actor<'_>) -> Result<(), ActError> {
        let now = self.clock.now();
        let author = self
            .author(actor, &Access::SetMaintenance, actions::MAINTENANCE_OFF, now)
            .await?;
        for _ in 0..TRIES {
            let Some(record) = self.mode().await? else {
                return Ok(());
            };
            let entry = author.entry(
                now,
                actions::MAINTENANCE_OFF,
                "*".to_owned(),
                json!({"by_name": said(by)}),
            );
            if self.written(&[record.removal()], &entry).await? {
                return Ok(());
            }
        }
        Err(busy())
    }

    /// Maintenance mode, while it is on by the store. (The configuration may have it on too.)
    pub async fn maintenance(&self, now: Timestamp) -> PortResult<Option<Maintenance>> {
        let mode = self.mode().await?.map(|record| Maintenance::of(&record)).transpose()?;
        Ok(mode.filter(|mode| mode.is_on(now)))
    }

    async fn mode(&self) -> PortResult<Option<Record>> {
        let key = RecordKey::new(RecordKind::Maintenance, MODE);
        self.state.read_one(&key).await
    }

    /// Since when the message waits that waits longest to be sent; none where none does. (Those that were given up do
    /// not wait.)
    pub async fn oldest_unsent(&self) -> PortResult<Option<Timestamp>> {
        let mut after: Option<String> = None;
        loop {
            let page = self
                .state
                .list(RecordKind::Delivery, None, after.as_deref(), PAGE)
                .await?;
            let mut oldest: Option<Timestamp> = None;
            for record in page.iter().filter(|record| record.content.due_at.is_some()) {
                let delivery = Delivery::of(record)?;
                if !delivery.given_up {
                    oldest = Some(oldest.map_or(delivery.first_at, |known| known.min(delivery.first_at)));
                }
            }
            match page.last() {
                // Names sort by time: what follows is younger.
                Some(last) if page.len() >= PAGE && oldest.is_none() => after = Some(last.key.name.clone()),
                _ => return Ok(oldest),
            }
        }
    }

    /// How many alerts there are of which something is to come, by severity and state.
    pub async fn counts(&self) -> PortResult<BTreeMap<(Severity, AlertState), u64>> {
        let mut counts = BTreeMap::new();
        for list in lists(self.state.as_ref())
            .await?
            .into_iter()
            .filter(|list| list != OVER)
        {
            let mut after: Option<String> = None;
            loop {
                let page = self
                    .state
                    .list(RecordKind::Alert, Some(&list), after.as_deref(), PAGE)
                    .await?;
                for record in &page {
                    let alert = Alert::of(record)?;
                    if !alert.is_further {
                        *counts.entry((alert.condition.severity, alert.state)).or_default() += 1;
                    }
                }
                match page.last() {
                    Some(last) if page.len() >= PAGE => after = Some(last.key.name.clone()),
                    _ => break,
                }
            }
        }
        Ok(counts)
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Who acts, if they may; what no policy permits is on record.
    pub(crate) async fn author(
        &self,
        actor: Actor<'_>,
        access: &Access,
        action: &'static str,
        now: Timestamp,
    ) -> Result<Author, ActError> {
        actor.author(access, action, self.audit.as_ref(), now).await
    }

    /// Whether it was written: not where somebody else was faster.
    pub(crate) async fn written(&self, changes: &[StateChange], entry: &AuditEntry) -> PortResult<bool> {
        match self.state.write(changes, Some(entry)).await {
            Err(error) if error.kind == PortErrorKind::Superseded => Ok(false),
            written => written.map(|()| true),
        }
    }
}

fn last_list(alerts: &[Seen], current: &str) -> String {
    alerts
        .last()
        .map_or_else(|| current.to_owned(), |seen| seen.list.clone())
}

fn with_agent(entry: AuditEntry, alert: &Alert) -> AuditEntry {
    AuditEntry {
        agent: entry.agent.clone().or_else(|| alert.condition.agent.clone()),
        stage: alert.condition.stage.as_ref().map(ToString::to_string),
        ..entry
    }
}

/// What a person says, as it is kept.
fn said(text: &str) -> String {
    shortened(&cleaned(text), MOST_REASON)
}

fn refused(message: String) -> ActError {
    Failure::new(Reason::InvalidParameter, message).into()
}

pub(crate) fn busy() -> ActError {
    let message = "it is being changed all the time: try again";
    PortError::new(PortErrorKind::Unavailable, message).into()
}
