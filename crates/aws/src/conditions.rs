//! Conditions of the functions that report MRR and look after repositories.
//!
//! Alerts are believed, and who could write them could end them. So these functions may not: each leaves what it has to say
//! in a partition of its own, which its role is bound to, and the control plane takes over what is of the kinds that the
//! partition is for.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use cc_devops_alerts::condition::kind_of;
use cc_devops_alerts::{ConditionChange, ConditionKind, ConditionSink, LeftConditions};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::batches::Pages;
use crate::ledger::{gone, incomplete};
use crate::outbox::Mailbox;
use crate::places::sortable;
use crate::table::{Item, TRIES, from_item, key, to_item};
use crate::{Backend, Shared};

/// How many changes are left in one item, which takes 400 KB.
const IN_ONE: usize = 40;

/// How many items are looked at in one go.
const BATCH: i32 = 25;

impl Backend {
    /// Where the function that reports MRR says what needs a person.
    pub fn revenue_conditions(&self) -> Arc<dyn ConditionSink> {
        Arc::new(Left(self.shared.clone(), Mailbox::Revenue))
    }

    /// Where the function that looks after repositories does.
    pub fn repository_conditions(&self) -> Arc<dyn ConditionSink> {
        Arc::new(Left(self.shared.clone(), Mailbox::Repositories))
    }

    /// What they left, for the control plane.
    pub fn left_conditions(&self) -> Arc<dyn LeftConditions> {
        Arc::new(AllLeft(self.shared.clone()))
    }
}

/// Leaves changes in the partition of a function.
struct Left(Arc<Shared>, Mailbox);

/// Takes them over.
struct AllLeft(Arc<Shared>);

#[derive(Serialize, Deserialize)]
struct LeftRow {
    /// The changes, as JSON.
    conditions: String,
}

fn partition(desk: Mailbox) -> String {
    format!("CONDITIONS#{}", desk.name())
}

/// Whether a change is of a kind that is left there.
fn takes(desk: Mailbox, change: &ConditionChange) -> bool {
    let of_it = |kind| match desk {
        Mailbox::Revenue => kind == ConditionKind::Revenue,
        Mailbox::Repositories => matches!(kind, ConditionKind::Hygiene | ConditionKind::Workflow),
    };
    let by_itself = match change {
        ConditionChange::Opened(condition) => of_it(condition.kind),
        ConditionChange::Resolved { .. } | ConditionChange::Closed { .. } => true,
    };
    by_itself && kind_of(change.key()).is_some_and(of_it)
}

#[async_trait]
impl ConditionSink for Left {
    async fn note(&self, changes: &[ConditionChange], now: Timestamp) -> PortResult<()> {
        for some in changes.chunks(IN_ONE) {
            let conditions = serde_json::to_string(some).map_err(|error| {
                PortError::new(PortErrorKind::Corrupt, "conditions cannot be written").because(error)
            })?;
            self.leave(&LeftRow { conditions }, now).await?;
        }
        Ok(())
    }
}

impl Left {
    async fn leave(&self, row: &LeftRow, now: Timestamp) -> PortResult<()> {
        let Self(shared, desk) = self;
        for _ in 0..TRIES {
            let mut item = to_item(row)?;
            item.extend(key(partition(*desk), sortable(shared.places.next(now))));
            let put = Put::builder().table_name(shared.table()).set_item(Some(item));
            let put = put.condition_expression("attribute_not_exists(PK)");
            let put = TransactWriteItem::builder()
                .put(put.build().map_err(incomplete)?)
                .build();
            if shared.transact(vec![put]).await?.is_ok() {
                return Ok(());
            }
            // Another run has the same place: the next one is another.
        }
        Err(gone())
    }
}

#[async_trait]
impl LeftConditions for AllLeft {
    async fn hand_over(&self, sink: &dyn ConditionSink, now: Timestamp) -> PortResult<u64> {
        let mut handed_over = 0;
        for desk in Mailbox::ALL {
            let partition = partition(desk);
            let mut pages = Pages::new(|| self.0.query(&partition, ""));
            while let Some(items) = pages.next(BATCH).await? {
                for item in items {
                    handed_over += self.take(desk, item, sink, now).await?;
                }
            }
        }
        Ok(handed_over)
    }
}

impl AllLeft {
    async fn take(&self, desk: Mailbox, item: Item, sink: &dyn ConditionSink, now: Timestamp) -> PortResult<u64> {
        let taken = self.0.taken(&item)?;
        let changes = read(item).unwrap_or_else(|error| {
            tracing::error!(%error, desk = desk.name(), "something was left to be told that is no condition; it is not told");
            Vec::new()
        });
        let (told, others): (Vec<_>, Vec<_>) = changes.into_iter().partition(|change| takes(desk, change));
        if let Some(first) = others.first() {
            let key = first.key();
            tracing::error!(
                key,
                desk = desk.name(),
                "a condition was left where it is not for; it is not told"
            );
        }
        if !told.is_empty() {
            sink.note(&told, now).await?;
        }
        // Refused where another process took it over: it said the same.
        self.0.transact(vec![taken]).await?.ok();
        Ok(told.len() as u64)
    }
}

fn read(item: Item) -> PortResult<Vec<ConditionChange>> {
    let row: LeftRow = from_item(item, "conditions that were left")?;
    serde_json::from_str(&row.conditions)
        .map_err(|error| PortError::new(PortErrorKind::Corrupt, "they cannot be read").because(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_speaks_of_what_it_looks_after_alone() {
        let over = |key: &str| ConditionChange::Resolved {
            key: key.to_owned(),
            at: Timestamp::UNIX_EPOCH,
            title: String::new(),
        };
        assert!(takes(Mailbox::Revenue, &over("revenue/run")));
        assert!(takes(Mailbox::Repositories, &over("workflow/acme/web/ci.yml")));
        assert!(takes(Mailbox::Repositories, &over("hygiene/acme")));
        for (desk, key) in [
            (Mailbox::Revenue, "agent/Writer"),
            (Mailbox::Revenue, "hygiene/acme"),
            (Mailbox::Repositories, "audit/chain"),
            (Mailbox::Repositories, "nothing"),
        ] {
            assert!(!takes(desk, &over(key)), "{key}");
        }
    }
}
