//! A run compared with the figures at the end of a day, and what changed kept: each customer's figure, and its movement.

use std::collections::HashMap;

use jiff::civil::Date;

use super::customer_movements::{CustomerMovement, SubscriptionAmounts, changed};
use super::day::{CustomerKey, CustomerRow, SubscriptionFigures};
use super::movements::{Change, Movements, Statement};
use super::run::Run;
use crate::ports::RevenueStore;
use crate::report_error::ReportError;
use cc_devops_kernel::ports::PortResult;

/// How many customers are read or written at once.
pub(super) const PAGE: usize = 1_000;

/// What a comparison came to.
pub(super) struct Compared {
    /// The movements by kind.
    pub(super) statement: Statement,
    /// How many customers moved, each currency for itself.
    pub(super) customer_movements: u32,
}

/// Compares the run with the figures at the end of the day `base`, and keeps those that changed. Without a day to
/// compare with it is a beginning, and nobody moved.
pub(super) async fn compare(
    store: &dyn RevenueStore,
    run: Run,
    date: Date,
    base: Option<Date>,
    keep: bool,
) -> Result<Compared, ReportError> {
    let mut movements = match base {
        Some(_) => Movements::new(run),
        None => Movements::baseline(run),
    };
    let mut who = MovementWriter::new(store, date, keep);
    // Not known at the end of that day, but kept by a run since.
    let mut since: HashMap<CustomerKey, CustomerRow> = HashMap::new();
    let mut after: Option<CustomerKey> = None;
    loop {
        let rows = store.customers(after.as_ref(), PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.key.clone());
        let mut written = Vec::new();
        for row in rows {
            match row.at_end_of(base) {
                Some(before) => {
                    let change = movements.previous(row.previous(before))?;
                    let known = row.subscriptions_at_end_of(base).cloned();
                    let now = movements.subscriptions_now(&row.key, known.as_ref());
                    if let Some(change) = &change {
                        who.moved(change, changed(known.as_ref(), now.as_ref())).await?;
                    }
                    let figure = Some(change.map_or(before, |change| change.after));
                    if row.figure != figure || row.subscriptions.now != now {
                        written.push(CustomerRow {
                            figure,
                            day: date,
                            opening: Some(before),
                            subscriptions: SubscriptionFigures { now, opening: known },
                            key: row.key,
                        });
                    }
                }
                None if row.figure.is_some() => drop(since.insert(row.key.clone(), row)),
                None => {}
            }
        }
        if keep && !written.is_empty() {
            store.keep_customers(&written).await?;
        }
    }
    let finished = movements.finish()?;
    let mut written = Vec::new();
    for change in finished.new_customers() {
        let now = finished.subscriptions_of(change.customer, change.currency);
        if base.is_some() {
            let ids = changed(Some(&SubscriptionAmounts::new()), now.as_ref());
            who.moved(&change, ids).await?;
        }
        let key = change.key();
        let kept = since.remove(&key);
        if kept.is_none_or(|row| row.figure != Some(change.after) || row.subscriptions.now != now) {
            written.push(CustomerRow {
                key,
                figure: Some(change.after),
                day: date,
                opening: None,
                subscriptions: SubscriptionFigures { now, opening: None },
            });
        }
        if keep && written.len() >= PAGE {
            store.keep_customers(&written).await?;
            written.clear();
        } else if !keep {
            written.clear();
        }
    }
    let customer_movements = who.finish().await?;
    if keep {
        written.extend(since.into_keys().map(|key| CustomerRow::of_nobody(key, date)));
        for written in written.chunks(PAGE) {
            store.keep_customers(written).await?;
        }
    }
    Ok(Compared {
        statement: finished.statement,
        customer_movements,
    })
}

/// Keeps a day's movements of customers as they are found, some at a time.
pub(super) struct MovementWriter<'s> {
    store: &'s dyn RevenueStore,
    date: Date,
    keep: bool,
    kept: u32,
    waiting: Vec<CustomerMovement>,
}

impl<'s> MovementWriter<'s> {
    pub(super) fn new(store: &'s dyn RevenueStore, date: Date, keep: bool) -> Self {
        Self {
            store,
            date,
            keep,
            kept: 0,
            waiting: Vec::new(),
        }
    }

    /// Takes a movement, and the subscriptions that made it.
    pub(super) async fn moved(&mut self, change: &Change<'_>, subscriptions: Option<Vec<String>>) -> PortResult<()> {
        self.waiting.push(CustomerMovement {
            date: self.date,
            key: change.key(),
            kind: change.kind,
            before: change.before,
            after: change.after,
            subscriptions,
        });
        if self.waiting.len() >= PAGE {
            self.write().await?;
        }
        Ok(())
    }

    /// How many there were.
    pub(super) async fn finish(mut self) -> PortResult<u32> {
        self.write().await?;
        Ok(self.kept)
    }

    async fn write(&mut self) -> PortResult<()> {
        if self.keep && !self.waiting.is_empty() {
            self.store.keep_movements(self.date, self.kept, &self.waiting).await?;
        }
        let written = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        self.kept = self.kept.saturating_add(written);
        self.waiting.clear();
        Ok(())
    }
}
