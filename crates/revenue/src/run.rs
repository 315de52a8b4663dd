//! A run: all figures added up, in total and per customer.

use super::customers::{Customers, CustomersError};
use super::figure::Figure;
use super::subscription_amounts::Subscriptions;
use super::totals::Totals;

/// Adds up the figures of a run, one after the other; keeps none of them, unless it is told to.
#[derive(Debug, Default)]
pub struct Run {
    totals: Totals,
    customers: Customers,
    /// What each subscription is worth, where that is kept.
    subscriptions: Option<Subscriptions>,
}

impl Run {
    /// A run that keeps what each subscription is worth, so that a movement can name those that made it.
    pub fn with_subscriptions() -> Self {
        Self {
            subscriptions: Some(Subscriptions::default()),
            ..Self::default()
        }
    }

    /// Takes a figure.
    ///
    /// # Errors
    /// [`CustomersError`] if the customer cannot be kept. The run is then of no use.
    pub fn add(&mut self, figure: &Figure<'_>) -> Result<(), CustomersError> {
        self.totals.add(figure);
        match (&figure.mrr, figure.currency) {
            (Ok(mrr), Some(currency)) => {
                let customer = self.customers.add(&figure.customer, currency, *mrr)?;
                match &mut self.subscriptions {
                    Some(subscriptions) => subscriptions.add(customer, &figure.id, currency, *mrr),
                    None => Ok(()),
                }
            }
            (Ok(_), None) => Ok(()),
            (Err(_), _) => self.customers.hold(&figure.customer),
        }
    }

    /// Notes that the list of subscriptions was only a part: what is added up is then incomplete.
    pub fn list_incomplete(&mut self) {
        self.totals.list_incomplete();
    }

    /// Notes that so many copies of subscriptions were left out.
    pub fn add_duplicates(&mut self, count: u64) {
        self.totals.add_duplicates(count);
    }

    /// The totals so far.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The customers so far.
    pub fn customers(&self) -> &Customers {
        &self.customers
    }

    pub(super) fn into_parts(self) -> (Totals, Customers, Option<Subscriptions>) {
        (self.totals, self.customers, self.subscriptions)
    }
}
