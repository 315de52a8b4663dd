//! What stands beside MRR: what trials would add, what is agreed already, what may not be paid.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::currency::Currency;
use super::figure::{Figure, figure};
use super::lines::Explain;
use super::model::{Catalog, Phase, PhaseRef, Status, Subscription};
use super::money::{Sum, Total};
use super::policy::{ActiveFrom, ChurnTiming, Options, PausedCollection};
pub use super::subscription_outlook::SubscriptionOutlook;

/// How many days back a trial that ended counts for the conversion rate.
/// Source: <https://support.stripe.com/questions/calculating-trial-conversion-rate-in-billing>.
pub(super) const TRIAL_DAYS: i64 = 30;

/// What `subscription` is worth a month, as [`figure`] has it, and what stands beside it.
pub fn figure_with_outlook<'a>(
    subscription: &Subscription<'a>,
    catalog: &Catalog,
    options: &Options,
    as_of: i64,
    explain: Explain,
) -> Figure<'a> {
    let mut figure = figure(subscription, catalog, options, as_of, explain);
    figure.outlook = outlook(subscription, &figure, catalog, options, as_of);
    figure
}

/// What stands beside the figure of `subscription`; none where that is nothing.
fn outlook(
    subscription: &Subscription<'_>,
    now: &Figure<'_>,
    catalog: &Catalog,
    options: &Options,
    as_of: i64,
) -> Option<Box<SubscriptionOutlook>> {
    let worth = |of: &Subscription<'_>, at: i64| {
        // The account's own rules for prices and discounts; whether it counts is settled here.
        let options = Options {
            active_from: ActiveFrom::FirstPeriod,
            churn_timing: ChurnTiming::PeriodEnd,
            paused_collection: PausedCollection::Include,
            ..*options
        };
        figure(of, catalog, &options, at, Explain::No).mrr.ok()
    };
    let mrr = now.mrr.as_ref().ok().copied()?;
    let ends = subscription.cancels.is_some();
    let begins_later = subscription.start.filter(|start| *start > as_of);
    let in_trial = subscription.status == Status::Trialing;
    let item_trials = subscription.items.iter().filter_map(|item| item.trial_until);
    let last_trial = item_trials.filter(|end| *end > as_of).max();
    let counts = matches!(subscription.status, Status::Active | Status::PastDue);
    let mut outlook = SubscriptionOutlook {
        past_due: subscription.status == Status::PastDue,
        converted: subscription.status == Status::Active
            && subscription
                .trial_end
                .is_some_and(|end| end <= as_of && end > as_of - TRIAL_DAYS * 86_400),
        ..SubscriptionOutlook::default()
    };
    if (in_trial || (counts && last_trial.is_some())) && !ends {
        let end = subscription
            .trial_end
            .into_iter()
            .chain(last_trial.filter(|end| *end < i64::MAX));
        let mut paying = plain(subscription);
        for item in &mut paying.items {
            item.trial_until = None;
        }
        let then = worth(&paying, end.max().unwrap_or(as_of).max(as_of));
        match then.and_then(|then| then.minus(mrr).ok()) {
            Some(more) => outlook.trial = more,
            None => outlook.trial_unknown = true,
        }
    } else if let Some(start) = begins_later.filter(|_| counts && !ends) {
        match worth(&plain(subscription), start) {
            Some(then) => outlook.starting = then,
            None => outlook.later_unknown = true,
        }
    } else if counts && ends {
        outlook.leaving = mrr;
    } else if counts {
        match subscription
            .schedule
            .as_ref()
            .map(|schedule| (&schedule.next, schedule.ends))
        {
            None | Some((PhaseRef::None, false)) => {}
            Some((PhaseRef::None, true)) => outlook.leaving = mrr,
            Some((PhaseRef::NotSent, _)) => outlook.later_unknown = true,
            Some((PhaseRef::Sent(phase), _)) => {
                let then = worth(&in_phase(subscription, phase), phase.start.max(as_of));
                match then.and_then(|then| then.minus(mrr).ok()) {
                    Some(more) => outlook.next_phase = more,
                    None => outlook.later_unknown = true,
                }
            }
        }
    }
    (outlook != SubscriptionOutlook::default()).then(|| Box::new(outlook))
}

/// The subscription as it is in a phase of its schedule.
fn in_phase<'a>(subscription: &Subscription<'a>, phase: &Phase<'a>) -> Subscription<'a> {
    let mut then = plain(subscription);
    then.items.clone_from(&phase.items);
    for item in &mut then.items {
        item.take_price_of(&subscription.items);
    }
    then.items_missing = false;
    then.discounts.clone_from(&phase.discounts);
    for discount in &mut then.discounts {
        // A discount that goes on is named, and stands in full on the subscription.
        if let Some(full) = subscription.discounts.iter().find(|full| full.id == discount.id) {
            *discount = full.clone();
        }
    }
    then
}

/// The subscription as one that simply counts.
fn plain<'a>(subscription: &Subscription<'a>) -> Subscription<'a> {
    Subscription {
        status: Status::Active,
        start: None,
        trial_end: None,
        cancels: None,
        collection_paused: false,
        schedule: None,
        ..subscription.clone()
    }
}

/// What stands beside a run's MRR. It is kept with the day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlook {
    /// By currency, in minor units a month, exact.
    pub currencies: BTreeMap<Currency, InCurrency>,
    /// How many subscriptions in trial nobody can say anything about.
    pub trials_unknown: u64,
    /// Of how many subscriptions nobody can say what they come to later.
    pub later_unknown: u64,
    /// The trials that ended within 30 days; `null` where those that were cancelled are not known.
    pub trials: Option<Trials>,
}

/// What stands beside MRR in one currency.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InCurrency {
    /// What trials would add.
    pub trial: Total,
    /// What counts now, and whose cancellation was asked for.
    pub leaving: Total,
    /// What next phases of schedules add; less than 0 if they take away.
    pub next_phases: Total,
    /// What is agreed and begins later.
    pub starting: Total,
    /// The MRR that is past due.
    pub past_due: Total,
    /// The MRR whose collection is paused, but for what is past due.
    pub collection_paused: Total,
}

/// The trials that ended within 30 days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trials {
    /// How many became paying.
    pub converted: u64,
    /// How many ended, so or by a cancellation.
    pub ended: u64,
}

/// Trials that ended, of subscriptions that have ended too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EndedTrials {
    /// How many became paying before the subscription ended.
    pub converted: u64,
    /// How many were cancelled while they lasted.
    pub cancelled: u64,
}

impl Outlook {
    /// Takes the trials whose subscriptions have ended to those that became paying and go on.
    pub fn take_ended_trials(&mut self, going_on: u64, ended: EndedTrials) {
        let converted = going_on + ended.converted;
        self.trials = Some(Trials {
            converted,
            ended: converted + ended.cancelled,
        });
    }
}

/// Adds up what stands beside figures.
#[derive(Debug, Default)]
pub(super) struct Outlooks {
    currencies: BTreeMap<Currency, Sums>,
    trials_unknown: u64,
    later_unknown: u64,
    converted: u64,
}

#[derive(Debug, Default)]
struct Sums {
    trial: Sum,
    leaving: Sum,
    next_phases: Sum,
    starting: Sum,
    past_due: Sum,
    collection_paused: Sum,
}

impl Outlooks {
    pub(super) fn add(&mut self, figure: &Figure<'_>) {
        let (Some(currency), Ok(mrr)) = (figure.currency, &figure.mrr) else {
            return;
        };
        let past_due = figure.outlook.as_ref().is_some_and(|outlook| outlook.past_due);
        if figure.collection_paused && !past_due {
            self.currencies.entry(currency).or_default().collection_paused.add(*mrr);
        }
        let Some(outlook) = &figure.outlook else { return };
        self.trials_unknown += u64::from(outlook.trial_unknown);
        self.later_unknown += u64::from(outlook.later_unknown);
        self.converted += u64::from(outlook.converted);
        let sums = self.currencies.entry(currency).or_default();
        sums.trial.add(outlook.trial);
        sums.leaving.add(outlook.leaving);
        sums.next_phases.add(outlook.next_phase);
        sums.starting.add(outlook.starting);
        if past_due {
            sums.past_due.add(*mrr);
        }
    }

    pub(super) fn outlook(&self) -> Outlook {
        let part = |(currency, sums): (&Currency, &Sums)| {
            let part = InCurrency {
                trial: sums.trial.total(),
                leaving: sums.leaving.total(),
                next_phases: sums.next_phases.total(),
                starting: sums.starting.total(),
                past_due: sums.past_due.total(),
                collection_paused: sums.collection_paused.total(),
            };
            (*currency, part)
        };
        Outlook {
            currencies: self.currencies.iter().map(part).collect(),
            trials_unknown: self.trials_unknown,
            later_unknown: self.later_unknown,
            trials: None,
        }
    }

    /// How many trials ended within 30 days and pay.
    pub(super) fn converted(&self) -> u64 {
        self.converted
    }
}

#[cfg(test)]
#[path = "outlook_tests.rs"]
mod tests;
