//! The fake stacks: known by name, each with a script that says how its changes end, and with the changes that were
//! prepared.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use cc_devops_deploys::{Basis, ChangeSetDocuments, Draft, DraftContent};
use cc_devops_kernel::names::{FullStackName, RequestId};
use cc_devops_kernel::outcome::{DeployAction, DeployResult, Failure, Reason};
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::ports::{Planning, StackEnd, StackProgress, Stacks, WantedChange};
use cc_devops_requests::record::StackLease;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Memory;

/// How the changes of a stack end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StackScript {
    /// It changes, and is deployed when it is looked at next.
    Succeeds,
    /// It changes, and has failed when it is looked at next.
    Fails,
    /// There is nothing to change, which is said when it is planned.
    NoChanges,
    /// It changes until [`Memory::end_change`].
    KeepsChanging,
    /// It is planned until the stack has another script.
    KeepsPlanning,
    /// It cannot be planned.
    CannotBePlanned,
}

/// The stacks and the changes that were prepared and begun.
#[derive(Default)]
pub(super) struct StackModel {
    scripts: BTreeMap<FullStackName, StackScript>,
    documents: BTreeMap<FullStackName, ChangeSetDocuments>,
    templates: BTreeMap<FullStackName, String>,
    has_no_templates: bool,
    sets: BTreeMap<RequestId, Set>,
    changes: BTreeMap<RequestId, Change>,
    /// How often a stack was changed.
    updated: BTreeMap<FullStackName, u64>,
    /// Stacks that are there for a plan alone.
    under_review: BTreeSet<FullStackName>,
    overlaps: usize,
}

/// A change that was prepared.
struct Set {
    stack: FullStackName,
    handle: String,
    content: DraftContent,
    first_creation: bool,
    is_gone: bool,
}

struct Change {
    stack: FullStackName,
    script: StackScript,
    handle: String,
    begun: usize,
    seen_ended: bool,
}

/// A change set that changes one function in place, which nobody is asked about.
pub fn harmless_change() -> ChangeSetDocuments {
    change_set(&json!([modification("Worker", "AWS::Lambda::Function", "False")]))
}

/// The same, where the stack's parameter `Size` has this value, and a secret one.
pub fn with_parameter(size: &str) -> ChangeSetDocuments {
    let mut documents = harmless_change();
    documents.root["Parameters"] = json!([
        {"ParameterKey": "Size", "ParameterValue": size},
        {"ParameterKey": "Password", "ParameterValue": "****"},
    ]);
    documents
}

/// A change set that replaces a table, which is asked about everywhere.
pub fn table_replaced(table: &str) -> ChangeSetDocuments {
    change_set(&json!([modification(table, "AWS::DynamoDB::Table", "True")]))
}

fn modification(logical_id: &str, resource_type: &str, replacement: &str) -> Value {
    json!({
        "Type": "Resource",
        "ResourceChange": {
            "Action": "Modify",
            "LogicalResourceId": logical_id,
            "PhysicalResourceId": format!("orders-{logical_id}"),
            "ResourceType": resource_type,
            "Replacement": replacement,
            "Scope": ["Properties"],
            "Details": [{
                "Target": {
                    "Attribute": "Properties",
                    "Name": "BillingMode",
                    "RequiresRecreation": "Never",
                    "Path": "/Properties/BillingMode",
                    "BeforeValue": "one",
                    "AfterValue": "other",
                    "AttributeChangeType": "Modify",
                },
                "Evaluation": "Static",
                "ChangeSource": "DirectModification",
            }],
        },
    })
}

/// A change set with these changes.
pub fn change_set(changes: &Value) -> ChangeSetDocuments {
    let root = json!({
        "ChangeSetName": "memory",
        "ChangeSetId": "arn:aws:cloudformation:eu-central-1:123456789012:changeSet/memory/1",
        "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/orders/1",
        "StackName": "orders",
        "Parameters": [{"ParameterKey": "Size", "ParameterValue": "small"}],
        "CreationTime": "2026-11-20T09:15:02.517000+00:00",
        "ExecutionStatus": "AVAILABLE",
        "Status": "CREATE_COMPLETE",
        "NotificationARNs": [],
        "RollbackConfiguration": {},
        "Capabilities": [],
        "Tags": [],
        "Changes": changes,
        "IncludeNestedStacks": false,
    });
    ChangeSetDocuments {
        root,
        nested: BTreeMap::new(),
    }
}

impl StackModel {
    pub(super) fn script(&mut self, stack: FullStackName, script: StackScript) {
        self.scripts.insert(stack, script);
    }

    pub(super) fn document(&mut self, stack: FullStackName, documents: ChangeSetDocuments) {
        self.documents.insert(stack, documents);
    }

    pub(super) fn template(&mut self, stack: FullStackName, template: &str) {
        self.templates.insert(stack, template.to_owned());
    }

    pub(super) fn have_no_templates(&mut self) {
        self.has_no_templates = true;
    }

    pub(super) fn end(&mut self, request: &RequestId, end: StackScript) {
        if let Some(change) = self.changes.get_mut(request) {
            change.script = end;
        }
    }

    pub(super) fn begun(&self, request: &RequestId) -> usize {
        self.changes.get(request).map_or(0, |change| change.begun)
    }

    pub(super) fn overlaps(&self) -> usize {
        self.overlaps
    }

    /// Somebody changes the stack past the control plane: every change that was prepared is obsolete.
    pub(super) fn update_outside(&mut self, stack: &FullStackName) {
        *self.updated.entry(stack.clone()).or_default() += 1;
    }

    /// Somebody removes what a request prepared, and prepares another under its name.
    pub(super) fn replace_set(&mut self, request: &RequestId, documents: ChangeSetDocuments) {
        if let Some(set) = self.sets.get_mut(request) {
            set.handle = format!("{}-by-somebody-else", set.handle);
            set.content = DraftContent::ChangeSet(documents);
        }
    }

    /// What was prepared, was not carried out, and is there still.
    pub(super) fn left_behind(&self) -> Vec<RequestId> {
        let ours = |(request, set): &(&RequestId, &Set)| {
            !set.is_gone && !self.changes.contains_key(*request) && !set.handle.ends_with("-by-somebody-else")
        };
        self.sets
            .iter()
            .filter(ours)
            .map(|(request, _)| request.clone())
            .collect()
    }

    /// The stacks that were only made to be planned and are there still.
    pub(super) fn under_review(&self) -> Vec<FullStackName> {
        self.under_review.iter().cloned().collect()
    }

    /// What was really carried out for a request, by its handle.
    pub(super) fn carried_out(&self) -> Vec<(RequestId, String)> {
        self.changes
            .iter()
            .map(|(request, change)| (request.clone(), change.handle.clone()))
            .collect()
    }

    fn plan(&mut self, wanted: &WantedChange<'_>) -> Planning {
        if !self.sets.contains_key(wanted.request) {
            let known = self.scripts.contains_key(wanted.stack);
            let can_be_made = wanted.may_create && wanted.deploy.template.is_some();
            if !known && !can_be_made {
                let failure = Failure::new(
                    Reason::StackNotFound,
                    format!("there is no stack {}; create it first", wanted.stack),
                );
                return Planning::Ended(end(Err(failure)));
            }
            if !known {
                self.under_review.insert(wanted.stack.clone());
            }
            let documents = self.documents.get(wanted.stack).cloned();
            let set = Set {
                stack: wanted.stack.clone(),
                handle: format!("memory:set:{}", wanted.request),
                content: DraftContent::ChangeSet(documents.unwrap_or_else(harmless_change)),
                first_creation: !known,
                is_gone: false,
            };
            self.sets.insert(wanted.request.clone(), set);
        }
        self.planned(wanted.stack, wanted.request)
    }

    fn planned(&self, stack: &FullStackName, request: &RequestId) -> Planning {
        let Some(set) = self.sets.get(request).filter(|set| !set.is_gone) else {
            let message = format!("no change of stack {stack} is prepared for this request");
            return Planning::Ended(end(Err(Failure::new(Reason::StackInProgress, message))));
        };
        match self.scripts.get(stack) {
            Some(StackScript::KeepsPlanning) => return Planning::GoesOn,
            Some(StackScript::CannotBePlanned) => {
                let message = format!("a change of stack {stack} could not be prepared: its template is wrong");
                return Planning::Ended(end(Err(Failure::new(Reason::DeployFailed, message))));
            }
            Some(StackScript::NoChanges) => {
                return Planning::Ended(end(Ok(result(
                    stack,
                    request,
                    DeployAction::NoChanges,
                    "CREATE_COMPLETE",
                ))));
            }
            Some(StackScript::Succeeds | StackScript::Fails | StackScript::KeepsChanging) | None => {}
        }
        Planning::Ready(Box::new(Draft {
            handle: set.handle.clone(),
            basis: self.basis(stack),
            first_creation: set.first_creation,
            content: set.content.clone(),
            notes: Vec::new(),
        }))
    }

    fn basis(&self, stack: &FullStackName) -> Basis {
        let updated = self.updated.get(stack).copied().unwrap_or_default();
        Basis {
            stack_id: Some(format!("memory:stack:{stack}")),
            last_updated: Some(updated.to_string()),
            status: Some("UPDATE_COMPLETE".to_owned()),
            template_digest: None,
        }
    }

    fn apply(&mut self, lease: &StackLease, handle: &str) -> StackProgress {
        if let Some(change) = self.changes.get_mut(&lease.request) {
            return change.progress(&lease.request);
        }
        let set = self.sets.get(&lease.request);
        if set.is_none_or(|set| set.is_gone || set.handle != handle) {
            let message = format!("what was prepared for stack {} is not there any more", lease.stack);
            return StackProgress::Ended(end(Err(Failure::new(Reason::StackInProgress, message))));
        }
        if self
            .changes
            .values()
            .any(|change| change.stack == lease.stack && !change.seen_ended)
        {
            self.overlaps += 1;
        }
        self.under_review.remove(&lease.stack);
        *self.updated.entry(lease.stack.clone()).or_default() += 1;
        // As CloudFormation does: of a stack's change sets one is carried out, and the others go.
        for (request, set) in &mut self.sets {
            set.is_gone |= set.stack == lease.stack && *request != lease.request;
        }
        let script = *self.scripts.entry(lease.stack.clone()).or_insert(StackScript::Succeeds);
        let change = Change {
            stack: lease.stack.clone(),
            script,
            handle: handle.to_owned(),
            begun: 1,
            seen_ended: false,
        };
        self.changes.insert(lease.request.clone(), change);
        StackProgress::Changing
    }

    fn progress(&mut self, stack: &FullStackName, request: &RequestId) -> StackProgress {
        if let Some(change) = self.changes.get_mut(request) {
            return change.progress(request);
        }
        if self.sets.get(request).is_some_and(|set| !set.is_gone) {
            return StackProgress::NotBegun;
        }
        let message =
            format!("no change of stack {stack} is known for this request; look at the stack, then ask again");
        StackProgress::Ended(StackEnd {
            fate_known: false,
            ..end(Err(Failure::new(Reason::InternalError, message)))
        })
    }

    fn discard(&mut self, stack: &FullStackName, request: &RequestId, handle: &str) {
        let Some(set) = self.sets.get_mut(request) else { return };
        if handle.is_empty() || set.handle == handle {
            set.is_gone = true;
        }
        if set.first_creation && !self.changes.contains_key(request) {
            self.under_review.remove(stack);
        }
    }
}

impl Change {
    fn progress(&mut self, request: &RequestId) -> StackProgress {
        let ended = match self.script {
            StackScript::KeepsChanging => return StackProgress::Changing,
            StackScript::Fails => {
                let message = format!("the change of stack {} failed; look at its events", self.stack);
                Err(Failure::new(Reason::DeployFailed, message))
            }
            _ => Ok(result(&self.stack, request, DeployAction::Deployed, "UPDATE_COMPLETE")),
        };
        self.seen_ended = true;
        StackProgress::Ended(end(ended))
    }
}

fn result(stack: &FullStackName, request: &RequestId, action: DeployAction, status: &str) -> DeployResult {
    DeployResult {
        stack_name: stack.to_string(),
        action,
        current_status: status.to_owned(),
        stack_id: format!("memory:stack:{stack}"),
        change_set_id: format!("memory:change:{request}"),
        changes: Vec::new(),
    }
}

fn end(outcome: Result<DeployResult, Failure>) -> StackEnd {
    StackEnd {
        outcome,
        output: Some("what the change printed".to_owned()),
        fate_known: true,
    }
}

#[async_trait]
impl Stacks for Memory {
    async fn plan(&self, wanted: &WantedChange<'_>) -> PortResult<Planning> {
        Ok(self.lock()?.stacks.plan(wanted))
    }

    async fn planned(&self, stack: &FullStackName, request: &RequestId) -> PortResult<Planning> {
        Ok(self.lock()?.stacks.planned(stack, request))
    }

    async fn apply(&self, lease: &StackLease, handle: &str, _at: Timestamp) -> PortResult<StackProgress> {
        Ok(self.lock()?.stacks.apply(lease, handle))
    }

    fn has_templates(&self) -> bool {
        !self.peek().stacks.has_no_templates
    }

    async fn template(&self, stack: &FullStackName) -> PortResult<Option<String>> {
        Ok(self.lock()?.stacks.templates.get(stack).cloned())
    }

    async fn progress(&self, stack: &FullStackName, request: &RequestId) -> PortResult<StackProgress> {
        Ok(self.lock()?.stacks.progress(stack, request))
    }

    async fn discard(&self, stack: &FullStackName, request: &RequestId, handle: &str) -> PortResult<()> {
        self.lock()?.stacks.discard(stack, request, handle);
        Ok(())
    }
}
