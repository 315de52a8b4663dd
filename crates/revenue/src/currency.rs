//! Currencies, and how many digits their minor unit has on Stripe's wire.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::money::{Exact, Total};

/// A currency: three lower-case letters, as Stripe writes them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// A text that is not a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a currency is three letters, such as usd")]
pub struct NotACurrency;

impl Currency {
    /// The US dollar.
    pub const USD: Self = Self(*b"usd");

    /// The euro, in which the European Central Bank quotes its rates.
    pub const EUR: Self = Self(*b"eur");

    /// The three letters, in lower case.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// How many digits of an amount on the wire come after the decimal point of the currency: 0, 2 or 3.
    ///
    /// UGX and ISK have no minor unit, but are sent times 100, so they have 2.
    /// Source: <https://docs.stripe.com/currencies>.
    pub fn exponent(self) -> u32 {
        match &self.0 {
            b"bif" | b"clp" | b"djf" | b"gnf" | b"jpy" | b"kmf" | b"krw" | b"mga" | b"pyg" | b"rwf" | b"vnd"
            | b"vuv" | b"xaf" | b"xof" | b"xpf" => 0,
            b"bhd" | b"jod" | b"kwd" | b"omr" | b"tnd" => 3,
            _ => 2,
        }
    }

    /// The three letters, as people write them.
    pub fn code(self) -> String {
        self.as_str().to_ascii_uppercase()
    }

    /// An amount in minor units in units of the currency, without its code: `12.50`.
    pub fn amount(self, minor: i128) -> String {
        Exact::from_parts(minor, 1).decimal(self.exponent())
    }

    /// The same of an exact amount, rounded to the minor unit.
    pub fn exact(self, total: &Total) -> String {
        total.shifted(0, self.exponent()).unwrap_or_else(|_| total.to_string())
    }
}

impl Exact {
    /// An amount of minor units for people: `10.00 USD`.
    pub fn money(&self, currency: Currency) -> String {
        format!("{} {}", self.decimal(currency.exponent()), currency.code())
    }
}

/// Currencies by small numbers, in the order in which they were met: what is kept by the million names them so.
#[derive(Debug, Default)]
pub(super) struct Currencies(Vec<Currency>);

impl Currencies {
    /// The number of a currency, which is made known; `None` if there is none left. It is below [`u16::MAX`].
    pub(super) fn number(&mut self, currency: Currency) -> Option<u16> {
        let number = self.find(currency).unwrap_or_else(|| {
            self.0.push(currency);
            self.0.len() - 1
        });
        u16::try_from(number).ok().filter(|number| *number != u16::MAX)
    }

    /// The place of a currency that is known.
    pub(super) fn find(&self, currency: Currency) -> Option<usize> {
        self.0.iter().position(|known| *known == currency)
    }

    /// The currency of a number.
    pub(super) fn get(&self, number: u16) -> Option<Currency> {
        self.0.get(usize::from(number)).copied()
    }

    /// Every currency.
    pub(super) fn iter(&self) -> impl Iterator<Item = Currency> {
        self.0.iter().copied()
    }
}

impl FromStr for Currency {
    type Err = NotACurrency;

    /// Takes upper-case letters too.
    fn from_str(text: &str) -> Result<Self, NotACurrency> {
        let letters: [u8; 3] = text.as_bytes().try_into().map_err(|_| NotACurrency)?;
        if letters.iter().all(u8::is_ascii_alphabetic) {
            Ok(Self(letters.map(|letter| letter.to_ascii_lowercase())))
        } else {
            Err(NotACurrency)
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_follow_the_wire() {
        let exponent = |text: &str| text.parse::<Currency>().unwrap().exponent();
        assert_eq!(
            [
                exponent("usd"),
                exponent("JPY"),
                exponent("kwd"),
                exponent("ugx"),
                exponent("isk")
            ],
            [2, 0, 3, 2, 2]
        );
    }

    #[test]
    fn amounts_are_written_in_units_of_the_currency() {
        let yen: Currency = "jpy".parse().unwrap();
        assert_eq!([Currency::USD.amount(-1_250), yen.amount(7)], ["-12.50", "7"]);
        assert_eq!(
            Currency::USD.exact(&Total::from(Exact::fraction(10, 3).unwrap())),
            "0.03"
        );
        assert_eq!(Currency::USD.code(), "USD");
    }

    #[test]
    fn people_read_decimals() {
        let exact = |text: &str| text.parse::<Exact>().unwrap();
        let usd = Currency::USD;
        assert_eq!(exact("1000").money(usd), "10.00 USD");
        assert_eq!(exact("1/2").money(usd), "0.005 USD");
        assert_eq!(exact("-1/3").money(usd), "~0.00 USD");
        assert_eq!(exact("-50").money(usd), "-0.50 USD");
        assert_eq!(exact("1000").money("jpy".parse().unwrap()), "1000 JPY");
        assert_eq!(exact("333/10").decimal(0), "33.3");
    }

    #[test]
    fn what_is_no_currency_is_refused() {
        for text in ["", "us", "usdt", "u$d", "äö"] {
            assert_eq!(text.parse::<Currency>(), Err(NotACurrency), "{text}");
        }
    }
}
