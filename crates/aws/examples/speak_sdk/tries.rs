//! How often a call is sent, so that what is to be tried a single time can be held to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// The tries of one call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tries(Arc<AtomicU32>);

impl Tries {
    /// How many there were.
    pub(crate) fn counted(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// A client whose requests are counted.
    pub(crate) fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(Counting {
            of: aws_smithy_http_client::Builder::new().build_http(),
            tries: self.clone(),
        })
    }
}

/// A client, or its connector, whose requests are counted.
#[derive(Debug)]
struct Counting<Of> {
    of: Of,
    tries: Tries,
}

impl HttpClient for Counting<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Counting {
            of: self.of.http_connector(settings, components),
            tries: self.tries.clone(),
        })
    }
}

impl HttpConnector for Counting<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.tries.0.fetch_add(1, Ordering::Relaxed);
        self.of.call(request)
    }
}
