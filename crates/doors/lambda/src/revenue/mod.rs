//! The function that reports MRR, over whatever ports it is given.
//!
//! Whatever it is invoked with, it computes the day's MRR, keeps it and tells it, and answers with the
//! figures. The schedule's own payload is one exception: nobody reads an answer to it, so a run that failed
//! is an invocation that failed, which Lambda counts, makes again and keeps among the dead letters.

use std::error::Error as StdError;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::ports::Clock;
use cc_devops_revenue::day::Day;
use cc_devops_revenue::reporting::{Figures, ReportError, Reporter};
use futures::FutureExt;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

/// The function.
pub struct MrrFunction {
    reporter: Reporter,
    clock: Arc<dyn Clock>,
    key: SecretName,
}

/// A scheduled run that failed; Lambda counts it as an error and makes it again.
#[derive(Debug, thiserror::Error)]
pub enum RunFailed {
    /// There is no report.
    #[error("MRR was not computed: {0}")]
    Report(#[source] Box<ReportError>),
    /// It panicked, or what it computed cannot be written.
    #[error("{0}")]
    Broken(String),
}

/// The answer's body, section 3 of the wire contract.
#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Body {
    Success(Figures),
    Error { error: String, timestamp: Timestamp },
}

impl MrrFunction {
    /// Puts the function together; `key` is the name of the secret with Stripe's key. No port is called
    /// yet.
    pub fn new(reporter: Reporter, clock: Arc<dyn Clock>, key: SecretName) -> Self {
        Self { reporter, clock, key }
    }

    /// Answers one invocation.
    ///
    /// # Errors
    /// A scheduled run that failed; every other has its answer.
    pub async fn handle(&self, payload: &Value) -> Result<Value, RunFailed> {
        let run = AssertUnwindSafe(self.reporter.daily()).catch_unwind().await;
        let failed = match run {
            Ok(Ok(Some(day))) => match success(&day) {
                Ok(answer) => return Ok(answer),
                Err(error) => RunFailed::Broken(format!("the figures cannot be written as JSON: {error}")),
            },
            Ok(Ok(None)) => return Ok(self.no_key()),
            Ok(Err(error)) => {
                tracing::error!(error = chain(&error), "MRR was not computed; what was kept stands");
                RunFailed::Report(Box::new(error))
            }
            Err(_panic) => RunFailed::Broken("the function failed over this run; its log says where".to_owned()),
        };
        if is_schedule(payload) {
            return Err(failed);
        }
        Ok(self.error(failed.to_string()))
    }

    /// Nothing has failed; somebody has to begin.
    fn no_key(&self) -> Value {
        let key = &self.key;
        tracing::info!(%key, "no Stripe key is kept, so MRR is not computed");
        self.error(format!(
            "there is no Stripe key, so MRR is not computed: put a restricted key with read access into the secret \
             {key}; docs/MRR.md says which permissions it needs"
        ))
    }

    fn error(&self, error: String) -> Value {
        let timestamp = self.clock.now();
        let body = serde_json::to_string(&Body::Error { error, timestamp });
        answer(500, &body.unwrap_or_default())
    }
}

/// Whether the schedule asks, which template.yaml gives this payload.
fn is_schedule(payload: &Value) -> bool {
    payload.get("tick").and_then(Value::as_str) == Some("mrr")
}

fn success(day: &Day) -> serde_json::Result<Value> {
    let figures = Figures::of(day);
    tracing::info!(
        date = %day.date,
        mrr_usd = figures.mrr_usd.map(tracing::field::display),
        complete = figures.complete,
        subscribers = figures.subscribers,
        "MRR was computed and kept"
    );
    Ok(answer(200, &serde_json::to_string(&Body::Success(figures))?))
}

fn answer(status: u16, body: &str) -> Value {
    json!({"statusCode": status, "body": body})
}

/// An error with what was underneath, for the log.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
