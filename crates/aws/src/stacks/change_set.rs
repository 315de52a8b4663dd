//! Making change sets, executing them, removing them.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{
    Capability, ChangeSetType, OnStackFailure, Parameter, ParameterDeclaration, Stack, StackStatus, Tag,
};
use cc_devops_kernel::names::FullStackName;
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::ports::WantedChange;
use cc_devops_requests::{DeployLambda, Template};

use super::about::About;
use super::reading::{ChangeSet, SILENT, is_absent, is_hidden};
use super::words::{HIDDEN_BY_CLOUDFORMATION, redacted};
use super::{ChangeName, CloudFormation, refusals, triggers};
use crate::error::port_error;

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
    /// Makes a change set, unless the stack cannot be changed.
    pub(super) async fn create(&self, wanted: &WantedChange<'_>, name: &ChangeName) -> PortResult<Created> {
        let WantedChange { stack, deploy, .. } = *wanted;
        let current = self.stack(stack).await?;
        let status = current.as_ref().and_then(Stack::stack_status);
        let is_new = match status {
            None | Some(StackStatus::DeleteComplete) if wanted.may_create => true,
            None => return Ok(Created::Refused(refusals::not_found(stack))),
            // What somebody planned before and did not carry out is no stack yet.
            Some(StackStatus::ReviewInProgress) if wanted.may_create => true,
            Some(status) => match refusals::cannot_be_updated(stack, Some(status)) {
                Some(failure) => return Ok(Created::Refused(failure)),
                None => false,
            },
        };
        // What was there before is no previous value of a stack that is made.
        let current = current.filter(|_| !is_new);
        if is_new && deploy.template.is_none() {
            return Ok(Created::Refused(refusals::nothing_to_create_from(stack)));
        }
        let template = match &deploy.template {
            None => None,
            Some(template) => match self.within_reach(template).await? {
                Ok(template) => Some(template),
                Err(failure) => return Ok(Created::Refused(failure)),
            },
        };
        let parameters = match self.parameters(current.as_ref(), template.as_ref(), deploy).await? {
            Ok(parameters) => parameters,
            Err(failure) => return Ok(Created::Refused(failure)),
        };
        let checks_drift = !is_new && self.shared.resources.drift_stages.contains(&deploy.stage);
        let drift = match checks_drift {
            true => Some(self.begin_to_look_for_drift(stack).await?),
            false => None,
        };
        let about = About {
            drift,
            given: deploy.parameters.keys().cloned().collect(),
        };
        let call = self.shared.clients.cloudformation().create_change_set();
        let mut call = call
            .stack_name(stack.as_str())
            .change_set_name(&name.0)
            .change_set_type(if is_new {
                ChangeSetType::Create
            } else {
                ChangeSetType::Update
            })
            // Said, so that no default of another day keeps half a stack.
            .set_on_stack_failure(is_new.then_some(OnStackFailure::Rollback))
            .client_token(&name.0)
            .description(about.written())
            .include_nested_stacks(true)
            .set_parameters(Some(parameters))
            .set_tags(Some(tags(current.as_ref(), deploy)))
            .set_capabilities(Some(
                deploy
                    .capabilities
                    .iter()
                    .map(|name| Capability::from(name.as_str()))
                    .collect(),
            ))
            .set_rollback_configuration(
                self.shared
                    .resources
                    .rollback_triggers
                    .get(&deploy.stage)
                    .map(triggers::sent),
            )
            .set_role_arn(self.shared.resources.deploy_role_arn.clone());
        call = match &template {
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
    /// the template to come declares. What CloudFormation shows in the place of a hidden value is never sent as one.
    async fn parameters(
        &self,
        current: Option<&Stack>,
        template: Option<&Template>,
        deploy: &DeployLambda,
    ) -> PortResult<Result<Vec<Parameter>, Failure>> {
        let before = current.map(Stack::parameters).unwrap_or_default();
        let is_previous = |name: &str| before.iter().any(|parameter| parameter.parameter_key() == Some(name));
        let declared = match template {
            None => None,
            Some(template) => match self.declared(template, deploy).await? {
                Ok(declared) => Some(declared),
                Err(failure) => return Ok(Err(failure)),
            },
        };
        let names: Vec<&str> = match &declared {
            None => before.iter().filter_map(Parameter::parameter_key).collect(),
            Some(declared) => declared
                .iter()
                .filter_map(|parameter| parameter.parameter_key())
                .collect(),
        };
        let is_no_echo = |name: &str| {
            let was = before
                .iter()
                .any(|parameter| parameter.parameter_key() == Some(name) && is_hidden(parameter));
            let declares = |parameter: &ParameterDeclaration| {
                parameter.parameter_key() == Some(name) && parameter.no_echo().unwrap_or(false)
            };
            was || declared.iter().flatten().any(declares)
        };
        let mut sent = Vec::new();
        for (name, value) in &deploy.parameters {
            let parameter = Parameter::builder().parameter_key(name);
            sent.push(if value != HIDDEN_BY_CLOUDFORMATION || !is_no_echo(name) {
                parameter.parameter_value(value).build()
            } else if is_previous(name) {
                parameter.use_previous_value(true).build()
            } else {
                return Ok(Err(refusals::hidden_value(name)));
            });
        }
        let kept = names
            .iter()
            .filter(|name| is_previous(name) && !deploy.parameters.contains_key(**name));
        sent.extend(kept.map(|name| {
            Parameter::builder()
                .parameter_key(*name)
                .use_previous_value(true)
                .build()
        }));
        Ok(Ok(sent))
    }

    /// The parameters that a template declares.
    async fn declared(
        &self,
        template: &Template,
        deploy: &DeployLambda,
    ) -> PortResult<Result<Vec<ParameterDeclaration>, Failure>> {
        let call = self.shared.clients.cloudformation().get_template_summary();
        let call = match template {
            Template::Url(url) => call.template_url(url),
            Template::Body(body) => call.template_body(body),
        };
        match call.send().await {
            Ok(summary) => Ok(Ok(summary.parameters.unwrap_or_default())),
            Err(error) if error.code() == Some("ValidationError") => {
                let said = redacted(error.message().unwrap_or(SILENT), &deploy.parameters);
                let message = format!("CloudFormation refuses the template: {said}");
                Ok(Err(Failure::new(Reason::InvalidParameter, message)))
            }
            Err(error) => Err(port_error("cloudformation:GetTemplateSummary", error)),
        }
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
            .change_set_name(change.id())
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

    /// Removes a change set that will not be executed, and those of its nested stacks with it: `set` is its ARN, or its
    /// name.
    pub(super) async fn forget(&self, stack: &FullStackName, set: &str) -> PortResult<()> {
        let call = self.shared.clients.cloudformation().delete_change_set();
        match call.stack_name(stack.as_str()).change_set_name(set).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("InvalidChangeSetStatus") || is_absent(&error) => Ok(()),
            Err(error) => Err(port_error("cloudformation:DeleteChangeSet", error)),
        }
    }
}

/// The stack's tags with the request's on top. A change set without tags would leave it open
/// whether they are kept.
fn tags(current: Option<&Stack>, deploy: &DeployLambda) -> Vec<Tag> {
    let mut tags: BTreeMap<&str, &str> = current
        .map(Stack::tags)
        .unwrap_or_default()
        .iter()
        .filter_map(|tag| Some((tag.key()?, tag.value()?)))
        .filter(|(key, _)| !key.starts_with("aws:"))
        .collect();
    tags.extend(deploy.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    tags.into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}
