//! Whether the systems behind the ports work.
//!
//! Asking all of them takes longer than a function has for its first answer. So the full check is
//! made with every heartbeat and kept; a health check reads what was found, which also shows that
//! the ledger works.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use cc_devops_kernel::health::Check;
use cc_devops_kernel::ports::{Checks, PortErrorKind, PortResult};
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::error::{corrupt, port_error};
use crate::table::{key, text};
use crate::{Backend, Shared};

/// How long what was found is good: two heartbeats.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// How long one system may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

impl Backend {
    /// The systems' own health.
    pub fn checks(&self) -> Arc<dyn Checks> {
        Arc::new(AwsChecks(self.shared.clone()))
    }

    /// Asks every system now, and keeps what it found for [`Backend::checks`].
    pub async fn full_check(&self) -> Vec<Check> {
        Box::pin(full(&self.shared)).await
    }
}

struct AwsChecks(Arc<Shared>);

#[derive(Deserialize)]
struct Report {
    at: Timestamp,
    /// The checks as JSON text.
    checks: String,
}

#[async_trait]
impl Checks for AwsChecks {
    async fn check(&self) -> Vec<Check> {
        match kept(&self.0).await {
            Ok(Some(checks)) => checks,
            Ok(None) => Box::pin(full(&self.0)).await,
            Err(error) if error.kind == PortErrorKind::Corrupt => Box::pin(full(&self.0)).await,
            Err(error) => vec![Check::degraded("ledger", error.to_string())],
        }
    }
}

/// What was found last, while that is good.
async fn kept(shared: &Shared) -> PortResult<Option<Vec<Check>>> {
    let report: Option<Report> = shared.get(key("HEALTH", "REPORT"), "the last health report").await?;
    let fresh = report.filter(|report| shared.clock.now().duration_since(report.at) <= FRESH);
    let checks = fresh.map(|report| serde_json::from_str(&report.checks));
    checks
        .transpose()
        .map_err(|error| corrupt("the last health report").because(error))
}

async fn full(shared: &Shared) -> Vec<Check> {
    let clients = &shared.clients;
    let resources = &shared.resources;
    let alerts = Box::pin(async {
        match &resources.alert_topic_arn {
            None => Check::degraded("alerts", "no topic is configured: alerts stand in the log alone"),
            Some(topic) => {
                let call = clients.sns().get_topic_attributes().topic_arn(topic);
                check("alerts", "sns:GetTopicAttributes", call.send()).await
            }
        }
    });
    let (ledger, agents, secrets, events, metrics, stacks, alerts) = tokio::join!(
        check(
            "ledger",
            "dynamodb:DescribeTable",
            clients.dynamodb().describe_table().table_name(shared.table()).send()
        ),
        Box::pin(async {
            let checked = bounded(shared.enabled()).await;
            of("agents", checked)
        }),
        check(
            "secrets",
            "secretsmanager:DescribeSecret",
            clients
                .secrets()
                .describe_secret()
                .secret_id(&resources.ledger_key)
                .send()
        ),
        check(
            "events",
            "events:DescribeEventBus",
            clients
                .eventbridge()
                .describe_event_bus()
                .name(&resources.event_bus)
                .send()
        ),
        Box::pin(async {
            let checked = bounded(shared.own_heartbeat()).await;
            of("metrics", checked)
        }),
        check("stacks", "cloudformation:DescribeStacks", async {
            // A stack that does not exist is an answer, too.
            match clients
                .cloudformation()
                .describe_stacks()
                .stack_name(&resources.stack)
                .send()
                .await
            {
                Err(error) if error.code() == Some("ValidationError") => Ok(()),
                other => other.map(drop),
            }
        }),
        alerts,
    );
    let checks = vec![ledger, agents, secrets, events, metrics, stacks, alerts];
    if let Err(error) = keep(shared, &checks).await {
        tracing::warn!(%error, "the health report was not kept");
    }
    checks
}

async fn keep(shared: &Shared, checks: &[Check]) -> PortResult<()> {
    let mut item = key("HEALTH", "REPORT");
    item.insert("at".to_owned(), text(shared.clock.now().to_string()));
    item.insert(
        "checks".to_owned(),
        text(serde_json::to_string(checks).unwrap_or_default()),
    );
    let call = shared
        .clients
        .dynamodb()
        .put_item()
        .table_name(shared.table())
        .set_item(Some(item));
    call.send()
        .await
        .map(drop)
        .map_err(|error| port_error("dynamodb:PutItem", error))
}

async fn bounded<T>(call: impl Future<Output = PortResult<T>>) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} seconds", PATIENCE.as_secs())),
    }
}

/// Boxed, because the SDK's futures are large and there are many of them here.
fn check<'a, T, E>(
    name: &'a str,
    operation: &'a str,
    call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send + 'a,
) -> BoxFuture<'a, Check>
where
    T: Send + 'a,
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let call = async move { call.await.map_err(|error| port_error(operation, error)) };
    Box::pin(async move { of(name, bounded(call).await) })
}

fn of(name: &str, checked: Result<(), String>) -> Check {
    match checked {
        Ok(()) => Check::healthy(name),
        Err(message) => Check::degraded(name, message),
    }
}
