//! An outside watch that expects to be called, and tells people by ways of its own when it is not.

use std::time::Duration;

use cc_devops_outbound::{Error, Request};

use super::Sender;
use crate::channel::Value;
use crate::delivering::Delivering;
use crate::values::place;

/// How long an outside watch may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

impl Delivering {
    /// Calls an outside watch once: a GET of its address, which is a secret.
    ///
    /// # Errors
    /// It was not called, or did not answer well; a lowercase fragment without the address, which says what to do.
    pub async fn call_outside_watch(&self, url: &Value) -> Result<(), String> {
        let called = tokio::time::timeout(PATIENCE, self.0.sender.call(url)).await;
        called.unwrap_or_else(|_| Err(format!("it did not answer within {} seconds", PATIENCE.as_secs())))
    }
}

impl Sender {
    async fn call(&self, url: &Value) -> Result<(), String> {
        let known = self.values.read(url).await?;
        let address = self.send_options.guard.read(known.value.expose());
        let address = address.map_err(|refused| format!("the address in {} is not called: {refused}", place(url)))?;
        let client = self.client();
        let client = client.map_err(|_| "the HTTP client could not be set up; look at this machine's certificates")?;
        let (status, _) = client
            .send_for_head(Request::get(address))
            .await
            .map_err(|error| match error {
                Error::Refused(refused) => format!("the address in {} is not called: {refused}", place(url)),
                Error::NotConnected(_) => "it cannot be reached".to_owned(),
                _ => "the connection to it broke".to_owned(),
            })?;
        if status.is_success() {
            return Ok(());
        }
        Err(format!(
            "it answered {}; look at the address in {}",
            status.as_u16(),
            place(url)
        ))
    }
}
