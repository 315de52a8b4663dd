//! What changed since the run before, per customer and currency. Opening plus movements is closing,
//! exactly: a statement that does not add up is not given out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::currency::Currency;
use super::customers::CustomerKey;
use super::customers::{CustomerFigure, Customers};
use super::money::{Exact, OutOfRange, Sum, Total};
use super::rates::Rates;
use super::run::Run;
use super::subscription_amounts::{SubscriptionAmounts, Subscriptions};
use super::totals::Totals;

/// The kinds of movements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// From nothing, the first time.
    New,
    /// From nothing, not the first time.
    Reactivation,
    /// From something to more.
    Expansion,
    /// From something to less, but not to nothing.
    Contraction,
    /// From something to nothing.
    Churn,
}

impl Kind {
    /// Every kind, in the order of a statement.
    pub const ALL: [Self; 5] = [
        Self::New,
        Self::Reactivation,
        Self::Expansion,
        Self::Contraction,
        Self::Churn,
    ];
}

/// A customer's figure of the run before. Kept for every customer and currency that was ever above 0,
/// also when it is 0 since: that tells a reactivation from a new customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Previous<'a> {
    /// The customer's id.
    pub customer: &'a str,
    /// The currency.
    pub currency: Currency,
    /// The MRR in minor units.
    pub amount: Exact,
}

/// A customer's figure that changed: a movement, and what is to be kept for the next run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'a> {
    /// The customer's id.
    pub customer: &'a str,
    /// The currency.
    pub currency: Currency,
    /// What kind of movement it is.
    pub kind: Kind,
    /// The MRR before, in minor units.
    pub before: Exact,
    /// The MRR now, in minor units.
    pub after: Exact,
}

impl Change<'_> {
    /// Whose figure changed.
    pub(super) fn key(&self) -> CustomerKey {
        CustomerKey {
            customer: self.customer.to_owned(),
            currency: self.currency,
        }
    }
}

/// Why there is no statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MovementsError {
    /// The figures kept of the run before name a customer twice.
    #[error("the figures of the run before name {customer} twice in {currency}; restore them from a backup")]
    Twice {
        /// The customer's id.
        customer: String,
        /// The currency.
        currency: Currency,
    },
    /// Opening plus movements is not closing.
    #[error(
        "the movements in {currency} do not add up: they come to {found}, and the total is {expected}; nothing was kept, report this"
    )]
    Unbalanced {
        /// The currency.
        currency: Currency,
        /// Opening plus movements.
        found: Box<Total>,
        /// The total of the run.
        expected: Box<Total>,
    },
    /// A figure beyond 128 bits.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
}

/// Compares a run with the one before. Give it every figure of the run before, in any order, then
/// [`Movements::finish`].
#[derive(Debug)]
pub struct Movements {
    customers: Customers,
    totals: Totals,
    subscriptions: Option<Subscriptions>,
    books: BTreeMap<Currency, Book>,
    /// Whether there is nothing to compare with: then what there is is the opening, and nobody moved.
    baseline: bool,
}

#[derive(Debug, Default)]
struct Book {
    opening: Sum,
    opening_customers: u64,
    moved: BTreeMap<Kind, (Sum, u64)>,
    /// What customers whose figure is not known had before: it is carried on.
    carried: Sum,
    /// What is known of them now, which does not count.
    partial: Sum,
    closing_customers: u64,
}

impl Movements {
    /// Starts a comparison of `run`.
    pub fn new(run: Run) -> Self {
        let (totals, customers, subscriptions) = run.into_parts();
        Self {
            customers,
            totals,
            subscriptions,
            books: BTreeMap::new(),
            baseline: false,
        }
    }

    /// A beginning: there is no run before `run`, so what it comes to is the opening, and nobody is new by it.
    pub fn baseline(run: Run) -> Self {
        Self {
            baseline: true,
            ..Self::new(run)
        }
    }

    /// What the customer's subscriptions in a currency are worth now, one by one; none where the run did not keep
    /// that, or they are too many.
    pub fn subscriptions_of(&self, customer: &str, currency: Currency) -> Option<SubscriptionAmounts> {
        let subscriptions = self.subscriptions.as_ref()?;
        subscriptions.of(self.customers.find(customer), currency)
    }

    /// The same, but for a customer of whom a subscription is in error: then what was known before is carried on.
    pub(super) fn subscriptions_now(
        &self,
        key: &CustomerKey,
        known: Option<&SubscriptionAmounts>,
    ) -> Option<SubscriptionAmounts> {
        if self.customers.is_held(&key.customer) {
            return known.cloned();
        }
        self.subscriptions_of(&key.customer, key.currency)
    }

    /// Takes a figure of the run before; gives back what changed. A customer of whom a subscription is in
    /// error keeps its figure: what nobody knows is not a movement.
    ///
    /// # Errors
    /// [`MovementsError::Twice`].
    pub fn previous<'a>(&mut self, previous: Previous<'a>) -> Result<Option<Change<'a>>, MovementsError> {
        let Previous {
            customer,
            currency,
            amount: before,
        } = previous;
        let now = self.customers.see(customer, currency);
        if now.twice {
            return Err(MovementsError::Twice {
                customer: customer.to_owned(),
                currency,
            });
        }
        let book = self.books.entry(currency).or_default();
        book.opening.add(before);
        book.opening_customers += u64::from(before.is_positive());
        if now.held {
            book.carried.add(before);
            book.closing_customers += u64::from(before.is_positive());
            return Ok(None);
        }
        book.closing_customers += u64::from(now.amount.is_positive());
        let kind = match (before.is_zero(), now.amount.is_zero()) {
            _ if before == now.amount => return Ok(None),
            (true, _) => Kind::Reactivation,
            (_, true) => Kind::Churn,
            _ if now.amount > before => Kind::Expansion,
            _ => Kind::Contraction,
        };
        let change = Change {
            customer,
            currency,
            kind,
            before,
            after: now.amount,
        };
        book.move_by(&change);
        Ok(Some(change))
    }

    /// Ends the comparison: who was not named is new.
    ///
    /// # Errors
    /// [`MovementsError::Unbalanced`] if opening plus movements is not what the run came to.
    pub fn finish(mut self) -> Result<Finished, MovementsError> {
        for figure in self.customers.iter() {
            let book = self.books.entry(figure.currency).or_default();
            if figure.held {
                book.partial.add(figure.amount);
            } else if let Some(change) = new_customer(figure) {
                book.closing_customers += 1;
                if self.baseline {
                    book.opening.add(change.after);
                    book.opening_customers += 1;
                } else {
                    book.move_by(&change);
                }
            }
        }
        for (currency, _) in self.totals.per_currency() {
            self.books.entry(currency).or_default();
        }
        let mut statement = Statement::default();
        for (currency, book) in self.books {
            // Taken from the run's own total, which was added up without looking at customers.
            let closing = self
                .totals
                .mrr(currency)
                .minus(&book.partial.total())
                .plus(&book.carried.total());
            let opening = book.opening.total();
            let moved: BTreeMap<Kind, Moved> = book
                .moved
                .into_iter()
                .map(|(kind, (sum, customers))| {
                    let amount = sum.total();
                    (kind, Moved { amount, customers })
                })
                .collect();
            let found = moved
                .values()
                .fold(opening.clone(), |sum, moved| sum.plus(&moved.amount));
            if found != closing {
                return Err(MovementsError::Unbalanced {
                    currency,
                    found: Box::new(found),
                    expected: Box::new(closing),
                });
            }
            statement.currencies.insert(
                currency,
                Sheet {
                    opening,
                    opening_customers: book.opening_customers,
                    moved,
                    closing,
                    closing_customers: book.closing_customers,
                },
            );
        }
        Ok(Finished {
            statement,
            customers: self.customers,
            subscriptions: self.subscriptions,
        })
    }
}

/// A comparison that came to its end, and adds up.
#[derive(Debug)]
pub struct Finished {
    /// The movements.
    pub statement: Statement,
    customers: Customers,
    subscriptions: Option<Subscriptions>,
}

impl Finished {
    /// What the customer's subscriptions in a currency are worth now, as [`Movements::subscriptions_of`] says.
    pub fn subscriptions_of(&self, customer: &str, currency: Currency) -> Option<SubscriptionAmounts> {
        let subscriptions = self.subscriptions.as_ref()?;
        subscriptions.of(self.customers.find(customer), currency)
    }

    /// Those of whom no figure of the run before was named, by customer, but for second currencies, which come last.
    /// They moved, unless this is a beginning.
    pub fn new_customers(&self) -> impl Iterator<Item = Change<'_>> {
        self.customers.sorted().filter_map(new_customer)
    }
}

/// The movement of a customer of whom no figure of the run before was named.
fn new_customer(figure: CustomerFigure<'_>) -> Option<Change<'_>> {
    let is_new = !figure.held && !figure.seen && !figure.amount.is_zero();
    is_new.then_some(Change {
        customer: figure.customer,
        currency: figure.currency,
        kind: Kind::New,
        before: Exact::ZERO,
        after: figure.amount,
    })
}

impl Book {
    fn move_by(&mut self, change: &Change<'_>) {
        let (sum, customers) = self.moved.entry(change.kind).or_default();
        sum.add(change.after);
        sum.subtract(change.before);
        *customers += 1;
    }
}

/// The movements of a run, by currency.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// A sheet for each currency.
    pub currencies: BTreeMap<Currency, Sheet>,
}

/// The movements in one currency. Amounts are exact, in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    /// The MRR of the run before.
    pub opening: Total,
    /// How many customers paid then.
    pub opening_customers: u64,
    /// What moved it, negative where it fell. A kind that did not happen is absent.
    pub moved: BTreeMap<Kind, Moved>,
    /// The MRR of this run. Customers whose figure is not known count with what they had.
    pub closing: Total,
    /// How many customers pay now.
    pub closing_customers: u64,
}

/// The movements of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// What they come to.
    pub amount: Total,
    /// How many customers moved.
    pub customers: u64,
}

/// A statement in one currency, in its minor units. The lines add up: opening, movements and currency
/// effects make closing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Converted {
    /// The currency it is in.
    pub currency: Currency,
    /// The MRR of the run before, at its rates: rounded once for each currency, then added.
    pub opening: i128,
    /// The movements at today's rates, each kind rounded once.
    pub moved: BTreeMap<Kind, i128>,
    /// What the rates' change did to the opening, and what rounding leaves over.
    pub currency_effects: i128,
    /// The MRR of this run at today's rates: rounded once for each currency, then added.
    pub closing: i128,
}

/// Why a statement could not be converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// A currency has no rate on one of the two days.
    #[error("there is no rate for {0}; add it to the rates")]
    NoRate(Currency),
    /// The lines do not add up.
    #[error("the converted movements do not add up; report this")]
    Unbalanced,
    /// An amount beyond 128 bits.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
}

impl Statement {
    /// The statement in one currency: the opening at the rates of the run before, all else at today's.
    ///
    /// # Errors
    /// [`ConvertError`].
    pub fn converted(&self, to: Currency, before: &Rates, now: &Rates) -> Result<Converted, ConvertError> {
        let (mut opening, mut closing, mut effects) = (0_i128, 0_i128, Total::default());
        let mut moved = BTreeMap::<Kind, Total>::new();
        for (&from, sheet) in &self.currencies {
            let at = |rates: &Rates, amount: &Total| rates.convert(amount, from, to).ok_or(ConvertError::NoRate(from));
            let was = at(before, &sheet.opening)?;
            effects = effects.plus(&at(now, &sheet.opening)?).minus(&was);
            opening = opening.checked_add(was.rounded()?).ok_or(OutOfRange)?;
            closing = closing
                .checked_add(at(now, &sheet.closing)?.rounded()?)
                .ok_or(OutOfRange)?;
            for (kind, part) in &sheet.moved {
                let sum = moved.entry(*kind).or_default();
                *sum = sum.plus(&at(now, &part.amount)?);
            }
        }
        let moved = moved
            .into_iter()
            .map(|(kind, sum)| Ok((kind, sum.rounded()?)))
            .collect::<Result<BTreeMap<_, _>, OutOfRange>>()?;
        let mut rest = closing.checked_sub(opening).ok_or(OutOfRange)?;
        for part in moved.values() {
            rest = rest.checked_sub(*part).ok_or(OutOfRange)?;
        }
        // Each number was rounded by half a unit at most; more than that is a mistake.
        let rounded = 2 * self.currencies.len() as u64 + moved.len() as u64;
        let error = Total::from(whole(rest)?).minus(&effects).magnitude();
        if error.plus(&error) > Total::from(rounded) {
            return Err(ConvertError::Unbalanced);
        }
        Ok(Converted {
            currency: to,
            opening,
            moved,
            currency_effects: rest,
            closing,
        })
    }
}

fn whole(number: i128) -> Result<Exact, OutOfRange> {
    i64::try_from(number).map(Exact::whole).map_err(|_| OutOfRange)
}

#[cfg(test)]
#[path = "movements_tests.rs"]
mod tests;
