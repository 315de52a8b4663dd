//! What moved MRR over a period, from its opening to its closing.

use cc_devops_reports::charts::inline::{self, Step};
use cc_devops_revenue::in_currency::Steps;
use cc_devops_revenue::movements::Kind;
use cc_devops_revenue::over_time::OverTime;
use maud::{Markup, PreEscaped, html};

use super::{MOVEMENTS, change, float, money};
use crate::components::{Column, figure, table};

/// A step of the way.
struct Part {
    name: &'static str,
    kind: Option<Kind>,
    amount: i128,
}

pub(super) fn shown(over: &OverTime) -> Markup {
    let Some(steps) = over.steps() else {
        return html! { p { "What moved MRR on these days cannot be told in " (over.currency.code()) ": a currency has no rate." } };
    };
    let parts = parts(steps);
    let caption = format!(
        "From {} before {} to {} at the end of the newest day.",
        money(steps.opening, over.currency),
        over.days().first().map_or(over.from, |day| day.date),
        money(steps.closing, over.currency)
    );
    html! { (figure(&chart(over, steps, &parts), &caption, None)) (numbers(over, steps, &parts)) }
}

fn parts(steps: &Steps) -> Vec<Part> {
    let mut parts: Vec<Part> = Kind::ALL
        .into_iter()
        .map(|kind| Part {
            name: word(kind),
            kind: Some(kind),
            amount: steps.moved.get(&kind).copied().unwrap_or_default(),
        })
        .collect();
    let others = [
        ("Exchange rates", steps.currency_effects),
        ("Days not kept", steps.gaps),
    ];
    let others = others.into_iter().filter(|(_, amount)| *amount != 0);
    parts.extend(others.map(|(name, amount)| Part {
        name,
        kind: None,
        amount,
    }));
    parts
}

/// What people call a kind of movement.
pub(super) fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::New => "New",
        Kind::Reactivation => "Reactivation",
        Kind::Expansion => "Expansion",
        Kind::Contraction => "Contraction",
        Kind::Churn => "Churn",
    }
}

fn chart(over: &OverTime, steps: &Steps, parts: &[Part]) -> Markup {
    let currency = over.currency;
    let ends = |name: &str, amount| format!("{name} {}", money(amount, currency));
    let mut labels = vec![ends("Opening", steps.opening)];
    labels.extend(
        parts
            .iter()
            .map(|part| format!("{} {}", part.name, change(part.amount, currency))),
    );
    labels.push(ends("Closing", steps.closing));
    let mut at = steps.opening;
    let mut courses = vec![(0, at, "accent")];
    for part in parts {
        let to = at.saturating_add(part.amount);
        let class = match part.amount {
            _ if part.kind.is_none() => "quiet",
            ..0 => "bad",
            _ => "good",
        };
        courses.push((at, to, class));
        at = to;
    }
    courses.push((0, steps.closing, "accent"));
    let drawn: Vec<Step<'_>> = labels
        .iter()
        .zip(courses)
        .map(|(label, (from, to, class))| Step {
            label,
            from: float(from),
            to: float(to),
            class,
        })
        .collect();
    PreEscaped(inline::waterfall(&drawn))
}

fn numbers(over: &OverTime, steps: &Steps, parts: &[Part]) -> Markup {
    let currency = over.currency;
    let columns = [
        Column::text("Movement"),
        Column::number("Amount"),
        Column::number("Customers"),
    ];
    let ends = |name: &str, amount| {
        let cells = vec![html! { (name) }, html! { (money(amount, currency)) }, html! {}];
        (format!("moved-{}", name.to_lowercase()), cells)
    };
    let moved = parts.iter().enumerate().map(|(place, part)| {
        let (from, until) = (over.from, over.until);
        let name = if let Some(kind) = part.kind {
            html! { a href=(format!("{MOVEMENTS}?kind={kind}&from={from}&to={until}")) { (part.name) } }
        } else {
            html! { (part.name) }
        };
        let customers = html! { @if let Some(kind) = part.kind { (over.customers(kind)) } };
        (
            format!("moved-{place}"),
            vec![name, html! { (change(part.amount, currency)) }, customers],
        )
    });
    let rows = std::iter::once(ends("Opening", steps.opening))
        .chain(moved)
        .chain([ends("Closing", steps.closing)]);
    table("What moved MRR", &columns, rows)
}
