//! Topics that people subscribe to.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::ports::PortResult;
use cc_devops_notify::Topics;

use crate::error::port_error;
use crate::{Backend, Shared};

impl Backend {
    /// Topics that people subscribe to.
    pub fn topics(&self) -> Arc<dyn Topics> {
        Arc::new(SnsTopics(self.shared.clone()))
    }
}

struct SnsTopics(Arc<Shared>);

#[async_trait]
impl Topics for SnsTopics {
    async fn publish(&self, topic_arn: &str, subject: &str, body: &str) -> PortResult<()> {
        let call = self.0.clients.sns().publish().topic_arn(topic_arn);
        let sent = call.subject(subject).message(body).send().await;
        sent.map(drop).map_err(|error| port_error("sns:Publish", error))
    }
}
