//! Topics that people subscribe to.

use cc_devops_kernel::ports::PortResult;

use crate::Backend;
use crate::error::port_error;

impl Backend {
    /// Publishes to a topic: a subject of at most 100 ASCII characters, a body of at most 262,144 bytes. SNS knows no
    /// repetition: what is published twice arrives twice.
    ///
    /// # Errors
    /// The topic is not there, this role may not publish to it, or SNS is not there.
    pub async fn publish(&self, topic_arn: &str, subject: &str, body: &str) -> PortResult<()> {
        let call = self.shared.clients.sns().publish().topic_arn(topic_arn);
        let sent = call.subject(subject).message(body).send().await;
        sent.map(drop).map_err(|error| port_error("sns:Publish", error))
    }
}
