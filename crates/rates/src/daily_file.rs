//! The Bank's daily file: what one euro was worth on a day.
//!
//! Source: <https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates/>.

use std::collections::BTreeSet;

use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::money::Exact;
use cc_devops_revenue::rates::Rates;
use jiff::civil::Date;
use serde::Deserialize;

/// How the source is named in reports.
const SOURCE: &str = "European Central Bank";

/// The file is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Not the XML of the daily file.
    #[error("it is not the Bank's daily file in XML: check revenue.rates_url")]
    NotXml(#[from] quick_xml::DeError),
    /// No day, or more than one.
    #[error("it has {0} days of rates, and must have one: use the daily file, not the history")]
    Days(usize),
    /// A day that is none.
    #[error("its date `{0}` is no date")]
    Date(String),
    /// A day that has not come.
    #[error("its date {0} lies in the future: check this machine's clock")]
    Future(Date),
    /// No rates.
    #[error("it has no rates")]
    Empty,
    /// A rate that cannot be.
    #[error("its rate `{rate}` of `{currency}` is none")]
    Rate {
        /// The currency as it stands there.
        currency: String,
        /// The rate as it stands there.
        rate: String,
    },
    /// A currency with two rates.
    #[error("it has two rates of {0}")]
    Twice(Currency),
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "Cube")]
    cube: Outer,
}

#[derive(Deserialize)]
struct Outer {
    #[serde(rename = "Cube", default)]
    days: Vec<Day>,
}

#[derive(Deserialize)]
struct Day {
    #[serde(rename = "@time")]
    time: String,
    #[serde(rename = "Cube", default)]
    rates: Vec<Rate>,
}

#[derive(Deserialize)]
struct Rate {
    #[serde(rename = "@currency")]
    currency: String,
    #[serde(rename = "@rate")]
    rate: String,
}

/// Reads the file's text. Rates are taken from their decimal text, exactly. `today` is the latest day
/// that can be right.
///
/// # Errors
/// [`Unreadable`] if anything in it is not as it should be: half a file is none.
pub fn read(text: &str, today: Date) -> Result<Rates, Unreadable> {
    let envelope: Envelope = quick_xml::de::from_str(text)?;
    let days = envelope.cube.days;
    let [day] = days.as_slice() else {
        return Err(Unreadable::Days(days.len()));
    };
    let date: Date = day.time.parse().map_err(|_| Unreadable::Date(day.time.clone()))?;
    if date > today {
        return Err(Unreadable::Future(date));
    }
    if day.rates.is_empty() {
        return Err(Unreadable::Empty);
    }
    let mut known = BTreeSet::new();
    let mut rates = Vec::with_capacity(day.rates.len());
    for Rate { currency, rate } in &day.rates {
        let bad = || Unreadable::Rate {
            currency: currency.clone(),
            rate: rate.clone(),
        };
        let code: Currency = currency.parse().map_err(|_| bad())?;
        let worth: Exact = rate.parse().map_err(|_| bad())?;
        if !worth.is_positive() || rate.contains('/') {
            return Err(bad());
        }
        if !known.insert(code) {
            return Err(Unreadable::Twice(code));
        }
        rates.push((code, worth));
    }
    // They were checked to be positive.
    Rates::new(Currency::EUR, SOURCE, Some(date), rates).map_err(|_| Unreadable::Empty)
}

#[cfg(test)]
mod tests {
    use cc_devops_revenue::money::Total;
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn file(time: &str, rates: &str) -> String {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
	<gesmes:subject>Reference rates</gesmes:subject>
	<gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>
	<Cube><Cube time='{time}'>{rates}</Cube></Cube>
</gesmes:Envelope>"#
        )
    }

    const RATES: &str = "<Cube currency='USD' rate='1.0842'/><Cube currency='JPY' rate='163.05'/>";

    fn said(text: &str) -> String {
        read(text, date(2026, 3, 2)).unwrap_err().to_string()
    }

    #[test]
    fn the_file_is_read_exactly() {
        let rates = read(&file("2026-03-02", RATES), date(2026, 3, 2)).unwrap();
        assert_eq!((rates.source(), rates.date()), (SOURCE, Some(date(2026, 3, 2))));
        let hundred = Total::from(Exact::whole(10_000));
        let usd = rates.convert(&hundred, Currency::EUR, Currency::USD).unwrap();
        assert_eq!(usd.to_string(), "10842");
        let jpy = rates.convert(&hundred, Currency::EUR, "jpy".parse().unwrap()).unwrap();
        assert_eq!(jpy.to_string(), "16305");
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(said("<html><body>Maintenance</body></html>").contains("revenue.rates_url"));
        assert!(said("not XML").contains("revenue.rates_url"));
        assert!(said(&file("2026-03-02", "")).contains("no rates"));
        assert!(said(&file("2026-13-02", RATES)).contains("`2026-13-02` is no date"));
        assert!(said(&file("2026-03-03", RATES)).contains("future"));
        for rate in ["0", "-1", "1/3", "much", ""] {
            let wrong = file("2026-03-02", &format!("<Cube currency='USD' rate='{rate}'/>"));
            assert!(said(&wrong).contains(&format!("`{rate}` of `USD`")), "{rate}");
        }
        assert!(said(&file("2026-03-02", "<Cube currency='DOLLAR' rate='1'/>")).contains("DOLLAR"));
        assert!(said(&file("2026-03-02", &RATES.repeat(2))).contains("two rates of usd"));
        let two = file("2026-03-02", RATES).replace("</Cube></Cube>", "</Cube><Cube time='2026-03-01'></Cube></Cube>");
        assert!(said(&two).contains("2 days"));
    }

    proptest! {
        #[test]
        fn any_decimal_comes_out_as_it_stands(whole in 0_u32..1_000_000, fraction in 1_u32..1_000_000) {
            let text = file("2026-03-02", &format!("<Cube currency='USD' rate='{whole}.{fraction:06}'/>"));
            let rates = read(&text, date(2026, 3, 2)).unwrap();
            let of_a_million = Total::from(Exact::whole(1_000_000));
            let there = rates.convert(&of_a_million, Currency::EUR, Currency::USD).unwrap();
            let millionths = u64::from(whole) * 1_000_000 + u64::from(fraction);
            prop_assert_eq!(&there, &Total::from(millionths));
            prop_assert_eq!(rates.convert(&there, Currency::USD, Currency::EUR).unwrap(), of_a_million);
        }
    }
}
