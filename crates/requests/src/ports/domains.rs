//! The part of the ports that each domain works with.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_fleet::aws_keys::AwsKeys;
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::names::AgentName;

use super::{Announcements, EnrolmentPorts, Ledger, PortResult, Ports, RepositoryPorts, RevenuePorts, WebhookPorts};

/// News goes where the ledger puts it.
struct ThroughLedger(Arc<dyn Ledger>);

#[async_trait]
impl Announcements for ThroughLedger {
    async fn announce(&self, agent: &AgentName, news: &Announcement) -> PortResult<()> {
        self.0.announce(agent, news).await
    }
}

impl From<&Ports> for RevenuePorts {
    fn from(ports: &Ports) -> Self {
        Self {
            revenue: Arc::clone(&ports.revenue),
            conditions: Arc::clone(&ports.conditions),
            clock: Arc::clone(&ports.clock),
        }
    }
}

impl From<Ports> for RevenuePorts {
    fn from(ports: Ports) -> Self {
        Self::from(&ports)
    }
}

impl From<&Ports> for RepositoryPorts {
    fn from(ports: &Ports) -> Self {
        Self {
            repositories: Arc::clone(&ports.repositories),
            audit: Arc::clone(&ports.audit),
            announcements: Arc::new(ThroughLedger(Arc::clone(&ports.ledger))),
            conditions: Arc::clone(&ports.conditions),
            maintenance: Arc::clone(&ports.maintenance),
            clock: Arc::clone(&ports.clock),
        }
    }
}

impl From<Ports> for RepositoryPorts {
    fn from(ports: Ports) -> Self {
        Self::from(&ports)
    }
}

impl Ports {
    /// The access keys of agents, under the store's key for them: what is derived for
    /// [`aws_keys::PURPOSE`](cc_devops_fleet::aws_keys::PURPOSE).
    pub fn aws_keys(&self, key: [u8; 32]) -> AwsKeys<'_> {
        AwsKeys {
            state: &*self.state,
            agents: &*self.agents,
            audit: &*self.audit,
            clock: &*self.clock,
            key,
        }
    }
}

impl<'a> From<&'a Ports> for EnrolmentPorts<'a> {
    fn from(ports: &'a Ports) -> Self {
        Self {
            agents: &*ports.agents,
            state: &*ports.state,
            audit: &*ports.audit,
            clock: &*ports.clock,
        }
    }
}

impl<'a> From<&'a Ports> for WebhookPorts<'a> {
    fn from(ports: &'a Ports) -> Self {
        Self {
            webhooks: &*ports.webhooks,
            audit: &*ports.audit,
            clock: &*ports.clock,
        }
    }
}
