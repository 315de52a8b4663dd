//! The subscriptions' figures of a run, by customer, in little memory: some 40 bytes for one that is worth anything.

use super::currency::Currency;
use super::customer_movements::{MOST_SUBSCRIPTIONS, SubscriptionAmounts};
use super::customers::CustomersError;
use super::money::Exact;

/// What each customer's subscriptions are worth, as texts one after the other. Each leads to the one before it of the
/// same customer.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    blocks: Vec<Vec<u8>>,
    /// By the customer's place: where its last one stands, counted from 1.
    last: Vec<u32>,
}

/// The part of an id that every subscription's begins with.
const PREFIX: &str = "sub_";
/// How many bytes say where the one before stands.
const LINK: usize = 4;

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
        // What is not left out begins with a space.
        let short = id.strip_prefix(PREFIX);
        let mark = if short.is_some() { "" } else { " " };
        let text = format!("{mark}{} {currency} {amount}", short.unwrap_or(id));
        let length = u16::try_from(text.len()).map_err(|_| CustomersError::IdTooLong)?;
        let needed = LINK + 2 + text.len();
        if self
            .blocks
            .last()
            .is_none_or(|block| block.len() + needed > Self::BLOCK)
        {
            self.blocks.push(Vec::with_capacity(Self::BLOCK));
        }
        let number = self.blocks.len() - 1;
        let (Some(block), Some(last)) = (self.blocks.last_mut(), self.last.get_mut(place)) else {
            return Err(CustomersError::TooMany);
        };
        let at = u32::try_from(number * Self::BLOCK + block.len() + 1).map_err(|_| CustomersError::TooMany)?;
        block.extend(last.to_le_bytes());
        block.extend(length.to_le_bytes());
        block.extend(text.as_bytes());
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
        while let Some((before, text)) = self.read(next) {
            next = before;
            if let Some((id, amount)) = parse(text, currency) {
                let sum = amounts.entry(id).or_default();
                *sum = sum.plus(amount).ok()?;
            }
        }
        (amounts.len() <= MOST_SUBSCRIPTIONS).then_some(amounts)
    }

    /// What stands there, and where the one before does.
    fn read(&self, place: u32) -> Option<(u32, &str)> {
        let at = (place as usize).checked_sub(1)?;
        let block = self.blocks.get(at / Self::BLOCK)?.get(at % Self::BLOCK..)?;
        let (before, rest) = block.split_first_chunk::<LINK>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let text = rest.get(..usize::from(u16::from_le_bytes(*length)))?;
        Some((u32::from_le_bytes(*before), std::str::from_utf8(text).ok()?))
    }
}

fn parse(text: &str, wanted: Currency) -> Option<(String, Exact)> {
    let (rest, amount) = text.rsplit_once(' ')?;
    let (id, currency) = rest.rsplit_once(' ')?;
    if currency != wanted.as_str() {
        return None;
    }
    let id = match id.strip_prefix(' ') {
        Some(whole) => whole.to_owned(),
        None => format!("{PREFIX}{id}"),
    };
    Some((id, amount.parse().ok()?))
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
