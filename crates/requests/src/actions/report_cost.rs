//! `reportCost`: what was spent, as the agent that looks after costs reports it. Over the bus it may come as the event
//! `cost.reported` too.

use cc_devops_kernel::outcome::{Failure, to_value};
use cc_devops_policy::{On, Resource};
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::money::Exact;
use cc_devops_revenue::spend::{Period, Spend};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;

use super::action::{Action, Asked, Carrying};
use super::effect::{Effect, EffectContext, EffectError, EffectProgress, in_effect};
use super::params::{Kind, Param, Params, invalid};
use crate::conditions::spend;

/// `reportCost`.
pub static ACTION: Action = Action {
    name: "reportCost",
    summary: "Reports what was spent. It is held against MRR, by month; an agent's newest report counts.",
    params: &[
        Param {
            name: "amount",
            rule: "required: a decimal number of the currency's units, not below 0, as a string: `\"1234.56\"`",
            kind: Kind::Text,
        },
        Param {
            name: "currency",
            rule: "required: an ISO 4217 code, `USD`",
            kind: Kind::Text,
        },
        Param {
            name: "period",
            rule: "required: the days it was spent in, a day, a month, or the first and the last day: `2026-11-25`, \
                   `2026-11`, `2026-11-01/2026-11-25`; of a month that goes on the days until now count",
            kind: Kind::Text,
        },
    ],
    on: On::ControlPlane,
    staged: false,
    carrying: Carrying::UnderClaim,
    read,
};

fn read(mut params: Params, _asked: &Asked<'_>) -> Result<Box<dyn Effect>, Failure> {
    let amount = match params.take("amount") {
        // Who has a number at hand is understood too.
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) => text,
        Some(other) => return Err(super::params::wrong_type("amount", "a string", &other)),
        None => params.required("amount")?,
    };
    let currency: Currency = params
        .required("currency")?
        .parse()
        .map_err(|_| invalid("`currency` must be an ISO 4217 code such as USD"))?;
    let period: Period = params
        .required("period")?
        .parse()
        .map_err(|error| invalid(format!("`period`: {error}")))?;
    let wrong = || invalid("`amount` must be a decimal number, not below 0, such as \"1234.56\"");
    let plain = !amount.is_empty() && amount.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let amount: Exact = amount.parse().ok().filter(|_| plain).ok_or_else(wrong)?;
    let minor = Exact::whole(10_i64.pow(currency.exponent()));
    let minor = amount.times(minor).map_err(|_| wrong())?;
    Ok(Box::new(ReportCost(Spend {
        minor,
        currency,
        period,
    })))
}

struct ReportCost(Spend);

impl Effect for ReportCost {
    fn resource(&self) -> Resource {
        Resource::ControlPlane
    }

    fn carry_out<'a>(&'a self, context: EffectContext<'a>) -> BoxFuture<'a, Result<EffectProgress, EffectError>> {
        async move {
            let kept = spend::keep(context.ports, &self.0, context.head)
                .await
                .map_err(in_effect)?;
            Ok(EffectProgress::done(to_value(&kept)))
        }
        .boxed()
    }
}
