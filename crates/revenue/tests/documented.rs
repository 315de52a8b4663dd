//! docs/MRR.md defines every figure, and its worked example is what the figures compute.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::day::Day;
use cc_devops_revenue::figure::Figure;
use cc_devops_revenue::figures::{By, Days, Figures, Name, Period};
use cc_devops_revenue::money::{Exact, Total};
use cc_devops_revenue::movements::{Kind, Moved, Sheet, Statement};
use cc_devops_revenue::outlook::{InCurrency, Outlook, Trials};
use cc_devops_revenue::policy::Policy;
use cc_devops_revenue::rates::Rates;
use cc_devops_revenue::report::Summary;
use cc_devops_revenue::run::Run;
use jiff::civil::{Date, date};

const DOCUMENT: &str = include_str!("../../../docs/MRR.md");

/// A line of the example: cents, and the numbers behind them.
struct Line {
    cents: Exact,
    counts: Vec<u64>,
}

impl Line {
    fn total(&self) -> Total {
        self.cents.into()
    }
}

/// The example's lines by their names.
fn example() -> BTreeMap<&'static str, Line> {
    let (_, rest) = DOCUMENT
        .split_once("<!-- example: a month's figures -->\n```text\n")
        .unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    let line = |line: &'static str| {
        let at = line.find(|c: char| c.is_ascii_digit() || c == '-').unwrap();
        let (name, numbers) = line.split_at(at);
        let mut words = numbers.split_whitespace();
        let amount: Exact = words.next().unwrap().parse().unwrap();
        let line = Line {
            cents: amount.times(Exact::whole(100)).unwrap(),
            counts: words.filter_map(|word| word.parse().ok()).collect(),
        };
        (name.trim(), line)
    };
    block.lines().map(line).collect()
}

fn day(date: Date, compared_with: Option<Date>, sheet: Sheet) -> Day {
    let mut run = Run::default();
    for number in 0..sheet.closing_customers {
        let whole = if number == 0 {
            sheet.closing.to_string().parse().unwrap()
        } else {
            Exact::ZERO
        };
        let figure = Figure {
            id: "sub".into(),
            customer: format!("cus_{number}").into(),
            currency: Some(Currency::USD),
            mrr: Ok(whole),
            excluded: None,
            collection_paused: false,
            tax_unknown: false,
            customer_discount_unknown: false,
            lines: Vec::new(),
            shares: Vec::new(),
            country: None,
            outlook: None,
        };
        run.add(&figure).unwrap();
    }
    let rates = Rates::none();
    let mut summary = Summary::new(&run, &Policy::default(), 0, &rates, None).unwrap();
    summary.subscribers = sheet.closing_customers;
    Day {
        date,
        at: jiff::Timestamp::UNIX_EPOCH,
        summary,
        rates,
        period: (0, 0),
        compared_with,
        policy_changed: false,
        movements: Statement {
            currencies: BTreeMap::from([(Currency::USD, sheet)]),
        },
        movements_usd: None,
        customer_movements: None,
        reconstructed: None,
        by_product: None,
    }
}

/// The example as the days of March that were kept.
fn march(example: &BTreeMap<&str, Line>) -> Vec<Day> {
    let (opening, closing) = (&example["opening"], &example["closing"]);
    let still = Sheet {
        opening: opening.total(),
        opening_customers: opening.counts[0],
        moved: BTreeMap::new(),
        closing: opening.total(),
        closing_customers: opening.counts[0],
    };
    let moved = Kind::ALL.map(|kind| {
        let name = serde_json::to_value(kind).unwrap();
        let line = &example[name.as_str().unwrap()];
        let moved = Moved {
            amount: line.total(),
            customers: line.counts[0],
        };
        (kind, moved)
    });
    let last = Sheet {
        moved: moved.into(),
        closing: closing.total(),
        closing_customers: closing.counts[0],
        ..still.clone()
    };
    let (before, first, end) = (date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 31));
    let mut days = vec![
        day(before, None, still.clone()),
        day(first, Some(before), still),
        day(end, Some(first), last),
    ];
    let of = |name: &str| example[name].total();
    let beside = InCurrency {
        trial: of("in trials"),
        leaving: of("leaving"),
        next_phases: of("next phases"),
        starting: of("begins later"),
        past_due: of("past due"),
        collection_paused: of("paused"),
    };
    let trials = &example["in trials"].counts;
    days[2].summary.outlook = Some(Outlook {
        currencies: BTreeMap::from([(Currency::USD, beside)]),
        trials: Some(Trials {
            converted: trials[0],
            ended: trials[1],
        }),
        ..Outlook::default()
    });
    days
}

#[test]
fn the_examples_movements_lead_from_its_opening_to_its_closing() {
    let example = example();
    let sum = Kind::ALL.iter().fold(example["opening"].total(), |sum, kind| {
        let name = serde_json::to_value(kind).unwrap();
        sum.plus(&example[name.as_str().unwrap()].total())
    });
    assert_eq!(sum, example["closing"].total());
}

#[test]
fn every_figure_is_defined_and_its_example_is_what_it_computes() {
    let days = march(&example());
    let figures = Figures::of(
        &Days::new(&days),
        Period::of(By::Month, date(2026, 3, 31)),
        Currency::USD,
    );
    for name in Name::ALL {
        let worked = figures.get(name).unwrap().worked().unwrap();
        let row = format!("| `{}` | {} | `{worked}` |", name.as_str(), name.formula());
        assert!(DOCUMENT.contains(&row), "docs/MRR.md lacks the row\n{row}");
    }
    let rows = DOCUMENT.lines().skip_while(|line| !line.starts_with("| figure | how"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|')).count();
    assert_eq!(rows, Name::ALL.len(), "the table has no other figure");
}

#[test]
fn every_figure_has_its_source() {
    let (_, sources) = DOCUMENT.split_once("| figure | source |").unwrap();
    let (sources, _) = sources.split_once("\n\n").unwrap();
    for name in Name::ALL {
        let named = format!("`{}`", name.as_str());
        assert!(sources.contains(&named), "{named} has no source");
    }
}
