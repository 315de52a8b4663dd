//! Every shape that Stripe's API has sent is read; what cannot be read is an error of that subscription.

use cc_devops_revenue::figure::ErrorCode;
use cc_devops_revenue::lines::Explain;
use cc_devops_revenue::model::Catalog;
use cc_devops_revenue::policy::Policy;
use cc_devops_stripe::client::{Listed, WithItems};
use cc_devops_stripe::compute::{read_coupons, read_prices};
use cc_devops_stripe::objects::{
    BalanceTransaction, Event, ListedCoupon, ListedItem, ListedPrice, ListedSubscription, Terms, figure_of,
};
use serde_json::{Value, json};

const AS_OF: i64 = 1_795_392_000;

fn item(cents: i64) -> Value {
    json!({
        "id": "si_1", "object": "subscription_item", "quantity": 1, "discounts": [], "tax_rates": [],
        "price": {
            "id": "price_1", "object": "price", "currency": "usd", "product": "prod_1", "billing_scheme": "per_unit",
            "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
            "unit_amount": cents, "unit_amount_decimal": cents.to_string(),
        },
    })
}

/// A subscription of 10.00 a month, with `change` laid over it.
fn subscription(change: &Value) -> Value {
    let mut given = json!({
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "currency": "usd", "status": "active",
        "created": 1_700_000_000, "items": {"object": "list", "data": [item(1000)], "has_more": false},
    });
    if let (Some(given), Some(change)) = (given.as_object_mut(), change.as_object()) {
        given.extend(change.clone());
    }
    given
}

/// The figure as text, or the error's code.
fn shown(json: &str, catalog: &Catalog) -> String {
    let policy = Policy::default();
    let terms = Terms {
        catalog,
        options: &policy.options,
        as_of: AS_OF,
        explain: Explain::No,
    };
    match figure_of(json.as_bytes(), &[], terms).mrr {
        Ok(mrr) => mrr.to_string(),
        Err(error) => format!("{:?}", error.code),
    }
}

fn changed(change: &Value) -> String {
    shown(&subscription(change).to_string(), &Catalog::default())
}

#[test]
fn discounts_of_every_age() {
    let half = json!({"id": "half", "object": "coupon", "duration": "forever", "percent_off": 50});
    let old = json!({"id": "di_1", "object": "discount", "end": null, "coupon": half});
    let new = json!({"id": "di_1", "object": "discount", "end": null, "source": {"type": "coupon", "coupon": half}});
    for change in [
        json!({"discount": old}),
        json!({"discounts": [old]}),
        json!({"discounts": [new]}),
        json!({"discount": old, "discounts": []}),
        // Between the two, the list held ids and the one was beside it in full.
        json!({"discount": old, "discounts": ["di_1"]}),
    ] {
        assert_eq!(changed(&change), "500", "{change}");
    }
    for change in [
        json!({"discounts": ["di_1"]}),
        json!({"discount": old, "discounts": ["di_2"]}),
        json!({"discounts": [{"id": "di_1", "source": {"type": "coupon", "coupon": "half"}}]}),
        json!({"discounts": [{"id": "di_1", "source": {"type": "coupon", "coupon": {"id": "half", "deleted": true}}}]}),
        json!({"discounts": [{"id": "di_1", "source": {"type": "voucher"}}]}),
        json!({"discounts": [{"id": "di_1", "coupon": {"id": "odd", "duration": "forever"}}]}),
    ] {
        assert_eq!(changed(&change), "UnresolvedDiscount", "{change}");
    }
    assert_eq!(changed(&json!({"discount": null, "discounts": null})), "1000");
}

#[test]
fn percentages_are_read_from_their_text() {
    for (text, expected) in [("33.3", "667"), ("1e1", "900"), ("0.1", "999"), ("\"12.5\"", "875")] {
        let change =
            json!({"discount": {"id": "di", "coupon": {"id": "c", "duration": "forever", "percent_off": "PERCENT"}}});
        let json = subscription(&change).to_string().replace("\"PERCENT\"", text);
        assert_eq!(shown(&json, &Catalog::default()), expected, "{text}");
    }
}

#[test]
fn what_may_be_expanded_may_be_an_object() {
    let change = json!({
        "customer": {"id": "cus_9", "object": "customer", "name": "A"},
        "latest_invoice": {"id": "in_1", "status": "paid", "amount_paid": 1000},
        "default_tax_rates": [{"id": "txr_1", "inclusive": true, "percentage": 25}],
    });
    let json = subscription(&change).to_string();
    assert_eq!(shown(&json, &Catalog::default()), "800");
    assert_eq!(changed(&json!({"default_tax_rates": ["txr_1"]})), "UnresolvedTaxRate");
    assert_eq!(
        changed(&json!({"customer": null, "customer_account": "acct_1"})),
        "1000"
    );
}

#[test]
fn prices_of_every_kind() {
    let priced = |change: &Value| {
        let mut item = item(1000);
        item["price"]
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        changed(&json!({"items": {"data": [item]}}))
    };
    assert_eq!(
        priced(&json!({"unit_amount": null, "unit_amount_decimal": "0.5"})),
        "1/2"
    );
    assert_eq!(priced(&json!({"unit_amount": 7, "unit_amount_decimal": null})), "7");
    assert_eq!(
        priced(&json!({"unit_amount": null, "unit_amount_decimal": null})),
        "UnknownAmount"
    );
    assert_eq!(priced(&json!({"unit_amount_decimal": "much"})), "UnknownAmount");
    assert_eq!(priced(&json!({"billing_scheme": "auction"})), "UnknownAmount");
    assert_eq!(priced(&json!({"recurring": {"interval": "decade"}})), "UnknownInterval");
    assert_eq!(priced(&json!({"recurring": null})), "UnknownInterval");
    assert_eq!(
        priced(&json!({"recurring": {"interval": "month", "usage_type": "metered"}})),
        "0"
    );
    assert_eq!(
        priced(&json!({"transform_quantity": {"divide_by": 3, "round": "sideways"}})),
        "UnknownAmount"
    );
    let tiers = json!([{"up_to": "inf", "unit_amount_decimal": "3.5"}]);
    assert_eq!(
        priced(&json!({"billing_scheme": "tiered", "tiers_mode": "volume", "tiers": tiers})),
        "7/2"
    );
    assert_eq!(
        priced(&json!({"billing_scheme": "tiered", "tiers_mode": "spiral", "tiers": tiers})),
        "UnknownAmount"
    );
    assert_eq!(
        priced(&json!({"billing_scheme": "tiered", "tiers_mode": "volume"})),
        "TiersUnavailable"
    );
    assert_eq!(priced(&json!({"currency": "eur"})), "PriceCurrencyUnavailable");
    let options = json!({"usd": {"unit_amount_decimal": "900"}, "eur": {"unit_amount": 1}});
    assert_eq!(priced(&json!({"currency": "eur", "currency_options": options})), "900");
}

#[test]
fn a_price_that_was_not_sent_is_looked_up() {
    let mut catalog = Catalog::default();
    let prices = json!([{
        "id": "price_9", "currency": "usd", "recurring": {"interval": "year"}, "billing_scheme": "tiered",
        "tiers_mode": "graduated", "tiers": [{"up_to": null, "unit_amount": 1200}],
    }]);
    read_prices(prices.to_string().as_bytes(), &mut catalog).unwrap();
    let items = json!({"items": {"data": [{"id": "si", "quantity": 2, "price": "price_9"}]}});
    let json = subscription(&items).to_string();
    assert_eq!(shown(&json, &catalog), "200");
    assert_eq!(shown(&json, &Catalog::default()), "UnresolvedPrice");
}

#[test]
fn a_coupon_that_was_not_sent_is_looked_up() {
    let mut catalog = Catalog::default();
    let coupons = json!({"object": "list", "data": [
        {"id": "half", "duration": "forever", "percent_off": 50, "applies_to": {"products": ["prod_1"]}},
        {"id": "other", "duration": "forever", "percent_off": 50, "applies_to": {"products": ["prod_2"]}},
    ]});
    read_coupons(coupons.to_string().as_bytes(), &mut catalog).unwrap();
    let with = |coupon: &str| {
        let discounts = json!({"discounts": [{"id": "di_1", "source": {"coupon": coupon}}]});
        shown(&subscription(&discounts).to_string(), &catalog)
    };
    assert_eq!(
        (with("half").as_str(), with("other").as_str(), with("gone").as_str()),
        ("500", "1000", "UnresolvedDiscount")
    );
    let mistaken = read_coupons(
        b"[{\"id\": \"a\", \"duration\": \"once\"}, {\"id\": \"b\"}]".as_slice(),
        &mut catalog,
    );
    assert!(mistaken.unwrap_err().to_string().contains("coupon number 2"));
}

#[test]
fn what_cannot_be_read_keeps_its_name() {
    let (catalog, policy) = (Catalog::default(), Policy::default());
    let terms = Terms {
        catalog: &catalog,
        options: &policy.options,
        as_of: AS_OF,
        explain: Explain::Yes,
    };
    for (json, id, customer) in [
        (subscription(&json!({"items": 7})).to_string(), "sub_1", "cus_1"),
        (subscription(&json!({"status": null})).to_string(), "sub_1", "cus_1"),
        (subscription(&json!({"created": "soon"})).to_string(), "sub_1", "cus_1"),
        (json!({"id": 5, "customer": "cus_2"}).to_string(), "", "cus_2"),
        (
            json!({"id": "ch_1", "object": "charge", "customer": 5}).to_string(),
            "ch_1",
            "",
        ),
        ("{\"id\": \"sub_".to_owned(), "", ""),
        ("7".to_owned(), "", ""),
    ] {
        let figure = figure_of(json.as_bytes(), &[], terms);
        assert_eq!((&*figure.id, &*figure.customer), (id, customer), "{json}");
        assert_eq!(figure.mrr.unwrap_err().code, ErrorCode::Unreadable, "{json}");
    }
}

#[test]
fn what_a_list_gives_can_be_kept() {
    let bare = json!({"id": "di_1", "source": {"coupon": "half"}});
    let first = subscription(&json!({"discounts": [bare], "items": {"data": [item(1000)], "has_more": true}}));
    let page = json!([first, {"id": "sub_bad", "created": 3, "status": 1}]).to_string();
    let mut page: Vec<ListedSubscription> = serde_json::from_str(&page).unwrap();
    let coupon = json!({"id": "half", "created": 5, "duration": "forever", "percent_off": 50}).to_string();
    let coupon: ListedCoupon = serde_json::from_str(&coupon).unwrap();
    assert_eq!((coupon.id(), coupon.created()), ("half", 5));
    let price: ListedPrice = serde_json::from_value::<Box<serde_json::value::RawValue>>(item(1)["price"].clone())
        .and_then(|json| serde_json::from_str(json.get()))
        .unwrap();
    assert_eq!((price.id(), price.created()), ("price_1", 0));

    let (mut catalog, policy) = (Catalog::default(), Policy::default());
    catalog.add_coupon(coupon.coupon);
    let terms = Terms {
        catalog: &catalog,
        options: &policy.options,
        as_of: AS_OF,
        explain: Explain::No,
    };
    assert_eq!((page[0].id(), page[0].created()), ("sub_1", 1_700_000_000));
    assert_eq!(page[0].figure(terms).mrr.unwrap_err().code, ErrorCode::ItemsIncomplete);
    assert_eq!(page[0].last_item_of_more().map(ListedItem::id), Some("si_1"));
    let more: Vec<ListedItem> = serde_json::from_str(&json!([item(500), item(250)]).to_string()).unwrap();
    page[0].add_items(more);
    assert_eq!(page[0].figure(terms).mrr.unwrap().to_string(), "875");
    assert!(page[1].last_item_of_more().is_none());
    assert_eq!(page[1].figure(terms).mrr.unwrap_err().code, ErrorCode::Unreadable);
}

#[test]
fn transactions_and_events_are_read() {
    let transaction: BalanceTransaction = serde_json::from_str(
        r#"{"id": "txn_1", "created": 7, "amount": -300, "currency": "eur", "type": "adjustment", "reporting_category": "dispute"}"#,
    )
    .unwrap();
    assert_eq!(
        (transaction.amount, format!("{:?}", transaction.category())),
        (-300, "Dispute".to_owned())
    );
    let event: Event = serde_json::from_str(
        r#"{"id": "evt_1", "created": 7, "type": "customer.subscription.updated", "data": {"object": {"id": "sub_1"}}}"#,
    )
    .unwrap();
    assert_eq!(
        (event.kind.as_str(), event.object().get()),
        ("customer.subscription.updated", r#"{"id": "sub_1"}"#)
    );
}
