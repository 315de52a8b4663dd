//! `serve`: builds the real adapters, wires them to the control plane, and serves until told to
//! stop. The one place where that is done.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use cc_devops_aws::Backend;
use cc_devops_core::Installation;
use cc_devops_core::acts::Asker;
use cc_devops_core::fleet::{Agent, Enrolment};
use cc_devops_core::names::AgentName;
use cc_devops_core::ports::{AuditArchive, PortErrorKind, Ports, SystemClock};
use cc_devops_core::requests::Role;
use cc_devops_core::requests::bus::Signal;
use cc_devops_core::requests::engine::ControlPlane;
use cc_devops_core::requests::relay::Patience;
use cc_devops_core::requests::waiting::Stopwatch;
use cc_devops_core::retention::Keeper;
use cc_devops_embedded::{Store, stacks};
use cc_devops_server::{Capabilities, Server};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::Context;
use crate::archive::FileArchive;
use crate::commands::agents::new_token;
use crate::config::check::parse_address;
use crate::config::{Checked, Loaded};
use crate::data_dir::{DataDir, RunningServer};
use crate::error::CliError;
use crate::pinned::Fingerprint;
use crate::store::{self, ADMIN};
use crate::{credentials, file_limit, hygiene, policies, reporting, trail};

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
pub(crate) async fn run(context: &Context, args: Args, config: Loaded) -> Result<(), CliError> {
    let Loaded {
        source,
        checked: config,
        ..
    } = config.permitted()?;
    let stop = stop_signal()?;
    if let Some(backend) = store::on_aws(&config).await? {
        return on_aws(context, &args, &config, backend, stop).await;
    }
    let dir = DataDir::new(&context.global.data_dir);
    dir.create()?;
    let _lock = dir.lock().await?;

    let store = Store::open(store::options(dir.path(), true)).map_err(|error| store::refused(dir.path(), error))?;
    trail::undoubted(&store)?;
    store.keep_reserve();
    let fault = Arc::new(OnceLock::new());
    let stop = stopped_or_failed(stop, store.failed(), Arc::clone(&fault));
    let clock = Arc::new(SystemClock);
    let (ended, stack_ends) = mpsc::unbounded_channel();
    let supervisor = stacks::this_program()
        .map_err(|error| CliError::internal("this program's own file is not to be found", error))?;
    let stacks = Arc::new(store.local_stacks(config.stacks.clone(), supervisor, clock.clone(), ended));
    stacks.tidy().await?;
    let ports = store.ports(stacks.clone(), clock);
    credentials::not_used();
    make_admin(&dir, &ports, &config.installation).await?;
    let revenue = reporting::capability(&config.revenue, config.installation.clone(), &ports)?;
    let keeper = keeper(&config, &ports);
    let repositories = hygiene::capability(&config.repositories, &config.installation, config.server.mode, &ports);
    let policy = policies::over(&config, &ports).await?;
    let plane = ControlPlane::new(
        config.installation.clone(),
        ports,
        policy,
        store.fingerprint_key(),
        config.requests.clone(),
    )
    .caring(Arc::clone(&repositories.care))
    .measuring(stopwatch())
    .patient(patience());

    let mut server_config = config.server.clone();
    if let Some(listen) = args.listen {
        server_config.listen = listen;
    }
    server_config.limits.connections = file_limit::make_room_for(server_config.limits.connections);
    let tls = server_config.tls.is_some();
    let plane = Arc::new(plane);
    // The lock says that whoever had claimed them is dead: their leases need not be waited for.
    match plane.take_over().await {
        Ok(0) => {}
        Ok(taken) => tracing::info!(requests = taken, "taking up what the process before left"),
        // A server that answers and says what is wrong is better than none.
        Err(error) if error.kind == PortErrorKind::Full => {
            tracing::error!(%error, "what the process before left is taken up when its leases have ended");
        }
        Err(error) => return Err(error.into()),
    }
    let capabilities = Capabilities {
        control: Arc::clone(&plane),
        revenue: Some(revenue),
        hygiene: Some(repositories),
        keeper: Some(keeper),
    };
    let server = Server::bind(server_config, capabilities, stack_ends)
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
    let hourly = tokio::spawn(trail::tell_hourly(store.audit()));

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
    dir.withdraw();
    drop(stacks);
    hourly.abort();
    trail::tell(store.audit().as_ref()).await;
    store.close();
    tracing::info!("stopped");
    match fault.get() {
        Some(thread) => Err(CliError::StoreFailed { thread }),
        None => outcome,
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

/// Serves the HTTP API over the stack in an AWS account, and takes the requests of its queue.
async fn on_aws(
    context: &Context,
    args: &Args,
    config: &Checked,
    backend: Backend,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), CliError> {
    let mut requests = config.requests.clone();
    requests.serves = Some(backend.resources().stage.clone());
    let key = backend.fingerprint_key().await?;
    let ports = backend.ports();
    let keeper = keeper(config, &ports);
    let (installation, policy) = (config.installation.clone(), policies::over(config, &ports).await?);
    let plane = ControlPlane::new(installation, ports, policy, key, requests)
        .caring(backend.care())
        .measuring(stopwatch())
        .patient(patience());
    let plane = Arc::new(plane);
    let queue = backend.request_queue().await?;
    let mut server_config = config.server.clone();
    server_config.listen = args.listen.unwrap_or(server_config.listen);
    server_config.limits.connections = file_limit::make_room_for(server_config.limits.connections);
    server_config.deploys_here = false;
    let tls = server_config.tls.is_some();
    // CloudFormation's news come over the queue or not at all; the sweep looks for itself.
    let (_ended, stack_ends) = mpsc::unbounded_channel();
    let capabilities = Capabilities {
        keeper: Some(keeper),
        ..Capabilities::from(Arc::clone(&plane))
    };
    let server = Server::bind(server_config, capabilities, stack_ends)
        .await
        .map_err(|error| CliError::open("cannot serve", error))?;
    let address = server.local_addr();
    let stopping = CancellationToken::new();
    let consumer = tokio::spawn({
        let (plane, stopping) = (Arc::clone(&plane), stopping.clone());
        async move {
            let take = |body| take(Arc::clone(&plane), body);
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

/// Who forgets what is not kept any longer.
fn keeper(config: &Checked, ports: &Ports) -> Arc<Keeper> {
    let retention = &config.retention;
    let archive = retention.export_dir.clone();
    let archive = archive.map(|folder| Arc::new(FileArchive::new(folder)) as Arc<dyn AuditArchive>);
    Arc::new(Keeper::new(retention.rules, ports, archive))
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

/// Takes one message of the queue; whether it may be removed.
async fn take(plane: Arc<ControlPlane>, body: String) -> bool {
    let taken = match Signal::parse(&body) {
        Ok(Signal::Request(event)) => plane.take_request(event).await.map(drop),
        Ok(Signal::Refused(failure)) => plane.refuse_signal(failure).await.map(drop),
        Ok(Signal::StackChanged(stack)) => plane.stack_changed(&stack).await.map(drop),
        Err(failure) => {
            tracing::error!(%failure, "an event cannot be read; it ends in the dead letters");
            return false;
        }
    };
    match taken {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "a message was not taken; it is given again");
            false
        }
    }
}

/// Measures how long the process runs.
fn stopwatch() -> Stopwatch {
    let begun = Instant::now();
    Arc::new(move || begun.elapsed())
}

/// How long a consumer of the outbox may take over what it is told in one go.
const CONSUMER_TIME: Duration = Duration::from_secs(10);

fn patience() -> Patience {
    Arc::new(|| Box::pin(tokio::time::sleep(CONSUMER_TIME)))
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
            "the admin's token is in {}\ntry, in another terminal:\n  cc-devops --data-dir {} health",
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
    let enrolment = Enrolment::new(ports, installation, Asker::Operator);
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
        assert_eq!(error.exit_code(), 5);
        assert!(!error.is_told(), "it is printed");
    }
}
