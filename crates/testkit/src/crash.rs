//! Ports that die at a chosen call, and the enumeration of every such call.
//!
//! A crash between two steps of a request is a port call that did not happen, or one that happened
//! and was never heard of. After it every other call fails too, so the process is as good as dead;
//! a new control plane on the same backend is the restart.

mod acts;
mod consumers;
mod crashing_port;
mod enumeration;
mod keeping;
mod repositories;
mod scenario;
mod subscriptions;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_outbox::ports::{EventBus, LogWriter};
use cc_devops_repos::ports::CodeHost;
use cc_devops_requests::ports::{AtOnce, Ports};

pub use acts::enumerate_acts;
pub use consumers::enumerate_consumers;
use crashing_port::CrashingPort;
pub use enumeration::{Backend, MemoryBackend, Report, enumerate};
pub use keeping::enumerate_retention;
pub use scenario::Scenario;
pub use subscriptions::subscriptions;

/// On which side of a call's effect the crash comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The call has no effect.
    BeforeEffect,
    /// The call takes effect, and its caller never hears of it.
    AfterEffect,
}

impl Moment {
    /// Both sides.
    pub const ALL: [Self; 2] = [Self::BeforeEffect, Self::AfterEffect];
}

/// Where the crash comes: at which port call, counted from 0, and on which side of its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashPoint {
    /// The number of the call.
    pub call: usize,
    /// The side of its effect.
    pub moment: Moment,
}

/// Counts port calls and crashes at one of them. Clones count together.
#[derive(Debug, Clone)]
pub struct CrashPoints(Arc<State>);

#[derive(Debug)]
struct State {
    point: Option<CrashPoint>,
    calls: AtomicUsize,
    crashed: AtomicBool,
}

impl CrashPoints {
    /// Crashes at that point.
    pub fn at(point: CrashPoint) -> Self {
        Self::new(Some(point))
    }

    /// Only counts.
    pub fn never() -> Self {
        Self::new(None)
    }

    fn new(point: Option<CrashPoint>) -> Self {
        Self(Arc::new(State {
            point,
            calls: AtomicUsize::new(0),
            crashed: AtomicBool::new(false),
        }))
    }

    /// The same ports, which die at the point. Clock and checks are no calls and live on.
    pub fn wrap(&self, ports: &Ports) -> Ports {
        Ports {
            ledger: CrashingPort::new(&ports.ledger, self),
            audit: CrashingPort::new(&ports.audit, self),
            secrets: CrashingPort::new(&ports.secrets, self),
            sealing_keys: CrashingPort::new(&ports.sealing_keys, self),
            at_once: ports
                .at_once
                .as_ref()
                .map(|at_once| CrashingPort::new(at_once, self) as Arc<dyn AtOnce>),
            stacks: CrashingPort::new(&ports.stacks, self),
            agents: CrashingPort::new(&ports.agents, self),
            heartbeats: CrashingPort::new(&ports.heartbeats, self),
            outbox: CrashingPort::new(&ports.outbox, self),
            bus: ports
                .bus
                .as_ref()
                .map(|bus| CrashingPort::new(bus, self) as Arc<dyn EventBus>),
            log: ports
                .log
                .as_ref()
                .map(|log| CrashingPort::new(log, self) as Arc<dyn LogWriter>),
            events: CrashingPort::new(&ports.events, self),
            completion_queues: ports.completion_queues.clone(),
            webhooks: CrashingPort::new(&ports.webhooks, self),
            conditions: CrashingPort::new(&ports.conditions, self),
            left_conditions: ports.left_conditions.clone(),
            maintenance: ports.maintenance.clone(),
            revenue: CrashingPort::new(&ports.revenue, self),
            repositories: CrashingPort::new(&ports.repositories, self),
            state: CrashingPort::new(&ports.state, self),
            schedule: CrashingPort::new(&ports.schedule, self),
            metrics: CrashingPort::new(&ports.metrics, self),
            retention: CrashingPort::new(&ports.retention, self),
            checks: ports.checks.clone(),
            clock: ports.clock.clone(),
        }
    }

    /// The same code host, which dies at the point.
    pub fn wrap_host(&self, host: &Arc<dyn CodeHost>) -> Arc<dyn CodeHost> {
        CrashingPort::new(host, self)
    }

    /// How many calls were made before the crash, it included.
    pub fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// Whether the crash has come.
    pub fn crashed(&self) -> bool {
        self.0.crashed.load(Ordering::SeqCst)
    }

    /// Lets a call through, or crashes at it.
    async fn pass<T>(&self, call: impl Future<Output = PortResult<T>>) -> PortResult<T> {
        if self.crashed() {
            return Err(dead());
        }
        let number = self.0.calls.fetch_add(1, Ordering::SeqCst);
        let Some(point) = self.0.point.filter(|point| point.call == number) else {
            return call.await;
        };
        self.0.crashed.store(true, Ordering::SeqCst);
        if point.moment == Moment::AfterEffect {
            // Whatever it answered, nobody hears of it.
            let _unheard = call.await;
        }
        Err(dead())
    }
}

fn dead() -> PortError {
    PortError::new(PortErrorKind::Unavailable, "the process has crashed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;
    use crate::sample::{self, agent_name};

    /// How many agents there are after three were to be registered with a crash at the second.
    async fn registered(moment: Moment) -> (usize, CrashPoints) {
        let memory = Memory::new();
        let points = CrashPoints::at(CrashPoint { call: 1, moment });
        let mortal = points.wrap(&memory.ports());
        let mut answers = Vec::new();
        for name in ["One", "Two", "Three"] {
            let answer = mortal.agents.register(&agent_name(name), sample::START).await;
            answers.push(answer.is_ok());
        }
        assert_eq!(
            answers,
            [true, false, false],
            "the second call crashes and the third finds nobody"
        );
        (memory.ports().agents.list().await.unwrap().len(), points)
    }

    #[tokio::test]
    async fn a_crash_comes_before_or_after_the_effect_and_is_the_end() {
        let (before, points) = registered(Moment::BeforeEffect).await;
        assert_eq!((before, points.calls(), points.crashed()), (1, 2, true));
        let (after, _) = registered(Moment::AfterEffect).await;
        assert_eq!(after, 2);
    }

    #[tokio::test]
    async fn without_a_point_calls_are_only_counted() {
        let points = CrashPoints::never();
        let ports = points.wrap(&Memory::new().ports());
        ports.agents.list().await.unwrap();
        ports.ledger.backlog().await.unwrap();
        assert_eq!((points.calls(), points.crashed()), (2, false));
    }
}
