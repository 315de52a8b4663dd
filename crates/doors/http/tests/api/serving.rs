//! The server on a real socket: binding, TLS, and stopping without cutting anything off.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cc_devops_http::config::Tls;
use cc_devops_http::{Server, ServerConfig, ServerError};
use cc_devops_kernel::names::{SecretName, SecretPrefix};
use cc_devops_kernel::ports::{
    PortResult, SecretRead, SecretStore, SecretSummary, SecretVersion, SecretWrite, SecretWritten,
};
use cc_devops_requests::record::RequestState;
use cc_devops_testkit::memory::StackScript;
use cc_devops_testkit::{Memory, sample};
use reqwest::{Certificate, Client};
use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::{Semaphore, oneshot};

use crate::harness::{As, Harness, control_plane, put, until};

fn anywhere() -> ServerConfig {
    ServerConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        ..ServerConfig::default()
    }
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn bind(memory: &Memory, config: ServerConfig) -> Result<Server, ServerError> {
    let (_, ended) = unbounded_channel();
    Server::bind(config, control_plane(memory, |_| ()).await, ended).await
}

#[tokio::test]
async fn an_address_that_others_reach_needs_tls_or_a_word() {
    let memory = Memory::new();
    let listen = "0.0.0.0:0".parse().unwrap();
    let open = ServerConfig {
        listen,
        ..ServerConfig::default()
    };
    let error = bind(&memory, open.clone()).await.err().unwrap().to_string();
    assert!(
        error.contains("0.0.0.0:0") && error.contains("allow_plaintext = true"),
        "{error}"
    );
    let allowed = ServerConfig {
        allow_plaintext: true,
        ..open
    };
    assert!(bind(&memory, allowed).await.is_ok());
}

#[tokio::test]
async fn a_taken_address_says_so() {
    let memory = Memory::new();
    let first = bind(&memory, anywhere()).await.unwrap();
    let config = ServerConfig {
        listen: first.local_addr(),
        ..ServerConfig::default()
    };
    assert!(matches!(bind(&memory, config).await, Err(ServerError::Bind { .. })));
}

#[tokio::test]
async fn tls_is_served_with_the_configured_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = Tls {
        certificate: directory.path().join("server.pem"),
        key: directory.path().join("server.key"),
    };
    let memory = Memory::new();
    let config = ServerConfig {
        tls: Some(tls.clone()),
        ..anywhere()
    };
    assert!(matches!(
        bind(&memory, config.clone()).await,
        Err(ServerError::Tls { .. })
    ));
    std::fs::write(&tls.certificate, signed.cert.pem()).unwrap();
    std::fs::write(&tls.key, signed.signing_key.serialize_pem()).unwrap();
    let give = |mode| {
        let mode = Permissions::from_mode(mode);
        std::fs::set_permissions(&tls.key, mode).unwrap();
    };
    give(0o644);
    let Err(ServerError::Tls { source, .. }) = bind(&memory, config.clone()).await else {
        panic!("a key that everybody may read is served with");
    };
    assert!(source.to_string().contains("chmod o-rwx,g-w"), "{source}");
    // A group of its own may, as Debian's ssl-cert.
    give(0o640);
    let server = bind(&memory, config).await.unwrap();
    let url = format!("https://localhost:{}/health", server.local_addr().port());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(async { stopped.await.unwrap() }));
    let certificate = Certificate::from_pem(signed.cert.pem().as_bytes()).unwrap();
    let client = Client::builder()
        .no_proxy()
        .tls_certs_only([certificate])
        .build()
        .unwrap();
    let answer = client.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_answers_who_waits_and_finishes_the_deploy() {
    let memory = Memory::new();
    memory.script_stack(sample::stack(sample::STACK_SUCCEEDS), StackScript::KeepsChanging);
    let (ended, ended_at) = unbounded_channel();
    let control = control_plane(&memory, |_| ()).await;
    let server = Server::bind(anywhere(), control, ended_at).await.unwrap();
    let address = server.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(async { stopped.await.unwrap() }));
    let event = sample::deploy_event("d1", sample::STACK_SUCCEEDS);
    let post = client()
        .post(format!("http://{address}/v1/events?wait=300"))
        .bearer_auth(As::Agent.token().unwrap())
        .json(&event)
        .send();
    let waiting = tokio::spawn(post);
    let ledger = memory.ports().ledger;
    let id = sample::request_id("d1");
    let state = async || Some(ledger.find(&id).await.unwrap()?.state);
    until(async || (state().await? == RequestState::Waiting).then_some(())).await;
    stop.send(()).unwrap();
    let answer = waiting.await.unwrap().unwrap();
    assert_eq!(answer.status(), 202);
    assert_eq!(answer.json::<Value>().await.unwrap()["status"], "accepted");
    assert!(
        client().get(format!("http://{address}/health")).send().await.is_err(),
        "nothing is accepted any more"
    );
    assert!(!serving.is_finished(), "the deploy is still waited for");
    memory.end_change(&id, StackScript::Succeeds);
    ended.send(id.clone()).unwrap();
    serving.await.unwrap().unwrap();
    assert_eq!(state().await, Some(RequestState::Published));
}

/// Secrets that are written only when the test lets them.
struct Gate {
    inner: Arc<dyn SecretStore>,
    open: Arc<Semaphore>,
}

#[async_trait]
impl SecretStore for Gate {
    async fn put(&self, write: SecretWrite<'_>) -> PortResult<SecretWritten> {
        self.open.acquire().await.unwrap().forget();
        self.inner.put(write).await
    }

    async fn read(&self, name: &SecretName, version: SecretVersion) -> PortResult<Option<SecretRead>> {
        self.inner.read(name, version).await
    }

    async fn list(
        &self,
        prefix: Option<&SecretPrefix>,
        after: Option<&SecretName>,
        limit: usize,
    ) -> PortResult<Vec<SecretSummary>> {
        self.inner.list(prefix, after, limit).await
    }
}

async fn behind_a_gate() -> (Harness, Arc<Semaphore>) {
    let open = Arc::new(Semaphore::new(0));
    let gate = open.clone();
    let harness = Harness::around(Memory::new(), ServerConfig::default(), |ports| {
        let inner = ports.secrets.clone();
        ports.secrets = Arc::new(Gate { inner, open: gate });
    })
    .await;
    (harness, open)
}

async fn state(harness: &Harness, id: &str) -> RequestState {
    let found = harness.memory.ports().ledger.find(&sample::request_id(id)).await;
    found.unwrap().unwrap().state
}

#[tokio::test(start_paused = true)]
async fn a_stop_finishes_and_publishes_what_runs() {
    let (mut harness, open) = behind_a_gate().await;
    let workers = harness.work();
    harness.post("/v1/events", As::Agent, &put("r1")).await;
    let mut stop = Box::pin(workers.stop(Duration::from_secs(30)));
    assert!(futures::poll!(&mut stop).is_pending());
    open.add_permits(1);
    stop.await;
    assert_eq!(state(&harness, "r1").await, RequestState::Published);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_beyond_its_grace() {
    let (mut harness, _closed) = behind_a_gate().await;
    let workers = harness.work();
    harness.post("/v1/events", As::Agent, &put("r1")).await;
    let before = tokio::time::Instant::now();
    workers.stop(Duration::from_secs(30)).await;
    assert_eq!(before.elapsed(), Duration::from_secs(30));
    assert_eq!(
        state(&harness, "r1").await,
        RequestState::Executing,
        "the next start takes it up"
    );
}
