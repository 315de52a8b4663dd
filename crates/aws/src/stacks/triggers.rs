//! What makes CloudFormation roll a change back.

use aws_sdk_cloudformation::types::{RollbackConfiguration, RollbackTrigger};

/// What CloudFormation watches while it changes a stack, and for a while after.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RollbackTriggers {
    /// ARNs of CloudWatch alarms, 5 at most. One that goes off rolls the change back.
    pub alarms: Vec<String>,
    /// For how many minutes after the change they are watched: 0 to 180.
    pub minutes: u16,
}

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
