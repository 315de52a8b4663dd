//! The subscriptions' figures of a run, by customer, in little memory: some 30 bytes for one that is worth anything.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

use super::currency::{Currencies, Currency};
use super::customers::CustomersError;
use super::money::Exact;

/// What a customer's subscriptions in one currency are worth a month, in minor units, by id; those worth nothing are
/// left out.
pub type SubscriptionAmounts = BTreeMap<String, Exact>;

/// How many subscriptions a customer may have in a currency for them to be kept one by one. The largest item of a
/// store is 400 KB (DynamoDB), and a row has them twice.
pub const MOST_SUBSCRIPTIONS: usize = 2_000;

/// What each customer's subscriptions are worth, one after the other. Each leads to the one before it of the same
/// customer.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    blocks: Vec<Vec<u8>>,
    /// By the customer's place: where its last one stands, counted from 1.
    last: Vec<u32>,
    currencies: Currencies,
}

/// The part of an id that every subscription's begins with.
const PREFIX: &str = "sub_";
/// What a record needs beside its id, at most: three numbers of 128 bits and less, and what tells lengths.
const BESIDE_ID: usize = 64;

/// A subscription as it is kept, in postcard's form: small numbers are short.
#[derive(Serialize, Deserialize)]
struct Record<'a> {
    /// Where the one before of the same customer stands, counted from 1; 0 where there is none.
    before: u32,
    #[serde(borrow)]
    id: Id<'a>,
    /// The place among the currencies.
    currency: u16,
    numerator: i128,
    denominator: i128,
}

/// Stripe's ids are letters and digits, 6 bits each. One that is something else is kept as it is.
#[derive(Serialize, Deserialize)]
enum Id<'a> {
    /// What is behind [`PREFIX`], as if it were base64.
    Packed(&'a [u8]),
    Whole(&'a str),
}

impl Subscriptions {
    const BLOCK: usize = 1 << 20;

    /// Adds a subscription of the customer at this place.
    ///
    /// # Errors
    /// [`CustomersError::TooMany`] beyond 4 GB of them.
    pub(super) fn add(
        &mut self,
        customer: u32,
        id: &str,
        currency: Currency,
        amount: Exact,
    ) -> Result<(), CustomersError> {
        if amount.is_zero() {
            return Ok(());
        }
        let place = customer as usize;
        if self.last.len() <= place {
            self.last.resize(place + 1, 0);
        }
        let currency = self.currencies.number(currency).ok_or(CustomersError::TooMany)?;
        let last = self.last.get_mut(place).ok_or(CustomersError::TooMany)?;
        let packed = id
            .strip_prefix(PREFIX)
            .and_then(|rest| STANDARD_NO_PAD.decode(rest).ok());
        let (numerator, denominator) = amount.parts();
        let record = Record {
            before: *last,
            id: packed.as_deref().map_or(Id::Whole(id), Id::Packed),
            currency,
            numerator,
            denominator,
        };
        let mut written = [0; 255 + BESIDE_ID];
        let written = postcard::to_slice(&record, &mut written).map_err(|_| CustomersError::IdTooLong)?;
        if self
            .blocks
            .last()
            .is_none_or(|block| block.len() + written.len() > Self::BLOCK)
        {
            self.blocks.push(Vec::with_capacity(Self::BLOCK));
        }
        let number = self.blocks.len() - 1;
        let block = self.blocks.last_mut().ok_or(CustomersError::TooMany)?;
        let at = u32::try_from(number * Self::BLOCK + block.len() + 1).map_err(|_| CustomersError::TooMany)?;
        block.extend_from_slice(written);
        *last = at;
        Ok(())
    }

    /// What the subscriptions of the customer at this place are worth in a currency. None where they are more than
    /// are kept. One that came twice counts with the sum.
    pub(super) fn of(&self, customer: Option<u32>, currency: Currency) -> Option<SubscriptionAmounts> {
        let mut amounts = SubscriptionAmounts::new();
        let mut next = customer
            .and_then(|place| self.last.get(place as usize).copied())
            .unwrap_or_default();
        while let Some(record) = self.read(next) {
            next = record.before;
            if self.currencies.get(record.currency) != Some(currency) {
                continue;
            }
            let id = match record.id {
                Id::Packed(rest) => format!("{PREFIX}{}", STANDARD_NO_PAD.encode(rest)),
                Id::Whole(id) => id.to_owned(),
            };
            let sum = amounts.entry(id).or_default();
            *sum = sum.plus(Exact::from_parts(record.numerator, record.denominator)).ok()?;
        }
        (amounts.len() <= MOST_SUBSCRIPTIONS).then_some(amounts)
    }

    /// What stands there.
    fn read(&self, place: u32) -> Option<Record<'_>> {
        let at = (place as usize).checked_sub(1)?;
        let written = self.blocks.get(at / Self::BLOCK)?.get(at % Self::BLOCK..)?;
        postcard::take_from_bytes(written).ok().map(|(record, _)| record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_customer_has_its_own_by_currency() {
        let mut all = Subscriptions::default();
        for (customer, id, currency, amount) in [
            (3, "sub_a", Currency::USD, "500"),
            (0, "odd id", Currency::EUR, "10/3"),
            (3, "sub_b", Currency::USD, "0"),
            (3, "sub_c", Currency::EUR, "7"),
            (3, "sub_d", Currency::USD, "1/12"),
        ] {
            all.add(customer, id, currency, amount.parse().unwrap()).unwrap();
        }
        let found = |customer, currency| -> Vec<String> {
            let amounts = all.of(Some(customer), currency).unwrap();
            amounts.iter().map(|(id, amount)| format!("{id} {amount}")).collect()
        };
        assert_eq!(found(3, Currency::USD), ["sub_a 500", "sub_d 1/12"]);
        assert_eq!(found(3, Currency::EUR), ["sub_c 7"]);
        assert_eq!(found(0, Currency::EUR), ["odd id 10/3"]);
        assert!(found(1, Currency::EUR).is_empty() && found(9, Currency::EUR).is_empty());
    }

    #[test]
    fn an_id_comes_back_as_it_was_and_takes_few_bytes() {
        let mut all = Subscriptions::default();
        let ids = [
            "sub_1MowQVLkdIwHu7ixeRlqHVzs",
            "sub_JFbUSnVyTQjD8v",
            "sub_",
            "sub_a b",
            "sub_/+=",
            "I-PAYPAL",
            "",
            "sub_sub_1MowQVLkdIwHu7ixeRlq",
        ];
        for (customer, id) in (0..).zip(ids) {
            all.add(customer, id, Currency::USD, Exact::whole(2_000)).unwrap();
        }
        for (customer, id) in (0..).zip(ids) {
            let amounts = all.of(Some(customer), Currency::USD).unwrap();
            assert_eq!(
                amounts.into_iter().collect::<Vec<_>>(),
                [(id.to_owned(), Exact::whole(2_000))]
            );
        }
        let mut one = Subscriptions::default();
        one.add(0, ids[0], Currency::USD, Exact::whole(2_000)).unwrap();
        assert!(one.blocks[0].len() <= 26, "{} bytes", one.blocks[0].len());
    }

    #[test]
    fn very_many_are_not_told_one_by_one() {
        let mut all = Subscriptions::default();
        for number in 0..=MOST_SUBSCRIPTIONS {
            all.add(0, &format!("sub_{number}"), Currency::USD, Exact::ONE).unwrap();
        }
        all.add(1, "sub_x", Currency::USD, Exact::ONE).unwrap();
        assert_eq!(all.of(Some(0), Currency::USD), None);
        assert_eq!(all.of(Some(1), Currency::USD).unwrap().len(), 1);
    }

    #[test]
    fn more_than_a_block_is_found_again() {
        let mut all = Subscriptions::default();
        let count = 60_000_u32;
        for number in 0..count {
            let id = format!("sub_{number:024}");
            all.add(number % 50_000, &id, Currency::USD, Exact::whole(i64::from(number) + 1))
                .unwrap();
        }
        assert!(all.blocks.len() > 1);
        for number in [0, 9_999, 10_000, 49_999] {
            let expected = if number < 10_000 { 2 } else { 1 };
            assert_eq!(all.of(Some(number), Currency::USD).unwrap().len(), expected);
        }
    }
}
