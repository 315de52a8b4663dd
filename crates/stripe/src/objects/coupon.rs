//! Coupons, and the discounts that give them to somebody.

use std::borrow::Cow;
use std::collections::BTreeMap;

use cc_devops_revenue::model::{Coupon, CouponRef, Discount, Duration, Off};
use serde::Deserialize;

use super::wire::{Expandable, Number, Text, currency};

/// A coupon as it is sent. A deleted one has an id and nothing else.
#[derive(Debug, Deserialize)]
pub(super) struct WireCoupon<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    duration: Option<Text<'a>>,
    #[serde(borrow)]
    percent_off: Option<Number<'a>>,
    /// Before 2018, `percent_off` was rounded and this was not.
    #[serde(borrow)]
    percent_off_precise: Option<Number<'a>>,
    #[serde(borrow)]
    amount_off: Option<Number<'a>>,
    #[serde(borrow)]
    currency: Option<Text<'a>>,
    #[serde(borrow)]
    currency_options: Option<BTreeMap<String, CurrencyOption<'a>>>,
    #[serde(borrow)]
    applies_to: Option<AppliesTo<'a>>,
}

#[derive(Debug, Deserialize)]
struct CurrencyOption<'a> {
    #[serde(borrow)]
    amount_off: Option<Number<'a>>,
}

#[derive(Debug, Deserialize)]
struct AppliesTo<'a> {
    #[serde(borrow)]
    products: Option<Vec<Text<'a>>>,
}

/// A discount as it is sent.
#[derive(Debug, Deserialize)]
pub(super) struct WireDiscount<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    end: Option<i64>,
    #[serde(borrow)]
    coupon: Option<Expandable<'a, WireCoupon<'a>>>,
    #[serde(borrow)]
    source: Option<Source<'a>>,
}

#[derive(Debug, Deserialize)]
struct Source<'a> {
    #[serde(borrow)]
    coupon: Option<Expandable<'a, WireCoupon<'a>>>,
}

/// Reads a coupon from its JSON.
///
/// # Errors
/// If it is not one, or a deleted one.
pub fn read_coupon(json: &[u8]) -> Result<Coupon<'_>, serde_json::Error> {
    let coupon: WireCoupon<'_> = serde_json::from_slice(json)?;
    coupon
        .read()
        .map_err(|id| serde::de::Error::custom(format!("the coupon {id} has no duration: it was deleted")))
}

impl<'a> WireCoupon<'a> {
    /// The coupon, or its id if that is all there is.
    fn read(self) -> Result<Coupon<'a>, Cow<'a, str>> {
        let Some(duration) = self.duration else {
            return Err(self.id.0);
        };
        let percent = self.percent_off_precise.or(self.percent_off);
        let off = match (percent, self.amount_off) {
            (Some(percent), _) => percent.exact().map(Off::Percent),
            (None, Some(amount)) => amount
                .exact()
                .zip(currency(self.currency.as_ref()))
                .map(|(amount, currency)| Off::Amount(amount, currency)),
            (None, None) => None,
        };
        let options = self.currency_options.unwrap_or_default();
        let options = options
            .into_iter()
            .filter_map(|(code, option)| Some((code.parse().ok()?, option.amount_off?.exact()?)));
        let products = self.applies_to.and_then(|applies| applies.products);
        Ok(Coupon {
            id: self.id.0,
            duration: Duration::from(&*duration.0),
            off: off.unwrap_or(Off::Unknown),
            currency_options: options.collect(),
            products: products.map(|products| products.into_iter().map(|product| product.0).collect()),
        })
    }
}

/// The discounts of something: `discounts`, or the one `discount` of older shapes. If `discounts` holds
/// only ids, the one that is beside it in full is taken from there.
pub(super) fn discounts<'a>(
    all: Option<Vec<Expandable<'a, WireDiscount<'a>>>>,
    one: Option<Expandable<'a, WireDiscount<'a>>>,
) -> Vec<Discount<'a>> {
    let all = all.unwrap_or_default();
    let mut one = one.map(Discount::from);
    if all.is_empty() {
        return one.into_iter().collect();
    }
    let read = |sent: Expandable<'a, WireDiscount<'a>>| {
        let discount = Discount::from(sent);
        match (&discount.coupon, &one) {
            (CouponRef::NotSent, Some(full)) if full.id == discount.id => one.take().unwrap_or(discount),
            _ => discount,
        }
    };
    all.into_iter().map(read).collect()
}

impl<'a> From<Expandable<'a, WireCoupon<'a>>> for CouponRef<'a> {
    fn from(sent: Expandable<'a, WireCoupon<'a>>) -> Self {
        match sent {
            Expandable::Id(id) => Self::Id(id),
            Expandable::Object(coupon) => match coupon.read() {
                Ok(coupon) => Self::Sent(coupon),
                Err(id) => Self::Id(id),
            },
        }
    }
}

impl<'a> From<Expandable<'a, WireDiscount<'a>>> for Discount<'a> {
    fn from(sent: Expandable<'a, WireDiscount<'a>>) -> Self {
        let discount = match sent {
            Expandable::Object(discount) => discount,
            Expandable::Id(id) => {
                return Self {
                    id,
                    end: None,
                    coupon: CouponRef::NotSent,
                };
            }
        };
        let coupon = discount.source.and_then(|source| source.coupon).or(discount.coupon);
        Self {
            id: discount.id.unwrap_or_default().0,
            end: discount.end,
            coupon: coupon.map_or(CouponRef::NotSent, CouponRef::from),
        }
    }
}
