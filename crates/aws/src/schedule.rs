//! When jobs are due.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::ports::{PortResult, Schedule};
use cc_devops_kernel::schedule::Job;
use jiff::Timestamp;
use serde::Deserialize;

use crate::error::{is_condition, port_error};
use crate::table::{held, key, text};
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
    /// Which call moved it last.
    #[serde(default)]
    moved_by: Option<String>,
}

#[async_trait]
impl Schedule for DynamoSchedule {
    async fn due(&self, job: Job, first: Timestamp) -> PortResult<Timestamp> {
        let shared = &self.0;
        let place = || key("SCHEDULE", job.as_str());
        let standing: Option<DueRow> = shared.get(place(), "a due time").await?;
        if let Some(row) = standing {
            return Ok(row.due);
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
        let place = || key("SCHEDULE", job.as_str());
        let mover = uuid::Uuid::now_v7().simple().to_string();
        let call = shared
            .update(place())
            .update_expression("SET due = :to, moved_by = :mover")
            .condition_expression("due = :from")
            .expression_attribute_values(":to", text(to.to_string()))
            .expression_attribute_values(":mover", text(&mover))
            .expression_attribute_values(":from", text(from.to_string()));
        if held(call).await? {
            return Ok(true);
        }
        // The SDK tries again where an answer was lost. Whoever moved it has to do the job, so it
        // matters whether that was this very call.
        let standing: Option<DueRow> = shared.get(place(), "a due time").await?;
        Ok(standing.is_some_and(|row| row.moved_by == Some(mover)))
    }
}
