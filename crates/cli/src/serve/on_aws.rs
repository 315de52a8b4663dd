//! `serve` over the stack in an AWS account: the HTTP API, and the requests of the stack's queue in the function's place.

use std::future::Future;
use std::sync::Arc;

use cc_devops_app::{Program, Settings, aws};
use cc_devops_aws::Backend;
use cc_devops_http::Server;
use cc_devops_kernel::names::AgentName;
use cc_devops_queue::Delivered;
use cc_devops_requests::engine::ControlPlane;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Args;
use crate::context::Context;
use crate::error::CliError;
use crate::store::ADMIN;

/// Serves until told to stop.
pub(super) async fn serve(
    context: &Context,
    args: &Args,
    settings: Settings,
    backend: Backend,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), CliError> {
    let capabilities = aws::capabilities(settings, Program::SERVER, backend.clone());
    let plane = Arc::new(capabilities.control_plane().await?);
    let queue = backend.request_queue().await?;
    let mut server_config = args.over(&capabilities.settings);
    server_config.deploys_here = false;
    let tls = server_config.tls.is_some();
    // CloudFormation's news come over the queue or not at all; the sweep looks for itself.
    let (_ended, stack_ends) = mpsc::unbounded_channel();
    let door = capabilities.http(Arc::clone(&plane)).await?;
    let server = Server::bind(server_config, door, stack_ends)
        .await
        .map_err(|error| CliError::open("cannot serve", error))?;
    let address = server.local_addr();
    let stopping = CancellationToken::new();
    let consumer = tokio::spawn({
        let (plane, stopping) = (Arc::clone(&plane), stopping.clone());
        async move {
            let take = |body: String| {
                let plane = Arc::clone(&plane);
                async move { cc_devops_queue::take(&plane, &body).await == Delivered::Taken }
            };
            queue.consume(take, stopping.cancelled_owned()).await;
        }
    });
    tracing::info!(%address, stage = %backend.resources().stage, "ready");
    let url = format!("{}://{address}", if tls { "https" } else { "http" });
    context.output.answer(
        &json!({"url": url, "address": address, "pid": std::process::id()}),
        || format!("listening on {url}"),
    )?;
    note_admin(context, &plane).await?;
    let told = stopping.clone();
    let shutdown = async move {
        tokio::select! {
            () = stop => told.cancel(),
            () = told.cancelled() => {}
        }
    };
    // A consumer that fails ends the server, and the other way round: a process that only seems to
    // work is worse than none.
    let watched = async {
        let end = consumer.await;
        stopping.cancel();
        end
    };
    let serving = async {
        let end = server.serve(shutdown).await;
        stopping.cancel();
        end
    };
    let (answered, taken) = tokio::join!(serving, watched);
    tracing::info!("stopped");
    answered.map_err(|error| CliError::open("the server ended", error))?;
    taken.map_err(|error| CliError::internal("the queue's consumer failed", error))
}

/// Says how to get an operator's token where there is no operator: on AWS none is made unasked.
async fn note_admin(context: &Context, plane: &ControlPlane) -> Result<(), CliError> {
    let admin = AgentName::new(ADMIN).map_err(|error| CliError::internal("the admin's name is refused", error))?;
    if plane.ports().agents.find(&admin).await?.is_none() {
        context.output.note(&format!(
            "no operator has a token for the HTTP API: make one with `cc-devops agents add {ADMIN} --admin`"
        ));
    }
    Ok(())
}
