//! Whatever Stripe, or somebody in its name, sends: it is read or refused, and nothing panics.

use cc_devops_kernel::secret::SecretValue;
use cc_devops_revenue::lines::Explain;
use cc_devops_revenue::model::Catalog;
use cc_devops_revenue::policy::Policy;
use cc_devops_stripe::compute::{read_coupons, read_prices};
use cc_devops_stripe::objects::{
    BalanceTransaction, Event, ListedCoupon, ListedItem, ListedPrice, ListedSubscription, Terms, figure_of,
};
use cc_devops_stripe::webhook;
use cc_devops_testkit::fuzz::Fuzz;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::de::IgnoredAny;
use sha2::Sha256;

const SUBSCRIPTION: &[u8] =
    br#"{"id": "sub_1", "object": "subscription", "customer": {"id": "cus_1"}, "currency": "usd",
    "status": "active", "created": 1700000000, "trial_end": null, "discounts": [{"id": "di_1", "object": "discount",
    "end": null, "source": {"type": "coupon", "coupon": {"id": "half", "duration": "repeating", "percent_off": 33.3}}}],
    "default_tax_rates": [{"id": "txr_1", "inclusive": true, "percentage": 25}], "items": {"object": "list",
    "has_more": false, "data": [{"id": "si_1", "quantity": 3, "price": {"id": "p", "currency": "usd",
    "billing_scheme": "tiered", "tiers_mode": "graduated", "tiers": [{"up_to": 10, "unit_amount_decimal": "0.5",
    "flat_amount": 7}, {"up_to": null, "unit_amount": 1}], "recurring": {"interval": "month", "interval_count": 3,
    "usage_type": "licensed"}, "transform_quantity": {"divide_by": 2, "round": "up"}, "unit_amount": null}}]}}"#;
const PRICE: &[u8] = br#"{"id": "p", "object": "price", "currency": "jpy", "unit_amount_decimal": "1e3", "recurring":
    {"interval": "year", "interval_count": 1, "usage_type": "metered"}, "product": "prod", "billing_scheme": "per_unit"}"#;
const COUPON: &[u8] = br#"{"id": "c", "object": "coupon", "duration": "forever", "amount_off": 500, "currency": "usd",
    "currency_options": {"eur": {"amount_off": 450}}, "applies_to": {"products": ["prod"]}}"#;
const EVENT: &[u8] = br#"{"id": "evt_1", "type": "customer.subscription.updated", "created": 1700000000,
    "data": {"object": {"id": "sub_1", "object": "subscription"}, "previous_attributes": {}}}"#;
const TRANSACTION: &[u8] = br#"{"id": "txn_1", "object": "balance_transaction", "amount": -100, "currency": "usd",
    "type": "refund", "created": 1700000000, "reporting_category": "refund", "exchange_rate": 1.0837}"#;

fn terms<'a>(catalog: &'a Catalog, policy: &'a Policy) -> Terms<'a> {
    Terms {
        catalog,
        options: &policy.options,
        as_of: 1_795_392_000,
        explain: Explain::Yes,
    }
}

#[test]
fn an_object_of_any_bytes_is_read_or_is_an_error_of_its_own() {
    let (catalog, policy) = (Catalog::default(), Policy::default());
    let terms = terms(&catalog, &policy);
    Fuzz::new().run(&[SUBSCRIPTION, PRICE, EVENT, TRANSACTION], |bytes| {
        let figure = figure_of(bytes, &[], terms);
        if let Err(error) = &figure.mrr {
            assert!(!error.to_string().is_empty());
        }
        if serde_json::from_slice::<IgnoredAny>(bytes).is_err() {
            assert!(figure.mrr.is_err(), "what is no JSON has no figure");
        }
        if let Ok(event) = serde_json::from_slice::<Event>(bytes) {
            // What it happened to is JSON of its own.
            assert!(serde_json::from_str::<IgnoredAny>(event.object().get()).is_ok());
        }
        if let Ok(listed) = serde_json::from_slice::<ListedSubscription>(bytes) {
            assert_eq!(listed.figure(terms).mrr.is_ok(), figure.mrr.is_ok());
        }
        drop(serde_json::from_slice::<ListedItem>(bytes));
        drop(serde_json::from_slice::<BalanceTransaction>(bytes));
    });
}

#[test]
fn a_catalog_of_any_bytes_is_read_or_refused_and_computes() {
    let policy = Policy::default();
    Fuzz::new().run(&[PRICE, COUPON], |bytes| {
        let mut catalog = Catalog::default();
        drop(read_prices(bytes, &mut catalog));
        drop(read_coupons(bytes, &mut catalog));
        drop(serde_json::from_slice::<ListedPrice>(bytes));
        drop(serde_json::from_slice::<ListedCoupon>(bytes));
        assert_eq!(figure_of(SUBSCRIPTION, &[], terms(&catalog, &policy)).id, "sub_1");
    });
}

#[test]
fn a_signature_of_any_bytes_proves_nothing_but_what_was_signed() {
    let (secret, now) = (
        SecretValue::new("whsec_planted".to_owned()),
        Timestamp::from_second(1_700_000_000).unwrap(),
    );
    let signed = |body: &[u8]| {
        let mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).unwrap();
        let mac = mac.chain_update(b"1700000000.").chain_update(body);
        format!("t=1700000000,v1={}", hex::encode(mac.finalize().into_bytes()))
    };
    let good = signed(EVENT);
    let others: &[u8] = b"t=1700000000,v1=00,v0=ff,v1=zz,t=-9223372036854775809";
    Fuzz::new().run(&[good.as_bytes(), others], |bytes| {
        let header = String::from_utf8_lossy(bytes);
        let admitted = webhook::admit(Some(&header), now).is_ok();
        if webhook::read(std::slice::from_ref(&secret), Some(&header), EVENT, now).is_ok() {
            assert!(admitted, "{header}");
            let mac = good.rsplit('=').next().unwrap_or_default();
            assert!(header.to_ascii_lowercase().contains(mac), "a forged header: {header}");
        }
    });
    Fuzz::new().run(&[EVENT], |body| {
        let header = signed(body);
        match webhook::read(std::slice::from_ref(&secret), Some(&header), body, now) {
            Ok(notice) => assert!(!notice.changes_the_report() || notice.kind.contains('.')),
            Err(error) => assert_eq!(error, webhook::NotFromStripe::NotAnEvent),
        }
        if body != EVENT {
            assert!(webhook::read(std::slice::from_ref(&secret), Some(&good), body, now).is_err());
        }
    });
}
