//! What makes CloudFormation roll a change back.

use aws_sdk_cloudformation::types::{RollbackConfiguration, RollbackTrigger};
use cc_devops_deploys::RollbackTriggers;

/// As it is sent with a change set.
pub(super) fn sent(triggers: &RollbackTriggers) -> RollbackConfiguration {
    let kind = |arn: &str| match arn.split(':').nth(5) {
        Some("alarm") | None => "AWS::CloudWatch::Alarm",
        Some(_) => "AWS::CloudWatch::CompositeAlarm",
    };
    let trigger = |arn: &String| RollbackTrigger::builder().arn(arn).r#type(kind(arn)).build();
    RollbackConfiguration::builder()
        .set_rollback_triggers(Some(triggers.alarms.iter().map(trigger).collect()))
        .monitoring_time_in_minutes(i32::from(triggers.minutes))
        .build()
}
