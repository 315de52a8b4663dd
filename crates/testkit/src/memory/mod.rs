//! One model in memory, from which the fake of every port derives.
//!
//! A test changes one side of the model and looks at the other. The model outlives everything that
//! uses it, so dropping a control plane and building another one on the same [`Memory`] is a crash
//! and a restart.

mod agents;
mod at_once;
mod audit;
mod completion_queues;
mod events;
mod handed_over;
mod ledger;
mod outbox;
mod repositories;
mod retention;
mod revenue;
mod sealing_keys;
mod secrets;
mod stacks;
mod state;
mod upkeep;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cc_devops_alerts::maintenance_mode::StoredMode;
use cc_devops_alerts::{Condition, ConditionChange};
use cc_devops_deploys::ChangeSetDocuments;
use cc_devops_kernel::audit::AuditRow;
use cc_devops_kernel::events::{LoggedEvent, OutgoingEvent};
use cc_devops_kernel::names::{FullStackName, RequestId, SecretName};
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::records::Records;
use cc_devops_outbox::ports::{Counted, RequestTotals};
use cc_devops_requests::ports::Ports;
use jiff::Timestamp;

use crate::clock::ManualClock;
pub use stacks::{StackScript, change_set, harmless_change, table_replaced, with_parameter};

/// Everything the fakes know.
#[derive(Default)]
struct Model {
    requests: ledger::Requests,
    outbox: outbox::Outbox,
    audit: audit::Chain,
    secrets: BTreeMap<SecretName, secrets::StoredSecret>,
    sealing: sealing_keys::SealingModel,
    stacks: stacks::StackModel,
    agents: Vec<agents::StoredAgent>,
    bus: Vec<OutgoingEvent>,
    log: Vec<LoggedEvent>,
    /// The numbers of what is in the log.
    logged: BTreeSet<i64>,
    queues: completion_queues::QueueModel,
    webhooks: webhooks::WebhookModel,
    revenue: revenue::RevenueModel,
    repositories: repositories::RepositoryModel,
    handed_over: handed_over::HandedOverModel,
    conditions: upkeep::Conditions,
    records: Records,
    schedule: BTreeMap<&'static str, Timestamp>,
    metrics: Vec<RequestTotals>,
    /// The events that the metrics have counted.
    counted: BTreeSet<i64>,
    /// How many requests ended in each minute, and how many of them failed.
    minutes: BTreeMap<i64, Counted>,
    failing: Option<PortErrorKind>,
    largest_detail: Option<usize>,
    damaged: Damaged,
}

/// What cannot be read.
#[derive(Default)]
struct Damaged {
    /// Events, by their key.
    events: BTreeSet<String>,
    requests: BTreeSet<RequestId>,
}

/// The fake of every port. Clones share one model.
#[derive(Clone, Default)]
pub struct Memory {
    model: Arc<Mutex<Model>>,
    clock: ManualClock,
}

impl Memory {
    /// An empty model whose clock stands at [`crate::sample::START`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Every port, on this model.
    pub fn ports(&self) -> Ports {
        Ports {
            ledger: Arc::new(self.clone()),
            audit: Arc::new(self.clone()),
            secrets: Arc::new(self.clone()),
            sealing_keys: Arc::new(self.clone()),
            at_once: None,
            stacks: Arc::new(self.clone()),
            agents: Arc::new(self.clone()),
            heartbeats: Arc::new(self.clone()),
            outbox: Arc::new(self.clone()),
            bus: Some(Arc::new(self.clone())),
            log: Some(Arc::new(self.clone())),
            events: Arc::new(self.clone()),
            completion_queues: Some(Arc::new(self.clone())),
            webhooks: Arc::new(self.clone()),
            conditions: Arc::new(self.clone()),
            left_conditions: None,
            maintenance: Arc::new(StoredMode::new(Arc::new(self.clone()))),
            schedule: Arc::new(self.clone()),
            revenue: Arc::new(self.clone()),
            repositories: Arc::new(self.clone()),
            state: Arc::new(self.clone()),
            metrics: Arc::new(self.clone()),
            retention: Arc::new(self.clone()),
            checks: Arc::new(self.clone()),
            clock: Arc::new(self.clock.clone()),
        }
    }

    /// The same, of one store: what needs no other system is done as it comes.
    pub fn ports_of_one_store(&self) -> Ports {
        Ports {
            at_once: Some(Arc::new(self.clone())),
            ..self.ports()
        }
    }

    /// The clock that [`Memory::ports`] hands out.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Makes every port call fail so, without effect, until it is called with none.
    pub fn fail_with(&self, kind: Option<PortErrorKind>) {
        self.peek().failing = kind;
    }

    /// Makes the ledger refuse requests whose detail has more bytes than this.
    pub fn take_details_up_to(&self, bytes: usize) {
        self.peek().largest_detail = Some(bytes);
    }

    /// Makes every event of that key unreadable, wherever it is kept.
    pub fn damage_event(&self, key: &str) {
        self.peek().damaged.events.insert(key.to_owned());
    }

    /// Makes a request that is open unreadable for whoever would take it.
    pub fn damage_request(&self, id: &RequestId) {
        self.peek().damaged.requests.insert(id.clone());
    }

    /// The whole audit chain, oldest first.
    pub fn audit_rows(&self) -> Vec<AuditRow> {
        self.peek().audit.rows.clone()
    }

    /// Changes what a row of the audit chain says, behind its hash; the row as it was.
    pub fn forge_audit_row(&self, seq: i64) -> AuditRow {
        let mut model = self.peek();
        let row = model
            .audit
            .rows
            .iter_mut()
            .find(|row| row.seq == seq)
            .expect("there is such a row");
        let before = row.clone();
        "forged".clone_into(&mut row.entry.action);
        before
    }

    /// Puts a row of the audit chain back.
    pub fn restore_audit_row(&self, before: AuditRow) {
        let (mut model, seq) = (self.peek(), before.seq);
        let row = model.audit.rows.iter_mut().find(|row| row.seq == seq);
        *row.expect("there is such a row") = before;
    }

    /// Every event that was put on the bus, in the order it came.
    pub fn bus_events(&self) -> Vec<OutgoingEvent> {
        self.peek().bus.clone()
    }

    /// Every event in the log, oldest first.
    pub fn published_events(&self) -> Vec<LoggedEvent> {
        self.peek().log.clone()
    }

    /// Every condition that opened, as it was then, oldest first: what people are told. One that is said again while it
    /// is open is not among them.
    pub fn alerts(&self) -> Vec<Condition> {
        self.peek().conditions.opened.clone()
    }

    /// The conditions that are open, by key.
    pub fn open_conditions(&self) -> Vec<Condition> {
        self.peek().conditions.open.values().cloned().collect()
    }

    /// Every change of a condition that was said, oldest first.
    pub fn noted(&self) -> Vec<ConditionChange> {
        self.peek().conditions.noted.clone()
    }

    /// How often a version of the secret was really written; repeats of a token do not count.
    pub fn secret_writes(&self, name: &SecretName) -> usize {
        self.peek().secrets.get(name).map_or(0, secrets::StoredSecret::writes)
    }

    /// How often the version of that token was really written.
    pub fn secret_writes_of(&self, name: &SecretName, token: &str) -> usize {
        self.peek()
            .secrets
            .get(name)
            .map_or(0, |secret| secret.writes_of(token))
    }

    /// Makes a stack known and says how its changes end.
    pub fn script_stack(&self, stack: FullStackName, script: StackScript) {
        self.peek().stacks.script(stack, script);
    }

    /// Ends the change of a request whose stack is scripted as [`StackScript::KeepsChanging`].
    pub fn end_change(&self, request: &RequestId, end: StackScript) {
        self.peek().stacks.end(request, end);
    }

    /// Says what the next change that is planned for a stack consists of.
    pub fn script_change(&self, stack: FullStackName, documents: ChangeSetDocuments) {
        self.peek().stacks.document(stack, documents);
    }

    /// Says with which template a stack is deployed.
    pub fn script_template(&self, stack: FullStackName, template: &str) {
        self.peek().stacks.template(stack, template);
    }

    /// Stacks have no templates, as where a command of their own deploys them.
    pub fn without_templates(&self) {
        self.peek().stacks.have_no_templates();
    }

    /// Somebody changes a stack past the control plane.
    pub fn update_outside(&self, stack: &FullStackName) {
        self.peek().stacks.update_outside(stack);
    }

    /// Somebody removes what was prepared for a request, and prepares another change under the same name.
    pub fn replace_prepared(&self, request: &RequestId, documents: ChangeSetDocuments) {
        self.peek().stacks.replace_set(request, documents);
    }

    /// The requests whose changes were prepared, not carried out, and not removed.
    pub fn left_behind(&self) -> Vec<RequestId> {
        self.peek().stacks.left_behind()
    }

    /// The stacks that were only made to be planned and are there still.
    pub fn stacks_under_review(&self) -> Vec<FullStackName> {
        self.peek().stacks.under_review()
    }

    /// What was really carried out: the requests with the handle of what ran.
    pub fn carried_out(&self) -> Vec<(RequestId, String)> {
        self.peek().stacks.carried_out()
    }

    /// How often a change was really begun for the request.
    pub fn changes_begun(&self, request: &RequestId) -> usize {
        self.peek().stacks.begun(request)
    }

    /// How often a change was begun while the stack was already changing; zero, one hopes.
    pub fn overlapping_changes(&self) -> usize {
        self.peek().stacks.overlaps()
    }

    /// The model for a port call, unless calls are to fail.
    fn lock(&self) -> PortResult<MutexGuard<'_, Model>> {
        let model = self.peek();
        match model.failing {
            None => Ok(model),
            Some(kind) => Err(PortError::new(kind, "the fake was told to fail")),
        }
    }

    /// The model for a test's own eyes.
    fn peek(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cuts a page of `limit` off `rows`, which come with their place and are nothing where they are not selected; `reach` of
/// them are looked at.
fn reached<T>(rows: impl Iterator<Item = (i64, Option<T>)>, limit: usize, reach: Option<usize>) -> Page<T> {
    let (mut items, mut last, mut taken) = (Vec::new(), None, None);
    for (looked, (place, item)) in rows.enumerate() {
        if reach.is_some_and(|reach| looked >= reach.max(1)) {
            return Page { items, next: last };
        }
        last = Some(Cursor(place));
        let Some(item) = item else { continue };
        if items.len() >= limit {
            return Page { items, next: taken };
        }
        items.push(item);
        taken = last;
    }
    Page { items, next: None }
}

/// Cuts a page of `limit` off `rows`, which come with the place behind which the next page starts.
fn page<T>(rows: impl Iterator<Item = (i64, T)>, limit: usize) -> Page<T> {
    reached(rows.map(|(place, row)| (place, Some(row))), limit, None)
}
