//! A change set as JSON, in the shape in which the AWS command line writes it.
#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "each word is of a type of its own, whose name would say no more"
)]

use aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_cloudformation::types::{
    Change, DeploymentConfig, LiveResourceDrift, ModuleInfo, Parameter, ResourceChange, ResourceChangeDetail,
    ResourceDriftIgnoredAttribute, ResourceTargetDefinition, RollbackConfiguration, RollbackTrigger, Tag,
};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Map, Value};

/// A structure, from the members that it has.
fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let there = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(there.collect::<Map<_, _>>())
}

fn text(value: Option<&str>) -> Option<Value> {
    value.map(Value::from)
}

fn list<T>(items: Option<&[T]>, of: impl Fn(&T) -> Value) -> Option<Value> {
    items.map(|items| Value::Array(items.iter().map(of).collect()))
}

/// A time as text; none where it cannot be written.
pub(super) fn time(at: Option<&DateTime>) -> Option<String> {
    at?.fmt(Format::DateTimeWithOffset).ok()
}

/// The whole answer. A word that the model does not list stands there as it came.
pub(super) fn document(set: &DescribeChangeSetOutput) -> Value {
    object([
        ("ChangeSetName", text(set.change_set_name())),
        ("ChangeSetId", text(set.change_set_id())),
        ("StackId", text(set.stack_id())),
        ("StackName", text(set.stack_name())),
        ("Description", text(set.description())),
        ("Parameters", list(set.parameters.as_deref(), parameter)),
        ("CreationTime", time(set.creation_time()).map(Value::from)),
        (
            "ExecutionStatus",
            text(set.execution_status().map(|word| word.as_str())),
        ),
        ("Status", text(set.status().map(|word| word.as_str()))),
        ("StatusReason", text(set.status_reason())),
        (
            "StackDriftStatus",
            text(set.stack_drift_status().map(|word| word.as_str())),
        ),
        (
            "NotificationARNs",
            list(set.notification_arns.as_deref(), |arn| Value::from(arn.as_str())),
        ),
        ("RollbackConfiguration", set.rollback_configuration().map(rollback)),
        (
            "Capabilities",
            list(set.capabilities.as_deref(), |word| Value::from(word.as_str())),
        ),
        ("Tags", list(set.tags.as_deref(), tag)),
        ("Changes", list(set.changes.as_deref(), change)),
        ("NextToken", text(set.next_token())),
        ("IncludeNestedStacks", set.include_nested_stacks().map(Value::from)),
        ("ParentChangeSetId", text(set.parent_change_set_id())),
        ("RootChangeSetId", text(set.root_change_set_id())),
        ("OnStackFailure", text(set.on_stack_failure().map(|word| word.as_str()))),
        (
            "ImportExistingResources",
            set.import_existing_resources().map(Value::from),
        ),
        ("DeploymentMode", text(set.deployment_mode().map(|word| word.as_str()))),
        ("DeploymentConfig", set.deployment_config().map(deployment)),
    ])
}

fn parameter(parameter: &Parameter) -> Value {
    object([
        ("ParameterKey", text(parameter.parameter_key())),
        ("ParameterValue", text(parameter.parameter_value())),
        ("UsePreviousValue", parameter.use_previous_value().map(Value::from)),
        ("ResolvedValue", text(parameter.resolved_value())),
    ])
}

fn tag(tag: &Tag) -> Value {
    object([("Key", text(tag.key())), ("Value", text(tag.value()))])
}

fn rollback(configuration: &RollbackConfiguration) -> Value {
    let trigger = |trigger: &RollbackTrigger| object([("Arn", text(trigger.arn())), ("Type", text(trigger.r#type()))]);
    object([
        (
            "RollbackTriggers",
            list(configuration.rollback_triggers.as_deref(), trigger),
        ),
        (
            "MonitoringTimeInMinutes",
            configuration.monitoring_time_in_minutes().map(Value::from),
        ),
    ])
}

fn deployment(config: &DeploymentConfig) -> Value {
    object([
        ("Mode", text(config.mode().map(|word| word.as_str()))),
        ("DisableRollback", config.disable_rollback().map(Value::from)),
    ])
}

fn change(change: &Change) -> Value {
    object([
        ("Type", text(change.r#type().map(|word| word.as_str()))),
        ("HookInvocationCount", change.hook_invocation_count().map(Value::from)),
        ("ResourceChange", change.resource_change().map(resource)),
    ])
}

fn resource(change: &ResourceChange) -> Value {
    object([
        ("PolicyAction", text(change.policy_action().map(|word| word.as_str()))),
        ("Action", text(change.action().map(|word| word.as_str()))),
        ("LogicalResourceId", text(change.logical_resource_id())),
        ("PhysicalResourceId", text(change.physical_resource_id())),
        ("ResourceType", text(change.resource_type())),
        ("Replacement", text(change.replacement().map(|word| word.as_str()))),
        (
            "Scope",
            list(change.scope.as_deref(), |word| Value::from(word.as_str())),
        ),
        (
            "ResourceDriftStatus",
            text(change.resource_drift_status().map(|word| word.as_str())),
        ),
        (
            "ResourceDriftIgnoredAttributes",
            list(change.resource_drift_ignored_attributes.as_deref(), ignored),
        ),
        ("Details", list(change.details.as_deref(), detail)),
        ("ChangeSetId", text(change.change_set_id())),
        ("ModuleInfo", change.module_info().map(module)),
        ("BeforeContext", text(change.before_context())),
        ("AfterContext", text(change.after_context())),
        ("PreviousDeploymentContext", text(change.previous_deployment_context())),
    ])
}

fn ignored(attribute: &ResourceDriftIgnoredAttribute) -> Value {
    object([
        ("Path", text(attribute.path())),
        ("Reason", text(attribute.reason().map(|word| word.as_str()))),
    ])
}

fn module(info: &ModuleInfo) -> Value {
    object([
        ("TypeHierarchy", text(info.type_hierarchy())),
        ("LogicalIdHierarchy", text(info.logical_id_hierarchy())),
    ])
}

fn detail(detail: &ResourceChangeDetail) -> Value {
    object([
        ("Target", detail.target().map(target)),
        ("Evaluation", text(detail.evaluation().map(|word| word.as_str()))),
        ("ChangeSource", text(detail.change_source().map(|word| word.as_str()))),
        ("CausingEntity", text(detail.causing_entity())),
    ])
}

fn target(target: &ResourceTargetDefinition) -> Value {
    object([
        ("Attribute", text(target.attribute().map(|word| word.as_str()))),
        ("Name", text(target.name())),
        (
            "RequiresRecreation",
            text(target.requires_recreation().map(|word| word.as_str())),
        ),
        ("Path", text(target.path())),
        ("BeforeValue", text(target.before_value())),
        ("AfterValue", text(target.after_value())),
        (
            "BeforeValueFrom",
            text(target.before_value_from().map(|word| word.as_str())),
        ),
        (
            "AfterValueFrom",
            text(target.after_value_from().map(|word| word.as_str())),
        ),
        ("Drift", target.drift().map(drift)),
        (
            "AttributeChangeType",
            text(target.attribute_change_type().map(|word| word.as_str())),
        ),
    ])
}

fn drift(drift: &LiveResourceDrift) -> Value {
    object([
        ("PreviousValue", text(drift.previous_value())),
        ("ActualValue", text(drift.actual_value())),
        (
            "DriftDetectionTimestamp",
            time(drift.drift_detection_timestamp()).map(Value::from),
        ),
    ])
}
