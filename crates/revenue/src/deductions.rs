//! What is taken out of a figure after its discounts: taxes within the price, and what goes to a platform.

use super::currency::Currency;
use super::discounts::Part;
use super::figure_error::{ErrorCode, FigureError};
use super::lines::{LineKind, Trace};
use super::model::{TaxBehavior, TaxRate};
use super::money::Exact;

/// Whether Stripe may take taxes as within the price. Where the price does not say and the account's settings
/// are to be inferred, that depends on the currency: in US and Canadian dollars they come on top.
/// Source: <https://docs.stripe.com/api/tax/settings/object>.
pub(super) fn tax_may_be_within(tax: TaxBehavior, currency: Currency) -> bool {
    match tax {
        TaxBehavior::Exclusive => false,
        TaxBehavior::Inclusive => true,
        TaxBehavior::Unspecified => !matches!(currency.as_str(), "usd" | "cad"),
    }
}

/// Takes out what goes to a platform: a share of each payment.
pub(super) fn without_fee(total: Exact, percent: Exact, id: &str, trace: &mut Trace) -> Result<Exact, FigureError> {
    let hundred = Exact::whole(100);
    if percent < Exact::ZERO || percent > hundred {
        let message = format!(
            "the application fee of {id} is {}%, which is not from 0 to 100; look at it at Stripe",
            percent.decimal(0)
        );
        return Err(FigureError::new(ErrorCode::UnknownAmount, message));
    }
    let fee = total.times(percent)?.over(hundred)?;
    if !fee.is_zero() {
        trace.line(LineKind::ApplicationFee, "", fee.negated()?, || {
            format!("{}% application fee", percent.decimal(0))
        });
    }
    Ok(total.minus(fee)?)
}

/// Takes out the taxes that are within the amount: net = gross ÷ (1 + rate).
pub(super) fn without_tax(part: &Part<'_>, rates: &[TaxRate], trace: &mut Trace) -> Result<Exact, FigureError> {
    if rates.is_empty() || part.amount.is_zero() {
        return Ok(part.amount);
    }
    let hundred = Exact::whole(100);
    let mut with_tax = hundred;
    for rate in rates {
        match rate {
            TaxRate::Exclusive => {}
            TaxRate::Inclusive(percent) => with_tax = with_tax.plus(*percent)?,
            TaxRate::Unknown => {
                let message = format!("a tax rate of item {} was not sent along; expand it", part.item);
                return Err(FigureError::new(ErrorCode::UnresolvedTaxRate, message));
            }
        }
    }
    if with_tax == hundred {
        return Ok(part.amount);
    }
    let net = part.amount.times(hundred)?.over(with_tax)?;
    if trace.wanted() {
        let (tax, percent) = (net.minus(part.amount)?, with_tax.minus(hundred)?);
        trace.line(LineKind::InclusiveTax, part.item, tax, || {
            format!("{}% tax within the price", percent.decimal(0))
        });
    }
    Ok(net)
}
