//! A run: all figures added up, in total and per customer.

use super::customers::{Customers, CustomersError};
use super::figure::Figure;
use super::totals::Totals;

/// Adds up the figures of a run, one after the other; keeps none of them.
#[derive(Debug, Default)]
pub struct Run {
    totals: Totals,
    customers: Customers,
}

impl Run {
    /// Takes a figure.
    ///
    /// # Errors
    /// [`CustomersError`] if the customer cannot be kept. The run is then of no use.
    pub fn add(&mut self, figure: &Figure<'_>) -> Result<(), CustomersError> {
        self.totals.add(figure);
        match (&figure.mrr, figure.currency) {
            (Ok(mrr), Some(currency)) => self.customers.add(&figure.customer, currency, *mrr),
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

    pub(super) fn into_parts(self) -> (Totals, Customers) {
        (self.totals, self.customers)
    }
}
