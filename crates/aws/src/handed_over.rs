//! Work that the function for repositories does for a request: one item for each, in the ledger's table.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::work::Progress;
use cc_devops_repos::ports::{Begun, HandedOver, WorkOutcome, WorkRecord};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Backend;
use crate::error::{corrupt, port_error};
use crate::places::sortable_time;
use crate::table::{Item, from_item, held, key, number, text};

/// How long an item is kept: longer than anybody looks for it.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 7);

impl Backend {
    /// Work that one function hands over to another.
    pub fn handed_over(&self) -> Arc<dyn HandedOver> {
        Arc::new(Work(self.clone()))
    }
}

struct Work(Backend);

fn place(request: &RequestId) -> Item {
    key(format!("HANDED#{request}"), "WORK")
}

#[derive(Deserialize)]
struct Row {
    run: String,
    /// When its lease ends.
    until: Timestamp,
    tries: u32,
    /// As JSON text.
    #[serde(default)]
    progress: Option<String>,
    /// As JSON text.
    #[serde(default)]
    answer: Option<String>,
}

fn json(value: &impl Serialize) -> PortResult<String> {
    serde_json::to_string(value)
        .map_err(|error| PortError::new(PortErrorKind::Refused, "an answer cannot be written as JSON").because(error))
}

#[async_trait]
impl HandedOver for Work {
    async fn begin(&self, request: &RequestId, run: &str, now: Timestamp, until: Timestamp) -> PortResult<Begun> {
        let expires = now.saturating_add(KEPT).unwrap_or(Timestamp::MAX).as_second();
        let call = self
            .0
            .shared
            .update(place(request))
            .update_expression(
                "SET run = :run, #until = :until, lease = :lease, expires = :expires REMOVE progress ADD tries :one",
            )
            .condition_expression(
                "attribute_not_exists(PK) OR (attribute_not_exists(answer) AND (run = :run OR lease < :now))",
            )
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":run", text(run))
            .expression_attribute_values(":until", text(until.to_string()))
            .expression_attribute_values(":lease", text(sortable_time(until)))
            .expression_attribute_values(":now", text(sortable_time(now)))
            .expression_attribute_values(":expires", number(expires))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let error = match call.send().await {
            Ok(answer) => {
                let row: Row = from_item(answer.attributes.unwrap_or_default(), "work that was handed over")?;
                return Ok(Begun::Claimed { tries: row.tries });
            }
            Err(error) => error,
        };
        let Some(UpdateItemError::ConditionalCheckFailedException(refused)) = error.as_service_error() else {
            return Err(port_error("dynamodb:UpdateItem", error));
        };
        let ended = refused.item().is_some_and(|item| item.contains_key("answer"));
        Ok(if ended { Begun::Ended } else { Begun::Elsewhere })
    }

    async fn renew(
        &self,
        request: &RequestId,
        run: &str,
        until: Timestamp,
        progress: Option<&Progress>,
    ) -> PortResult<bool> {
        let mut call = self
            .0
            .shared
            .update(place(request))
            .condition_expression("run = :run AND attribute_not_exists(answer)")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":run", text(run))
            .expression_attribute_values(":until", text(until.to_string()))
            .expression_attribute_values(":lease", text(sortable_time(until)));
        call = match progress {
            None => call.update_expression("SET #until = :until, lease = :lease"),
            Some(progress) => call
                .update_expression("SET #until = :until, lease = :lease, progress = :progress")
                .expression_attribute_values(":progress", text(json(progress)?)),
        };
        held(call).await
    }

    async fn end(&self, request: &RequestId, run: &str, answer: &WorkOutcome) -> PortResult<bool> {
        let answer = json(answer)?;
        let call = self
            .0
            .shared
            .update(place(request))
            .update_expression("SET answer = :answer REMOVE progress")
            // The same answer is our own, of which the SDK did not hear the first time.
            .condition_expression("run = :run AND (attribute_not_exists(answer) OR answer = :answer)")
            .expression_attribute_values(":run", text(run))
            .expression_attribute_values(":answer", text(answer));
        held(call).await
    }

    async fn standing(&self, request: &RequestId) -> PortResult<Option<WorkRecord>> {
        let row: Option<Row> = self.0.shared.get(place(request), "work that was handed over").await?;
        let Some(row) = row else { return Ok(None) };
        let answer = row.answer.as_deref().map(serde_json::from_str).transpose();
        let answer = answer.map_err(|error| corrupt(format_args!("what run {} answered", row.run)).because(error))?;
        Ok(Some(WorkRecord {
            until: row.until,
            // It is for people: what cannot be read is left out.
            progress: row.progress.as_deref().and_then(|text| serde_json::from_str(text).ok()),
            answer,
        }))
    }

    async fn notify_ended(&self, request: &RequestId) -> PortResult<()> {
        let function = &self.0.shared.resources.function;
        self.0.post(function, &json!({"ended": request})).await
    }
}
