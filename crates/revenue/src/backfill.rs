//! Days that no report was made on, computed afterwards from what the billing source still knows of them.
//!
//! Every day is computed as the daily report would have been at six in the morning, UTC. A day that was reported stays
//! as it is. A backfill may be broken off at any moment and made again: what is the same is not written anew.

mod notes;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

pub use self::notes::Note;
use self::notes::notes;
use super::comparison::{MovementWriter, PAGE};
use super::customer_movements::{SubscriptionAmounts, changed};
use super::day::{CustomerKey, CustomerRow, Day, Reconstructed, SubscriptionFigures, period_until};
use super::figure::Figure;
use super::model::Catalog;
use super::money::Exact;
use super::movements::{Movements, Previous};
use super::past::{BillingPast, Past, Reading};
use super::policy::Preset;
use super::rates::Rates;
use super::report::Summary;
use super::reporting::{ReportError, Reporter, in_dollars, last_before};
use super::run::Run;
use crate::past::timeline::Timeline;
use cc_devops_kernel::ports::PortError;

/// The second of the day, UTC, that a reconstructed day is of: when the daily report is due.
pub const SECOND_OF_DAY: i64 = 6 * 3_600;

/// How far a backfill is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The billing source is read.
    Reading(Reading),
    /// Days are computed.
    Days {
        /// How many are done.
        done: u64,
        /// Of how many.
        of: u64,
    },
}

/// What a backfill came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backfilled {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
    /// How many days were computed and kept.
    pub kept: u64,
    /// How many had been reconstructed before and are the same.
    pub unchanged: u64,
    /// How many were reported on their day, and stay as they are.
    pub reported: u64,
    /// Requests made to the billing source, tries after a failure included.
    pub requests: u64,
    /// Subscriptions read.
    pub subscriptions: u64,
    /// Invoices and invoice items read.
    pub invoices: u64,
    /// What cannot be known of the days.
    pub notes: Vec<Note>,
}

/// Why a backfill ended early. Days that were kept are whole.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// The range is none.
    #[error("{0}")]
    Range(String),
    /// The policy's figure is no figure of subscriptions.
    #[error(
        "the policy `transactions` has no past to reconstruct: its figure is of charges and refunds; use \
         --policy stripe-default"
    )]
    Policy,
    /// As for a report.
    #[error(transparent)]
    Report(#[from] ReportError),
}

impl From<PortError> for BackfillError {
    fn from(error: PortError) -> Self {
        Self::Report(error.into())
    }
}

impl Reporter {
    /// Computes the days from `from` until `to`, both inclusive, and keeps those that were not reported.
    ///
    /// # Errors
    /// [`BackfillError`].
    pub async fn backfill(
        &self,
        source: &dyn BillingPast,
        from: Date,
        to: Date,
        progress: &mut (dyn FnMut(Step) + Send),
    ) -> Result<Backfilled, BackfillError> {
        let today = self.ports.clock.now().to_zoned(TimeZone::UTC).date();
        if to < from {
            return Err(BackfillError::Range(format!(
                "{to} is before {from}: there is no day between"
            )));
        }
        if to >= today {
            return Err(BackfillError::Range(format!(
                "{to} is not over yet: a backfill ends yesterday; `cc-devops revenue report` computes today"
            )));
        }
        if self.settings.policy.preset == Preset::Transactions {
            return Err(BackfillError::Policy);
        }
        // The day before: what the first day is compared with, where there is one.
        let before = last_before(&*self.ports.revenue, from).await?.map(|day| day.date);
        let start = second_of(before.unwrap_or(from))?;
        let past = source
            .past(start, &mut |reading| progress(Step::Reading(reading)))
            .await?;
        let rates = self.newest_rates(None).await;
        Backfill::new(self, past, rates, (from, to)).run(before, progress).await
    }
}

fn second_of(date: Date) -> Result<i64, BackfillError> {
    let midnight = date.to_zoned(TimeZone::UTC);
    let midnight = midnight.map_err(|_| BackfillError::Range(format!("{date} has no moment")))?;
    Ok(midnight.timestamp().as_second() + SECOND_OF_DAY)
}

/// A customer's figure of the day before.
#[derive(Debug, Clone)]
struct Known {
    amount: Exact,
    subscriptions: Option<SubscriptionAmounts>,
}

struct Backfill<'r> {
    reporter: &'r Reporter,
    catalog: Catalog,
    lives: Vec<Timeline>,
    /// The figures of the day, one for each life that has begun.
    figures: Vec<Option<Figure<'static>>>,
    known: BTreeMap<CustomerKey, Known>,
    rates: Rates,
    from: Date,
    result: Backfilled,
}

impl<'r> Backfill<'r> {
    fn new(reporter: &'r Reporter, past: Past, rates: Rates, (from, to): (Date, Date)) -> Self {
        let lives: Vec<Timeline> = past.subscriptions.into_iter().map(Timeline::new).collect();
        Self {
            reporter,
            catalog: past.catalog,
            figures: vec![None; lives.len()],
            known: BTreeMap::new(),
            rates,
            from,
            result: Backfilled {
                from,
                to,
                kept: 0,
                unchanged: 0,
                reported: 0,
                requests: past.reading.requests,
                subscriptions: past.reading.subscriptions,
                invoices: past.reading.invoices,
                notes: notes(&lives),
            },
            lives,
        }
    }

    async fn run(
        mut self,
        before: Option<Date>,
        progress: &mut (dyn FnMut(Step) + Send),
    ) -> Result<Backfilled, BackfillError> {
        let (from, to) = (self.from, self.result.to);
        let store = &*self.reporter.ports.revenue;
        let kept: BTreeMap<Date, Day> = store
            .days(from, to)
            .await?
            .into_iter()
            .map(|day| (day.date, day))
            .collect();
        let mut compared_with = before;
        let mut last_moment = i64::MIN;
        if let Some(before) = before {
            last_moment = second_of(before)?;
            self.look(i64::MIN, last_moment);
            self.remember_those_before(last_moment);
            self.take_over()?;
        } else {
            self.remember_those_before(second_of(from)?);
        }
        let of = u64::try_from(from.until(to).map_or(0, |span| span.get_days())).unwrap_or(0) + 1;
        let mut date = from;
        for done in 0..of {
            let moment = second_of(date)?;
            self.look(last_moment, moment);
            let is_last = date == to && self.leads_on().await?;
            self.day(date, moment, compared_with, kept.get(&date), is_last).await?;
            progress(Step::Days { done: done + 1, of });
            (compared_with, last_moment) = (Some(date), moment);
            date = date
                .tomorrow()
                .map_err(|_| BackfillError::Range(format!("{date} is the last day there is")))?;
        }
        Ok(self.result)
    }

    /// Computes anew what may be another than at the moment before.
    fn look(&mut self, last: i64, moment: i64) {
        let options = &self.reporter.settings.policy.options;
        for (life, figure) in self.lives.iter().zip(&mut self.figures) {
            if life.changes(last, moment) {
                *figure = life.figure(moment, &self.catalog, options);
            }
        }
    }

    /// Customers who paid once and did not at the first moment: if they come back, they are not new.
    fn remember_those_before(&mut self, moment: i64) {
        let options = &self.reporter.settings.policy.options;
        for life in &self.lives {
            let Some(figure) = life.figure(moment, &self.catalog, options) else {
                continue;
            };
            if let (Some(currency), true) = (figure.currency, life.ever_counted(moment, &self.catalog, options)) {
                let key = CustomerKey {
                    customer: figure.customer.into_owned(),
                    currency,
                };
                self.known.entry(key).or_insert(Known {
                    amount: Exact::ZERO,
                    subscriptions: Some(SubscriptionAmounts::new()),
                });
            }
        }
    }

    fn run_of_figures(&self) -> Result<Run, BackfillError> {
        let mut run = Run::with_subscriptions();
        for figure in self.figures.iter().flatten() {
            run.add(figure).map_err(ReportError::from)?;
        }
        Ok(run)
    }

    /// Makes the figures of the day those that the next is compared with.
    fn take_over(&mut self) -> Result<(), BackfillError> {
        let movements = Movements::baseline(self.run_of_figures()?);
        let finished = movements.finish().map_err(ReportError::from)?;
        for change in finished.new_customers() {
            let subscriptions = finished.subscriptions_of(change.customer, change.currency);
            let known = Known {
                amount: change.after,
                subscriptions,
            };
            self.known.insert(change.key(), known);
        }
        Ok(())
    }

    /// Whether the last day will be the newest: then the next report is compared with it.
    async fn leads_on(&self) -> Result<bool, BackfillError> {
        let latest = self.reporter.ports.revenue.latest().await?;
        Ok(latest.is_none_or(|latest| latest.date < self.result.to || latest.reconstructed.is_some()))
    }

    /// Computes a day; keeps it, unless it was reported.
    async fn day(
        &mut self,
        date: Date,
        moment: i64,
        compared_with: Option<Date>,
        kept: Option<&Day>,
        continues: bool,
    ) -> Result<(), BackfillError> {
        let run = self.run_of_figures()?;
        let reporter = self.reporter;
        let policy = &reporter.settings.policy;
        let summary = Summary::new(&run, policy, moment, &self.rates, None).map_err(ReportError::from)?;
        let is_reported = kept.is_some_and(|kept| kept.reconstructed.is_none());
        let store = &*reporter.ports.revenue;
        let beginning = compared_with.is_none();
        let mut movements = if beginning {
            Movements::baseline(run)
        } else {
            Movements::new(run)
        };
        let mut who = MovementWriter::new(store, date, !is_reported);
        let mut changes: Vec<(CustomerKey, Option<Known>, Known)> = Vec::new();
        // A beginning is compared with nothing.
        let before = self.known.iter().filter(|_| !beginning);
        for (key, known) in before {
            let now = movements.subscriptions_now(key, known.subscriptions.as_ref());
            let change = movements
                .previous(Previous {
                    customer: &key.customer,
                    currency: key.currency,
                    amount: known.amount,
                })
                .map_err(ReportError::from)?;
            if let Some(change) = &change {
                who.moved(change, changed(known.subscriptions.as_ref(), now.as_ref()))
                    .await?;
            }
            let amount = change.map_or(known.amount, |change| change.after);
            if amount != known.amount || now != known.subscriptions {
                let after = Known {
                    amount,
                    subscriptions: now,
                };
                changes.push((key.clone(), Some(known.clone()), after));
            }
        }
        let finished = movements.finish().map_err(ReportError::from)?;
        for change in finished.new_customers() {
            let now = finished.subscriptions_of(change.customer, change.currency);
            if !beginning {
                who.moved(&change, changed(Some(&SubscriptionAmounts::new()), now.as_ref()))
                    .await?;
            }
            let after = Known {
                amount: change.after,
                subscriptions: now,
            };
            changes.push((change.key(), None, after));
        }
        let customer_movements = who.finish().await?;
        let opening: BTreeMap<CustomerKey, Option<Known>> = changes
            .iter()
            .map(|(key, before, _)| (key.clone(), before.clone()))
            .collect();
        self.known
            .extend(changes.into_iter().map(|(key, _, after)| (key, after)));
        if is_reported {
            self.result.reported += 1;
            return Ok(());
        }
        let movements_usd = in_dollars(&finished.statement, &self.rates, &self.rates).map_err(ReportError::from)?;
        let now: Timestamp = reporter.ports.clock.now();
        let led_on = kept
            .and_then(|kept| kept.reconstructed.as_ref())
            .is_some_and(|kept| kept.continues);
        let day = Day {
            date,
            at: now,
            summary,
            rates: self.rates.clone(),
            period: period_until(moment),
            compared_with,
            policy_changed: false,
            movements: finished.statement,
            movements_usd,
            customer_movements: Some(customer_movements),
            reconstructed: Some(Reconstructed {
                at: now,
                continues: continues || led_on,
            }),
            // Which products a subscription of that day had is not followed back.
            by_product: None,
        };
        if kept.is_some_and(|kept| same(kept, &day)) {
            self.result.unchanged += 1;
            return Ok(());
        }
        if continues {
            self.hand_customers_over(date, &opening).await?;
        }
        if store.keep_reconstructed(&day).await? {
            self.result.kept += 1;
        } else {
            self.result.reported += 1;
        }
        Ok(())
    }

    /// Writes each customer's figure, so that the next report is compared with this day.
    async fn hand_customers_over(
        &self,
        date: Date,
        opening: &BTreeMap<CustomerKey, Option<Known>>,
    ) -> Result<(), BackfillError> {
        let store = &*self.reporter.ports.revenue;
        // Rows of customers that nothing is known of any more.
        let mut others: BTreeSet<CustomerKey> = BTreeSet::new();
        let mut after: Option<CustomerKey> = None;
        loop {
            let rows = store.customers(after.as_ref(), PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.key.clone());
            let unknown = |row: &CustomerRow| row.figure.is_some() && !self.known.contains_key(&row.key);
            others.extend(rows.into_iter().filter(unknown).map(|row| row.key));
        }
        let mut rows = Vec::with_capacity(PAGE);
        for (key, known) in &self.known {
            // What it was on the day before; nothing for one that is new.
            let before = match opening.get(key) {
                Some(before) => before.as_ref(),
                None => Some(known),
            };
            rows.push(CustomerRow {
                key: key.clone(),
                figure: Some(known.amount),
                day: date,
                opening: before.map(|before| before.amount),
                subscriptions: SubscriptionFigures {
                    now: known.subscriptions.clone(),
                    opening: before.and_then(|before| before.subscriptions.clone()),
                },
            });
            if rows.len() >= PAGE {
                store.keep_customers(&rows).await?;
                rows.clear();
            }
        }
        rows.extend(others.into_iter().map(|key| CustomerRow::of_nobody(key, date)));
        for rows in rows.chunks(PAGE) {
            store.keep_customers(rows).await?;
        }
        Ok(())
    }
}

/// Whether a day says the same, whenever it was computed.
fn same(kept: &Day, day: &Day) -> bool {
    let timeless = |day: &Day| Day {
        at: Timestamp::UNIX_EPOCH,
        reconstructed: day.reconstructed.as_ref().map(|reconstructed| Reconstructed {
            at: Timestamp::UNIX_EPOCH,
            continues: reconstructed.continues,
        }),
        ..day.clone()
    };
    timeless(kept) == timeless(day)
}
