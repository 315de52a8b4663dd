//! What the function does when its answer is out, and before it asks for the next invocation.
//!
//! Lambda lets a runtime do that: an invocation is over when the next is asked for, and only then may the
//! machine be stopped. Whoever waits for the answer has it by then.

use std::sync::Arc;
use std::task::{Context, Poll};

use cc_devops_lambda::Function;
use futures::future::BoxFuture;
use lambda_runtime::tower::{Layer, Service};

/// Tells of what was concluded behind each answer.
#[derive(Clone)]
pub(crate) struct RelayLayer(Arc<Function>);

impl RelayLayer {
    /// The layer for a function.
    pub(crate) fn new(function: Arc<Function>) -> Self {
        Self(function)
    }
}

impl<S> Layer<S> for RelayLayer {
    type Service = RelayService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RelayService {
            inner,
            function: Arc::clone(&self.0),
        }
    }
}

/// The service that answers, and what comes after it.
pub(crate) struct RelayService<S> {
    inner: S,
    function: Arc<Function>,
}

impl<S, R> Service<R> for RelayService<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
    S::Response: Send,
    S::Error: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, invocation: R) -> Self::Future {
        let answered = self.inner.call(invocation);
        let function = Arc::clone(&self.function);
        Box::pin(async move {
            let answered = answered.await;
            function.relay().await;
            answered
        })
    }
}
