//! `revenue breakdown`: a moment's MRR by product, price, interval, currency, country or plan.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use cc_devops_app::rates::rates;
use cc_devops_revenue::breakdown::{Breakdown, Filter, GroupTotal, Groups, Key};
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::figure::Figure;
use cc_devops_revenue::lines::Explain;
use cc_devops_revenue::money::Total;
use cc_devops_revenue::ports::{Billing as _, Wanted};
use cc_devops_revenue::rates::Rates;

use super::account::reach;
use super::compute::{Beside, Files};
use super::csv;
use super::rules::Rules;
use super::shown::percent;
use super::words::money;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, table};

const AFTER_HELP: &str = "\
Each item of a subscription is in the group of its own price, with its share of the subscription's
discounts and taxes, so that groups add up exactly to the whole. A plan is a product and how often it
is charged. A country is the customer's; what is not told is in the group `unknown`.

Without --input the account at Stripe is read, and the configured policy and rates count.

Exit code 1 when a subscription could not be computed, which is in no group, when a currency has no
rate, or when the list is only a part.

Examples:
  cc-devops revenue breakdown --by plan
  cc-devops revenue breakdown --by product --where country=DE --where interval=year
  cc-devops revenue breakdown --by currency --input subscriptions.json --rate eur=1.08 --csv";

/// Which groups.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// By what: product, price, interval, currency, country or plan
    #[arg(long, value_name = "KEY")]
    by: Key,
    /// Only what has this value, such as country=DE; may be given more than once
    #[arg(long = "where", value_name = "KEY=VALUE")]
    filters: Vec<Filter>,
    /// File of subscriptions instead of the account; - for standard input
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Currency that money is shown in; the configuration's for the account, US dollars for a file
    #[arg(long, value_name = "CURRENCY")]
    currency: Option<Currency>,
    /// Answer as CSV, a line for each group
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    beside: Beside,
    #[command(flatten)]
    rules: Rules,
}

/// Runs `revenue breakdown`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let output = context.output;
    csv::alone(output, args.csv)?;
    let mut breakdown = Breakdown::new(args.by, args.filters.clone());
    let (rates, currency) = match &args.input {
        Some(input) => in_file(output, &args, input, &mut breakdown)?,
        None => Box::pin(in_account(context, &args, &mut breakdown)).await?,
    };
    let groups = breakdown.finish(&rates, currency);
    if args.csv {
        Output::raw(&csv::written(&groups.table())?)?;
    } else {
        output.answer(&groups, || shown(&groups))?;
    }
    if groups.complete {
        Ok(())
    } else {
        Err(CliError::Answered)
    }
}

fn in_file(
    output: Output,
    args: &Args,
    input: &std::path::Path,
    breakdown: &mut Breakdown,
) -> Result<(Rates, Currency), CliError> {
    let mut files = Files::open(input, &args.beside, &args.rules)?;
    let progress = output.progress("reading subscriptions");
    progress.start();
    files.figures(Explain::Shares, |figure| {
        breakdown.add(figure);
        Ok(())
    })?;
    drop(progress);
    if files.checked().list_incomplete() {
        breakdown.list_incomplete();
    }
    let rates = args.rules.rates()?.unwrap_or_else(Rates::none);
    Ok((rates, args.currency.unwrap_or(Currency::USD)))
}

async fn in_account(context: &Context, args: &Args, breakdown: &mut Breakdown) -> Result<(Rates, Currency), CliError> {
    let config = args.rules.over(&context.load_settings()?.settings.revenue)?;
    let reached = reach(context, &config).await?;
    let rates = rates(&config.rates, Arc::clone(&reached.clock))?;
    let wanted = Wanted {
        options: &config.policy.options,
        as_of: args.rules.as_of.unwrap_or_else(|| reached.clock.now().as_second()),
        explain: Explain::Shares,
    };
    let mut read = 0_u64;
    let mut progress = context.output.progress("subscriptions read:");
    progress.start();
    let mut take = |figure: &Figure<'_>| {
        read += 1;
        progress.at(read);
        breakdown.add(figure);
        ControlFlow::Continue(())
    };
    reached.account.figures(wanted, &mut take).await?;
    drop(progress);
    Ok((rates.newest().await?, args.currency.unwrap_or(config.currency)))
}

fn shown(groups: &Groups) -> String {
    let worth = |mrr: Option<&Total>, totals: &std::collections::BTreeMap<Currency, Total>| match mrr {
        Some(mrr) => money(mrr, groups.currency),
        // Without a rate, each currency for itself.
        None => totals
            .iter()
            .map(|(currency, total)| money(total, *currency))
            .collect::<Vec<_>>()
            .join(" + "),
    };
    let row = |group: &GroupTotal| {
        vec![
            group.group.clone(),
            worth(group.mrr.as_ref(), &group.totals),
            group.share.as_ref().map(percent).unwrap_or_default(),
            group.subscriptions.to_string(),
        ]
    };
    let total = vec![
        "total".to_owned(),
        worth(groups.mrr.as_ref(), &groups.totals),
        String::new(),
        String::new(),
    ];
    let head = groups.by.as_str().to_ascii_uppercase();
    let rows = groups.groups.iter().map(row).chain([total]);
    let mut parts = vec![table(&[&head, "MRR", "SHARE", "SUBSCRIPTIONS"], rows)];
    if !groups.without_rate.is_empty() {
        let missing: Vec<String> = groups.without_rate.iter().map(Currency::to_string).collect();
        parts.push(format!("there is no rate for {}: give a --rate", missing.join(", ")));
    }
    if groups.list_incomplete {
        parts.push("the list is only a part: it says that there is more".to_owned());
    }
    if groups.errors > 0 {
        parts.push(format!(
            "{} subscriptions could not be computed and are in no group: `revenue compute` and `revenue report` list them",
            groups.errors
        ));
    }
    parts.join("\n\n")
}
