//! Whether a stack was changed past its template: CloudFormation looks for it beside the making of the change set.

use aws_sdk_cloudformation::types::StackDriftDetectionStatus;
use cc_devops_kernel::names::FullStackName;
use cc_devops_kernel::ports::{PortErrorKind, PortResult};

use super::CloudFormation;
use super::about::DriftLook;
use crate::error::port_error;

/// The most characters of a reason that are kept with the change set.
const LONGEST_REASON: usize = 300;

/// What stands in the change set of a stack that could not be searched. It is a word of the detection and none of the
/// stack's, so that whoever reads the change set knows that something is not known.
const NOT_FOUND_OUT: &str = "DETECTION_FAILED";

/// What is known of a stack's drift.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Drift {
    /// The detection goes on.
    Looking,
    /// What CloudFormation calls it, and what the approver is to know of it.
    Known(Option<String>, Option<String>),
}

impl Drift {
    fn unknown(why: impl std::fmt::Display) -> Self {
        Self::Known(Some(NOT_FOUND_OUT.to_owned()), Some(note(why)))
    }
}

fn note(why: impl std::fmt::Display) -> String {
    format!("whether the stack was changed past its template is not known: {why}")
}

impl CloudFormation {
    /// Begins a drift detection. A stack that cannot be looked at can be planned all the same, and says so.
    pub(super) async fn begin_to_look_for_drift(&self, stack: &FullStackName) -> PortResult<DriftLook> {
        let call = self.shared.clients.cloudformation().detect_stack_drift();
        match call.stack_name(stack.as_str()).send().await {
            Ok(answer) => Ok(DriftLook::Begun(answer.stack_drift_detection_id.unwrap_or_default())),
            Err(error) => {
                let error = port_error("cloudformation:DetectStackDrift", error);
                match error.kind {
                    PortErrorKind::Refused | PortErrorKind::NotFound => {
                        Ok(DriftLook::Refused(error.message.chars().take(LONGEST_REASON).collect()))
                    }
                    _ => Err(error),
                }
            }
        }
    }

    /// What became of a drift detection that was begun with a change set.
    pub(super) async fn drift(&self, look: &DriftLook) -> PortResult<Drift> {
        let id = match look {
            DriftLook::Begun(id) => id,
            // Nobody looked: that is said, and changes nothing of what is asked. An installation whose role may not look
            // would ask of every change else.
            DriftLook::Refused(why) => return Ok(Drift::Known(None, Some(note(why)))),
        };
        let call = self
            .shared
            .clients
            .cloudformation()
            .describe_stack_drift_detection_status();
        let told = match call.stack_drift_detection_id(id).send().await {
            Ok(told) => told,
            Err(error) => {
                let error = port_error("cloudformation:DescribeStackDriftDetectionStatus", error);
                return match error.kind {
                    PortErrorKind::Refused | PortErrorKind::NotFound => Ok(Drift::unknown(error.message)),
                    _ => Err(error),
                };
            }
        };
        let found = told.stack_drift_status().map(|status| status.as_str().to_owned());
        match told.detection_status().map(StackDriftDetectionStatus::as_str) {
            Some("DETECTION_COMPLETE") => Ok(match found.filter(|status| status != "UNKNOWN") {
                Some(status) => Drift::Known(Some(status), None),
                None => Drift::unknown("the detection says nothing"),
            }),
            // However long it takes, within the time that the request has: what was planned with another answer than it
            // gives later would count as moved.
            Some("DETECTION_IN_PROGRESS") => Ok(Drift::Looking),
            // What was found before it failed is true all the same.
            other => Ok(match found {
                Some(status) if status == "DRIFTED" => Drift::Known(Some(status), None),
                _ => Drift::unknown(
                    told.detection_status_reason()
                        .or(other)
                        .unwrap_or("the detection failed"),
                ),
            }),
        }
    }
}
