//! The function, over whatever ports it is given.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cc_devops_kernel::health::{Health, Mode};
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::outcome::{Failure, Reason, Status};
use cc_devops_kernel::ports::{PortError, PortResult};
use cc_devops_outbox::ports::Standing;
use cc_devops_queue::{AT_ONCE, Batch, Delivered};
use cc_devops_repos::ports::RepositoryWorker;
use cc_devops_requests::bus::{Signal, Taken};
use cc_devops_requests::conditions::Thoroughness;
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::ports::{Backlog, Ports};
use cc_devops_requests::retention::{Pruner, Rules};
use cc_devops_requests::task::Task;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::payload::{Payload, Tick};
use crate::repositories::task_answer;
use crate::watch::{MakeWatch, Watch};

/// About how many audit rows a heartbeat cuts off: a few seconds' work.
const SECTION: usize = 1_000;

/// What a sweep leaves of its time, to end what it has begun.
const TO_END: Duration = Duration::from_secs(15);

/// More time than any invocation has.
const UNHURRIED: Duration = Duration::from_hours(1);

/// Says how the outbox's consumers stand and what is open, at a moment.
pub type Gauge = Box<dyn Fn(&[Standing], &Backlog, Timestamp) + Send + Sync>;

/// What the function is made of.
pub struct Setup {
    /// What it is called.
    pub installation: Installation,
    /// Whether it acts on its own initiative.
    pub mode: Mode,
    /// For how long what is kept.
    pub rules: Rules,
    /// The ports.
    pub ports: Ports,
    /// Who looks after repositories.
    pub worker: Arc<dyn RepositoryWorker>,
    /// Whose repositories these are, where that is configured.
    pub owner: Option<String>,
    /// Makes the control plane. Called when it is first needed, because its key takes a call and
    /// its policies time, and a health check needs neither.
    pub plane: Box<dyn Fn() -> BoxFuture<'static, PortResult<ControlPlane>> + Send + Sync>,
    /// Says how the outbox's consumers stand and what is open, for the alarms; called with each heartbeat.
    pub gauge: Gauge,
    /// Makes the watch over the fleet, where this stage watches it. Called with the first sweep, because its key takes
    /// a call.
    pub watch: Option<MakeWatch>,
    /// Asks every system how it is; called with each heartbeat.
    pub full_check: Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>,
}

/// The function.
pub struct Function {
    setup: Setup,
    plane: OnceCell<ControlPlane>,
    watch: OnceCell<Watch>,
}

/// An invocation that failed as a whole; Lambda counts it as an error.
#[derive(Debug, thiserror::Error)]
pub enum InvocationFailed {
    /// The control plane could not be put together: its keys or policies were not to be had.
    #[error("the control plane did not start: {0}")]
    Start(#[source] PortError),
    /// The payload is meant as a batch of messages and is none. Nothing of it was taken.
    #[error(
        "a batch of messages cannot be read, so it is given again as a whole; after five times it is a dead letter"
    )]
    NoBatch,
    /// The heartbeat could not be sent.
    #[error("the heartbeat was not sent: {0}")]
    Heartbeat(#[source] PortError),
    /// The sweep could not do everything.
    #[error("the sweep failed in {count} place(s), first: {first}")]
    Sweep {
        /// How often.
        count: usize,
        /// The first failure.
        #[source]
        first: PortError,
    },
}

impl Function {
    /// Puts the function together. No port is called yet.
    pub fn new(setup: Setup) -> Self {
        Self {
            setup,
            plane: OnceCell::new(),
            watch: OnceCell::new(),
        }
    }

    /// Answers one invocation that nobody hurries.
    ///
    /// # Errors
    /// A tick that could not be done, a batch that cannot be read; everything else has its answer.
    pub async fn handle(&self, payload: Value) -> Result<Value, InvocationFailed> {
        self.handle_within(payload, UNHURRIED).await
    }

    /// Answers one invocation that has so much time left. A sweep ends a little before.
    ///
    /// # Errors
    /// A tick that could not be done, a batch that cannot be read; everything else has its answer.
    pub async fn handle_within(&self, payload: Value, left: Duration) -> Result<Value, InvocationFailed> {
        match Payload::read(payload) {
            Payload::Batch(batch) => Ok(self.batch(batch).await),
            Payload::NoBatch => Err(InvocationFailed::NoBatch),
            Payload::Event(event) => Ok(self.event(event).await),
            Payload::Tick(tick) => self.tick(tick, left).await,
            Payload::Ended(request) => Ok(self.ended(&request).await),
            Payload::Task(task, payload) => Ok(self.task(&task, &payload).await),
        }
    }

    async fn plane(&self) -> PortResult<&ControlPlane> {
        self.plane.get_or_try_init(|| (self.setup.plane)()).await
    }

    /// Carries out a batch of messages; those that are to be given again are named.
    async fn batch(&self, batch: Batch) -> Value {
        let failed = batch.hand_over(|body| async move {
            match self.plane().await {
                Ok(plane) => cc_devops_queue::take(plane, &body).await,
                Err(error) => {
                    tracing::warn!(%error, "a message was not taken; it is given again");
                    Delivered::Again
                }
            }
        });
        failed.await.answer()
    }

    /// What became of a signal; none for the news of a stack.
    async fn signal(&self, signal: Signal) -> PortResult<Option<Taken>> {
        cc_devops_queue::signal(self.plane().await?, signal).await
    }

    /// Tells of what was concluded. It is called when the answer is out and before the next invocation is
    /// asked for: what is concluded is durable, and nobody has to wait for the bus to hear of it. What is not
    /// told now stays in the outbox.
    pub async fn relay(&self) {
        let Some(plane) = self.plane.get() else { return };
        let consumers = plane.ports().outbox.consumers();
        match AssertUnwindSafe(plane.relay(consumers, AT_ONCE * 10))
            .catch_unwind()
            .await
        {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "events were not told; the next sweep tells them"),
            Err(_panic) => tracing::error!("panicked over the outbox; the next sweep goes on with it"),
        }
    }

    /// An event given directly: as the rule for stacks does, or somebody who wants the answer.
    async fn event(&self, event: Value) -> Value {
        let taken = match Signal::read(event) {
            Ok(signal) => AssertUnwindSafe(self.signal(signal)).catch_unwind().await,
            Err(failure) => return refused(&failure, 0, self.now()),
        };
        match taken {
            Ok(Ok(None)) => answer(200, &json!({"status": "success"})),
            Ok(Ok(Some(taken))) => of(&taken, self.now()),
            Ok(Err(error)) => {
                tracing::error!(%error, "the request was not taken");
                let sentence = "the control plane cannot take the request now; send it again";
                refused(&Failure::new(Reason::InternalError, sentence), 0, self.now())
            }
            Err(_panic) => {
                let sentence = "the control plane failed over this request; it is taken up again";
                refused(&Failure::new(Reason::InternalError, sentence), 0, self.now())
            }
        }
    }

    /// Concludes a request whose work has ended elsewhere. What fails here the next sweep does.
    async fn ended(&self, request: &RequestId) -> Value {
        let concluded = match self.plane().await {
            Ok(plane) => plane.ended_elsewhere(request).await,
            Err(error) => Err(error),
        };
        match concluded {
            Ok(concluded) => answer(200, &json!({"concluded": concluded.is_some()})),
            Err(error) => {
                tracing::warn!(request_id = %request, %error, "a request that has ended elsewhere was not concluded");
                answer(500, &json!({"error": error.message}))
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.setup.ports.clock.now()
    }

    async fn tick(&self, tick: Tick, left: Duration) -> Result<Value, InvocationFailed> {
        let (begun, left) = (Instant::now(), left.saturating_sub(TO_END));
        let deadline = tokio::time::sleep(left);
        let plane = self.plane().await.map_err(InvocationFailed::Start)?;
        let mut beat = Ok(());
        if tick == Tick::Heartbeat {
            (self.setup.full_check)().await;
            beat = plane.own_heartbeat().await;
            if let Err(error) = plane.keep_sealing_keys().await {
                tracing::warn!(%error, "the sealing keys were not looked after; the next heartbeat does");
            }
            self.gauge(plane).await;
        }
        // First, so that what is found is told by this very invocation.
        let looked = plane.look_for_conditions(Thoroughness::Quick).await;
        // Beside each other: neither waits for what the other waits for.
        let left = left.saturating_sub(begun.elapsed());
        let (mut swept, watched) = futures::join!(plane.sweep(deadline), self.look(left));
        swept.failures.extend(watched);
        swept.failures.extend(looked.err());
        for error in &swept.failures {
            tracing::warn!(%error, "a part of the sweep failed");
        }
        tracing::info!(
            concluded = swept.concluded,
            published = swept.published,
            cut_short = swept.cut_short,
            "swept"
        );
        if tick == Tick::Heartbeat {
            self.forget().await;
        }
        beat.map_err(InvocationFailed::Heartbeat)?;
        let count = swept.failures.len();
        if let Some(first) = swept.failures.into_iter().next() {
            return Err(InvocationFailed::Sweep { count, first });
        }
        let body = json!({"concluded": swept.concluded, "published": swept.published});
        Ok(answer(200, &body))
    }

    /// Looks at the fleet, and tells people what is to be told. What went wrong.
    async fn look(&self, left: Duration) -> Vec<PortError> {
        let Some(make) = &self.setup.watch else {
            return Vec::new();
        };
        match self.watch.get_or_try_init(make).await {
            Ok(watch) => watch.look(left).await,
            Err(error) => vec![error],
        }
    }

    /// Cuts the oldest rows off the audit trail, where it is not kept for ever. The rest ends by itself.
    async fn forget(&self) {
        let Setup { mode, rules, ports, .. } = &self.setup;
        if rules.audit_days.is_none() {
            return;
        }
        match ports.maintenance.mode(*mode, ports.clock.now()).await {
            Ok(Mode::Normal) => {}
            Ok(Mode::Maintenance) => return,
            Err(error) => return tracing::warn!(%error, "nobody knows whether anything may be forgotten; nothing is"),
        }
        let pruner = Pruner::new(*rules, ports, None).in_sections_of(SECTION);
        let mut run = pruner.begin();
        // One section: the next heartbeat comes soon.
        let cut = async {
            while run.report().is_empty() && pruner.step(&mut run).await? {}
            Ok::<_, PortError>(run)
        };
        match cut.await {
            Ok(run) if run.report().is_empty() => {}
            Ok(run) => tracing::info!(rows = run.report().cut, "the audit trail was cut"),
            Err(error) => tracing::error!(%error, "the audit trail was not cut"),
        }
    }

    /// Says how far behind everything is, for the alarms.
    async fn gauge(&self, plane: &ControlPlane) {
        let ports = plane.ports();
        let now = ports.clock.now();
        match futures::try_join!(ports.outbox.standing(now), ports.ledger.backlog()) {
            Ok((standings, backlog)) => (self.setup.gauge)(&standings, &backlog, now),
            Err(error) => tracing::warn!(%error, "nobody can say how far behind the outbox is"),
        }
    }

    async fn task(&self, task: &Task, payload: &Value) -> Value {
        let Setup {
            installation,
            mode,
            ports,
            ..
        } = &self.setup;
        match task {
            Task::HealthCheck => {
                let (checks, now) = (ports.checks.check().await, ports.clock.now());
                // Where nobody knows, what is configured is said; the checks say what cannot be read.
                let mode = ports.maintenance.mode(*mode, now).await.unwrap_or(*mode);
                let health = Health::of(installation, mode, checks, now);
                answer(200, &serde_json::to_value(&health).unwrap_or_default())
            }
            Task::GithubRepoCheck | Task::WorkflowMonitor => {
                let (worker, owner) = (&*self.setup.worker, self.setup.owner.as_deref());
                task_answer((worker, owner), task, payload, &installation.agent, &*ports.clock).await
            }
            Task::Unknown(name) => answer(400, &json!({"error": format!("Unknown task type: {name}")})),
        }
    }
}

/// The answer to a request given directly, section 3 of the wire contract.
fn of(taken: &Taken, now: Timestamp) -> Value {
    match taken {
        Taken::OtherStage => refused(
            &Failure::new(
                Reason::InvalidParameter,
                "another stage's control plane answers for this request; invoke that one",
            ),
            0,
            now,
        ),
        Taken::Unreadable(failure) => refused(failure, 0, now),
        Taken::Accepted(id) => answer(202, &json!({"status": "accepted", "requestId": id})),
        Taken::Concluded(completed) if completed.status == Status::Success => answer(
            200,
            &json!({
                "status": "success", "requestId": completed.request_id, "latencyMs": completed.latency_ms,
                "result": completed.result,
            }),
        ),
        Taken::Concluded(completed) => {
            let failure = Failure::new(
                completed.reason.unwrap_or(Reason::InternalError),
                completed.error.clone().unwrap_or_default(),
            );
            refused(&failure, completed.latency_ms, now)
        }
    }
}

fn refused(failure: &Failure, latency_ms: u64, now: Timestamp) -> Value {
    let body = json!({
        "status": "error", "error": failure.message, "reason": failure.reason, "latencyMs": latency_ms,
        "timestamp": now,
    });
    answer(500, &body)
}

fn answer(status: u16, body: &Value) -> Value {
    json!({"statusCode": status, "body": body.to_string()})
}
