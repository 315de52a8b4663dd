//! The HTTP client behind the guard.

use std::error::Error;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use url::Url;

use crate::resolver::Checked;
use crate::{Guard, Refused};

/// A client that connects to nothing the guard refuses.
#[derive(Debug, Clone)]
pub struct Outside {
    guard: Guard,
    client: Client,
}

impl Guard {
    /// A client whose answers take `timeout` at most. It follows no redirect and uses no proxy.
    pub fn client(&self, user_agent: &str, timeout: Duration) -> Result<Outside, reqwest::Error> {
        let client = Client::builder()
            .timeout(timeout)
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Checked(self.clone()))
            .user_agent(user_agent)
            .build()?;
        Ok(Outside {
            guard: self.clone(),
            client,
        })
    }
}

impl Outside {
    /// A POST. An address without a name is checked here; one with a name when it is connected to.
    pub fn post(&self, url: Url) -> Result<RequestBuilder, Refused> {
        self.guard.admits(&url)?;
        Ok(self.client.post(url))
    }
}

/// The guard's refusal under a client's error, where it is one.
pub fn refusal(error: &reqwest::Error) -> Option<&Refused> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(refused) = error.downcast_ref::<Refused>() {
            return Some(refused);
        }
        source = error.source();
    }
    None
}
