//! Reading change sets.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_cloudformation::types::{Change, ChangeSetStatus, ExecutionStatus, Parameter, Stack};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use cc_devops_kernel::names::FullStackName;
use cc_devops_kernel::outcome::StackChangeEntry;
use cc_devops_kernel::ports::PortResult;

use super::about::About;
use super::words::HIDDEN_BY_CLOUDFORMATION;
use super::{ChangeName, CloudFormation};
use crate::error::port_error;

/// What CloudFormation says of a change set that changes nothing, in lower case.
const NO_CHANGES: [&str; 2] = ["didn't contain changes", "no updates are to be performed"];

/// In the place of a sentence that CloudFormation owes.
pub(super) const SILENT: &str = "it gives no reason";

/// The most pages of one change set that are read. What is behind them stays unread, and the change set says so by
/// the token that it keeps.
const MOST_PAGES: usize = 500;

/// A change set, all pages as one.
#[derive(Debug, Clone)]
pub(super) struct ChangeSet(pub(super) DescribeChangeSetOutput);

impl ChangeSet {
    /// What is left of one that is gone, by an event of its execution.
    fn remembered(name: &ChangeName, stack_id: Option<&str>) -> Self {
        let told = DescribeChangeSetOutput::builder()
            .change_set_id(&name.0)
            .set_stack_id(stack_id.map(str::to_owned));
        Self(told.build())
    }

    /// Its ARN.
    pub(super) fn id(&self) -> &str {
        self.0.change_set_id().unwrap_or_default()
    }

    pub(super) fn stack_id(&self) -> &str {
        self.0.stack_id().unwrap_or_default()
    }

    /// The changes as a result tells of them.
    pub(super) fn entries(&self) -> Vec<StackChangeEntry> {
        self.0.changes().iter().filter_map(entry).collect()
    }

    /// The parameters that its request gave, as far as CloudFormation shows their values: they are kept out of what is
    /// told.
    pub(super) fn given(&self) -> BTreeMap<String, String> {
        let given = About::read(self.0.description()).map(|about| about.given);
        let is_given = |name: &str| given.as_ref().is_none_or(|given| given.contains(name));
        let shown = self.0.parameters().iter().filter_map(|parameter| {
            let (name, value) = (parameter.parameter_key()?, parameter.parameter_value()?);
            (is_given(name) && value != HIDDEN_BY_CLOUDFORMATION).then(|| (name.to_owned(), value.to_owned()))
        });
        shown.collect()
    }

    /// The ARNs of the change sets of its nested stacks.
    pub(super) fn nested(&self) -> impl Iterator<Item = &str> {
        let changes = self.0.changes().iter().filter_map(Change::resource_change);
        changes.filter_map(|change| change.change_set_id())
    }

    pub(super) fn is_obsolete(&self) -> bool {
        self.0.execution_status() == Some(&ExecutionStatus::Obsolete)
    }

    /// Why it could not be made; none where it is no failure.
    pub(super) fn failure(&self) -> Option<&str> {
        let failed = self.0.status() == Some(&ChangeSetStatus::Failed);
        failed.then(|| self.0.status_reason().filter(|why| !why.is_empty()).unwrap_or(SILENT))
    }
}

/// What there is of a request's change.
pub(super) enum Seen {
    /// Nothing.
    Absent,
    /// A change set in the making.
    Creating,
    /// One that changes nothing.
    Empty(ChangeSet),
    /// One that could not be made, and why.
    Failed(ChangeSet, String),
    /// One that can be executed.
    Ready(ChangeSet),
    /// One that cannot be executed any more, because somebody else changed the stack since.
    Overtaken(ChangeSet),
    /// One that was made and cannot be executed, or that is being removed.
    Unavailable(ChangeSet),
    /// One that was executed; how that stands is the stack's to say.
    Executed(ChangeSet, Execution),
}

/// How far an executed change set has come, by its own account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Execution {
    /// It goes on, or is about to begin.
    Running,
    /// It is through.
    Complete,
    /// It failed.
    Failed,
    /// The change set is gone; only the stack's events tell of it.
    Gone,
}

impl CloudFormation {
    /// Looks at a request's change set: `set` is its name or its ARN, `name` what its execution is known by.
    pub(super) async fn look(&self, stack: &FullStackName, set: &str, name: &ChangeName) -> PortResult<Seen> {
        let Some(found) = self.describe(Some(stack), set).await? else {
            return self.executed_and_gone(stack, name).await;
        };
        // Executed by us and then overtaken is executed.
        match kind(found) {
            Seen::Overtaken(found) => Ok(match self.executed_and_gone(stack, name).await? {
                Seen::Absent => Seen::Overtaken(found),
                executed => executed,
            }),
            seen => Ok(seen),
        }
    }

    /// A change set with everything that is said of it. Of one in the making only the first page is read: more of it
    /// may come between two pages.
    pub(super) async fn describe(&self, stack: Option<&FullStackName>, set: &str) -> PortResult<Option<ChangeSet>> {
        let client = self.shared.clients.cloudformation();
        let call = || {
            client
                .describe_change_set()
                .set_stack_name(stack.map(ToString::to_string))
                .change_set_name(set)
                .include_property_values(true)
        };
        let mut all = match call().send().await {
            Ok(page) => page,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(port_error("cloudformation:DescribeChangeSet", error)),
        };
        if is_in_the_making(&all) {
            return Ok(Some(ChangeSet(all)));
        }
        for _ in 1..MOST_PAGES {
            let Some(next) = all.next_token.take().filter(|next| !next.is_empty()) else {
                break;
            };
            let page = match call().next_token(&next).send().await {
                Ok(page) => page,
                // Removed between two pages.
                Err(error) if is_absent(&error) => return Ok(None),
                Err(error) => return Err(port_error("cloudformation:DescribeChangeSet", error)),
            };
            all.changes
                .get_or_insert_default()
                .extend(page.changes.unwrap_or_default());
            let stands = page.next_token.as_ref() == Some(&next);
            all.next_token = page.next_token;
            if stands {
                break;
            }
        }
        Ok(Some(ChangeSet(all)))
    }

    /// CloudFormation removes change sets once one of them was executed. Then the stack's events
    /// still bear our token.
    pub(super) async fn executed_and_gone(&self, stack: &FullStackName, name: &ChangeName) -> PortResult<Seen> {
        let events = self.events_of(stack, name).await?;
        Ok(match events.first() {
            None => Seen::Absent,
            Some(event) => Seen::Executed(ChangeSet::remembered(name, event.stack_id()), Execution::Gone),
        })
    }

    /// The stack, if there is one.
    pub(super) async fn stack(&self, stack: &FullStackName) -> PortResult<Option<Stack>> {
        let client = self.shared.clients.cloudformation();
        match client.describe_stacks().stack_name(stack.as_str()).send().await {
            Ok(answer) => Ok(answer.stacks.and_then(|mut stacks| stacks.pop())),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(port_error("cloudformation:DescribeStacks", error)),
        }
    }
}

/// Whether an error says that the stack or the change set does not exist.
pub(super) fn is_absent<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    match error.code() {
        Some("ChangeSetNotFound" | "ChangeSetNotFoundException") => true,
        Some("ValidationError") => error
            .message()
            .is_some_and(|message| message.contains("does not exist")),
        _ => false,
    }
}

/// A parameter whose value CloudFormation does not show.
pub(super) fn is_hidden(parameter: &Parameter) -> bool {
    parameter.parameter_value() == Some(HIDDEN_BY_CLOUDFORMATION)
}

fn is_in_the_making(set: &DescribeChangeSetOutput) -> bool {
    matches!(
        set.status(),
        None | Some(ChangeSetStatus::CreatePending | ChangeSetStatus::CreateInProgress)
    )
}

fn entry(change: &Change) -> Option<StackChangeEntry> {
    let change = change.resource_change()?;
    Some(StackChangeEntry {
        action: change.action()?.as_str().to_owned(),
        logical_id: change.logical_resource_id().unwrap_or_default().to_owned(),
        resource_type: change.resource_type().unwrap_or_default().to_owned(),
        replacement: change.replacement().map(|replacement| replacement.as_str().to_owned()),
    })
}

/// Whether CloudFormation says that a change set changes nothing.
pub(super) fn says_no_changes(why: &str) -> bool {
    let lower = why.to_lowercase();
    NO_CHANGES.iter().any(|said| lower.contains(said))
}

fn kind(set: ChangeSet) -> Seen {
    match set.0.execution_status() {
        Some(ExecutionStatus::ExecuteInProgress) => return Seen::Executed(set, Execution::Running),
        Some(ExecutionStatus::ExecuteComplete) => return Seen::Executed(set, Execution::Complete),
        Some(ExecutionStatus::ExecuteFailed) => return Seen::Executed(set, Execution::Failed),
        Some(ExecutionStatus::Obsolete) => return Seen::Overtaken(set),
        _ => {}
    }
    if let Some(why) = set.failure().map(str::to_owned) {
        return if says_no_changes(&why) {
            Seen::Empty(set)
        } else {
            Seen::Failed(set, why)
        };
    }
    match (set.0.status(), set.0.execution_status()) {
        _ if is_in_the_making(&set.0) => Seen::Creating,
        (Some(ChangeSetStatus::CreateComplete), Some(ExecutionStatus::Available)) => Seen::Ready(set),
        _ => Seen::Unavailable(set),
    }
}
