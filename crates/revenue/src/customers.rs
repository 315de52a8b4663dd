//! The customers' figures of a run in little memory: about 45 bytes for a customer, its id included.

use std::collections::HashMap;
use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};
use serde::{Deserialize, Serialize};

use super::currency::{Currencies, Currency};
use super::money::{Exact, OutOfRange};

/// What each customer pays a month in each currency.
#[derive(Debug, Default)]
pub struct Customers {
    hasher: DefaultHashBuilder,
    /// Places in `entries`.
    places: HashTable<u32>,
    entries: Vec<Entry>,
    ids: Ids,
    currencies: Currencies,
    /// Amounts that do not fit an entry.
    wide: Vec<Exact>,
    /// The second and further currencies of a customer: few have any.
    others: HashMap<(u32, Currency), Other>,
}

/// Whose figure.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CustomerKey {
    /// The customer's id.
    pub customer: String,
    /// The currency.
    pub currency: Currency,
}

/// A figure of a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CustomerFigure<'a> {
    /// The customer's id.
    pub customer: &'a str,
    /// The currency.
    pub currency: Currency,
    /// The MRR in minor units.
    pub amount: Exact,
    /// Whether a subscription of the customer is in error, so that the true figure is not known.
    pub held: bool,
    /// Whether a figure of the run before was seen for it.
    pub(super) seen: bool,
}

/// Why a customer's figure could not be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CustomersError {
    /// Stripe's ids have at most 255 characters.
    #[error("a customer's id is longer than 255 bytes; correct the input")]
    IdTooLong,
    /// More than 4 GB of ids, or more than 65,536 currencies.
    #[error("there are too many customers or currencies for one run; split the input")]
    TooMany,
    /// A sum beyond 128 bits.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    amount: Packed,
    id: u32,
    id_length: u8,
    flags: u8,
    currency: u16,
}

#[derive(Debug, Clone, Copy, Default)]
struct Other {
    amount: Exact,
    seen: bool,
}

const HELD: u8 = 1;
const SEEN: u8 = 2;
/// The customer is only known to be held; no amount was added in a currency.
const BARE: u16 = u16::MAX;

impl Customers {
    /// Adds to a customer's figure, and says the customer's place. Adding 0 makes the customer known.
    ///
    /// # Errors
    /// [`CustomersError`].
    pub(super) fn add(&mut self, customer: &str, currency: Currency, amount: Exact) -> Result<u32, CustomersError> {
        let place = self.place_of(customer)?;
        let number = self.currencies.number(currency).ok_or(CustomersError::TooMany)?;
        let Some(entry) = self.entries.get_mut(place as usize) else {
            return Err(CustomersError::TooMany);
        };
        if entry.currency == BARE {
            entry.currency = number;
            entry.amount = Packed::new(amount, &mut self.wide)?;
        } else if entry.currency == number {
            if !amount.is_zero() {
                let sum = entry.amount.get(&self.wide).plus(amount)?;
                entry.amount = Packed::new(sum, &mut self.wide)?;
            }
        } else {
            let other = self.others.entry((place, currency)).or_default();
            other.amount = other.amount.plus(amount)?;
        }
        Ok(place)
    }

    /// Notes that a subscription of this customer is in error: what is known of it is only a part.
    ///
    /// # Errors
    /// [`CustomersError`].
    pub fn hold(&mut self, customer: &str) -> Result<(), CustomersError> {
        let place = self.place_of(customer)?;
        if let Some(entry) = self.entries.get_mut(place as usize) {
            entry.flags |= HELD;
        }
        Ok(())
    }

    /// Whether a subscription of the customer is in error.
    pub(super) fn is_held(&self, customer: &str) -> bool {
        let place = self.find(customer);
        let entry = place.and_then(|place| self.entries.get(place as usize));
        entry.is_some_and(|entry| entry.flags & HELD != 0)
    }

    /// How many customers are known.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many customers pay anything, in whatever currency.
    pub fn paying(&self) -> u64 {
        let first = |place: usize, entry: &Entry| {
            entry.amount.get(&self.wide).is_positive()
                || (!self.others.is_empty()
                    && self.currencies.iter().any(|currency| {
                        let other = u32::try_from(place)
                            .ok()
                            .and_then(|place| self.others.get(&(place, currency)));
                        other.is_some_and(|other| other.amount.is_positive())
                    }))
        };
        let paying = self
            .entries
            .iter()
            .enumerate()
            .filter(|(place, entry)| first(*place, entry));
        paying.count() as u64
    }

    /// Every customer's figure in every currency that was added, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = CustomerFigure<'_>> {
        let first = self.entries.iter().filter_map(|entry| self.figure_of(entry));
        first.chain(self.further())
    }

    /// The figures in customers' second and further currencies.
    fn further(&self) -> impl Iterator<Item = CustomerFigure<'_>> {
        self.others.iter().filter_map(|((place, currency), other)| {
            let entry = self.entries.get(*place as usize)?;
            Some(CustomerFigure {
                customer: self.ids.get(entry.id, entry.id_length),
                currency: *currency,
                amount: other.amount,
                held: entry.flags & HELD != 0,
                seen: other.seen,
            })
        })
    }

    /// The same by customer, but for second and further currencies, which come last: who writes them then
    /// writes in the order of the keys.
    pub(super) fn sorted(&self) -> impl Iterator<Item = CustomerFigure<'_>> {
        let mut entries: Vec<u32> = (0..).take(self.entries.len()).collect();
        entries.sort_unstable_by_key(|place| id_at(*place, &self.entries, &self.ids));
        let entries = entries.into_iter().filter_map(|place| self.entries.get(place as usize));
        let first = entries.filter_map(|entry| self.figure_of(entry));
        first.chain(self.further())
    }

    fn figure_of(&self, entry: &Entry) -> Option<CustomerFigure<'_>> {
        Some(CustomerFigure {
            customer: self.ids.get(entry.id, entry.id_length),
            currency: self.currencies.get(entry.currency)?,
            amount: entry.amount.get(&self.wide),
            held: entry.flags & HELD != 0,
            seen: entry.flags & SEEN != 0,
        })
    }

    /// The figure of a customer in a currency, and whether it is held. Marks it as seen, and says whether
    /// it was before.
    pub(super) fn see(&mut self, customer: &str, currency: Currency) -> Seen {
        let Some(place) = self.find(customer) else {
            return Seen::default();
        };
        let number = self.currencies.find(currency);
        let Some(entry) = self.entries.get_mut(place as usize) else {
            return Seen::default();
        };
        let held = entry.flags & HELD != 0;
        if entry.currency != BARE && number == Some(usize::from(entry.currency)) {
            let twice = entry.flags & SEEN != 0;
            entry.flags |= SEEN;
            let amount = entry.amount.get(&self.wide);
            return Seen { amount, held, twice };
        }
        match self.others.get_mut(&(place, currency)) {
            Some(other) => Seen {
                amount: other.amount,
                held,
                twice: std::mem::replace(&mut other.seen, true),
            },
            None => Seen {
                held,
                ..Seen::default()
            },
        }
    }

    /// The customer's place, which stays the same.
    pub(super) fn find(&self, customer: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(customer);
        let same = |place: &u32| id_at(*place, &self.entries, &self.ids) == customer;
        self.places.find(hash, same).copied()
    }

    /// The place of a customer, which is made known if it was not.
    fn place_of(&mut self, customer: &str) -> Result<u32, CustomersError> {
        if let Some(place) = self.find(customer) {
            return Ok(place);
        }
        let place = u32::try_from(self.entries.len()).map_err(|_| CustomersError::TooMany)?;
        let id_length = u8::try_from(customer.len()).map_err(|_| CustomersError::IdTooLong)?;
        let id = self.ids.push(customer).ok_or(CustomersError::TooMany)?;
        self.entries.push(Entry {
            amount: Packed(0),
            id,
            id_length,
            flags: 0,
            currency: BARE,
        });
        let (entries, ids, hasher) = (&self.entries, &self.ids, &self.hasher);
        self.places.insert_unique(hasher.hash_one(customer), place, |place| {
            hasher.hash_one(id_at(*place, entries, ids))
        });
        Ok(place)
    }
}

/// What is known of a customer now.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) amount: Exact,
    pub(super) held: bool,
    /// Whether it was seen before.
    pub(super) twice: bool,
}

fn id_at<'s>(place: u32, entries: &'s [Entry], ids: &'s Ids) -> &'s str {
    entries
        .get(place as usize)
        .map_or("", |entry| ids.get(entry.id, entry.id_length))
}

/// Texts one after another in blocks, so that growing never copies them.
#[derive(Debug, Default)]
struct Ids(Vec<String>);

impl Ids {
    const BLOCK: usize = 1 << 20;

    /// Where the text stands; `None` if there is no room for more.
    fn push(&mut self, text: &str) -> Option<u32> {
        if self.0.last().is_none_or(|block| block.len() + text.len() > Self::BLOCK) {
            self.0.push(String::with_capacity(Self::BLOCK));
        }
        let number = self.0.len().checked_sub(1)?;
        let block = self.0.last_mut()?;
        let at = u32::try_from(number * Self::BLOCK + block.len()).ok()?;
        block.push_str(text);
        Some(at)
    }

    fn get(&self, at: u32, length: u8) -> &str {
        let (block, start) = (at as usize / Self::BLOCK, at as usize % Self::BLOCK);
        let text = self
            .0
            .get(block)
            .and_then(|block| block.get(start..start + usize::from(length)));
        text.unwrap_or_default()
    }
}

/// An amount in 8 bytes: a numerator of 48 bits and a denominator of 15, or a place among the wide ones.
#[derive(Debug, Clone, Copy)]
struct Packed(u64);

impl Packed {
    const WIDE: u64 = 1 << 63;
    const NUMERATOR: u64 = (1 << 48) - 1;

    fn new(amount: Exact, wide: &mut Vec<Exact>) -> Result<Self, CustomersError> {
        let (numerator, denominator) = amount.parts();
        if let (Ok(numerator), Ok(denominator)) = (i64::try_from(numerator), u64::try_from(denominator))
            && (-(1 << 47)..1 << 47).contains(&numerator)
            && denominator < 1 << 15
        {
            return Ok(Self(denominator << 48 | (numerator.cast_unsigned() & Self::NUMERATOR)));
        }
        wide.push(amount);
        let place = u64::try_from(wide.len() - 1).map_err(|_| CustomersError::TooMany)?;
        Ok(Self(Self::WIDE | place))
    }

    fn get(self, wide: &[Exact]) -> Exact {
        if self.0 & Self::WIDE != 0 {
            let place = usize::try_from(self.0 & !Self::WIDE).unwrap_or(usize::MAX);
            return wide.get(place).copied().unwrap_or_default();
        }
        let denominator = self.0 >> 48;
        if denominator == 0 {
            return Exact::ZERO;
        }
        // Shifted up and down again, the sign fills the upper bits.
        let numerator = (self.0 << 16).cast_signed() >> 16;
        Exact::from_parts(numerator.into(), denominator.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn amount(text: &str) -> Exact {
        text.parse().unwrap()
    }

    #[test]
    fn figures_are_per_customer_and_currency() {
        let mut customers = Customers::default();
        customers.add("cus_a", Currency::USD, amount("10/3")).unwrap();
        customers.add("cus_a", Currency::EUR, amount("5")).unwrap();
        customers.add("cus_b", Currency::EUR, Exact::ZERO).unwrap();
        customers.add("cus_a", Currency::USD, amount("2/3")).unwrap();
        customers.hold("cus_c").unwrap();
        let mut found: Vec<_> = customers
            .iter()
            .map(|figure| (figure.customer, figure.currency, figure.amount))
            .collect();
        found.sort();
        assert_eq!(
            found,
            [
                ("cus_a", Currency::EUR, amount("5")),
                ("cus_a", Currency::USD, amount("4")),
                ("cus_b", Currency::EUR, Exact::ZERO)
            ]
        );
        assert_eq!((customers.len(), customers.paying()), (3, 1));
    }

    #[test]
    fn sorted_they_come_by_customer_and_none_is_lost() {
        let mut customers = Customers::default();
        for (customer, currency) in [
            ("c", Currency::USD),
            ("a", Currency::EUR),
            ("b", Currency::USD),
            ("a", Currency::USD),
        ] {
            customers.add(customer, currency, Exact::ONE).unwrap();
        }
        let sorted: Vec<_> = customers
            .sorted()
            .map(|figure| (figure.customer, figure.currency))
            .collect();
        let expected = [
            ("a", Currency::EUR),
            ("b", Currency::USD),
            ("c", Currency::USD),
            ("a", Currency::USD),
        ];
        assert_eq!(sorted, expected, "second currencies come last");
    }

    #[test]
    fn one_who_pays_in_a_second_currency_only_is_paying() {
        let mut customers = Customers::default();
        customers.add("cus_a", Currency::USD, Exact::ZERO).unwrap();
        customers.add("cus_a", Currency::EUR, Exact::ONE).unwrap();
        assert_eq!(customers.paying(), 1);
    }

    #[test]
    fn an_id_that_is_too_long_is_said() {
        let mut customers = Customers::default();
        let id = "x".repeat(256);
        assert_eq!(
            customers.add(&id, Currency::USD, Exact::ONE),
            Err(CustomersError::IdTooLong)
        );
    }

    proptest! {
        #[test]
        fn nothing_is_lost(given in prop::collection::vec((0..30_u8, any::<i64>(), 1..40_000_i64), 0..200)) {
            let mut customers = Customers::default();
            let mut expected = HashMap::<String, Exact>::new();
            for (customer, numerator, denominator) in given {
                let (customer, amount) = (format!("cus_{customer}"), Exact::fraction(numerator, denominator).unwrap());
                let Ok(sum) = expected.get(&customer).copied().unwrap_or_default().plus(amount) else { continue };
                expected.insert(customer.clone(), sum);
                customers.add(&customer, Currency::USD, amount).unwrap();
            }
            let found: HashMap<String, Exact> =
                customers.iter().map(|figure| (figure.customer.to_owned(), figure.amount)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
