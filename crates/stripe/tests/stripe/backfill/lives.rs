//! Sixty days in the lives of some customers, with every kind of movement.

use cc_devops_fake_stripe::{Beginning, Model, Proration};
use serde_json::json;

use crate::backfill::harness::{DAY, START};

pub(crate) const DAYS: i64 = 60;

/// What was done so far.
#[derive(Default)]
pub(crate) struct Lives {
    done: i64,
}

fn named(id: &str) -> Beginning<'_> {
    Beginning {
        id: Some(id),
        ..Beginning::default()
    }
}

fn customer(model: &mut Model, id: &str) -> String {
    model.customer(json!({ "id": id }))
}

impl Lives {
    /// The account ten days before the first report. Months have 30 days: these are renewed on day 20 and 50.
    pub(crate) fn model() -> Model {
        let mut model = Model::at(START - 11 * DAY);
        for (id, amount, currency, interval) in [
            ("price_small", 1_000, "usd", "month"),
            ("price_middle", 2_000, "usd", "month"),
            ("price_large", 5_000, "usd", "month"),
            ("price_addon", 300, "usd", "month"),
            ("price_decided", 1_500, "usd", "month"),
            ("price_year", 12_000, "usd", "year"),
            ("price_euro", 900, "eur", "month"),
        ] {
            model.price(json!({
                "id": id, "unit_amount": amount, "currency": currency, "recurring": { "interval": interval },
            }));
        }
        model.coupon(json!({ "id": "quarter", "percent_off": 25.0 }));
        model.coupon(json!({
            "id": "month_off", "percent_off": 50.0, "duration": "repeating", "duration_in_months": 1,
        }));
        model.set_now(START - 10 * DAY);
        for (name, price, quantity) in [
            ("up", "price_middle", 1),
            ("down", "price_large", 1),
            ("seats", "price_small", 3),
            ("leaves", "price_middle", 1),
            ("asks", "price_middle", 1),
            ("coupon", "price_middle", 1),
            ("yearly", "price_middle", 1),
            ("euro", "price_euro", 1),
            ("late", "price_small", 1),
            ("undecided", "price_decided", 1),
            ("unpaid", "price_small", 1),
            ("year", "price_year", 1),
            ("paused", "price_small", 1),
        ] {
            let customer = customer(&mut model, &format!("cus_{name}"));
            model.subscribe(&customer, &[(price, quantity)], named(&format!("sub_{name}")));
        }
        model
    }

    /// What happens until the report of a day: each thing three hours before it.
    pub(crate) fn until(&mut self, model: &mut Model, day: i64) {
        while self.done < day {
            self.done += 1;
            model.pass_until(START + self.done * DAY - 3 * 3_600);
            happens(model, self.done);
        }
        model.pass_until(START + day * DAY);
    }
}

fn happens(model: &mut Model, day: i64) {
    match day {
        2 => {
            let customer = customer(model, "cus_cheap");
            let how = Beginning {
                coupon: Some("month_off"),
                ..named("sub_cheap")
            };
            // Half price until day 32.
            model.subscribe(&customer, &[("price_middle", 1)], how);
        }
        3 => {
            let customer = customer(model, "cus_new");
            model.subscribe(&customer, &[("price_small", 1)], named("sub_new"));
            // A customer in two currencies, from the first day on.
            let both = self::customer(model, "cus_both");
            model.subscribe(&both, &[("price_small", 1)], named("sub_both_usd"));
            model.subscribe(&both, &[("price_euro", 2)], named("sub_both_eur"));
        }
        5 => model.change_item("sub_up", 0, "price_large", 1, Proration::Create),
        7 => model.change_item("sub_seats", 0, "price_small", 5, Proration::Create),
        9 => model.change_item("sub_down", 0, "price_small", 1, Proration::Create),
        10 => {
            let tries = Beginning {
                trial_days: Some(14),
                ..named("sub_trial")
            };
            let customer = customer(model, "cus_trial");
            model.subscribe(&customer, &[("price_middle", 1)], tries);
        }
        12 => {
            let tries = Beginning {
                trial_days: Some(7),
                ..named("sub_never")
            };
            let customer = customer(model, "cus_never");
            model.subscribe(&customer, &[("price_large", 1)], tries);
        }
        14 => model.cancel_now("sub_leaves"),
        15 => model.cancel_now("sub_never"),
        16 => model.cancel_at_period_end("sub_asks"),
        18 => model.give_coupon("sub_coupon", "quarter"),
        22 => {
            model.subscribe("cus_leaves", &[("price_small", 1)], named("sub_returns"));
        }
        26 => model.change_item("sub_yearly", 0, "price_year", 1, Proration::Create),
        28 => model.change_item("sub_euro", 0, "price_euro", 2, Proration::Create),
        30 => model.let_payments_fail("sub_late"),
        33 => model.add_item("sub_up", "price_addon", 2),
        37 => model.remove_item("sub_up", 1),
        40 => model.change_item("sub_seats", 0, "price_small", 4, Proration::Leave),
        44 => model.change_subscription("sub_paused", |subscription| {
            subscription["pause_collection"] = json!({ "behavior": "void", "resumes_at": null });
        }),
        46 => model.change_subscription("sub_paused", |subscription| {
            subscription["pause_collection"] = json!(null);
        }),
        47 => model.cancel_at_period_end("sub_undecided"),
        49 => model.change_subscription("sub_undecided", |subscription| {
            subscription["cancel_at_period_end"] = json!(false);
            subscription["canceled_at"] = json!(null);
            subscription["cancel_at"] = json!(null);
        }),
        52 => model.change_subscription("sub_coupon", |subscription| subscription["discounts"] = json!([])),
        // Not on any invoice yet when the sixty days are over.
        54 => model.change_item("sub_new", 0, "price_middle", 2, Proration::Create),
        55 => {
            let customer = customer(model, "cus_hasty");
            model.subscribe(&customer, &[("price_small", 1)], named("sub_hasty"));
            model.cancel_now("sub_hasty");
        }
        56 => model.change_subscription("sub_unpaid", |subscription| subscription["status"] = json!("unpaid")),
        _ => {}
    }
}
