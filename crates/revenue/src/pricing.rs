//! What an item is worth a month before discounts: units, packages, tiers, and the interval.

use super::currency::Currency;
use super::figure_error::{ErrorCode, FigureError};
use super::lines::{LineKind, Trace};
use super::model::{Catalog, Charge, Interval, Item, Packages, Price, PriceRef, TaxBehavior, Tier};
use super::money::{Exact, OutOfRange};
use super::policy::Options;

/// The price of an item, as it was sent or from the catalog.
pub(super) fn price<'s>(item: &'s Item<'_>, catalog: &'s Catalog) -> Result<&'s Price<'s>, FigureError> {
    match &item.price {
        PriceRef::Sent(price) => Ok(price),
        PriceRef::Id(id) => catalog.prices.get(id.as_ref()).ok_or_else(|| {
            let message = format!("the price {id} of item {} was not sent along; give the prices", item.id);
            FigureError::new(ErrorCode::UnresolvedPrice, message)
        }),
    }
}

/// How many times a month the price is charged.
pub(super) fn times_a_month(price: &Price<'_>, options: &Options) -> Result<Exact, FigureError> {
    let count = i64::from(price.interval_count);
    let times = match &price.interval {
        Interval::Month if count == 1 => Some(Exact::ONE),
        Interval::Month => Exact::fraction(1, count),
        Interval::Year => Exact::fraction(1, 12 * count),
        Interval::Week => options.week_factor.over(Exact::whole(count)).ok(),
        Interval::Day => options.day_factor.over(Exact::whole(count)).ok(),
        Interval::Other(_) => None,
    };
    times.ok_or_else(|| {
        let message = format!(
            "the price {} recurs every {count} `{}`, which is not known; tell us of it",
            price.id,
            price.interval.as_str()
        );
        FigureError::new(ErrorCode::UnknownInterval, message)
    })
}

/// What the item is worth a month, in minor units of `currency`.
pub(super) fn monthly(
    item: &Item<'_>,
    price: &Price<'_>,
    times: Exact,
    currency: Currency,
    catalog: &Catalog,
    options: &Options,
    trace: &mut Trace,
) -> Result<Exact, FigureError> {
    let charge = charge(price, currency, catalog).ok_or_else(|| {
        let message = format!(
            "the price {} was not sent in {currency}; list prices with their currency_options",
            price.id
        );
        FigureError::new(ErrorCode::PriceCurrencyUnavailable, message)
    })?;
    let quantity = units(item.quantity, price.packages).ok_or_else(|| unknown_amount(price))?;
    let shown = Shown {
        item,
        price,
        quantity,
        currency,
        options,
    };
    match charge {
        Charge::PerUnit(unit) => {
            let amount = unit.times(whole(quantity)?)?.times(times)?;
            trace.line(LineKind::Item, &item.id, amount, || {
                format!("{} × {} {}", shown.quantity(), unit.money(currency), shown.interval())
            });
            Ok(amount)
        }
        Charge::Graduated(tiers) => graduated(tiers, times, &shown, trace),
        Charge::Volume(tiers) => volume(tiers, times, &shown, trace),
        Charge::TiersMissing => {
            let message = format!("the tiers of price {} were not sent along; give the prices", price.id);
            Err(FigureError::new(ErrorCode::TiersUnavailable, message))
        }
        Charge::Unknown => Err(unknown_amount(price)),
    }
}

/// What the price charges in `currency`; what was not sent along is looked up.
fn charge<'s>(price: &'s Price<'_>, currency: Currency, catalog: &'s Catalog) -> Option<&'s Charge> {
    let sent = charge_in(price, currency);
    match sent {
        Some(Charge::TiersMissing | Charge::Unknown) | None => catalog
            .prices
            .get(price.id.as_ref())
            .and_then(|price| charge_in(price, currency))
            .or(sent),
        found => found,
    }
}

/// Whether taxes are within what the price charges in `currency`.
pub(super) fn tax(price: &Price<'_>, currency: Currency, catalog: &Catalog) -> TaxBehavior {
    if price.currency == Some(currency) {
        return price.tax;
    }
    let listed = catalog.prices.get(price.id.as_ref());
    let own = price.currency_taxes.iter();
    let mut options = own.chain(listed.into_iter().flat_map(|price| &price.currency_taxes));
    let option = options.find(|(other, _)| *other == currency);
    option.map_or(price.tax, |(_, tax)| *tax)
}

fn charge_in<'s>(price: &'s Price<'_>, currency: Currency) -> Option<&'s Charge> {
    if price.currency == Some(currency) {
        return Some(&price.charge);
    }
    let options = &price.currency_options;
    options
        .iter()
        .find(|(other, _)| *other == currency)
        .map(|(_, charge)| charge)
}

/// Packages in place of units; `None` for packages of 0.
fn units(quantity: u64, packages: Option<Packages>) -> Option<u64> {
    match packages {
        None => Some(quantity),
        Some(Packages { size: 0, .. }) => None,
        Some(Packages { size, round_up: true }) => Some(quantity.div_ceil(size)),
        Some(Packages { size, round_up: false }) => Some(quantity / size),
    }
}

/// Each tier that is entered charges for the units in it, and its flat amount. Bounds are inclusive.
fn graduated(tiers: &[Tier], times: Exact, shown: &Shown<'_>, trace: &mut Trace) -> Result<Exact, FigureError> {
    if shown.quantity == 0 {
        return first_flat(tiers, times, shown, trace);
    }
    let (mut total, mut below) = (Exact::ZERO, 0_u64);
    for (place, tier) in tiers.iter().enumerate() {
        let units = tier.up_to.unwrap_or(u64::MAX).min(shown.quantity).saturating_sub(below);
        if units == 0 {
            continue;
        }
        below += units;
        let amount = in_tier(tier, units, times, shown, place, trace)?;
        total = total.plus(amount)?;
    }
    if below < shown.quantity {
        return Err(beyond_tiers(shown));
    }
    Ok(total)
}

/// The tier that the quantity is in charges for all units.
fn volume(tiers: &[Tier], times: Exact, shown: &Shown<'_>, trace: &mut Trace) -> Result<Exact, FigureError> {
    if shown.quantity == 0 {
        return first_flat(tiers, times, shown, trace);
    }
    let mut places = tiers.iter().enumerate();
    let (place, tier) = places
        .find(|(_, tier)| tier.up_to.is_none_or(|last| shown.quantity <= last))
        .ok_or_else(|| beyond_tiers(shown))?;
    in_tier(tier, shown.quantity, times, shown, place, trace)
}

/// Without a unit, the first tier's flat amount is still billed.
/// Source: <https://docs.stripe.com/products-prices/pricing-models>.
fn first_flat(tiers: &[Tier], times: Exact, shown: &Shown<'_>, trace: &mut Trace) -> Result<Exact, FigureError> {
    match tiers.first() {
        Some(tier) => in_tier(tier, 0, times, shown, 0, trace),
        None => Ok(Exact::ZERO),
    }
}

fn in_tier(
    tier: &Tier,
    units: u64,
    times: Exact,
    shown: &Shown<'_>,
    place: usize,
    trace: &mut Trace,
) -> Result<Exact, FigureError> {
    let charged = tier.unit.times(whole(units)?)?.plus(tier.flat)?;
    let amount = charged.times(times)?;
    trace.line(LineKind::Tier, &shown.item.id, amount, || {
        let bound = tier
            .up_to
            .map_or("without end".to_owned(), |last| format!("up to {last}"));
        let flat = if tier.flat.is_zero() {
            String::new()
        } else {
            format!(" + {} flat", tier.flat.money(shown.currency))
        };
        let unit = tier.unit.money(shown.currency);
        format!(
            "tier {} ({bound}): {units} × {unit}{flat} {}",
            place + 1,
            shown.interval()
        )
    });
    Ok(amount)
}

fn whole(quantity: u64) -> Result<Exact, OutOfRange> {
    i64::try_from(quantity).map(Exact::whole).map_err(|_| OutOfRange)
}

fn unknown_amount(price: &Price<'_>) -> FigureError {
    let message = format!(
        "the price {} has no amount that can be computed with; look at it at Stripe",
        price.id
    );
    FigureError::new(ErrorCode::UnknownAmount, message)
}

fn beyond_tiers(shown: &Shown<'_>) -> FigureError {
    let message = format!(
        "no tier of price {} holds {} units; look at it at Stripe",
        shown.price.id, shown.quantity
    );
    FigureError::new(ErrorCode::UnknownAmount, message)
}

/// What a line about an item is made of.
struct Shown<'s> {
    item: &'s Item<'s>,
    price: &'s Price<'s>,
    /// In packages, if the price has them.
    quantity: u64,
    currency: Currency,
    options: &'s Options,
}

impl Shown<'_> {
    fn quantity(&self) -> String {
        match self.price.packages {
            None => self.quantity.to_string(),
            Some(Packages { size, round_up }) => {
                let rounding = if round_up { "up" } else { "down" };
                format!(
                    "{} (packages of {size} for {}, rounded {rounding})",
                    self.quantity, self.item.quantity
                )
            }
        }
    }

    /// How often, and what makes a month of it.
    fn interval(&self) -> String {
        let (interval, count) = (self.price.interval.as_str(), self.price.interval_count);
        let often = if count == 1 {
            format!("every {interval}")
        } else {
            format!("every {count} {interval}s")
        };
        let divided = |factor: Exact| match count {
            1 => format!(", × {factor}"),
            _ => format!(", × {factor} ÷ {count}"),
        };
        let normalised = match self.price.interval {
            Interval::Month if count == 1 => String::new(),
            Interval::Month => format!(", ÷ {count}"),
            Interval::Year => format!(", ÷ {}", 12 * u64::from(count)),
            Interval::Week => divided(self.options.week_factor),
            Interval::Day => divided(self.options.day_factor),
            Interval::Other(_) => String::new(),
        };
        format!("{often}{normalised}")
    }
}
