//! Conditions as they are told to a topic that people subscribe to.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_alerts::{ConditionChange, ConditionSink};
use cc_devops_kernel::ports::PortResult;
use jiff::Timestamp;

use crate::error::port_error;
use crate::{Backend, Shared};

/// The longest subject that SNS takes, in ASCII characters.
const SUBJECT: usize = 100;

impl Backend {
    /// Where it is said what needs a person.
    pub fn conditions(&self) -> Arc<dyn ConditionSink> {
        Arc::new(Topic(self.shared.clone()))
    }
}

struct Topic(Arc<Shared>);

#[async_trait]
impl ConditionSink for Topic {
    async fn note(&self, changes: &[ConditionChange], _: Timestamp) -> PortResult<()> {
        for change in changes {
            let ConditionChange::Opened(open) = change else {
                continue;
            };
            let Some(topic) = &self.0.resources.alert_topic_arn else {
                tracing::error!(alert = open.key, text = open.text, "{}", open.title);
                continue;
            };
            let ascii = |c: char| if c.is_ascii_graphic() { c } else { ' ' };
            let subject: String = open.title.chars().map(ascii).take(SUBJECT).collect();
            let call = self.0.clients.sns().publish().topic_arn(topic).subject(subject);
            let sent = call.message(&open.text).send().await;
            sent.map_err(|error| port_error("sns:Publish", error))?;
        }
        Ok(())
    }
}
