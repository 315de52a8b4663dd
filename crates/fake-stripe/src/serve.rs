//! The routes: who may ask, whether it is too much, what goes wrong, and the answer.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde_json::{Value, json};

use super::answer::Refusal;
use super::expand::{Expansions, present};
use super::model::Model;
use super::object_list::ObjectList;
use super::query::{self, Listing};
use super::{Fault, Inner, Seen, lock};

/// One resource: its name in the path, what Stripe calls one of it, the permission to read it, and the
/// filters of its list.
struct Resource {
    name: &'static str,
    one: &'static str,
    permission: &'static str,
    filters: &'static [&'static str],
    list: fn(&mut Model) -> &mut ObjectList,
}

const SUBSCRIPTION_ITEMS: &str = "subscription_items";

const RESOURCES: [Resource; 8] = [
    Resource {
        name: "subscriptions",
        one: "subscription",
        permission: "rak_subscription_read",
        filters: &["status", "customer", "price"],
        list: |model| &mut model.subscriptions,
    },
    Resource {
        name: "prices",
        one: "price",
        permission: "rak_plan_read",
        filters: &["active", "product", "currency", "type"],
        list: |model| &mut model.prices,
    },
    Resource {
        name: "coupons",
        one: "coupon",
        permission: "rak_coupon_read",
        filters: &[],
        list: |model| &mut model.coupons,
    },
    Resource {
        name: "customers",
        one: "customer",
        permission: "rak_customer_read",
        filters: &["email"],
        list: |model| &mut model.customers,
    },
    Resource {
        name: "balance_transactions",
        one: "balance transaction",
        permission: "rak_balance_transaction_source_read",
        filters: &["type", "currency"],
        list: |model| &mut model.balance_transactions,
    },
    Resource {
        name: "events",
        one: "event",
        permission: "rak_event_read",
        filters: &["type", "types"],
        list: |model| &mut model.events,
    },
    Resource {
        name: "invoices",
        one: "invoice",
        permission: "rak_invoice_read",
        filters: &["status", "customer", "subscription", "collection_method"],
        list: |model| &mut model.invoices,
    },
    Resource {
        name: "invoiceitems",
        one: "invoiceitem",
        permission: "rak_invoice_read",
        filters: &["pending", "customer", "invoice"],
        list: |model| &mut model.invoice_items,
    },
];

pub(super) fn router(inner: Arc<Inner>) -> Router {
    Router::new().fallback(answer).with_state(inner)
}

async fn answer(
    State(inner): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Response {
    let segments: Vec<&str> = uri.path().split('/').skip(1).collect();
    let endpoint = segments.get(1).copied().unwrap_or_default();
    let (rates, latency) = {
        let settings = lock(&inner.settings);
        (settings.rates, settings.latency)
    };
    let arrival = lock(&inner.traffic).arrives(endpoint, rates, Instant::now());
    tokio::time::sleep(latency).await;
    let fault = arrival
        .is_ok()
        .then(|| take_fault(&inner, uri.path(), &parameters))
        .flatten();
    let result = match (arrival, &fault) {
        (Err(reason), _) => Err(Refusal::too_many(reason)),
        (Ok(()), Some(fault)) => refusal(fault, &parameters).map_or_else(
            || {
                body(
                    &inner,
                    &method,
                    &segments,
                    &headers,
                    &parameters,
                    fault == &Fault::Repeat,
                )
            },
            Err,
        ),
        (Ok(()), None) => body(&inner, &method, &segments, &headers, &parameters, false),
    };

    let mut traffic = lock(&inner.traffic);
    let objects = result.as_ref().ok().and_then(|value| value["data"].as_array());
    traffic.counters.objects += objects.map_or(0, Vec::len) as u64;
    let number = traffic.counters.requests;
    traffic.log.push(Seen {
        path: uri.path().to_owned(),
        parameters,
        status: result.as_ref().err().map_or(200, Refusal::status),
    });
    drop(traffic);

    let mut response = match result {
        Ok(value) => send(&value, fault.as_ref()),
        Err(refusal) => refusal.into_response(),
    };
    let request_id = HeaderValue::from_str(&format!("req_fake{number:06}")).expect("an id is text");
    response.headers_mut().insert("request-id", request_id);
    response
}

/// The first fault queued for this path that this request can meet.
fn take_fault(inner: &Inner, path: &str, parameters: &[(String, String)]) -> Option<Fault> {
    let faults = &mut lock(&inner.settings).faults;
    let with_cursor = cursor(parameters).is_some();
    let at = faults.iter().position(|(where_, fault)| {
        where_ == path && (with_cursor || !matches!(fault, Fault::Repeat | Fault::CursorGone))
    })?;
    faults.remove(at).map(|(_, fault)| fault)
}

fn cursor(parameters: &[(String, String)]) -> Option<&str> {
    let found = parameters.iter().find(|(name, _)| name == "starting_after");
    found.map(|(_, value)| value.as_str())
}

fn refusal(fault: &Fault, parameters: &[(String, String)]) -> Option<Refusal> {
    match fault {
        Fault::TooMany(reason, after) => {
            let refusal = Refusal::too_many(reason);
            Some(match after {
                Some(seconds) => refusal.with("retry-after", &seconds.to_string()),
                None => refusal,
            })
        }
        Fault::Status(status, should_retry) => {
            let refusal = Refusal::fault(StatusCode::from_u16(*status).expect("a status"));
            Some(match should_retry {
                Some(should) => refusal.with("stripe-should-retry", &should.to_string()),
                None => refusal,
            })
        }
        Fault::CursorGone => Some(gone(cursor(parameters).unwrap_or_default())),
        Fault::Cut | Fault::Slow(_) | Fault::Garbage | Fault::Repeat => None,
    }
}

fn gone(cursor: &str) -> Refusal {
    Refusal::missing("object", cursor, "starting_after", StatusCode::BAD_REQUEST)
}

fn body(
    inner: &Inner,
    method: &Method,
    segments: &[&str],
    headers: &HeaderMap,
    parameters: &[(String, String)],
    repeat: bool,
) -> Result<Value, Refusal> {
    let unknown_url = || Refusal::missing("URL", &segments.join("/"), "url", StatusCode::NOT_FOUND);
    if method != Method::GET || segments.first() != Some(&"v1") {
        return Err(unknown_url());
    }
    let permission = match segments.get(1) {
        Some(&SUBSCRIPTION_ITEMS) => "rak_subscription_read",
        Some(name) => {
            let resource = RESOURCES.iter().find(|resource| resource.name == *name);
            resource.ok_or_else(unknown_url)?.permission
        }
        None => return Err(unknown_url()),
    };
    let items_shown = authorise(inner, headers, permission)?;
    let model = &mut *lock(&inner.model);
    match segments {
        [_, SUBSCRIPTION_ITEMS] => subscription_items(model, parameters),
        [_, name] => {
            let resource = RESOURCES.iter().find(|resource| resource.name == *name);
            list(
                model,
                resource.ok_or_else(unknown_url)?,
                parameters,
                items_shown,
                repeat,
            )
        }
        [_, name, id] => {
            let resource = RESOURCES.iter().find(|resource| resource.name == *name);
            one(model, resource.ok_or_else(unknown_url)?, id, parameters, items_shown)
        }
        [_, "invoices", id, "lines"] => invoice_lines(model, id, parameters),
        _ => Err(unknown_url()),
    }
}

/// Checks the key; says how many items a subscription shows.
fn authorise(inner: &Inner, headers: &HeaderMap, permission: &str) -> Result<usize, Refusal> {
    let settings = lock(&inner.settings);
    let key = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = key.and_then(|value| value.strip_prefix("Bearer "));
    match key.and_then(|key| settings.keys.get(key)) {
        None => Err(Refusal::wrong_key()),
        Some(Some(permissions)) if !permissions.contains(permission) => Err(Refusal::permission(permission)),
        Some(_) => Ok(settings.items_shown),
    }
}

fn list(
    model: &mut Model,
    resource: &Resource,
    parameters: &[(String, String)],
    items_shown: usize,
    repeat: bool,
) -> Result<Value, Refusal> {
    let mut listing = Listing::read(parameters, resource.filters)?;
    let list = (resource.list)(model);
    if let Some(cursor) = listing.span.after.take_if(|_| repeat) {
        listing.span.after = list.before(&cursor, listing.limit);
    }
    let (mut objects, has_more) = list
        .page(&listing.span, listing.limit, |object| listing.wants(object))
        .ok_or_else(|| gone(listing.span.after.as_deref().unwrap_or_default()))?;
    for object in &mut objects {
        show(model, object, &listing.expansions, items_shown)?;
    }
    Ok(json!({
        "object": "list", "data": objects, "has_more": has_more, "url": format!("/v1/{}", resource.name),
    }))
}

fn one(
    model: &mut Model,
    resource: &Resource,
    id: &str,
    parameters: &[(String, String)],
    items_shown: usize,
) -> Result<Value, Refusal> {
    let expansions = query::one(parameters)?;
    let list = (resource.list)(model);
    let found = list.find(id).filter(|_| !list.is_deleted(id));
    let mut object = found.ok_or_else(|| Refusal::missing(resource.one, id, "id", StatusCode::NOT_FOUND))?;
    show(model, &mut object, &expansions, items_shown)?;
    Ok(object)
}

/// The items of one subscription, in its order.
fn subscription_items(model: &Model, parameters: &[(String, String)]) -> Result<Value, Refusal> {
    let listing = Listing::read(parameters, &["subscription"])?;
    let id = listing.filter("subscription").ok_or_else(|| {
        Refusal::bad_request(
            "Missing required param: subscription.",
            Some("parameter_missing"),
            Some("subscription"),
        )
    })?;
    let subscription = model
        .subscriptions
        .find(id)
        .ok_or_else(|| Refusal::missing("subscription", id, "subscription", StatusCode::BAD_REQUEST))?;
    page_of(
        model,
        &subscription["items"]["data"],
        &listing,
        "/v1/subscription_items",
    )
}

/// A page of a list that stands within an object, in its order.
fn page_of(model: &Model, list: &Value, listing: &Listing, url: &str) -> Result<Value, Refusal> {
    let all = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let start = match &listing.span.after {
        None => 0,
        Some(cursor) => {
            let at = all.iter().position(|entry| entry["id"] == cursor.as_str());
            at.ok_or_else(|| gone(cursor))? + 1
        }
    };
    let mut page: Vec<Value> = all.iter().skip(start).take(listing.limit).cloned().collect();
    for entry in &mut page {
        present(model, entry, &listing.expansions)?;
    }
    Ok(json!({ "object": "list", "data": page, "has_more": start + listing.limit < all.len(), "url": url }))
}

/// The lines of one invoice, in its order.
fn invoice_lines(model: &Model, id: &str, parameters: &[(String, String)]) -> Result<Value, Refusal> {
    let listing = Listing::read(parameters, &[])?;
    let found = model.invoices.find(id);
    let invoice = found.ok_or_else(|| Refusal::missing("invoice", id, "invoice", StatusCode::NOT_FOUND))?;
    page_of(
        model,
        &invoice["lines"]["data"],
        &listing,
        &format!("/v1/invoices/{id}/lines"),
    )
}

/// How many lines an invoice shows.
const LINES_SHOWN: usize = 10;

/// What the request sees of a full object.
fn show(model: &Model, object: &mut Value, expansions: &Expansions, items_shown: usize) -> Result<(), Refusal> {
    let items = object.pointer_mut("/items/data").and_then(Value::as_array_mut);
    if let Some(items) = items.filter(|items| items.len() > items_shown) {
        items.truncate(items_shown);
        object["items"]["has_more"] = json!(true);
    }
    let lines = object.pointer_mut("/lines/data").and_then(Value::as_array_mut);
    if let Some(lines) = lines.filter(|lines| lines.len() > LINES_SHOWN) {
        lines.truncate(LINES_SHOWN);
        object["lines"]["has_more"] = json!(true);
    }
    present(model, object, expansions)
}

/// The bytes of an answer, and what happens to them on the way.
fn send(value: &Value, fault: Option<&Fault>) -> Response {
    let bytes = Bytes::from(serde_json::to_vec(value).expect("a value is JSON"));
    let half = bytes.len() / 2;
    let body = match fault {
        Some(Fault::Cut) => {
            let broken = io::Error::new(io::ErrorKind::ConnectionReset, "the fake breaks the connection");
            let parts = [Ok(bytes.slice(..half)), Err(broken)];
            Body::from_stream(futures::stream::iter(parts))
        }
        Some(Fault::Slow(pause)) => {
            let parts = [(Duration::ZERO, bytes.slice(..half)), (*pause, bytes.slice(half..))];
            Body::from_stream(futures::stream::iter(parts).then(|(pause, part)| async move {
                tokio::time::sleep(pause).await;
                Ok::<_, io::Error>(part)
            }))
        }
        Some(Fault::Garbage) => Body::from("<html>not what was asked for</html>"),
        _ => Body::from(bytes),
    };
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], body).into_response()
}
