//! An item's prices and quantities over time, from what was billed for it.
//!
//! A line for a period says what the item was from the period's beginning on. A change that was prorated has two lines
//! that begin with it: what was not used of the old, and the rest of the period with the new. An unused rest alone is
//! the item's end. A change that was not prorated shows with the next line for a period.

use std::sync::Arc;

use super::{Billed, BilledLine, PastSubscription};
use crate::model::{Item, PriceRef, Subscription};

/// What an item was from a moment on; nothing where it was not there.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// In Unix seconds.
    pub(super) from: i64,
    /// What it was.
    pub(super) state: Option<State>,
}

/// A price and a quantity.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) price: PriceRef<'static>,
    pub(super) quantity: u64,
}

/// An item's life.
#[derive(Debug, Clone)]
pub(super) struct ItemLife {
    pub(super) id: Arc<str>,
    /// In order of time.
    pub(super) steps: Vec<Step>,
    /// Whether it is another now than it was billed last, without anybody knowing since when.
    pub(super) changed_unseen: bool,
}

/// Every item that the subscription ever had, as far as invoices show.
pub(super) fn lives(past: &PastSubscription, now: &Subscription<'static>) -> Vec<ItemLife> {
    let mut ids: Vec<Arc<str>> = now.items.iter().map(|item| Arc::from(&*item.id)).collect();
    for billed in &past.billed {
        if !billed.item.is_empty() && !ids.contains(&billed.item) {
            ids.push(Arc::clone(&billed.item));
        }
    }
    let mut periods: Vec<i64> = (past.billed.iter())
        .filter(|billed| billed.line == BilledLine::Period)
        .map(|billed| billed.at)
        .collect();
    periods.sort_unstable();
    periods.dedup();
    let only = ids.len() == 1;
    ids.iter()
        .map(|id| {
            let mut billed: Vec<&Billed> = (past.billed.iter())
                .filter(|billed| billed.item == *id || (only && billed.item.is_empty()))
                .collect();
            // At one moment: first what ended, then what begins.
            billed.sort_by_key(|billed| (billed.at, billed.line != BilledLine::Unused));
            let current = now.items.iter().find(|item| item.id == **id);
            life(past, id, current, &billed, &periods)
        })
        .collect()
}

fn life(
    past: &PastSubscription,
    id: &Arc<str>,
    current: Option<&Item<'static>>,
    billed: &[&Billed],
    periods: &[i64],
) -> ItemLife {
    let state = |billed: &Billed| State {
        price: billed.price.clone(),
        quantity: billed.quantity.or(current.map(|item| item.quantity)).unwrap_or(1),
    };
    let now = current.map(|item| State {
        price: item.price.clone(),
        quantity: item.quantity,
    });
    let begins = begins(past, id, billed, periods);
    let mut steps = Vec::new();
    match billed.first() {
        Some(first) if first.at > begins || first.line == BilledLine::Unused => steps.push(Step {
            from: begins,
            state: Some(state(first)),
        }),
        None => steps.push(Step {
            from: begins,
            state: now.clone(),
        }),
        Some(_) => {}
    }
    for (number, line) in billed.iter().enumerate() {
        let goes_on = || {
            let rest = billed.get(number + 1..).unwrap_or_default();
            let mut same = rest.iter().take_while(|next| next.at == line.at);
            same.any(|next| next.line != BilledLine::Unused)
        };
        match line.line {
            BilledLine::Period | BilledLine::Rest => steps.push(Step {
                from: line.at,
                state: Some(state(line)),
            }),
            BilledLine::Unused if goes_on() => {}
            BilledLine::Unused => steps.push(Step {
                from: line.at,
                state: None,
            }),
        }
    }
    let last = steps.last().and_then(|step| step.state.clone());
    let mut changed_unseen = false;
    match (&now, last) {
        // Taken away without proration: it is not in the next invoice.
        (None, Some(_)) => {
            let last_at = billed.last().map_or(begins, |billed| billed.at);
            match periods.iter().find(|period| **period > last_at) {
                Some(next) => steps.push(Step {
                    from: *next,
                    state: None,
                }),
                None => changed_unseen = past.ended.is_none(),
            }
        }
        (Some(now), Some(last)) => {
            changed_unseen = now.price.id() != last.price.id() || now.quantity != last.quantity;
        }
        (Some(_), None) => changed_unseen = true,
        (None, None) => {}
    }
    ItemLife {
        id: Arc::clone(id),
        steps,
        changed_unseen,
    }
}

/// When the item came to be.
fn begins(past: &PastSubscription, id: &Arc<str>, billed: &[&Billed], periods: &[i64]) -> i64 {
    if let Some((_, added)) = past.items_added.iter().find(|(item, _)| **item == **id) {
        return *added;
    }
    match billed.first() {
        // Added in the middle of a period: there is nothing that it takes the place of.
        Some(first) if first.line == BilledLine::Rest => first.at,
        // In no invoice before.
        Some(first) if first.line == BilledLine::Period && periods.iter().any(|period| *period < first.at) => first.at,
        _ => past.created,
    }
}
