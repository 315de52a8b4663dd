//! Entries of the outbox as versions before wrote them, all in one partition. Each is moved into the log,
//! where it is told like any other.

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::stored;
use cc_devops_requests::record::RequestState;
use jiff::Timestamp;
use serde::Deserialize;

use crate::Shared;
use crate::batches::Pages;
use crate::ledger::{gone, incomplete, request_key};
use crate::log::{Progress, event_key, progress_item};
use crate::table::{Item, TRIES, expiry, from_item, number, text};

/// The partition.
const OUTBOX: &str = "OUTBOX";

/// How many are looked at in one go.
const BATCH: i32 = 100;

#[derive(Deserialize)]
struct OutboxRow {
    id: i64,
    #[serde(default)]
    request: Option<RequestId>,
    completed: String,
    /// Not to be told before, by others than its writer.
    #[serde(default)]
    due: Option<Timestamp>,
}

impl Shared {
    /// Moves what older versions left into the log.
    pub(super) async fn take_over_old(&self) -> PortResult<()> {
        let now = self.clock.now();
        let mut pages = Pages::new(|| self.query(OUTBOX, ""));
        while let Some(items) = pages.next(BATCH).await? {
            for item in items {
                self.take_over(item, now).await?;
            }
        }
        Ok(())
    }

    async fn take_over(&self, item: Item, now: Timestamp) -> PortResult<()> {
        let row = from_item::<OutboxRow>(item.clone(), "an entry of the outbox").ok();
        if row.as_ref().and_then(|row| row.due).is_some_and(|due| due > now) {
            return Ok(());
        }
        let (Some(pk), Some(sk)) = (item.get("PK").cloned(), item.get("SK").cloned()) else {
            return Ok(());
        };
        let old = Item::from([("PK".to_owned(), pk), ("SK".to_owned(), sk)]);
        let mut request = row.as_ref().and_then(|row| Some((row.request.clone()?, row.id)));
        for _ in 0..TRIES {
            let taken = self.sequencer.take(self).await?;
            let place = taken.number;
            let delete = Delete::builder()
                .table_name(self.table())
                .set_key(Some(old.clone()))
                .condition_expression("attribute_exists(PK)")
                .build()
                .map_err(incomplete)?;
            let put = Put::builder()
                .table_name(self.table())
                .set_item(Some(moved(&item, row.as_ref(), place, now)?))
                .condition_expression("attribute_not_exists(PK)")
                .build()
                .map_err(incomplete)?;
            let mut writes = vec![
                TransactWriteItem::builder().delete(delete).build(),
                TransactWriteItem::builder().put(put).build(),
            ];
            if let Some((request, id)) = &request {
                let update = self.hand_on(request, *id, place)?;
                writes.push(TransactWriteItem::builder().update(update).build());
            }
            match self.transact(writes).await? {
                Ok(()) => return Ok(()),
                // Another process took it over, or an older version published it.
                Err(refused) if refused.at(0) => {
                    self.leave(taken).await;
                    return Ok(());
                }
                Err(refused) => {
                    self.leave(taken).await;
                    if refused.at(2) {
                        // The request does not know of its event, which must be told all the same.
                        request = None;
                    }
                }
            }
        }
        Err(gone())
    }

    /// The write by which a request knows its event at its new place.
    fn hand_on(&self, request: &RequestId, id: i64, place: i64) -> PortResult<Update> {
        let expires = expiry(self.clock.now(), self.resources.requests_days);
        Update::builder()
            .table_name(self.table())
            .set_key(Some(request_key(request)))
            .update_expression("SET #event = :place, #state = :published, #expires = :expires REMOVE outbox")
            .condition_expression("outbox = :outbox")
            .expression_attribute_names("#event", "event")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#expires", "expires")
            .expression_attribute_values(":published", text(RequestState::Published.as_str()))
            .expression_attribute_values(":expires", number(expires))
            .expression_attribute_values(":place", number(place))
            .expression_attribute_values(":outbox", number(id))
            .build()
            .map_err(incomplete)
    }
}

/// The item in the log. What of it cannot be read is kept as it is, and set aside when it is to be told.
fn moved(item: &Item, row: Option<&OutboxRow>, place: i64, now: Timestamp) -> PortResult<Item> {
    let mut moved = item.clone();
    for name in ["id", "failures", "due"] {
        moved.remove(name);
    }
    if let Some(row) = row {
        let at = stored::read_event(&row.completed).map_or(now, |body| body.timestamp());
        moved.insert("at".to_owned(), text(at.to_string()));
        if let Some(event) = moved.remove("completed") {
            moved.insert("event".to_owned(), event);
        }
    }
    moved.extend(event_key(place));
    moved.extend(progress_item(&Progress::new(None), place)?);
    Ok(moved)
}
