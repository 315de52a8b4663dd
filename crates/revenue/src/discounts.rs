//! What discounts take off: which of them count, in which order, and from which items.

use super::currency::Currency;
use super::figure_error::{ErrorCode, FigureError};
use super::lines::{LineKind, Trace};
use super::model::{Catalog, Coupon, CouponRef, Discount, Duration, Off};
use super::money::Exact;
use super::policy::{DiscountOrder, Options};

/// An item that counts, on its way to its figure.
#[derive(Debug)]
pub(super) struct Part<'s> {
    pub(super) item: &'s str,
    pub(super) product: &'s str,
    /// How many times a month it is charged.
    pub(super) times: Exact,
    /// What it is worth a month, in minor units.
    pub(super) amount: Exact,
}

/// What decides about a discount.
#[derive(Clone, Copy)]
pub(super) struct Terms<'s> {
    pub(super) catalog: &'s Catalog,
    pub(super) options: &'s Options,
    pub(super) as_of: i64,
    pub(super) currency: Currency,
}

/// A discount that counts.
struct Applied<'s> {
    coupon: &'s str,
    off: Taken,
    products: Option<&'s [std::borrow::Cow<'s, str>]>,
}

#[derive(Clone, Copy)]
enum Taken {
    Percent(Exact),
    /// Minor units of the subscription's currency, of each invoice.
    Amount(Exact),
}

/// Subtracts the discounts of one level from the items they may touch.
pub(super) fn subtract<'s>(
    discounts: &'s [Discount<'s>],
    parts: &mut [Part<'_>],
    kind: LineKind,
    terms: Terms<'s>,
    trace: &mut Trace,
) -> Result<(), FigureError> {
    // A discount on nothing cannot matter, resolved or not.
    if discounts.is_empty() || !parts.iter().any(|part| part.amount.is_positive()) {
        return Ok(());
    }
    let mut counted = Vec::with_capacity(discounts.len());
    for discount in discounts {
        counted.extend(resolve(discount, terms, trace)?);
    }
    if terms.options.discount_order == DiscountOrder::PercentFirst {
        counted.sort_by_key(|applied| matches!(applied.off, Taken::Amount(_)));
    }
    for applied in &counted {
        match applied.off {
            Taken::Percent(percent) => take_percent(percent, applied, parts, kind, trace)?,
            Taken::Amount(amount) => take_amount(amount, applied, parts, kind, terms.currency, trace)?,
        }
    }
    Ok(())
}

impl Applied<'_> {
    fn touches(&self, part: &Part<'_>) -> bool {
        let eligible = |products: &[_]| products.iter().any(|product| product == part.product);
        part.amount.is_positive() && self.products.is_none_or(eligible)
    }
}

fn take_percent(
    percent: Exact,
    applied: &Applied<'_>,
    parts: &mut [Part<'_>],
    kind: LineKind,
    trace: &mut Trace,
) -> Result<(), FigureError> {
    let hundred = Exact::whole(100);
    let share = percent.min(hundred).over(hundred)?;
    for part in parts.iter_mut().filter(|part| applied.touches(part)) {
        let off = part.amount.times(share)?;
        part.amount = part.amount.minus(off)?;
        trace.line(kind, part.item, off.negated()?, || {
            format!("coupon {}: {}% off", applied.coupon, percent.decimal(0))
        });
    }
    Ok(())
}

/// An amount is taken off each invoice. Invoices come as often as the item charged most often, so the
/// amount is normalised with that item's interval and spread over the items charged as often, in
/// proportion; never below zero.
fn take_amount(
    amount: Exact,
    applied: &Applied<'_>,
    parts: &mut [Part<'_>],
    kind: LineKind,
    currency: Currency,
    trace: &mut Trace,
) -> Result<(), FigureError> {
    let touched = parts.iter().filter(|part| applied.touches(part));
    let Some(times) = touched.map(|part| part.times).max() else {
        return Ok(());
    };
    let shares = |part: &Part<'_>| part.times == times && applied.touches(part);
    let mut subtotal = Exact::ZERO;
    for part in parts.iter().filter(|part| shares(part)) {
        subtotal = subtotal.plus(part.amount)?;
    }
    let off = amount.times(times)?.min(subtotal).max(Exact::ZERO);
    let share = off.over(subtotal)?;
    for part in parts.iter_mut().filter(|part| shares(part)) {
        let taken = if part.amount == subtotal {
            off
        } else {
            part.amount.times(share)?
        };
        let before = part.amount;
        part.amount = before.minus(taken)?;
        trace.line(kind, part.item, taken.negated()?, || {
            let whole = amount.money(currency);
            if before == subtotal {
                format!("coupon {}: {whole} off each invoice", applied.coupon)
            } else {
                format!("coupon {}: its share of {whole} off each invoice", applied.coupon)
            }
        });
    }
    Ok(())
}

/// The discount as far as it counts; `None` if it does not.
fn resolve<'s>(
    discount: &'s Discount<'s>,
    terms: Terms<'s>,
    trace: &mut Trace,
) -> Result<Option<Applied<'s>>, FigureError> {
    if discount.end.is_some_and(|end| end <= terms.as_of) {
        trace.line(LineKind::Note, "", Exact::ZERO, || {
            format!("discount {} has ended", discount.id)
        });
        return Ok(None);
    }
    let (sent, listed) = match &discount.coupon {
        CouponRef::Sent(coupon) => (coupon, terms.catalog.coupons.get(coupon.id.as_ref())),
        CouponRef::Id(id) => match terms.catalog.coupons.get(id.as_ref()) {
            Some(coupon) => (coupon, Some(coupon)),
            None => {
                return Err(unresolved(format!(
                    "the coupon {id} of discount {} was not sent along and is in no list; give the coupons",
                    discount.id
                )));
            }
        },
        CouponRef::NotSent => {
            return Err(unresolved(format!(
                "the discount {} was sent as its id only; expand discounts.source.coupon",
                discount.id
            )));
        }
    };
    let counts = match &sent.duration {
        Duration::Forever => true,
        Duration::Repeating => terms.options.subtract_recurring_discounts,
        Duration::Once => terms.options.subtract_once_discounts,
        Duration::Other(duration) => {
            let message = format!(
                "the coupon {} lasts `{duration}`, which is not known; tell us of it",
                sent.id
            );
            return Err(FigureError::new(ErrorCode::UnknownDuration, message));
        }
    };
    if !counts {
        trace.line(LineKind::Note, "", Exact::ZERO, || {
            format!(
                "coupon {} is not permanent and does not count under this policy",
                sent.id
            )
        });
        return Ok(None);
    }
    let off = taken(sent, listed, terms.currency)?;
    let invalid = match off {
        Taken::Percent(percent) => (percent < Exact::ZERO || percent > Exact::whole(100))
            .then(|| format!("{}%, which is not from 0 to 100", percent.decimal(0))),
        Taken::Amount(amount) => {
            (amount < Exact::ZERO).then(|| format!("{}, which is below 0", amount.money(terms.currency)))
        }
    };
    if let Some(what) = invalid {
        let message = format!("the coupon {} takes off {what}; look at it at Stripe", sent.id);
        return Err(FigureError::new(ErrorCode::InvalidDiscount, message));
    }
    if listed.is_none() && sent.products.is_none() && terms.catalog.coupons_complete {
        return Err(unresolved(format!(
            "the coupon {} was deleted, so which products it applies to is not known; replace the discount {}",
            sent.id, discount.id
        )));
    }
    Ok(Some(Applied {
        coupon: sent.id.as_ref(),
        off,
        products: sent
            .products
            .as_deref()
            .or(listed.and_then(|coupon| coupon.products.as_deref())),
    }))
}

fn taken(sent: &Coupon<'_>, listed: Option<&Coupon<'_>>, currency: Currency) -> Result<Taken, FigureError> {
    match sent.off {
        Off::Percent(percent) => Ok(Taken::Percent(percent)),
        Off::Amount(amount, of) if of == currency => Ok(Taken::Amount(amount)),
        Off::Amount(..) => {
            let options = listed
                .into_iter()
                .chain([sent])
                .flat_map(|coupon| &coupon.currency_options);
            let mut options = options.filter(|(other, _)| *other == currency);
            options.next().map(|(_, amount)| Taken::Amount(*amount)).ok_or_else(|| {
                unresolved(format!(
                    "the coupon {} has no amount in {currency}; expand its currency_options or give the coupons",
                    sent.id
                ))
            })
        }
        Off::Unknown => Err(unresolved(format!(
            "the coupon {} takes off neither a percentage nor an amount that can be read",
            sent.id
        ))),
    }
}

fn unresolved(message: String) -> FigureError {
    FigureError::new(ErrorCode::UnresolvedDiscount, message)
}
