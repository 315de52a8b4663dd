//! Alerts: a topic that people subscribe to.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::alerts::Alert;
use cc_devops_kernel::ports::{Alerts, PortResult};

use crate::error::port_error;
use crate::{Backend, Shared};

impl Backend {
    /// How people are told.
    pub fn alerts(&self) -> Arc<dyn Alerts> {
        Arc::new(Topic(self.shared.clone()))
    }
}

struct Topic(Arc<Shared>);

#[async_trait]
impl Alerts for Topic {
    async fn raise(&self, alert: &Alert) -> PortResult<()> {
        let Some(topic) = &self.0.resources.alert_topic_arn else {
            tracing::error!(alert = alert.key, text = alert.text, "{}", alert.title);
            return Ok(());
        };
        let call = self
            .0
            .clients
            .sns()
            .publish()
            .topic_arn(topic)
            .subject(&alert.title)
            .message(&alert.text);
        call.send()
            .await
            .map(drop)
            .map_err(|error| port_error("sns:Publish", error))
    }
}
