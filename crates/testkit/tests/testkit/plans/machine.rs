//! Plans as a state machine: random deploys, approvals, denials, updates past the control plane, freezes, time, crashes
//! and restarts, with two replicas on one store. Whatever happens,
//!
//! - nothing is carried out without a permit for that digest at that moment,
//! - each change is carried out once at most,
//! - every plan ends, and nothing of it is left behind,
//! - each decision is one row of the trail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use cc_devops_deploys::freeze::{FreezeKind, FreezeWindow, Freezes};
use cc_devops_deploys::{DeploySettings, Door, PlanId, PlanState};
use cc_devops_kernel::names::{FullStackName, RequestId};
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::deploys::{PlanFilter, plan_of};
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::ports::{Planning, Ports, StackProgress, Stacks, WantedChange};
use cc_devops_requests::receiving::Received;
use cc_devops_requests::record::StackLease;
use cc_devops_schedule::Schedule;
use cc_devops_testkit::Memory;
use cc_devops_testkit::crash::{CrashPoint, CrashPoints, Moment};
use cc_devops_testkit::memory::{StackScript, harmless_change, table_replaced};
use cc_devops_testkit::sample;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{ANA, BEA, add_people, operator, plane, principal};

const STACKS: [&str; 2] = ["shop", "mail"];

/// What happens.
#[derive(Debug, Clone)]
enum Event {
    Deploy {
        stack: usize,
        loses: bool,
        only: bool,
    },
    Approve {
        who: bool,
        plan: usize,
        digest_of: usize,
    },
    Deny {
        who: bool,
        plan: usize,
    },
    Lift {
        plan: usize,
    },
    Outside {
        stack: usize,
    },
    Replace {
        plan: usize,
    },
    Ends {
        plan: usize,
        well: bool,
    },
    Later {
        minutes: i64,
    },
    Sweep {
        replica: bool,
    },
    /// A replica dies in its sweep, and another takes its place.
    Crash {
        call: usize,
        after: bool,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let plan = || 0..12_usize;
    prop_oneof![
        4 => (0..2_usize, any::<bool>(), prop::bool::weighted(0.1))
            .prop_map(|(stack, loses, only)| Event::Deploy { stack, loses, only }),
        4 => (any::<bool>(), plan(), prop_oneof![4 => Just(None), 1 => plan().prop_map(Some)])
            .prop_map(|(who, plan, other)| Event::Approve { who, plan, digest_of: other.unwrap_or(plan) }),
        1 => (any::<bool>(), plan()).prop_map(|(who, plan)| Event::Deny { who, plan }),
        1 => plan().prop_map(|plan| Event::Lift { plan }),
        1 => (0..2_usize).prop_map(|stack| Event::Outside { stack }),
        1 => plan().prop_map(|plan| Event::Replace { plan }),
        2 => (plan(), any::<bool>()).prop_map(|(plan, well)| Event::Ends { plan, well }),
        3 => prop_oneof![1..90_i64, 600..1_600_i64].prop_map(|minutes| Event::Later { minutes }),
        4 => any::<bool>().prop_map(|replica| Event::Sweep { replica }),
        3 => (0..40_usize, any::<bool>()).prop_map(|(call, after)| Event::Crash { call, after }),
    ]
}

/// Every day from 16:00 to 18:00 UTC.
fn freezes() -> Freezes {
    Freezes::new(vec![FreezeWindow {
        name: "evening".to_owned(),
        kind: FreezeKind::Deny,
        schedule: Schedule::cron("0 16 * * *", "UTC", sample::START).unwrap(),
        length: SignedDuration::from_hours(2),
        stacks: Vec::new(),
        stages: Vec::new(),
        reason: None,
    }])
}

fn is_frozen(at: Timestamp) -> bool {
    let hour = at.to_zoned(jiff::tz::TimeZone::UTC).hour();
    (16..18).contains(&hour)
}

/// The stacks, which look at every change that is begun.
struct CheckedStacks {
    memory: Memory,
    /// The requests whose changes lose data.
    losing: Arc<Mutex<BTreeSet<RequestId>>>,
}

impl CheckedStacks {
    /// What is true at the moment in which a change is begun.
    async fn check(&self, request: &RequestId, handle: &str) {
        let ports = self.memory.ports();
        let now = ports.clock.now();
        let plan = plan_of(&ports, request).await.unwrap().expect("what runs is on record");
        assert_eq!(plan.state, PlanState::Applying, "it is permitted");
        assert_eq!(plan.handle, handle, "what runs is what was approved");
        let holder = ports.ledger.holder_of(&plan.stack).await.unwrap();
        assert_eq!(holder.as_ref(), Some(request), "under the stack's lease");
        let rows = self.memory.audit_rows();
        let of_plan = |action: &str| {
            let rows = rows.iter().filter(|row| {
                let detail = &row.entry.detail;
                row.entry.action == action && detail["plan"] == plan.id.as_str() && row.entry.reason.is_none()
            });
            rows.count()
        };
        assert_eq!(
            of_plan("plan.denied") + of_plan("plan.expired") + of_plan("plan.superseded"),
            0
        );
        assert!(of_plan("plan.applied") >= 1, "its permit is on record");
        if self.losing.lock().unwrap().contains(request) {
            let approved = rows.iter().any(|row| {
                let detail = &row.entry.detail;
                row.entry.action == "plan.approved" && detail["digest"] == plan.digest.as_str()
            });
            assert!(approved, "somebody approved this very digest");
        }
        assert!(
            !is_frozen(now) || plan.freeze_override.is_some(),
            "{now}: nothing begins in a freeze"
        );
        assert!(now < plan.expires_at, "it is in time");
        let now_planned = ports.stacks.planned(&plan.stack, request).await.unwrap();
        let Planning::Ready(draft) = now_planned else {
            return;
        };
        if self.memory.changes_begun(request) == 0 {
            assert_eq!(
                (draft.handle, draft.basis),
                (plan.handle, plan.basis),
                "nothing has moved"
            );
        }
    }
}

#[async_trait]
impl Stacks for CheckedStacks {
    async fn plan(&self, wanted: &WantedChange<'_>) -> PortResult<Planning> {
        self.memory.ports().stacks.plan(wanted).await
    }
    async fn planned(&self, stack: &FullStackName, request: &RequestId) -> PortResult<Planning> {
        self.memory.ports().stacks.planned(stack, request).await
    }
    async fn apply(&self, lease: &StackLease, handle: &str, at: Timestamp) -> PortResult<StackProgress> {
        self.check(&lease.request, handle).await;
        self.memory.ports().stacks.apply(lease, handle, at).await
    }
    async fn discard(&self, stack: &FullStackName, request: &RequestId, handle: &str) -> PortResult<()> {
        self.memory.ports().stacks.discard(stack, request, handle).await
    }
    async fn progress(&self, stack: &FullStackName, request: &RequestId) -> PortResult<StackProgress> {
        self.memory.ports().stacks.progress(stack, request).await
    }
}

struct World {
    memory: Memory,
    losing: Arc<Mutex<BTreeSet<RequestId>>>,
    replicas: [ControlPlane; 2],
    sent: Vec<RequestId>,
}

impl World {
    async fn new() -> Self {
        let memory = Memory::new();
        add_people(&memory).await;
        for stack in STACKS {
            memory.script_stack(sample::stack(stack), StackScript::KeepsChanging);
        }
        let losing = Arc::default();
        let replicas = [Self::ports(&memory, &losing), Self::ports(&memory, &losing)].map(Self::plane);
        Self {
            memory,
            losing,
            replicas,
            sent: Vec::new(),
        }
    }

    fn ports(memory: &Memory, losing: &Arc<Mutex<BTreeSet<RequestId>>>) -> Ports {
        Ports {
            stacks: Arc::new(CheckedStacks {
                memory: memory.clone(),
                losing: Arc::clone(losing),
            }),
            ..memory.ports()
        }
    }

    fn plane(ports: Ports) -> ControlPlane {
        let settings = DeploySettings {
            freezes: freezes(),
            ..DeploySettings::default()
        };
        plane(ports, settings)
    }

    fn plan(&self, number: usize) -> Option<(RequestId, PlanId)> {
        let number = number.checked_rem(self.sent.len())?;
        let request = self.sent.get(number)?.clone();
        let id = PlanId::of(&request);
        Some((request, id))
    }

    async fn happens(&mut self, event: &Event) {
        let replica = &self.replicas[0];
        match event {
            Event::Deploy { stack, loses, only } => {
                let name = STACKS[*stack];
                let id = format!("r{}", self.sent.len());
                let change = if *loses {
                    table_replaced("Orders")
                } else {
                    harmless_change()
                };
                self.memory.script_change(sample::stack(name), change);
                if *loses {
                    self.losing.lock().unwrap().insert(sample::request_id(&id));
                }
                let params = serde_json::json!({"stackName": name, "planOnly": only});
                let event = sample::event(&id, "deployLambda", &params);
                if let Received::Claimed(claimed) = replica.receive(&principal(ANA), event, true).await.unwrap() {
                    replica.carry_out(claimed).await.unwrap();
                }
                self.sent.push(sample::request_id(&id));
            }
            Event::Approve { who, plan, digest_of } => {
                let (Some((_, id)), Some((other, _))) = (self.plan(*plan), self.plan(*digest_of)) else {
                    return;
                };
                let Some(other) = replica.plan_of_request(&other).await.unwrap() else {
                    return;
                };
                let who = operator(if *who { ANA } else { BEA });
                // Whatever it answers: the trail and the stacks say what came of it.
                let _answer = replica.approve_plan(&who, Door::Api, &id, &other.digest, None).await;
            }
            Event::Deny { who, plan } => {
                let Some((_, id)) = self.plan(*plan) else { return };
                let who = operator(if *who { ANA } else { BEA });
                let _answer = replica.deny_plan(&who, Door::Slack, &id, "no".to_owned()).await;
            }
            Event::Lift { plan } => {
                let Some((_, id)) = self.plan(*plan) else { return };
                let _answer = replica
                    .override_freeze(&operator(BEA), Door::Api, &id, "urgent".to_owned())
                    .await;
            }
            Event::Outside { stack } => self.memory.update_outside(&sample::stack(STACKS[*stack])),
            Event::Replace { plan } => {
                let Some((request, _)) = self.plan(*plan) else { return };
                self.memory.replace_prepared(&request, table_replaced("Everything"));
            }
            Event::Ends { plan, well } => {
                let Some((request, _)) = self.plan(*plan) else { return };
                let end = if *well {
                    StackScript::Succeeds
                } else {
                    StackScript::Fails
                };
                self.memory.end_change(&request, end);
            }
            Event::Later { minutes } => {
                self.memory.clock().advance(SignedDuration::from_mins(*minutes));
            }
            Event::Sweep { replica } => {
                self.replicas[usize::from(*replica)].sweep(std::future::pending()).await;
            }
            Event::Crash { call, after } => {
                let moment = if *after {
                    Moment::AfterEffect
                } else {
                    Moment::BeforeEffect
                };
                let points = CrashPoints::at(CrashPoint { call: *call, moment });
                let mortal = Self::plane(points.wrap(&Self::ports(&self.memory, &self.losing)));
                mortal.sweep(std::future::pending()).await;
            }
        }
    }

    /// Everything that was begun comes to its end, and time goes on.
    async fn comes_to_an_end(&self) {
        for _ in 0..12 {
            for request in &self.sent {
                self.memory.end_change(request, StackScript::Succeeds);
            }
            self.memory.clock().advance(SignedDuration::from_hours(5));
            for replica in &self.replicas {
                for _ in 0..2 {
                    replica.sweep(std::future::pending()).await;
                }
            }
        }
    }

    async fn check(&self) {
        let ledger = self.memory.ports().ledger;
        for request in &self.sent {
            let record = ledger.find(request).await.unwrap().expect("it is on record");
            assert!(record.completed.is_some(), "{request} has no end");
            assert!(
                self.memory.changes_begun(request) <= 1,
                "{request} was carried out twice"
            );
        }
        assert_eq!(self.memory.overlapping_changes(), 0, "changes of a stack overlapped");
        assert_eq!(self.memory.left_behind(), [], "a change outlives its plan");
        assert_eq!(super::asked(&self.memory), 0, "people are still asked");
        let plans = self.replicas[0]
            .plans(&PlanFilter::default(), 1_000, &|_| true)
            .await
            .unwrap()
            .plans;
        let (mut ends, mut approvals) = (BTreeMap::<String, Vec<String>>::new(), BTreeMap::new());
        for row in self.memory.audit_rows() {
            let plan = row.entry.detail["plan"].as_str().unwrap_or_default().to_owned();
            match row.entry.action.as_str() {
                "plan.applied" | "plan.denied" | "plan.expired" | "plan.superseded" | "plan.moved" => {
                    ends.entry(plan).or_default().push(row.entry.action);
                }
                "plan.approved" => *approvals.entry((plan, row.entry.principal)).or_insert(0) += 1,
                _ => {}
            }
        }
        assert!(approvals.values().all(|rows| *rows == 1), "{approvals:?}");
        for plan in plans {
            assert!(plan.state.has_ended() && plan.discarded, "{plan:?} has not ended");
            let rows = ends.remove(plan.id.as_str()).unwrap_or_default();
            let expected = match plan.state {
                PlanState::Shown => "",
                PlanState::Applied | PlanState::Failed => "plan.applied",
                PlanState::Denied => "plan.denied",
                PlanState::Expired => "plan.expired",
                PlanState::Superseded => "plan.superseded",
                _ => "plan.moved",
            };
            let (last, before) = rows
                .split_last()
                .map_or(("", &rows[..]), |(last, before)| (last.as_str(), before));
            assert_eq!(last, expected, "{}: {rows:?}", plan.id);
            // One that was permitted and not begun, because who permitted it died, is decided anew.
            assert!(before.iter().all(|row| row == "plan.applied"), "{}: {rows:?}", plan.id);
        }
        assert!(ends.is_empty(), "{ends:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_only_what_is_permitted_runs_and_everything_ends(
        events in prop::collection::vec(event(), 1..50),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for event in &events {
                world.happens(event).await;
            }
            world.comes_to_an_end().await;
            world.check().await;
        });
    }
}
