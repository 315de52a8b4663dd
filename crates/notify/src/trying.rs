//! Somebody tries a channel: `alerts test`.

use std::collections::BTreeMap;

use cc_devops_alerts::{Message, MessageKind, Severity};
use jiff::Timestamp;

use crate::delivering::Delivering;
use crate::send::LONGEST_TRY;

impl Delivering {
    /// Sends a message that says that it is a test: once, of no alert and no thread. When it arrives, a channel that
    /// was set aside is used again.
    ///
    /// # Errors
    /// In words: no such channel, or why it did not arrive and what to do.
    pub async fn test(&self, channel: &str) -> Result<(), String> {
        let Some(channel) = self.channels().iter().find(|known| known.name == channel) else {
            let names: Vec<&str> = self.channels().iter().map(|known| known.name.as_str()).collect();
            let known = match names.as_slice() {
                [] => "none is configured, see [[alerts.channels]]".to_owned(),
                names => format!("there are: {}", names.join(", ")),
            };
            return Err(format!("there is no channel {channel:?}; {known}"));
        };
        let message = test_message(&channel.name, self.0.clock.now())?;
        let failed = |error: &str| format!("channel {} ({}): {error}", channel.name, channel.kind().as_str());
        match tokio::time::timeout(LONGEST_TRY, self.0.sender.send(channel, &message)).await {
            Ok(Ok(())) => {}
            Ok(Err(not_sent)) => return Err(failed(&not_sent.error)),
            Err(_) => return Err(failed("it took too long to send")),
        }
        let worked = self.0.works(channel, self.0.clock.now()).await;
        worked.map_err(|error| failed(&format!("the test arrived, but that could not be kept: {error}")))
    }
}

fn test_message(channel: &str, now: Timestamp) -> Result<Message, String> {
    let mut random = [0; 12];
    getrandom::fill(&mut random).map_err(|_| "this machine gives no random numbers".to_owned())?;
    let id = format!("test-{}", hex::encode(random));
    Ok(Message {
        thread: id.clone(),
        threads: Vec::new(),
        over: Vec::new(),
        id,
        kind: MessageKind::Test,
        at: now,
        since: now,
        agent: None,
        count: None,
        new: None,
        channel: Some(channel.to_owned()),
        reason: "somebody tried this channel with cc-devops alerts test; nothing is wrong".to_owned(),
        severity: Severity::Info,
        labels: BTreeMap::new(),
        title: format!("Test of channel {channel}"),
        alerts: Vec::new(),
        left_out: 0,
        maintenance: None,
    })
}
