//! Change sets: looking at one, making it, executing it, removing it.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_cloudformation::types::{
    Capability, Change, ChangeSetStatus, ChangeSetType, EventFilter, ExecutionStatus, OperationEvent, Parameter, Stack,
    Tag,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use cc_devops_kernel::names::FullStackName;
use cc_devops_kernel::outcome::{Failure, Reason, StackChangeEntry};
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::{DeployLambda, Template};

use super::words::redacted;
use super::{ChangeName, CloudFormation, refusals};
use crate::error::port_error;

/// What CloudFormation says of a change set that changes nothing, in lower case.
const NO_CHANGES: [&str; 2] = ["didn't contain changes", "no updates are to be performed"];

/// In the place of a sentence that CloudFormation owes.
const SILENT: &str = "it gives no reason";

/// A change set as far as the result tells of it.
#[derive(Debug, Clone, Default)]
pub(super) struct ChangeSet {
    pub(super) id: String,
    pub(super) stack_id: String,
    pub(super) changes: Vec<StackChangeEntry>,
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
    Overtaken,
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

/// What CloudFormation said to an execution.
pub(super) enum Executing {
    /// It begins, or did before.
    Begun,
    /// Not now, in its own words where they say what is wrong with the request.
    Refused(Option<Failure>),
}

/// What became of making a change set.
pub(super) enum Created {
    /// There is one now.
    Made,
    /// There will be none.
    Refused(Failure),
}

impl CloudFormation {
    /// Looks at a request's change set.
    pub(super) async fn look(&self, stack: &FullStackName, name: &ChangeName) -> PortResult<Seen> {
        let client = self.shared.clients.cloudformation();
        let mut seen: Option<DescribeChangeSetOutput> = None;
        let mut changes = Vec::new();
        let mut next = None;
        loop {
            let call = client
                .describe_change_set()
                .stack_name(stack.as_str())
                .change_set_name(&name.0);
            let mut page = match call.set_next_token(next).send().await {
                Ok(page) => page,
                Err(error) if is_absent(&error) => return self.executed_and_gone(stack, name).await,
                Err(error) => return Err(port_error("cloudformation:DescribeChangeSet", error)),
            };
            changes.extend(page.changes.take().unwrap_or_default().iter().filter_map(entry));
            next = page.next_token.take();
            let first = seen.get_or_insert(page);
            if next.is_none() {
                let seen = kind(first, changes);
                // Executed by us and then overtaken is executed.
                return match seen {
                    Seen::Overtaken => Ok(match self.executed_and_gone(stack, name).await? {
                        Seen::Absent => Seen::Overtaken,
                        executed => executed,
                    }),
                    seen => Ok(seen),
                };
            }
        }
    }

    /// CloudFormation removes change sets once one of them was executed. Then the stack's events
    /// still bear our token.
    async fn executed_and_gone(&self, stack: &FullStackName, name: &ChangeName) -> PortResult<Seen> {
        let events = self.events_of(stack, name).await?;
        Ok(match events.first() {
            None => Seen::Absent,
            Some(event) => Seen::Executed(
                ChangeSet {
                    id: name.0.clone(),
                    stack_id: event.stack_id.clone().unwrap_or_default(),
                    changes: Vec::new(),
                },
                Execution::Gone,
            ),
        })
    }

    /// Makes a change set, unless the stack cannot be changed.
    pub(super) async fn create(
        &self,
        stack: &FullStackName,
        name: &ChangeName,
        deploy: &DeployLambda,
    ) -> PortResult<Created> {
        let Some(current) = self.stack(stack).await? else {
            return Ok(Created::Refused(refusals::not_found(stack)));
        };
        if let Some(failure) = refusals::cannot_be_updated(stack, current.stack_status()) {
            return Ok(Created::Refused(failure));
        }
        let parameters = match self.parameters(&current, deploy).await? {
            Ok(parameters) => parameters,
            Err(failure) => return Ok(Created::Refused(failure)),
        };
        let call = self.shared.clients.cloudformation().create_change_set();
        let mut call = call
            .stack_name(stack.as_str())
            .change_set_name(&name.0)
            .change_set_type(ChangeSetType::Update)
            .client_token(&name.0)
            .set_parameters(Some(parameters))
            .set_tags(Some(tags(&current, deploy)))
            .set_capabilities(Some(
                deploy
                    .capabilities
                    .iter()
                    .map(|name| Capability::from(name.as_str()))
                    .collect(),
            ))
            .set_role_arn(self.shared.resources.deploy_role_arn.clone());
        call = match &deploy.template {
            None => call.use_previous_template(true),
            Some(Template::Url(url)) => call.template_url(url),
            Some(Template::Body(body)) => call.template_body(body),
        };
        match call.send().await {
            Ok(_) => Ok(Created::Made),
            Err(error) => match error.code() {
                // A former attempt of ours made it, and did not hear of it.
                Some("AlreadyExistsException") => Ok(Created::Made),
                Some("InsufficientCapabilitiesException" | "ValidationError") => {
                    let said = error.message().unwrap_or(SILENT);
                    Ok(Created::Refused(refusals::of_refusal(stack, said, &deploy.parameters)))
                }
                _ => Err(port_error("cloudformation:CreateChangeSet", error)),
            },
        }
    }

    /// The parameters to send: those of the request, and the previous value of every other one that
    /// the template to come declares.
    async fn parameters(&self, current: &Stack, deploy: &DeployLambda) -> PortResult<Result<Vec<Parameter>, Failure>> {
        let previous: Vec<&str> = current
            .parameters()
            .iter()
            .filter_map(Parameter::parameter_key)
            .collect();
        let declared: Vec<String> = match &deploy.template {
            None => previous.iter().map(|name| (*name).to_owned()).collect(),
            Some(template) => {
                let call = self.shared.clients.cloudformation().get_template_summary();
                let call = match template {
                    Template::Url(url) => call.template_url(url),
                    Template::Body(body) => call.template_body(body),
                };
                match call.send().await {
                    Ok(summary) => {
                        let declared = summary.parameters.unwrap_or_default();
                        declared
                            .into_iter()
                            .filter_map(|parameter| parameter.parameter_key)
                            .collect()
                    }
                    Err(error) if error.code() == Some("ValidationError") => {
                        let said = redacted(error.message().unwrap_or(SILENT), &deploy.parameters);
                        let message = format!("CloudFormation refuses the template: {said}");
                        return Ok(Err(Failure::new(Reason::InvalidParameter, message)));
                    }
                    Err(error) => return Err(port_error("cloudformation:GetTemplateSummary", error)),
                }
            }
        };
        let given = deploy
            .parameters
            .iter()
            .map(|(name, value)| Parameter::builder().parameter_key(name).parameter_value(value).build());
        let kept = declared
            .iter()
            .filter(|name| previous.contains(&name.as_str()) && !deploy.parameters.contains_key(*name))
            .map(|name| {
                Parameter::builder()
                    .parameter_key(name)
                    .use_previous_value(true)
                    .build()
            });
        Ok(Ok(given.chain(kept).collect()))
    }

    /// Executes the change set that was looked at, by its ARN: another one may have its name by now. One that
    /// is being executed already is as good.
    pub(super) async fn execute(
        &self,
        stack: &FullStackName,
        (name, change): (&ChangeName, &ChangeSet),
        parameters: &BTreeMap<String, String>,
    ) -> PortResult<Executing> {
        let call = self.shared.clients.cloudformation().execute_change_set();
        let call = call
            .stack_name(stack.as_str())
            .change_set_name(&change.id)
            .client_request_token(&name.0);
        match call.send().await {
            Ok(_) => Ok(Executing::Begun),
            Err(error) if is_absent(&error) => Ok(Executing::Begun),
            Err(error) => match error.code() {
                // The token is ours alone: a former attempt brought it.
                Some("TokenAlreadyExistsException") => Ok(Executing::Begun),
                // Executed already, overtaken, or the stack is busy; a look tells which.
                Some("InvalidChangeSetStatus") => Ok(Executing::Refused(None)),
                Some("InsufficientCapabilitiesException" | "ValidationError") => {
                    let said = error.message().unwrap_or(SILENT);
                    Ok(Executing::Refused(Some(refusals::of_refusal(stack, said, parameters))))
                }
                _ => Err(port_error("cloudformation:ExecuteChangeSet", error)),
            },
        }
    }

    /// Which of its checks a change set that could not be made did not pass, in CloudFormation's own words: what
    /// it checks early it tells in events, and not in its reason.
    pub(super) async fn failed_checks(&self, stack: &FullStackName, change: &ChangeSet) -> Vec<String> {
        let filter = EventFilter::builder().failed_events(true).build();
        let call = self.shared.clients.cloudformation().describe_events();
        let call = call
            .stack_name(stack.as_str())
            .change_set_name(&change.id)
            .filters(filter);
        match call.send().await {
            Ok(answer) => answer.operation_events().iter().filter_map(failed_check).collect(),
            // The request ends all the same, with the reason that is known.
            Err(error) => {
                let error = port_error("cloudformation:DescribeEvents", error);
                tracing::warn!(%stack, %error, "why a change set could not be made is not known in full");
                Vec::new()
            }
        }
    }

    /// Removes a change set that will not be executed.
    pub(super) async fn forget(&self, stack: &FullStackName, name: &ChangeName) -> PortResult<()> {
        let call = self.shared.clients.cloudformation().delete_change_set();
        match call.stack_name(stack.as_str()).change_set_name(&name.0).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("InvalidChangeSetStatus") || is_absent(&error) => Ok(()),
            Err(error) => Err(port_error("cloudformation:DeleteChangeSet", error)),
        }
    }

    /// The stack, if there is one.
    pub(super) async fn stack(&self, stack: &FullStackName) -> PortResult<Option<Stack>> {
        let call = self
            .shared
            .clients
            .cloudformation()
            .describe_stacks()
            .stack_name(stack.as_str());
        match call.send().await {
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

/// The stack's tags with the request's on top. A change set without tags would leave it open
/// whether they are kept.
fn tags(current: &Stack, deploy: &DeployLambda) -> Vec<Tag> {
    let mut tags: BTreeMap<&str, &str> = current
        .tags()
        .iter()
        .filter_map(|tag| Some((tag.key()?, tag.value()?)))
        .filter(|(key, _)| !key.starts_with("aws:"))
        .collect();
    tags.extend(deploy.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    tags.into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// What did not pass, where, and why.
fn failed_check(event: &OperationEvent) -> Option<String> {
    let why = event
        .validation_status_reason()
        .or(event.hook_status_reason())
        .or(event.resource_status_reason())?;
    let of = event.logical_resource_id().unwrap_or("the template");
    let path = event
        .validation_path()
        .map(|path| format!(" at {path}"))
        .unwrap_or_default();
    Some(format!("{of}{path}: {why}"))
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

fn kind(found: &DescribeChangeSetOutput, changes: Vec<StackChangeEntry>) -> Seen {
    let change = ChangeSet {
        id: found.change_set_id().unwrap_or_default().to_owned(),
        stack_id: found.stack_id().unwrap_or_default().to_owned(),
        changes,
    };
    match (found.execution_status(), found.status()) {
        (Some(ExecutionStatus::ExecuteInProgress), _) => Seen::Executed(change, Execution::Running),
        (Some(ExecutionStatus::ExecuteComplete), _) => Seen::Executed(change, Execution::Complete),
        (Some(ExecutionStatus::ExecuteFailed), _) => Seen::Executed(change, Execution::Failed),
        (Some(ExecutionStatus::Obsolete), _) => Seen::Overtaken,
        (_, Some(ChangeSetStatus::CreateComplete)) => Seen::Ready(change),
        (_, Some(ChangeSetStatus::Failed)) => {
            let why = found.status_reason().unwrap_or(SILENT);
            let lower = why.to_lowercase();
            if NO_CHANGES.iter().any(|said| lower.contains(said)) {
                Seen::Empty(change)
            } else {
                Seen::Failed(change, why.to_owned())
            }
        }
        _ => Seen::Creating,
    }
}
