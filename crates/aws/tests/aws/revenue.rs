//! What others read of MRR, and keeping it in a DynamoDB that is short of room or loses answers.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use cc_devops_aws::Backend;
use cc_devops_kernel::ports::{PortErrorKind, PortResult};
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::day::{CustomerKey, CustomerRow, Day, SubscriptionFigures};
use cc_devops_revenue::ports::RevenueStore;
use cc_devops_revenue::report::Usd;
use cc_devops_revenue::transactions::TransactionsFigure;
use cc_devops_testkit::outbox;
use cc_devops_testkit::peers::{self, Peer};
use cc_devops_testkit::sample::{self, mrr_day};
use jiff::civil::date;
use serde_json::{Value, json};

use crate::harness;
use crate::line::{Fault, Line};

/// A store at the end of a bad line.
struct Setting {
    _peer: Peer,
    line: Line,
    /// On a good line: another process.
    other: Backend,
    store: Arc<dyn RevenueStore>,
}

impl Setting {
    /// Each call is tried at most so often by the SDK.
    async fn new(attempts: u32) -> Self {
        let peer = peers::ministack().await;
        let other = harness::backend(&peer).await;
        let line = Line::default();
        Self {
            store: line.to(&other, attempts).revenue(),
            _peer: peer,
            line,
            other,
        }
    }

    fn table(&self) -> &str {
        &self.other.resources().billing_table
    }

    /// Keeps a day with its event.
    async fn keep(&self, day: &Day) -> PortResult<()> {
        let news = sample::announcement(&format!("mrr/{}", day.date));
        self.store
            .keep(day, &sample::agent_name(sample::OTHER_AGENT), &news)
            .await
    }

    /// How many events wait.
    async fn waiting(&self) -> usize {
        outbox::waiting(&self.other.ports(), 10_000_000).await.len()
    }

    /// An item as it stands.
    async fn item(&self, place: &str) -> Option<HashMap<String, AttributeValue>> {
        let key = [("PK", "mrr"), ("SK", place)].map(|(name, text)| (name.to_owned(), AttributeValue::S(text.into())));
        let call = self.other.clients().dynamodb().get_item().table_name(self.table());
        let call = call.set_key(Some(HashMap::from(key))).consistent_read(true);
        call.send().await.unwrap().item
    }

    /// An answer that leaves these figures unwritten. It has no effect: what it does not name is not
    /// written either.
    fn unprocessed(&self, rows: &[CustomerRow]) -> Fault {
        let put = |row: &CustomerRow| json!({"PutRequest": {"Item": item_of(row)}});
        let left: Vec<Value> = rows.iter().map(put).collect();
        Fault::Answered(200, json!({"UnprocessedItems": {self.table(): left}}))
    }
}

/// A figure as it stands in the table.
fn item_of(row: &CustomerRow) -> Value {
    json!({
        "PK": {"S": "customers"}, "SK": {"S": format!("{} {}", row.key.customer, row.key.currency)},
        "figure": {"S": row.figure.unwrap().to_string()}, "day": {"S": row.day.to_string()},
    })
}

#[track_caller]
fn failed<T>(answer: PortResult<T>, kind: PortErrorKind) -> String {
    let error = answer.err().unwrap();
    assert_eq!(error.kind, kind, "{error}");
    error.message
}

/// A day with figures that a float could not hold. None of them ends in 0: the emulator takes a repeat
/// for another request where it has shortened a number.
fn large_day() -> Day {
    let mut day = mrr_day(date(2026, 3, 1), 100);
    day.summary.mrr_usd = Some(Usd(12_345_678_901_234_567_809));
    day.summary.arpa_usd = Some(Usd(105));
    day.summary.transactions = Some(TransactionsFigure {
        charges: Some(9_007_199_254_740_993),
        refunds: Some(5),
        disputes: None,
        charge_count: 7,
        refund_count: 2,
        dispute_count: 1,
        total_transactions: 9,
    });
    day
}

fn row(customer: &str, figure: &str) -> CustomerRow {
    CustomerRow {
        key: CustomerKey {
            customer: customer.to_owned(),
            currency: Currency::USD,
        },
        figure: Some(figure.parse().unwrap()),
        day: date(2026, 3, 1),
        opening: None,
        subscriptions: SubscriptionFigures::default(),
    }
}

#[tokio::test]
async fn a_day_is_written_as_its_readers_expect_it() {
    let at = Setting::new(1).await;
    let day = large_day();
    at.keep(&day).await.unwrap();
    let sent = at.line.calls("TransactWriteItems");
    let writes = sent[0]["TransactItems"].as_array().unwrap();
    assert_eq!(writes.len(), 3, "with it, its event: {writes:?}");
    assert_ne!(writes[2]["Put"]["TableName"], writes[0]["Put"]["TableName"]);
    let mut items = writes.iter().map(|write| write["Put"]["Item"].clone());
    let (mut own, mut latest) = (items.next().unwrap(), items.next().unwrap());
    assert_eq!(own["SK"].take(), json!({"S": "2026-03-01"}));
    assert_eq!(latest["SK"].take(), json!({"S": "latest"}));
    assert_eq!(own, latest, "both hold the same");
    let record = latest["record"].take();
    assert_eq!(serde_json::from_str::<Day>(record["S"].as_str().unwrap()).unwrap(), day);
    assert_eq!(
        latest,
        json!({
            "PK": {"S": "mrr"}, "SK": null, "record": null,
            "mrrUSD": {"N": "123456789012345678.09"},
            "charges_usd": {"N": "90071992547409.93"}, "refunds_usd": {"N": "0.05"},
            "charge_count": {"N": "7"}, "refund_count": {"N": "2"}, "total_transactions": {"N": "9"},
            "period_days": {"N": "30"},
            "ts": {"S": "2026-03-01T06:00:05+00:00"},
            "start_date": {"S": "2026-01-30T06:00:01+00:00"}, "end_date": {"S": "2026-03-01T06:00:00+00:00"},
            "complete": {"BOOL": true}, "policy": {"S": "stripe-default"}, "date": {"S": "2026-03-01"},
            "subscribers": {"N": "1"}, "arpaUSD": {"N": "1.05"},
        })
    );
    assert_eq!(at.store.latest().await.unwrap(), Some(day));
}

#[tokio::test]
async fn what_cannot_be_known_is_null_and_not_zero() {
    let at = Setting::new(1).await;
    let mut day = large_day();
    day.summary.mrr_usd = None;
    day.summary.arpa_usd = None;
    day.summary.complete = false;
    day.summary.transactions = day.summary.transactions.map(|figure| TransactionsFigure {
        charges: None,
        ..figure
    });
    at.keep(&day).await.unwrap();
    let item = at.item("latest").await.unwrap();
    for name in ["mrrUSD", "arpaUSD", "charges_usd"] {
        assert_eq!(item[name], AttributeValue::Null(true), "{name}");
    }
    assert_eq!(item["refunds_usd"], AttributeValue::N("0.05".into()));
    assert_eq!(item["complete"], AttributeValue::Bool(false));
    assert_eq!(at.store.day(day.date).await.unwrap(), Some(day));
}

#[tokio::test]
async fn what_stood_there_before_is_no_day_and_is_replaced() {
    let at = Setting::new(1).await;
    let attributes = [
        ("PK", AttributeValue::S("mrr".into())),
        ("SK", AttributeValue::S("latest".into())),
        ("mrrUSD", AttributeValue::N("12.5".into())),
    ];
    let put = at.other.clients().dynamodb().put_item().table_name(at.table());
    let item = attributes.map(|(name, value)| (name.to_owned(), value));
    put.set_item(Some(HashMap::from(item))).send().await.unwrap();
    assert_eq!(at.store.latest().await.unwrap(), None);
    let day = large_day();
    at.keep(&day).await.unwrap();
    assert_eq!(at.store.latest().await.unwrap(), Some(day));
}

#[tokio::test]
async fn an_older_day_leaves_the_newest_as_it_is() {
    let at = Setting::new(1).await;
    let (first, second) = (mrr_day(date(2026, 3, 1), 100), mrr_day(date(2026, 3, 2), 200));
    at.keep(&second).await.unwrap();
    let newest = at.item("latest").await;
    at.keep(&first).await.unwrap();
    assert_eq!(at.item("latest").await, newest);
    assert_eq!(at.store.day(first.date).await.unwrap(), Some(first.clone()));

    assert_eq!(at.waiting().await, 2, "each day has its event");

    let later = Fault::cancelled(&["None", "ConditionalCheckFailed", "None"]);
    at.line.fails(1, "TransactWriteItems", &later);
    at.line
        .fails(1, "TransactWriteItems", &Fault::refused(400, "ThrottlingException"));
    failed(at.keep(&first).await, PortErrorKind::Unavailable);
    assert_eq!(at.waiting().await, 2);
}

#[tokio::test]
async fn a_damaged_day_is_told_as_such() {
    let at = Setting::new(1).await;
    at.keep(&large_day()).await.unwrap();
    let mut item = at.item("latest").await.unwrap();
    item.insert("record".into(), AttributeValue::S("{".into()));
    let put = at.other.clients().dynamodb().put_item().table_name(at.table());
    put.set_item(Some(item)).send().await.unwrap();
    failed(at.store.latest().await, PortErrorKind::Corrupt);
}

#[tokio::test]
async fn a_day_whose_answer_was_lost_is_kept_once_and_transactions_that_meet_are_tried_again() {
    let at = Setting::new(2).await;
    let day = large_day();
    at.line.fails(1, "TransactWriteItems", &Fault::LostAnswer);
    at.keep(&day).await.unwrap();
    let tries = at.line.calls("TransactWriteItems");
    assert_eq!(tries.len(), 2);
    assert_eq!(
        tries[0]["ClientRequestToken"], tries[1]["ClientRequestToken"],
        "DynamoDB knows it for the same"
    );

    let met = Fault::cancelled(&["None", "TransactionConflict", "None"]);
    at.line.fails(2, "TransactWriteItems", &met);
    at.keep(&day).await.unwrap();
    assert_eq!(at.line.calls("TransactWriteItems").len(), 3);
    assert_eq!(at.store.latest().await.unwrap(), Some(day.clone()));

    at.line.fails(100, "TransactWriteItems", &met);
    failed(at.keep(&day).await, PortErrorKind::Unavailable);
    assert_eq!(at.line.calls("TransactWriteItems").len(), 5, "tries have an end");
}

#[tokio::test]
async fn figures_that_found_no_room_are_written_again() {
    let at = Setting::new(1).await;
    let rows = ["cus_a", "cus_b", "cus_c"].map(|customer| row(customer, "10/3"));
    at.line.fails(1, "BatchWriteItem", &at.unprocessed(&rows[1..]));
    at.store.keep_customers(&rows).await.unwrap();
    let tries = at.line.calls("BatchWriteItem");
    let sent = |place: usize| tries[place]["RequestItems"][at.table()].as_array().unwrap();
    assert_eq!((tries.len(), sent(0).len(), sent(1).len()), (2, 3, 2));
    assert_eq!(sent(0)[0]["PutRequest"]["Item"], item_of(&rows[0]));
    assert_eq!(at.store.customers(None, 10).await.unwrap(), rows[1..]);
}

#[tokio::test]
async fn room_that_never_comes_is_told_and_not_waited_for_for_ever() {
    let at = Setting::new(1).await;
    let rows = ["cus_a", "cus_b"].map(|customer| row(customer, "5"));
    at.line.fails(100, "BatchWriteItem", &at.unprocessed(&rows));
    let said = failed(at.store.keep_customers(&rows).await, PortErrorKind::Unavailable);
    assert!(said.contains("dynamodb:BatchWriteItem"), "{said}");
    assert_eq!(at.line.calls("BatchWriteItem").len(), 5, "tries have an end");
}

#[tokio::test]
async fn one_batch_that_fails_is_the_answer_of_all() {
    let at = Setting::new(1).await;
    let rows: Vec<CustomerRow> = (0..60).map(|number| row(&format!("cus_{number:02}"), "1")).collect();
    at.line
        .fails(1, "BatchWriteItem", &Fault::refused(400, "AccessDeniedException"));
    let said = failed(at.store.keep_customers(&rows).await, PortErrorKind::Refused);
    assert!(said.contains("dynamodb:BatchWriteItem"), "{said}");

    at.line.fails(1, "BatchWriteItem", &Fault::LostAnswer);
    failed(at.store.keep_customers(&rows).await, PortErrorKind::Timeout);
    at.store.keep_customers(&rows).await.expect("and may be made again");
    assert_eq!(at.store.customers(None, 100).await.unwrap(), rows);
}

#[tokio::test]
async fn a_page_that_ends_early_is_followed_by_the_next() {
    let at = Setting::new(1).await;
    let rows = ["cus_a", "cus_b", "cus_c"].map(|customer| row(customer, "10/3"));
    at.store.keep_customers(&rows).await.unwrap();
    let key = json!({"PK": {"S": "customers"}, "SK": {"S": "cus_a usd"}});
    let early = json!({"Items": [item_of(&rows[0])], "Count": 1, "ScannedCount": 1, "LastEvaluatedKey": key});
    at.line.fails(1, "Query", &Fault::Answered(200, early));
    let found = at.store.customers(None, 10).await.unwrap();
    assert_eq!(found, rows);
    let asked = at.line.calls("Query");
    assert_eq!((asked.len(), &asked[1]["ExclusiveStartKey"]), (2, &key));
    assert_eq!(asked[1]["Limit"], 9);
}
