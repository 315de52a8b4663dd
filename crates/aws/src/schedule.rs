//! When jobs are due.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_core::ports::{PortResult, Schedule};
use cc_devops_core::schedule::Job;
use jiff::Timestamp;
use serde::Deserialize;

use crate::error::{is_condition, port_error};
use crate::table::{key, text};
use crate::{Backend, Shared};

impl Backend {
    /// The schedule.
    pub fn schedule(&self) -> Arc<dyn Schedule> {
        Arc::new(DynamoSchedule(self.shared.clone()))
    }
}

struct DynamoSchedule(Arc<Shared>);

#[derive(Deserialize)]
struct DueRow {
    due: Timestamp,
}

#[async_trait]
impl Schedule for DynamoSchedule {
    async fn due(&self, job: Job, first: Timestamp) -> PortResult<Timestamp> {
        let shared = &self.0;
        let place = || key("SCHEDULE", job.as_str());
        if let Some(DueRow { due }) = shared.get(place(), "a due time").await? {
            return Ok(due);
        }
        let mut item = place();
        item.insert("due".to_owned(), text(first.to_string()));
        let call = shared.clients.dynamodb().put_item().table_name(shared.table());
        let call = call
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(PK)");
        match call.send().await {
            Ok(_) => Ok(first),
            // Another process set it meanwhile; what it set holds.
            Err(error) if is_condition(&error) => {
                let standing: Option<DueRow> = shared.get(place(), "a due time").await?;
                Ok(standing.map_or(first, |row| row.due))
            }
            Err(error) => Err(port_error("dynamodb:PutItem", error)),
        }
    }

    async fn advance(&self, job: Job, from: Timestamp, to: Timestamp) -> PortResult<bool> {
        let shared = &self.0;
        let call = shared.clients.dynamodb().update_item().table_name(shared.table());
        let call = call
            .set_key(Some(key("SCHEDULE", job.as_str())))
            .update_expression("SET due = :to")
            .condition_expression("due = :from")
            .expression_attribute_values(":to", text(to.to_string()))
            .expression_attribute_values(":from", text(from.to_string()));
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error) => Ok(false),
            Err(error) => Err(port_error("dynamodb:UpdateItem", error)),
        }
    }
}
