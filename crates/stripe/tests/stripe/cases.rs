//! The cases: Stripe's JSON in, the expected figure out, each with its policy variants.

use std::collections::BTreeMap;
use std::error::Error;

use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::figure::Figure;
use cc_devops_revenue::lines::{Explain, Line};
use cc_devops_revenue::model::Catalog;
use cc_devops_revenue::money::Sum;
use cc_devops_revenue::policy::Policy;
use cc_devops_revenue::rates::Rates;
use cc_devops_revenue::report::Summary;
use cc_devops_revenue::run::Run;
use cc_devops_stripe::compute::compute;
use cc_devops_stripe::objects::Terms;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Case<'a> {
    name: String,
    #[serde(borrow)]
    subscription: &'a RawValue,
    as_of: i64,
    currency: Option<Currency>,
    expected_minor: Option<i128>,
    expected_exact: Option<String>,
    expect_error: Option<String>,
    expected_by_currency: Option<BTreeMap<Currency, i128>>,
    #[serde(default)]
    variants: Vec<Variant>,
}

#[derive(Deserialize)]
struct Variant {
    policy: BTreeMap<String, Value>,
    expected_minor: i128,
}

/// What a document comes to under a policy: the summary, and each figure's error and lines.
fn computed(json: &str, policy: &Policy, as_of: i64) -> Result<(Summary, Vec<Figure<'static>>), Box<dyn Error>> {
    let (catalog, mut run, mut figures) = (Catalog::default(), Run::default(), Vec::new());
    let terms = Terms {
        catalog: &catalog,
        options: &policy.options,
        as_of,
        explain: Explain::Yes,
    };
    compute(json.as_bytes(), terms, |figure| {
        run.add(figure).map_err(std::io::Error::other)?;
        figures.push(figure.clone().into_owned());
        Ok(())
    })?;
    let summary = Summary::new(&run, policy, as_of, &Rates::none(), None)?;
    Ok((summary, figures))
}

fn sum_of(lines: &[Line]) -> String {
    let mut sum = Sum::default();
    for line in lines {
        sum.add(line.amount);
    }
    sum.total().to_string()
}

#[test]
fn every_case_comes_out_as_expected() {
    let text = include_str!("../cases.json");
    let cases: Vec<Case<'_>> = serde_json::from_str(text).unwrap();
    assert_eq!(cases.len(), 47);
    let mut wrong = Vec::new();
    for case in &cases {
        let mut expected = vec![(Policy::default(), case.expected_minor)];
        for variant in &case.variants {
            let mut policy = Policy::default();
            for (option, value) in &variant.policy {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                policy.set(option, &value).unwrap();
            }
            expected.push((policy, Some(variant.expected_minor)));
        }
        for (policy, minor) in expected {
            let (summary, figures) = computed(case.subscription.get(), &policy, case.as_of).unwrap();
            let by_currency: BTreeMap<_, _> = summary
                .totals
                .iter()
                .map(|total| (total.currency, total.mrr_minor))
                .collect();
            let mut check = |what: &str, right: bool| {
                if !right {
                    wrong.push(format!("{}: {what}: {summary:?} {figures:?}", case.name));
                }
            };
            if let Some(expected) = &case.expected_by_currency {
                check("by currency", by_currency == *expected);
                check("cannot be added", summary.mrr_usd.is_none() && !summary.complete);
            }
            if let (Some(minor), Some(currency)) = (minor, case.currency) {
                check("minor units", by_currency == BTreeMap::from([(currency, minor)]));
                check("no error", figures.iter().all(|figure| figure.mrr.is_ok()));
            }
            if let Some(exact) = &case.expected_exact {
                check("exact", summary.totals[0].mrr_exact.to_string() == *exact);
            }
            let codes: Vec<String> = figures
                .iter()
                .filter_map(|figure| figure.mrr.as_ref().err())
                .map(|error| {
                    serde_json::to_value(error).unwrap()["code"]
                        .as_str()
                        .unwrap()
                        .to_owned()
                })
                .collect();
            check("error", codes == case.expect_error.iter().cloned().collect::<Vec<_>>());
            if case.expect_error.is_some() {
                check("incomplete", !summary.complete);
            }
            for figure in figures.iter().filter(|figure| figure.mrr.is_ok()) {
                let mrr = figure.mrr.as_ref().unwrap();
                check("lines add up", sum_of(&figure.lines) == mrr.to_string());
                check("something is said", !figure.lines.is_empty() || mrr.is_zero());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
