//! What Stripe's objects have in common on the wire.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::model::TaxRate;
use cc_devops_revenue::money::Exact;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A text, borrowed from the input unless it has escapes.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A number as its text: through a float, 33.3 would be another number.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(transparent)]
pub(super) struct Number<'a>(#[serde(borrow)] &'a RawValue);

impl Number<'_> {
    /// The number; `None` if it is none.
    pub(super) fn exact(self) -> Option<Exact> {
        self.text().parse().ok()
    }

    /// Its text: Stripe writes decimals as strings, and percentages as numbers.
    pub(super) fn text(&self) -> &str {
        self.0.get().trim_matches('"')
    }
}

/// What was sent as its id, or as the object itself.
#[derive(Debug)]
pub(super) enum Expandable<'a, T> {
    Id(Cow<'a, str>),
    Object(T),
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Expandable<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExpandableVisitor(PhantomData))
    }
}

struct ExpandableVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ExpandableVisitor<T> {
    type Value = Expandable<'de, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id or an object")
    }

    fn visit_borrowed_str<E>(self, id: &'de str) -> Result<Self::Value, E> {
        Ok(Expandable::Id(Cow::Borrowed(id)))
    }

    fn visit_str<E>(self, id: &str) -> Result<Self::Value, E> {
        Ok(Expandable::Id(Cow::Owned(id.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Expandable::Object)
    }
}

/// An object of which only the id matters.
#[derive(Debug, Deserialize)]
pub(super) struct Identified<'a> {
    #[serde(borrow)]
    id: Text<'a>,
}

/// The id of something that may have been expanded.
pub(super) type IdOf<'a> = Expandable<'a, Identified<'a>>;

impl Identified<'_> {
    pub(super) fn id(&self) -> &str {
        &self.id.0
    }
}

impl<'a> IdOf<'a> {
    pub(super) fn into_id(self) -> Cow<'a, str> {
        match self {
            Self::Id(id) => id,
            Self::Object(object) => object.id.0,
        }
    }
}

/// A tax rate.
#[derive(Debug, Deserialize)]
pub(super) struct WireTaxRate<'a> {
    inclusive: Option<bool>,
    #[serde(borrow)]
    percentage: Option<Number<'a>>,
}

impl From<Expandable<'_, WireTaxRate<'_>>> for TaxRate {
    fn from(sent: Expandable<'_, WireTaxRate<'_>>) -> Self {
        let Expandable::Object(rate) = sent else {
            return Self::Unknown;
        };
        match (rate.inclusive, rate.percentage.and_then(Number::exact)) {
            (Some(false), _) => Self::Exclusive,
            (Some(true), Some(percent)) => Self::Inclusive(percent),
            _ => Self::Unknown,
        }
    }
}

pub(super) fn currency(text: Option<&Text<'_>>) -> Option<Currency> {
    text?.0.parse().ok()
}

/// The more precise of two amounts: the decimal, else the whole number. `Err` if what was sent is no
/// number.
pub(super) fn amount(decimal: Option<Number<'_>>, whole: Option<Number<'_>>) -> Result<Option<Exact>, ()> {
    let sent = decimal.or(whole);
    sent.map(|number| number.exact().ok_or(())).transpose()
}
