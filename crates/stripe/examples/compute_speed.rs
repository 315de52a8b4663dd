//! How fast figures are computed from a file: `compute`, beside plain typed JSON parsing of the same file
//! on as many cores. Prints JSON.
//!
//! `cargo run --release -p cc-devops-stripe --example compute_speed [SUBSCRIPTIONS]`

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::time::{Duration, Instant};

use cc_devops_revenue::lines::Explain;
use cc_devops_revenue::model::Catalog;
use cc_devops_revenue::policy::Policy;
use cc_devops_revenue::rates::Rates;
use cc_devops_revenue::report::{Entry, Summary};
use cc_devops_revenue::run::Run;
use cc_devops_stripe::compute::compute;
use cc_devops_stripe::objects::{Terms, read_subscription};
use serde_json::{Value, json};

const AS_OF: i64 = 1_795_392_000;
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let count: u64 = std::env::args().nth(1).map_or(Ok(200_000), |text| text.parse())?;
    let file = tempfile::NamedTempFile::new()?;
    let mut output = BufWriter::new(file.as_file());
    for number in 0..count {
        serde_json::to_writer(&mut output, &subscription(number))?;
        output.write_all(b"\n")?;
    }
    output.flush()?;
    drop(output);
    let bytes = file.path().metadata()?.len();

    let (mut computing, mut explaining, mut parsing) = (Duration::MAX, Duration::MAX, Duration::MAX);
    let mut summary = None;
    // In turns, so that whatever else the machine does hits both.
    for _ in 0..ROUNDS {
        let start = Instant::now();
        summary = Some(computed(file.path(), Explain::No)?);
        computing = computing.min(start.elapsed());
        let start = Instant::now();
        computed(file.path(), Explain::Yes)?;
        explaining = explaining.min(start.elapsed());
        let start = Instant::now();
        let parsed = parsed(file.path())?;
        parsing = parsing.min(start.elapsed());
        if parsed != count {
            return Err(format!("{parsed} of {count} were parsed").into());
        }
    }
    let summary = summary.ok_or("nothing was computed")?;
    let rate = |time: Duration| u128::from(count) * 1_000_000 / time.as_micros().max(1);
    let result = json!({
        "subscriptions": count,
        "bytes": bytes,
        "cores": std::thread::available_parallelism()?.get(),
        "compute_per_second": rate(computing),
        "explain_per_second": rate(explaining),
        "plain_parsing_per_second": rate(parsing),
        "compute_of_parsing": (parsing.as_secs_f64() / computing.as_secs_f64() * 100.0).round() / 100.0,
        "errors": summary.errors,
        "totals": summary.totals,
    });
    writeln!(io::stdout(), "{result:#}")?;
    Ok(())
}

/// Computed and added up; explained, each subscription is written as JSON too.
fn computed(path: &std::path::Path, explain: Explain) -> Result<Summary, Box<dyn Error>> {
    let (catalog, policy, mut run) = (Catalog::default(), Policy::default(), Run::default());
    let terms = Terms {
        catalog: &catalog,
        options: &policy.options,
        as_of: AS_OF,
        explain,
    };
    compute(BufReader::new(File::open(path)?), terms, |figure| {
        if explain == Explain::Yes {
            serde_json::to_writer(io::sink(), &Entry::from(figure))?;
        }
        run.add(figure).map_err(io::Error::other)
    })?;
    Ok(Summary::new(&run, &policy, AS_OF, &Rates::none(), None)?)
}

/// The same file, its halves parsed side by side, each line into the typed objects and nothing more.
fn parsed(path: &std::path::Path) -> Result<u64, Box<dyn Error>> {
    let text = std::fs::read(path)?;
    let cores = std::thread::available_parallelism()?.get();
    let mut rest = text.as_slice();
    let mut parts = Vec::new();
    for core in (1..=cores).rev() {
        let middle = rest.len() / core;
        let tail = rest.get(middle..).unwrap_or_default();
        let end = tail
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(rest.len(), |at| middle + at + 1);
        let (part, after) = rest.split_at(end);
        parts.push(part);
        rest = after;
    }
    let count = |part: &[u8]| {
        let lines = part.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.filter(|line| read_subscription(line).is_ok()).count() as u64
    };
    let counts = std::thread::scope(|scope| {
        let threads: Vec<_> = parts.iter().map(|part| scope.spawn(|| count(part))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
    });
    Ok(counts)
}

/// A subscription as Stripe lists it; of every kind that changes the way it is computed.
fn subscription(number: u64) -> Value {
    let interval = match number % 5 {
        0..=2 => "month",
        3 => "year",
        _ => "week",
    };
    let currency = match number / 5 % 4 {
        0 | 1 => "usd",
        2 => "eur",
        _ => "jpy",
    };
    let mut items = vec![item(number, 0, interval, currency)];
    if number.is_multiple_of(4) {
        items.push(item(number, 1, "month", currency));
    }
    let discounts = match number % 10 {
        3 => json!([discount(number, &json!({"percent_off": 33.3}))]),
        7 => json!([discount(number, &json!({"amount_off": 500, "currency": currency}))]),
        _ => json!([]),
    };
    let taxes = if number.is_multiple_of(9) {
        json!([{"id": "txr_1", "object": "tax_rate", "active": true, "inclusive": true, "percentage": 19.0}])
    } else {
        json!([])
    };
    json!({
        "id": format!("sub_1Pgc6rB7WZ01{number:010}"),
        "object": "subscription", "application": null, "application_fee_percent": null,
        "automatic_tax": {"disabled_reason": null, "enabled": false, "liability": null},
        "billing_cycle_anchor": 1_700_000_000,
        "billing_mode": {"type": "flexible", "flexible": {"proration_discounts": "included"}},
        "cancel_at": null, "cancel_at_period_end": number.is_multiple_of(33), "canceled_at": null,
        "cancellation_details": {"comment": null, "feedback": null, "reason": null},
        "collection_method": "charge_automatically", "created": 1_700_000_000, "currency": currency,
        "customer": format!("cus_QXg1o8vc{:08}", number - number % 3), "customer_account": null,
        "days_until_due": null, "default_payment_method": null, "default_source": null,
        "default_tax_rates": taxes, "description": null, "discounts": discounts, "ended_at": null,
        "items": {"object": "list", "data": items, "has_more": false, "url": "/v1/subscription_items"},
        "latest_invoice": format!("in_1Pgc6rB7WZ01{number:010}"), "livemode": true,
        "metadata": {"account": number.to_string(), "plan": "team"},
        "next_pending_invoice_item_invoice": null, "on_behalf_of": null,
        "pause_collection": null, "payment_settings": {"payment_method_types": null},
        "pending_setup_intent": null, "pending_update": null, "schedule": null, "start_date": 1_700_000_000,
        "status": if number.is_multiple_of(11) { "past_due" } else { "active" },
        "test_clock": null, "transfer_data": null, "trial_end": null, "trial_start": null,
    })
}

fn item(number: u64, place: u64, interval: &str, currency: &str) -> Value {
    let (id, amount) = (format!("price_1PgafmB7WZ01{:08}", number % 50), 500 + number % 50 * 100);
    let tiers = number.is_multiple_of(8).then(|| {
        json!([
            {"up_to": 5, "unit_amount": 700, "unit_amount_decimal": "700", "flat_amount": null, "flat_amount_decimal": null},
            {"up_to": null, "unit_amount": 650, "unit_amount_decimal": "650", "flat_amount": 100, "flat_amount_decimal": "100"},
        ])
    });
    let scheme = if tiers.is_some() { "tiered" } else { "per_unit" };
    let mode = tiers.as_ref().map(|_| "graduated");
    let mut price = json!({
        "id": id, "object": "price", "active": true, "billing_scheme": scheme, "created": 1_700_000_000,
        "currency": currency, "custom_unit_amount": null, "livemode": true, "lookup_key": null,
        "metadata": {}, "nickname": null, "product": format!("prod_QXg1hqf4{:06}", number % 20),
        "recurring": {"interval": interval, "interval_count": 1, "meter": null, "trial_period_days": null, "usage_type": "licensed"},
        "tax_behavior": "unspecified", "tiers_mode": mode, "transform_quantity": null, "type": "recurring",
        "unit_amount": amount, "unit_amount_decimal": amount.to_string(),
    });
    if let (Some(tiers), Some(price)) = (tiers, price.as_object_mut()) {
        price.insert("tiers".to_owned(), tiers);
    }
    json!({
        "id": format!("si_QXhVnC2h{number:09}{place}"), "object": "subscription_item", "billing_thresholds": null,
        "created": 1_700_000_000, "current_period_start": 1_794_528_000, "current_period_end": 1_797_120_000,
        "discounts": [], "metadata": {}, "price": price, "quantity": 1 + number % 12,
        "subscription": format!("sub_1Pgc6rB7WZ01{number:010}"), "tax_rates": [],
        "plan": {
            "id": id, "object": "plan", "active": true, "amount": amount, "amount_decimal": amount.to_string(),
            "billing_scheme": scheme, "created": 1_700_000_000, "currency": currency, "interval": interval,
            "interval_count": 1, "livemode": true, "metadata": {}, "meter": null, "nickname": null,
            "product": format!("prod_QXg1hqf4{:06}", number % 20), "tiers_mode": mode, "transform_usage": null,
            "trial_period_days": null, "usage_type": "licensed",
        },
    })
}

fn discount(number: u64, off: &Value) -> Value {
    let mut coupon = json!({
        "id": format!("cpn_{}", number % 10), "object": "coupon", "amount_off": null, "created": 1_700_000_000,
        "currency": null, "duration": "forever", "duration_in_months": null, "livemode": true,
        "metadata": {}, "name": null, "percent_off": null, "times_redeemed": 1, "valid": true,
    });
    if let (Some(coupon), Some(off)) = (coupon.as_object_mut(), off.as_object()) {
        coupon.extend(off.clone());
    }
    json!({
        "id": format!("di_1Pgc6rB7WZ01{number:010}"), "object": "discount", "checkout_session": null,
        "customer": null, "end": null, "invoice": null, "invoice_item": null, "promotion_code": null,
        "source": {"coupon": coupon, "type": "coupon"}, "start": 1_700_000_000, "subscription": null,
        "subscription_item": null,
    })
}
