//! The fake event bus, and the log that agents read.

use async_trait::async_trait;
use cc_devops_kernel::events::{LoggedEvent, OutgoingEvent};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::PortResult;
use cc_devops_outbox::ports::{EventBus, EventLog, LogWriter};
use jiff::Timestamp;

use super::Memory;

#[async_trait]
impl EventBus for Memory {
    async fn publish(&self, events: &[(i64, &OutgoingEvent)], _at: Timestamp) -> PortResult<Vec<Result<(), String>>> {
        let mut model = self.lock()?;
        model.bus.extend(events.iter().map(|(_, event)| (*event).clone()));
        Ok(vec![Ok(()); events.len()])
    }
}

#[async_trait]
impl LogWriter for Memory {
    async fn write(&self, events: &[(i64, &OutgoingEvent)], at: Timestamp) -> PortResult<Vec<Result<(), String>>> {
        let mut model = self.lock()?;
        for (id, event) in events {
            if !model.logged.insert(*id) {
                continue;
            }
            let place = model.log.last().map_or(1, |logged| logged.cursor.0 + 1);
            model.log.push(LoggedEvent {
                cursor: Cursor(place),
                published_at: at,
                event: (*event).clone(),
            });
        }
        Ok(vec![Ok(()); events.len()])
    }
}

#[async_trait]
impl EventLog for Memory {
    async fn after(&self, cursor: Cursor, agent: Option<&AgentName>, limit: usize) -> PortResult<Vec<LoggedEvent>> {
        let model = self.lock()?;
        let wanted = model
            .log
            .iter()
            .filter(|logged| logged.cursor > cursor)
            .filter(|logged| agent.is_none_or(|agent| logged.event.agent == *agent))
            .filter(|logged| !model.damaged.events.contains(logged.event.body.key()));
        Ok(wanted.take(limit).cloned().collect())
    }

    async fn newest(&self) -> PortResult<Cursor> {
        let model = self.lock()?;
        Ok(model.log.last().map_or(Cursor(0), |logged| logged.cursor))
    }
}
