//! News of the functions that report MRR and look after repositories.
//!
//! What stands in the event log is believed, outcomes of requests above all. So these functions may not write there:
//! each leaves its news in a partition of its own, which its role is bound to, and the control plane moves into the
//! log what is an announcement of the kind that the partition is for. Whatever else stands there is never told.

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};
use cc_devops_kernel::events::COMPLETED_SOURCE;
use cc_devops_kernel::events::{Announcement, EventBody};
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::stored;
use cc_devops_repos::auditing::AUDIT_DETAIL_TYPE;
use cc_devops_revenue::reporting::{DAY_DETAIL_TYPE, billing_source};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Shared;
use crate::batches::Pages;
use crate::ledger::{gone, incomplete};
use crate::log::NewEvent;
use crate::places::sortable;
use crate::table::{Item, TRIES, expiry, from_item, key, number, to_item};

/// How many are looked at in one go.
const BATCH: i32 = 100;

/// Where news is left; template.yaml binds each function's role to its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mailbox {
    Revenue,
    Repositories,
}

impl Mailbox {
    pub(crate) const ALL: [Self; 2] = [Self::Revenue, Self::Repositories];

    /// Where news is left, where there is a place for it.
    pub(crate) fn of(news: &Announcement, installation: &Installation) -> PortResult<Self> {
        let desk = Self::ALL.into_iter().find(|desk| desk.takes(news, installation));
        desk.ok_or_else(|| PortError::new(PortErrorKind::Refused, "nobody announces news of this source and type"))
    }

    /// Whether news is of the kind that is announced there.
    fn takes(self, news: &Announcement, installation: &Installation) -> bool {
        match self {
            Self::Revenue => news.source == billing_source(installation) && news.detail_type == DAY_DETAIL_TYPE,
            Self::Repositories => news.source == COMPLETED_SOURCE && news.detail_type == AUDIT_DETAIL_TYPE,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Revenue => "revenue",
            Self::Repositories => "repositories",
        }
    }

    fn partition(self) -> String {
        format!("NEWS#{}", self.name())
    }

    /// Where what is no such news is kept, to be looked at.
    fn refused(self) -> String {
        format!("NOTTOLD#{}", self.name())
    }
}

#[derive(Serialize, Deserialize)]
struct NewsRow {
    agent: AgentName,
    /// The announcement, as events are kept.
    event: String,
}

impl Shared {
    /// The write that leaves news for an agent. Where it is refused, its place was taken: ask for another.
    pub(crate) fn leave_news(&self, desk: Mailbox, reader: &AgentName, news: &Announcement) -> PortResult<Put> {
        let event = stored::write_event(&news.clone().into()).map_err(incomplete)?;
        let mut item = to_item(&NewsRow {
            agent: reader.clone(),
            event,
        })?;
        let place = self.places.next(self.clock.now());
        item.extend(key(desk.partition(), sortable(place)));
        Put::builder()
            .table_name(self.table())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(PK)")
            .build()
            .map_err(incomplete)
    }

    /// Moves into the log what the functions left, in the order they left it.
    pub(super) async fn take_over_news(&self) -> PortResult<()> {
        for desk in Mailbox::ALL {
            let partition = desk.partition();
            let mut pages = Pages::new(|| self.query(&partition, ""));
            while let Some(items) = pages.next(BATCH).await? {
                for item in items {
                    self.take_news(desk, item).await?;
                }
            }
        }
        Ok(())
    }

    async fn take_news(&self, desk: Mailbox, item: Item) -> PortResult<()> {
        let (reader, news) = match self.read_news(desk, item.clone()) {
            Ok(read) => read,
            Err(why) => {
                tracing::error!(
                    desk = desk.name(),
                    why,
                    "something was left to be told that is no news; it is not told"
                );
                return self.put_by(desk, item).await;
            }
        };
        let at = news.timestamp;
        let event = NewEvent::new(reader, news.into(), None, at, None)?;
        for _ in 0..TRIES {
            let place = self.sequencer.take(self).await?;
            let writes = vec![
                self.taken(&item)?,
                TransactWriteItem::builder()
                    .put(event.put(self.table(), place)?)
                    .build(),
            ];
            match self.transact(writes).await? {
                Ok(()) => {
                    self.outbox.wrote(event.written(place), place.subscribed);
                    return Ok(());
                }
                // Another process took it over.
                Err(refused) if refused.at(0) => {
                    self.leave(place).await;
                    return Ok(());
                }
                // A reader has closed the place.
                Err(_) => {}
            }
        }
        Err(gone())
    }

    /// The news in an item, or why it is none.
    fn read_news(&self, desk: Mailbox, item: Item) -> Result<(AgentName, Announcement), String> {
        let row: NewsRow = from_item(item, "news").map_err(|error| error.message)?;
        match stored::read_event(&row.event).map_err(|error| error.to_string())? {
            EventBody::Announcement(news) if desk.takes(&news, &self.installation) => Ok((row.agent, news)),
            _ => Err("it is of another kind than what is announced there".to_owned()),
        }
    }

    /// The write that takes an item away, where it is still there.
    pub(crate) fn taken(&self, item: &Item) -> PortResult<TransactWriteItem> {
        let part = |name: &str| {
            item.get(name)
                .cloned()
                .ok_or_else(|| incomplete("an item without its key"))
        };
        let delete = Delete::builder()
            .table_name(self.table())
            .key("PK", part("PK")?)
            .key("SK", part("SK")?)
            .condition_expression("attribute_exists(PK)")
            .build()
            .map_err(incomplete)?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// Puts an item where it is in nobody's way.
    async fn put_by(&self, desk: Mailbox, item: Item) -> PortResult<()> {
        let now: Timestamp = self.clock.now();
        let mut kept = item.clone();
        kept.extend(key(desk.refused(), sortable(self.places.next(now))));
        let expires = expiry(now, self.resources.dead_letters_days);
        kept.insert("expires".to_owned(), number(expires));
        // It stands in no index there.
        for name in ["WPK", "WSK", "TPK", "TSK"] {
            kept.remove(name);
        }
        let put = Put::builder().table_name(self.table()).set_item(Some(kept));
        let put = put.condition_expression("attribute_not_exists(PK)");
        let put = TransactWriteItem::builder()
            .put(put.build().map_err(incomplete)?)
            .build();
        // Refused where another process was first, or had the same place: the next look finds what is left.
        self.transact(vec![self.taken(&item)?, put]).await.map(drop)
    }
}
