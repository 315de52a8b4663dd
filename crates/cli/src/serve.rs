//! `serve`: takes what the composition gives it, and serves until told to stop.

#[cfg(feature = "aws")]
mod on_aws;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cc_devops_app::embedded::{self, StackCommands};
use cc_devops_app::settings::{LoadedSettings, parse_address};
use cc_devops_app::{Backend, Capabilities, Settings};
use cc_devops_embedded::Store;
use cc_devops_fleet::Enrolment;
use cc_devops_http::{Server, ServerConfig, Watch};
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortError, PortErrorKind};
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::ports::Ports;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::commands::agents::new_token;
use crate::context::Context;
use crate::data_dir::{DataDir, RunningServer};
use crate::error::CliError;
use crate::pinned::Fingerprint;
use crate::store::{self, ADMIN};
use crate::{credentials, file_limit, trail};

const AFTER_HELP: &str = "\
The first start makes the data folder, the master key, and the agent `admin` with its token in
DIR/admin.token. When it is ready it prints one line with its address, which also stands in
DIR/server.json while it runs. SIGTERM and Ctrl-C end it after what is running has finished.

On AWS it needs no data folder: it serves the HTTP API over the stack's ledger, and takes the requests
of the stack's queue in the function's place (deploy the stack with QueueConsumer=container).

Examples:
  cc-devops serve
  cc-devops serve --data-dir /var/lib/cc-devops --config /etc/cc-devops.toml --log-format json
  cc-devops serve --listen 127.0.0.1:0
  cc-devops serve --backend aws --aws-stage dev       takes the requests of the stack's queue";

/// How many outcomes of stopped commands are published before the process ends.
const LEFT_OVER: usize = 1_024;

/// How to serve.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Address and port to listen on, instead of the configuration's; port 0 takes a free one
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    listen: Option<SocketAddr>,
}

/// Runs `serve`.
pub(crate) async fn run(context: &Context, args: Args, loaded: LoadedSettings) -> Result<(), CliError> {
    let LoadedSettings { source, settings, .. } = loaded.permitted()?;
    let stop = stop_signal()?;
    if let Some(backend) = store::on_aws(&settings).await? {
        #[cfg(feature = "aws")]
        return on_aws::serve(context, &args, settings, backend, stop).await;
        #[cfg(not(feature = "aws"))]
        match backend {}
    }
    let dir = DataDir::new(&context.global.data_dir);
    dir.create()?;
    let lock = dir.lock().await?;

    let (capabilities, StackCommands { stacks, ends }) = embedded::serve(settings, dir.path())?;
    let store = store_of(&capabilities)?;
    trail::undoubted(store)?;
    // Without it at its place another server would begin, and take up what this one has claimed.
    store
        .watch_lock(lock.path(), lock.file())
        .map_err(|error| CliError::open(format!("cannot use {}", lock.path().display()), error))?;
    store.keep_reserve();
    let fault = Arc::new(OnceLock::new());
    let stop = stopped_or_failed(stop, store.failed(), Arc::clone(&fault));
    let audit = store.audit();
    stacks.tidy().await?;
    credentials::not_used();
    make_admin(&dir, &capabilities.ports, &capabilities.settings.installation).await?;
    let plane = Arc::new(capabilities.control_plane().await?);

    let server_config = args.over(&capabilities.settings);
    let tls = server_config.tls.is_some();
    take_over(&plane).await?;
    let door = capabilities.http(Arc::clone(&plane)).await?;
    if let Some(watch) = &door.watch {
        wake(watch, &capabilities.ports).await?;
    }
    let server = Server::bind(server_config, door, ends)
        .await
        .map_err(|error| CliError::open("cannot serve", error))?;
    let address = server.local_addr();
    dir.announce(&RunningServer {
        address,
        pid: std::process::id(),
        tls,
        certificate: server.certificate().map(Fingerprint::of),
    })?;
    let config_file = source.map_or_else(|| "none".to_owned(), |file| file.display().to_string());
    tracing::info!(%address, data_dir = %dir.path().display(), config = config_file, "ready");
    let told = tell_ready(context, &dir, address, tls);
    let hourly = tokio::spawn(trail::log_end_hourly(audit.clone()));

    let outcome = match told {
        Ok(()) => server
            .serve(stop)
            .await
            .map_err(|error| CliError::open("the server ended", error)),
        Err(error) => Err(error),
    };
    // The server has waited its grace for them; what still runs would be orphaned.
    stacks.shutdown(Duration::ZERO).await;
    conclude_stopped(&plane).await;
    if lock.stands() {
        dir.withdraw();
    }
    drop(stacks);
    hourly.abort();
    trail::log_end(audit.as_ref()).await;
    drop(audit);
    match capabilities.into_backend() {
        Backend::Embedded(store) => store.close(),
        #[cfg(feature = "aws")]
        Backend::Aws(_) => {}
    }
    tracing::info!("stopped");
    match fault.get() {
        Some(thread) => Err(CliError::StoreFailed { thread }),
        None => outcome,
    }
}

/// Takes up what the process before left. The lock says that whoever had claimed it is dead: its leases need not be waited
/// for.
async fn take_over(plane: &ControlPlane) -> Result<(), CliError> {
    let ports = plane.ports();
    let taken = async {
        let requests = plane.take_over().await?;
        let deliveries = ports.webhooks.take_over(ports.clock.now()).await?;
        Ok::<_, PortError>((requests, deliveries))
    };
    match taken.await {
        Ok((0, 0)) => Ok(()),
        Ok((requests, deliveries)) => {
            tracing::info!(requests, deliveries, "taking up what the process before left");
            Ok(())
        }
        // A server that answers and says what is wrong is better than none.
        Err(error) if error.kind == PortErrorKind::Full => {
            tracing::error!(%error, "what the process before left is taken up when its leases have ended");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Begins to watch: what nobody could hear while no server ran is no silence, who was added meanwhile is watched, and
/// who was revoked is not. What the process before was sending is sent.
async fn wake(watch: &Watch, ports: &Ports) -> Result<(), CliError> {
    let now = ports.clock.now();
    let begun = async {
        watch.watching.awake(now).await?;
        watch.watching.adopt(&ports.agents.list().await?, now).await?;
        watch.delivering.take_over(now).await.map(drop)
    };
    match begun.await {
        // A server that answers and says what is wrong is better than none.
        Err(error) if error.kind == PortErrorKind::Full => {
            tracing::error!(%error, "not every agent is watched until there is room again");
            Ok(())
        }
        outcome => Ok(outcome?),
    }
}

impl Args {
    /// The settings of the HTTP door, with the flags laid over them and as many connections as there are files.
    fn over(&self, settings: &Settings) -> ServerConfig {
        let mut config = settings.server.clone();
        config.listen = self.listen.unwrap_or(config.listen);
        config.limits.connections = file_limit::make_room_for(config.limits.connections);
        config
    }
}

#[cfg_attr(
    not(feature = "aws"),
    expect(clippy::unnecessary_wraps, reason = "an account is no store")
)]
fn store_of(capabilities: &Capabilities) -> Result<&Store, CliError> {
    match capabilities.backend() {
        Backend::Embedded(store) => Ok(store),
        #[cfg(feature = "aws")]
        Backend::Aws(_) => Err(CliError::Usage("an account is no data folder".to_owned())),
    }
}

/// Ends when the server is told to stop, or when its store has failed: a process that can write
/// nothing more is worse than none. What failed is left in `fault`.
async fn stopped_or_failed(
    stop: impl Future<Output = ()>,
    failed: impl Future<Output = &'static str>,
    fault: Arc<OnceLock<&'static str>>,
) {
    tokio::select! {
        () = stop => {}
        thread = failed => {
            tracing::error!(thread, "the store has failed; the server ends");
            fault.get_or_init(|| thread);
        }
    }
}

/// Tells the requests of commands that were stopped just now. What cannot be told is on record, and
/// the next start tells it.
async fn conclude_stopped(plane: &ControlPlane) {
    let looked = plane.look_after_waiting().await;
    for error in &looked.failures {
        tracing::warn!(%error, "a stopped deploy is concluded at the next start");
    }
    if let Err(error) = plane.relay(plane.ports().outbox.consumers(), LEFT_OVER).await {
        tracing::warn!(%error, "the outcomes of stopped deploys are told at the next start");
    }
}

/// The line that says where it is, and on a terminal what to try first.
fn tell_ready(context: &Context, dir: &DataDir, address: SocketAddr, tls: bool) -> Result<(), CliError> {
    let url = format!("{}://{address}", if tls { "https" } else { "http" });
    let output = context.output;
    output.answer(
        &json!({"url": url, "address": address, "pid": std::process::id()}),
        || format!("listening on {url}"),
    )?;
    if output.is_terminal() {
        output.note(&format!(
            "the admin's token is in {}\ntry, in another terminal:\n  cc-devops --data-dir {} open",
            dir.token_file().display(),
            dir.path().display()
        ));
    }
    Ok(())
}

/// Makes the operator's agent where there is none. The token is kept before the agent is made: a
/// crash in between leaves a token that opens nothing, and the next start replaces it.
async fn make_admin(dir: &DataDir, ports: &Ports, installation: &Installation) -> Result<(), CliError> {
    let name = AgentName::new(ADMIN).map_err(|error| CliError::internal("the admin's name is refused", error))?;
    if ports.agents.list().await?.iter().any(|known| known.agent.name == name) {
        if !dir.token_file().exists() {
            tracing::warn!(
                file = %dir.token_file().display(),
                "the admin's token file is missing; `cc-devops agents rotate admin` makes a new one"
            );
        }
        return Ok(());
    }
    let token = new_token()?;
    dir.keep_admin_token(token.expose())?;
    let admin = Agent {
        name,
        role: Role::Admin,
        secret_prefixes: Vec::new(),
        stacks: Vec::new(),
    };
    let enrolment = Enrolment::new(ports, installation, Actor::Operator);
    Ok(enrolment.add(admin, &token).await?)
}

/// Ends when the process is told to stop. Listening begins at once, so that no signal is missed.
fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static, CliError> {
    let listen = |kind| signal(kind).map_err(|error| CliError::internal("signals cannot be listened for", error));
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("told to stop by SIGTERM"),
            _ = interrupt.recv() => tracing::info!("told to stop by SIGINT"),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;
    use crate::error::ExitCodes;

    #[tokio::test]
    async fn a_store_that_fails_ends_the_server_and_a_stop_is_no_failure() {
        let fault = Arc::new(OnceLock::new());
        stopped_or_failed(ready(()), pending(), Arc::clone(&fault)).await;
        assert_eq!(fault.get(), None);
        stopped_or_failed(pending(), ready("writing thread"), Arc::clone(&fault)).await;
        assert_eq!(fault.get(), Some(&"writing thread"));
        let error = CliError::StoreFailed {
            thread: "writing thread",
        };
        assert_eq!(error.code(ExitCodes::Common), 5);
        assert!(!error.is_told(), "it is printed");
    }
}
