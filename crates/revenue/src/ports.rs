//! Where subscriptions are billed, what currencies are worth, and where MRR is kept.

use std::ops::ControlFlow;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::customer_movements::{CustomerMovement, MovementFilter};
use crate::day::{CustomerKey, CustomerRow, Day};
use crate::figure::Figure;
use crate::lines::Explain;
use crate::outlook::EndedTrials;
use crate::policy::Options;
use crate::rates::Rates;
use crate::transactions::Transactions;
use cc_devops_alerts::ConditionSink;
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{Clock, PortResult};

/// What a [`Reporter`](crate::reporting::Reporter) works with beside the billing source and the rates.
#[derive(Clone)]
pub struct RevenuePorts {
    /// Where MRR is kept.
    pub revenue: Arc<dyn RevenueStore>,
    /// Where it is said what needs a person.
    pub conditions: Arc<dyn ConditionSink>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// What figures are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The policy's options.
    pub options: &'a Options,
    /// The moment the figures are of, in Unix seconds.
    pub as_of: i64,
    /// Whether their lines are wanted.
    pub explain: Explain,
}

/// Takes figures one by one, and may end the reading.
pub type TakeFigure<'t> = dyn for<'f> FnMut(&Figure<'f>) -> ControlFlow<()> + Send + 't;

/// Where subscriptions are billed.
#[async_trait]
pub trait Billing: Send + Sync {
    /// Hands over the figure of every subscription that was made until `as_of`, each once, in no
    /// order that means anything. A subscription that cannot be computed is a figure with an error.
    ///
    /// # Errors
    /// What made the reading end early: what was handed over is then only a part. `NotFound` where
    /// no key is configured.
    async fn figures(&self, wanted: Wanted<'_>, take: &mut TakeFigure<'_>) -> PortResult<()>;

    /// The figures of one subscription, or of all of a customer's, ended ones too. `NotFound` where
    /// there is neither.
    async fn figures_of(&self, id: &str, wanted: Wanted<'_>) -> PortResult<Vec<Figure<'static>>>;

    /// What moved on the account's balance from `from` until `until`, both inclusive, in Unix seconds.
    async fn transactions(&self, from: i64, until: i64) -> PortResult<Transactions>;

    /// The trials that ended from `from` until `until`, both inclusive, in Unix seconds, of subscriptions that have ended
    /// since or with them. `None` where that cannot be known.
    async fn ended_trials(&self, _from: i64, _until: i64) -> PortResult<Option<EndedTrials>> {
        Ok(None)
    }
}

/// What the billing source tells of its own accord.
#[async_trait]
pub trait BillingNotices: Send + Sync {
    /// The HTTP header that holds the signature, in lower case.
    fn signature_header(&self) -> &'static str;

    /// What can be said of a signature before the body is there: `Refused` where it cannot be the
    /// billing source's, whatever the body is.
    fn admits(&self, signature: Option<&str>, at: Timestamp) -> PortResult<()>;

    /// Whether a notice means that a report made before may be out of date. `Refused` where it is not
    /// proven to be the billing source's; `NotFound` where the signing secret is not there.
    async fn changes_revenue(&self, signature: Option<&str>, body: &[u8], at: Timestamp) -> PortResult<bool>;
}

/// What currencies are worth.
#[async_trait]
pub trait RateSource: Send + Sync {
    /// The newest rates there are.
    async fn newest(&self) -> PortResult<Rates>;
}

/// In which order days are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayOrder {
    /// The oldest first.
    OldestFirst,
    /// The newest first.
    NewestFirst,
}

/// Where MRR is kept: a record for each day, and each customer's last figure.
#[async_trait]
pub trait RevenueStore: Send + Sync {
    /// The newest day.
    async fn latest(&self) -> PortResult<Option<Day>>;

    /// A day.
    async fn day(&self, date: Date) -> PortResult<Option<Day>>;

    /// The days from `from` until `until`, both inclusive, oldest first.
    async fn days(&self, from: Date, until: Date) -> PortResult<Vec<Day>>;

    /// The first days in an order, of those from the one until the other, both inclusive; `limit` at most.
    async fn first_days(&self, span: (Date, Date), order: DayOrder, limit: usize) -> PortResult<Vec<Day>> {
        let (from, until) = span;
        let mut days = self.days(from, until).await?;
        if order == DayOrder::NewestFirst {
            days.reverse();
        }
        days.truncate(limit);
        Ok(days)
    }

    /// Keeps a day, in the place of what was kept of it before, and puts its event into the outbox for an agent: both
    /// in one transaction. It becomes the newest unless there is a later one.
    async fn keep(&self, day: &Day, reader: &AgentName, news: &Announcement) -> PortResult<()>;

    /// Customers' figures by customer and currency, at most `limit`, those after `after`.
    async fn customers(&self, after: Option<&CustomerKey>, limit: usize) -> PortResult<Vec<CustomerRow>>;

    /// Keeps figures, each in the place of the one of its customer and currency. A key must not come
    /// twice. Not all of them are kept where it fails.
    async fn keep_customers(&self, rows: &[CustomerRow]) -> PortResult<()>;

    /// Keeps movements of customers on a day, numbered from `first`, each in the place of the one of its number. They
    /// count when the day is kept, as many of them as it says. Not all of them are kept where it fails.
    async fn keep_movements(&self, date: Date, first: u32, movements: &[CustomerMovement]) -> PortResult<()>;

    /// The movements that are wanted, oldest day first and by their numbers within a day, at most `limit`, those behind
    /// the place `after`.
    async fn movements(
        &self,
        wanted: &MovementFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> PortResult<Page<CustomerMovement>>;

    /// Keeps a reconstructed day, in the place of a reconstructed one; nobody is told. It becomes the newest unless
    /// there is a later one. A day that was reported is never replaced: then nothing is kept, and the answer is false.
    async fn keep_reconstructed(&self, day: &Day) -> PortResult<bool>;
}
