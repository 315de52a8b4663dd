//! Real systems that tests start themselves: on a free loopback port, ended by their process id.
//!
//! `make test` installs them under `target/peers`; `CC_DEVOPS_PEERS` names another folder.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use cc_devops_outbound::{HttpClient, HttpOptions, Request, Url};
use tokio::process::{Child, Command};

/// The longest a peer may take until it answers.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often it is asked meanwhile.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// A running peer; dropping it ends it.
#[derive(Debug)]
pub struct Peer {
    url: String,
    port: u16,
    // Killed when dropped.
    _process: Child,
}

impl Peer {
    /// Where it answers, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// The folder the peers are installed in, one virtual environment each.
fn folder() -> PathBuf {
    std::env::var_os("CC_DEVOPS_PEERS").map_or_else(
        || concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/peers").into(),
        PathBuf::from,
    )
}

/// MiniStack: AWS on one port, without an account. Empty at the start.
pub async fn ministack() -> Peer {
    ministack_checking(false).await
}

/// MiniStack that checks who may do what, and which capabilities a template takes.
pub async fn ministack_that_checks() -> Peer {
    ministack_checking(true).await
}

async fn ministack_checking(checks: bool) -> Peer {
    let port = free_port();
    let mut command = program("ministack", "ministack");
    if checks {
        command.env("AUTH", "true");
    }
    command
        .env("GATEWAY_PORT", port.to_string())
        .env("BIND_HOST", "127.0.0.1")
        .env("MINISTACK_HOST", "127.0.0.1")
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
    start(command, port, "/_ministack/health").await
}

/// Moto's server, for what it knows better: the token rules of Secrets Manager.
pub async fn moto() -> Peer {
    let port = free_port();
    let mut command = program("moto", "moto_server");
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    start(command, port, "/moto-api/").await
}

/// localstripe: Stripe's API of years ago, with its keys and its pages. Empty at the start.
pub async fn localstripe() -> Peer {
    let port = free_port();
    let mut command = program("localstripe", "localstripe");
    command.args(["--port", &port.to_string(), "--from-scratch"]);
    start(command, port, "/js.stripe.com/v3/").await
}

/// A program of the environment of `tests/peers/PEER.txt`, itself in a clean one; killed when dropped.
pub fn program(peer: &str, name: &str) -> Command {
    let bin = folder().join(peer).join("bin");
    let program = bin.join(name);
    assert!(
        program.exists(),
        "{} is not installed: run `make peers` first",
        program.display()
    );
    let mut command = Command::new(program);
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env_clear()
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("HOME", std::env::temp_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

async fn start(mut command: Command, port: u16, health: &str) -> Peer {
    let mut process = command.spawn().expect("the peer starts");
    let url = format!("http://127.0.0.1:{port}");
    let health = Url::parse(&format!("{url}{health}")).expect("an address");
    let client = HttpClient::configured(&health, HttpOptions::default()).expect("a client");
    let ready = async {
        loop {
            let answer = client.send_for_head(Request::get(health.clone())).await;
            if answer.is_ok_and(|(status, _)| status.is_success()) {
                return;
            }
            if let Some(status) = process.try_wait().expect("a child can be waited for") {
                panic!("the peer ended before it answered: {status}");
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    };
    tokio::time::timeout(PATIENCE, ready)
        .await
        .unwrap_or_else(|_| panic!("the peer did not answer within {PATIENCE:?}"));
    Peer {
        url,
        port,
        _process: process,
    }
}
