//! Discounts, and the coupons behind them.

use std::borrow::Cow;

use super::borrowed::owned;
use super::currency::Currency;
use super::money::Exact;

/// A discount, as it was sent.
#[derive(Debug, Clone)]
pub struct Discount<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// When it ends, in Unix seconds.
    pub end: Option<i64>,
    /// What it takes off.
    pub coupon: CouponRef<'a>,
}

/// A coupon, or what is known of it.
#[derive(Debug, Clone)]
pub enum CouponRef<'a> {
    /// As it was sent along.
    Sent(Coupon<'a>),
    /// To be looked up.
    Id(Cow<'a, str>),
    /// The discount was sent as its id only.
    NotSent,
}

/// What a discount takes off.
#[derive(Debug, Clone)]
pub struct Coupon<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// How long it lasts.
    pub duration: Duration,
    /// What it takes off.
    pub off: Off,
    /// Its amounts in other currencies, in minor units.
    pub currency_options: Vec<(Currency, Exact)>,
    /// The products it applies to; `None` if to all, or if that was not sent along.
    pub products: Option<Vec<Cow<'a, str>>>,
}

/// How long a coupon lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Duration {
    /// For good.
    Forever,
    /// For a number of months.
    Repeating,
    /// For one invoice.
    Once,
    /// One that Stripe added later.
    Other(Box<str>),
}

/// What a coupon takes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Off {
    /// This many hundredths.
    Percent(Exact),
    /// This many minor units of each invoice.
    Amount(Exact, Currency),
    /// Neither, or one that cannot be read.
    Unknown,
}

impl Discount<'_> {
    /// The discount with texts of its own.
    pub fn into_owned(self) -> Discount<'static> {
        Discount {
            id: owned(self.id),
            end: self.end,
            coupon: match self.coupon {
                CouponRef::Sent(coupon) => CouponRef::Sent(coupon.into_owned()),
                CouponRef::Id(id) => CouponRef::Id(owned(id)),
                CouponRef::NotSent => CouponRef::NotSent,
            },
        }
    }
}

impl Coupon<'_> {
    /// The coupon with texts of its own.
    pub fn into_owned(self) -> Coupon<'static> {
        Coupon {
            id: owned(self.id),
            duration: self.duration,
            off: self.off,
            currency_options: self.currency_options,
            products: self.products.map(|products| products.into_iter().map(owned).collect()),
        }
    }
}

impl From<&str> for Duration {
    fn from(text: &str) -> Self {
        match text {
            "forever" => Self::Forever,
            "repeating" => Self::Repeating,
            "once" => Self::Once,
            other => Self::Other(other.into()),
        }
    }
}
