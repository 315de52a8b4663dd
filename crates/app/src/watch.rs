//! The watch over the agents, and who tells people: built once for the server, for the functions and for an operator's
//! commands.

use std::sync::Arc;

use cc_devops_alerts::{Alerts, Conditions, Notifier};
use cc_devops_fleet::SlackUsers;
use cc_devops_fleet::aws_keys;
use cc_devops_fleet::badges::BadgeKeys;
use cc_devops_fleet::schedule::Schedule;
use cc_devops_fleet::watch::WatchSettings;
use cc_devops_fleet::watching::{Watching, WatchingPorts};
use cc_devops_kernel::health::Mode;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::PortResult;
use cc_devops_notify::{Delivering, Parts, SendOptions, Variables};
use cc_devops_outbound::Guard;
use cc_devops_slack::{HooksOfSlack, SigningParts, SlackClicks};

use crate::capabilities::{Backend, Capabilities};
use crate::settings::Settings;

/// What the key of the ping addresses is derived for.
const PING_ADDRESSES: &str = "ping addresses";
/// What the key of the badges' addresses is derived for.
const BADGES: &str = "badges";

impl Settings {
    /// How agents are watched that have no settings of their own.
    pub fn watched_by_default(&self) -> WatchSettings {
        WatchSettings {
            schedule: Schedule::Period(self.heartbeat_interval.period),
            grace: self.heartbeat_interval.grace,
            ..WatchSettings::default()
        }
    }
}

impl Capabilities {
    /// Where it is noted what needs a person.
    pub fn conditions(&self) -> Conditions {
        Conditions::new(Arc::clone(&self.ports.state), Arc::clone(&self.settings.alerts.policy))
    }

    /// Which Slack users are operators.
    pub fn slack_users(&self) -> SlackUsers<'_> {
        SlackUsers {
            state: &*self.ports.state,
            agents: &*self.ports.agents,
            audit: &*self.ports.audit,
            clock: &*self.ports.clock,
        }
    }

    /// Who takes clicks in Slack; none where no channel has buttons.
    pub fn slack_clicks(&self) -> Option<SlackClicks> {
        SlackClicks::of(
            &self.settings.alerts.channels,
            SigningParts {
                secrets: Arc::clone(&self.ports.secrets),
                variables: variables(),
                clock: Arc::clone(&self.ports.clock),
            },
            Arc::new(HooksOfSlack::new(Guard::new(self.settings.egress.clone()))),
        )
    }

    /// The watch over the agents.
    ///
    /// # Errors
    /// The store's key cannot be read.
    pub async fn watching(&self) -> PortResult<Watching> {
        let key = self.backend().fingerprint_key().await?;
        let ports = WatchingPorts {
            state: Arc::clone(&self.ports.state),
            agents: Arc::clone(&self.ports.agents),
            conditions: Arc::new(self.conditions()),
            audit: Arc::clone(&self.ports.audit),
            clock: Arc::clone(&self.ports.clock),
        };
        let watching = Watching::new(ports, self.settings.watched_by_default(), key.derive(PING_ADDRESSES));
        Ok(match self.backend() {
            #[cfg(feature = "embedded")]
            Backend::Embedded(_) => watching,
            #[cfg(feature = "aws")]
            Backend::Aws(backend) => watching
                .heartbeat_source(backend.heartbeat_source())
                .beats(Arc::clone(&self.ports.heartbeats)),
        })
    }

    /// Watches an agent no longer, after its tokens were revoked. One that is not watched stays so.
    ///
    /// # Errors
    /// What the store says.
    pub async fn watched_no_longer(&self, name: &AgentName, by: &str) -> PortResult<()> {
        self.watching().await?.watch_no_longer(name, by).await
    }

    /// Who said lately that it works, enabled or not, where others than enabled agents can say so.
    ///
    /// # Errors
    /// CloudWatch cannot be asked.
    #[cfg_attr(
        not(feature = "aws"),
        expect(clippy::unused_async, reason = "only CloudWatch is asked")
    )]
    pub async fn reporting(&self) -> PortResult<Vec<AgentName>> {
        match self.backend() {
            // A heartbeat needs a token or a ping address, which only an enabled agent has.
            #[cfg(feature = "embedded")]
            Backend::Embedded(_) => Ok(Vec::new()),
            #[cfg(feature = "aws")]
            Backend::Aws(backend) => backend.reporting().await,
        }
    }

    /// The keys of badges' addresses.
    ///
    /// # Errors
    /// The store's key cannot be read.
    pub async fn badge_keys(&self) -> PortResult<BadgeKeys> {
        let key = self.backend().fingerprint_key().await?;
        Ok(BadgeKeys::new(key.derive(BADGES)))
    }

    /// The key that agents' access keys are derived from.
    ///
    /// # Errors
    /// The store's key cannot be read.
    pub async fn aws_keys_key(&self) -> PortResult<[u8; 32]> {
        let key = self.backend().fingerprint_key().await?;
        Ok(key.derive(aws_keys::PURPOSE))
    }

    /// Alerts, as people see and handle them.
    pub fn alerts(&self) -> Alerts {
        Alerts::new(
            Arc::clone(&self.ports.state),
            Arc::clone(&self.settings.alerts.policy),
            Arc::clone(&self.ports.audit),
            Arc::clone(&self.ports.clock),
        )
    }

    /// Decides whom to tell of what.
    pub fn notifier(&self) -> Notifier {
        let configured = (self.settings.mode == Mode::Maintenance).then(|| CONFIGURED.to_owned());
        Notifier::new(
            Arc::clone(&self.ports.state),
            Arc::clone(&self.settings.alerts.policy),
            configured,
        )
    }

    /// Sends what is to be told, by the channels of the settings. No call is made yet.
    pub fn delivering(&self) -> Delivering {
        let topics = match self.backend() {
            #[cfg(feature = "embedded")]
            Backend::Embedded(_) => None,
            #[cfg(feature = "aws")]
            Backend::Aws(backend) => Some(backend.topics()),
        };
        let parts = Parts {
            store: Arc::clone(&self.ports.state),
            conditions: Arc::new(self.conditions()),
            secrets: Arc::clone(&self.ports.secrets),
            variables: variables(),
            clock: Arc::clone(&self.ports.clock),
            send_options: SendOptions {
                guard: Guard::new(self.settings.egress.clone()),
                certificates: None,
                topics,
            },
        };
        Delivering::new(self.settings.alerts.channels.clone(), parts)
    }
}

/// The environment of this process.
fn variables() -> Variables {
    Arc::new(|name| std::env::var(name).ok())
}

/// Why nothing is done unasked where the configuration says so.
const CONFIGURED: &str = "the configuration says mode = \"maintenance\"";
