//! What routes about the watch and about alerts may touch.

use axum::http::StatusCode;
use cc_devops_alerts::policy::Match;
use cc_devops_alerts::{Alert, Alerts, Maintenance, Notice, OpenAlerts, PublishOutcome, Silence};
use cc_devops_fleet::uptime::Uptime;
use cc_devops_fleet::watching::{History, Ping, WatchedAgent};
use cc_devops_kernel::access::Access;
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::health::Mode;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::PortResult;
use cc_devops_notify::ChannelHealth;
use jiff::{SignedDuration, Timestamp};

use super::{ListAgents, Permitted, Privilege, Question};
use crate::capabilities::Watch;
use crate::problem::Problem;

impl<P> Permitted<P> {
    /// The watch, where there is one here.
    pub(super) fn watched(&self) -> Result<&Watch, Problem> {
        let watch = self.app.watch.as_ref();
        watch.ok_or_else(|| Problem::not_found("agents are not watched here, and nobody is told of alerts"))
    }

    /// Who asks, as acts are asked for.
    pub(super) fn asking(&self) -> Actor<'_> {
        Actor::Agent(&self.caller.0, self.app.control.policy(), self.credential.door())
    }

    /// The same, and by which name people know them.
    pub(super) fn actor(&self) -> (Actor<'_>, &str) {
        (self.asking(), self.caller.0.name.as_str())
    }

    /// Maintenance mode, where somebody switched it on.
    pub(super) async fn switched_on(&self) -> PortResult<Option<Maintenance>> {
        match &self.app.watch {
            Some(watch) => watch.alerts.maintenance(self.now()).await,
            None => Ok(None),
        }
    }

    /// How the configuration has the control plane behave.
    pub fn mode(&self) -> Mode {
        self.app.config.mode
    }
}

/// Have an agent not watched for a while, and watched again.
#[derive(Clone)]
pub struct PauseAgent(AgentName);

impl Privilege for PauseAgent {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        let agent = question.named()?;
        question.require(&Access::PauseAgent { agent: agent.clone() })?;
        Ok(Self(agent))
    }
}

impl Permitted<PauseAgent> {
    /// Nobody waits for the agent that the path names.
    pub async fn pause(&self) -> Result<(), Problem> {
        let (actor, by) = self.actor();
        self.watched()?.watching.pause(&self.privilege.0, by, actor).await?;
        // What was open is closed.
        self.app.notifying.notify_one();
        Ok(())
    }

    /// It is waited for again.
    pub async fn resume(&self) -> Result<(), Problem> {
        let (actor, by) = self.actor();
        Ok(self.watched()?.watching.resume(&self.privilege.0, by, actor).await?)
    }
}

impl Permitted<ListAgents> {
    /// What became of an agent lately: how it is watched, its uptime, a page of its changes of state, and its pings.
    ///
    /// # Errors
    /// It was never watched; what the store says.
    pub async fn history(
        &self,
        name: &AgentName,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(WatchedAgent, Uptime, History, Vec<Ping>), Problem> {
        let (watching, now) = (&self.watched()?.watching, self.now());
        let unknown = || Problem::not_found("there is no such agent, or it was never watched");
        let watched = watching.watched(name, now).await?.ok_or_else(unknown)?;
        let uptime = watching.uptime(name, now).await?.ok_or_else(unknown)?;
        let history = watching.history(name, after, limit).await?;
        let pings = watching.pings(name).await?;
        Ok((watched, uptime, history, pings))
    }

    /// Maintenance mode, where somebody switched it on.
    pub async fn maintenance(&self) -> Result<Option<Maintenance>, Problem> {
        Ok(self.switched_on().await?)
    }
}

/// See alerts and silences.
#[derive(Clone)]
pub struct ReadAlerts;

impl Privilege for ReadAlerts {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.require(&Access::ReadAlerts).map(|()| Self)
    }
}

impl Permitted<ReadAlerts> {
    /// The alerts.
    pub fn alerts(&self) -> Result<&Alerts, Problem> {
        Ok(&self.watched()?.alerts)
    }

    /// What is open, with what matters most first: of `most` alerts that are read.
    pub async fn open(&self, most: usize) -> Result<OpenAlerts, Problem> {
        Ok(self.alerts()?.open(most).await?)
    }

    /// How the channels do by which people are told.
    pub async fn channels(&self) -> Result<Vec<ChannelHealth>, Problem> {
        Ok(self.watched()?.delivering.health().await?)
    }
}

/// Acknowledge alerts, and silence them.
#[derive(Clone)]
pub struct ManageAlerts;

impl Privilege for ManageAlerts {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.require(&Access::ManageAlerts).map(|()| Self)
    }
}

impl Permitted<ManageAlerts> {
    /// The caller takes care of an alert; none where there is no such alert.
    pub async fn acknowledge(&self, id: &str, reason: Option<&str>) -> Result<Option<Alert>, Problem> {
        let alerts = &self.watched()?.alerts;
        match alerts.show(id).await? {
            None => return Ok(None),
            Some(alert) if !alert.state.is_open() => {
                return Err(Problem::new(
                    StatusCode::CONFLICT,
                    "the alert is over; nobody needs to take it on",
                ));
            }
            Some(_) => {}
        }
        let (actor, by) = self.actor();
        let alert = alerts.ack(id, by, reason, actor).await?;
        self.app.notifying.notify_one();
        Ok(Some(alert))
    }

    /// What matches is not told for a while.
    pub async fn silence(&self, matches: Match, lasts: SignedDuration, reason: &str) -> Result<Silence, Problem> {
        self.silenced(matches, lasts, reason).await
    }

    /// Ends a silence; false where there is no such silence.
    pub async fn unsilence(&self, id: &str) -> Result<bool, Problem> {
        let alerts = &self.watched()?.alerts;
        if !alerts.silences().await?.iter().any(|silence| silence.id == id) {
            return Ok(false);
        }
        let (actor, by) = self.actor();
        alerts.unsilence(id, by, actor).await?;
        self.app.notifying.notify_one();
        Ok(true)
    }
}

impl<P> Permitted<P> {
    /// What matches is silenced, where the policies let the caller.
    async fn silenced(&self, matches: Match, lasts: SignedDuration, reason: &str) -> Result<Silence, Problem> {
        let now = self.now();
        let until = now.saturating_add(lasts).unwrap_or(Timestamp::MAX);
        let (actor, by) = self.actor();
        let alerts = &self.watched()?.alerts;
        Ok(alerts.silence(matches, (now, until), reason, by, actor).await?)
    }
}

/// Act on alerts. The alerts ask the policies themselves, and put it on record where these refuse.
#[derive(Clone)]
pub struct ActOnAlerts;

impl Privilege for ActOnAlerts {
    fn ask(_question: &Question<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl Permitted<ActOnAlerts> {
    /// The caller takes care of an alert, named by its condition.
    ///
    /// # Errors
    /// What no policy permits; there is no such alert, or it is over.
    pub async fn acknowledge(&self, key: &str, reason: Option<&str>) -> Result<Alert, Problem> {
        let (actor, by) = self.actor();
        let alert = self.watched()?.alerts.ack(key, by, reason, actor).await;
        let alert = alert.map_err(Problem::as_things_stand)?;
        self.app.notifying.notify_one();
        Ok(alert)
    }

    /// What matches is not told for a while.
    ///
    /// # Errors
    /// What no policy permits; a label with a value that no condition can have.
    pub async fn silence(&self, matches: Match, lasts: SignedDuration, reason: &str) -> Result<Silence, Problem> {
        self.silenced(matches, lasts, reason).await
    }

    /// Ends a silence.
    ///
    /// # Errors
    /// What no policy permits; there is no such silence.
    pub async fn unsilence(&self, id: &str) -> Result<(), Problem> {
        let (actor, by) = self.actor();
        let ended = self.watched()?.alerts.unsilence(id, by, actor).await;
        ended.map_err(Problem::as_things_stand)?;
        self.app.notifying.notify_one();
        Ok(())
    }
}

/// Have people told of something. The alerts ask the policies themselves, and put it on record where these refuse.
#[derive(Clone)]
pub struct PublishAlerts;

impl Privilege for PublishAlerts {
    fn ask(_question: &Question<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl Permitted<PublishAlerts> {
    /// Has people told of it; the key of its alert.
    ///
    /// # Errors
    /// What no policy permits; too many are open.
    pub async fn publish(&self, notice: &Notice) -> Result<String, Problem> {
        let (actor, _) = self.actor();
        let alerts = &self.watched()?.alerts;
        match alerts.publish(notice, &self.caller.0.name, actor).await? {
            PublishOutcome::Published(key) => {
                self.app.notifying.notify_one();
                Ok(key)
            }
            PublishOutcome::TooMany(message) => Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, message)),
        }
    }
}

/// Have the control plane do nothing unasked, and end that.
#[derive(Clone)]
pub struct SetMaintenance;

impl Privilege for SetMaintenance {
    fn ask(question: &Question<'_>) -> Result<Self, Problem> {
        question.require(&Access::SetMaintenance).map(|()| Self)
    }
}

impl Permitted<SetMaintenance> {
    /// Switches maintenance mode on.
    pub async fn maintenance_on(&self, reason: &str, until: Option<Timestamp>) -> Result<Maintenance, Problem> {
        let (actor, by) = self.actor();
        Ok(self.watched()?.alerts.maintenance_on(reason, until, by, actor).await?)
    }

    /// Switches it off.
    pub async fn maintenance_off(&self) -> Result<(), Problem> {
        let (actor, by) = self.actor();
        Ok(self.watched()?.alerts.maintenance_off(by, actor).await?)
    }
}
