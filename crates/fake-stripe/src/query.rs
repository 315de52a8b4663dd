//! The parameters of a request, checked as strictly as Stripe checks them.

use serde_json::Value;

use super::answer::Refusal;
use super::expand::Expansions;
use super::object_list::Span;

/// What a list was asked for.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) limit: usize,
    pub(super) span: Span,
    pub(super) expansions: Expansions,
    /// Name and value; `types` may come more than once.
    filters: Vec<(String, String)>,
}

/// How many objects a page has when nobody says.
const PAGE: usize = 10;

impl Listing {
    /// Reads the parameters; `filters` are the names this list knows beside those of every list.
    pub(super) fn read(parameters: &[(String, String)], filters: &[&str]) -> Result<Self, Refusal> {
        let mut listing = Self {
            limit: PAGE,
            span: Span::default(),
            expansions: Expansions::default(),
            filters: Vec::new(),
        };
        let mut expand = Vec::new();
        for (name, value) in parameters {
            match name.as_str() {
                "limit" => {
                    listing.limit = integer(name, value)?
                        .try_into()
                        .ok()
                        .filter(|limit| (1..=100).contains(limit))
                        .ok_or_else(|| {
                            Refusal::bad_request(
                                "This value must be between 1 and 100.",
                                Some("parameter_invalid_integer"),
                                Some(name),
                            )
                        })?;
                }
                "starting_after" => listing.span.after = Some(value.clone()),
                "created[gte]" => at_least(&mut listing.span, integer(name, value)?),
                "created[gt]" => at_least(&mut listing.span, integer(name, value)? + 1),
                "created[lte]" => at_most(&mut listing.span, integer(name, value)?),
                "created[lt]" => at_most(&mut listing.span, integer(name, value)? - 1),
                name if base(name) == "expand" => expand.push(value.clone()),
                name if filters.contains(&base(name)) => listing.filters.push((base(name).to_owned(), value.clone())),
                name => return Err(unknown(name)),
            }
        }
        if listing.values("types").count() > 20 {
            return Err(Refusal::bad_request(
                "You may only specify up to 20 types.",
                None,
                Some("types"),
            ));
        }
        listing.expansions = Expansions::read(&expand, true)?;
        Ok(listing)
    }

    /// The value of a filter.
    pub(super) fn filter(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    /// Whether the object is among those asked for.
    pub(super) fn wants(&self, object: &Value) -> bool {
        let status = self.filter("status");
        if object["object"] == "subscription" && status != Some("all") {
            let fits = match status {
                None => object["status"] != "canceled",
                Some("ended") => object["status"] == "canceled" || object["status"] == "incomplete_expired",
                Some(status) => object["status"] == status,
            };
            if !fits {
                return false;
            }
        }
        let mut types = self.values("types").peekable();
        if types.peek().is_some() && !types.any(|kind| object["type"] == kind) {
            return false;
        }
        let same = |name: &str| self.filter(name).is_none_or(|value| object[name] == value);
        let active = self
            .filter("active")
            .is_none_or(|active| object["active"] == (active == "true"));
        let price = self.filter("price").is_none_or(|price| {
            let mut items = object["items"]["data"].as_array().into_iter().flatten();
            items.any(|item| item["price"]["id"] == price)
        });
        let pending = self
            .filter("pending")
            .is_none_or(|pending| object["invoice"].is_null() == (pending == "true"));
        let of = self.filter("subscription").is_none_or(|id| {
            object["object"] != "invoice" || object["parent"]["subscription_details"]["subscription"] == id
        });
        let names = [
            "customer",
            "product",
            "type",
            "currency",
            "invoice",
            "collection_method",
        ];
        active && price && pending && of && names.into_iter().all(same) && self.stands(object)
    }

    /// Whether an invoice stands as it was asked for.
    fn stands(&self, object: &Value) -> bool {
        let status = self.filter("status").filter(|_| object["object"] == "invoice");
        status.is_none_or(|status| object["status"] == status)
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.filters
            .iter()
            .filter(move |(filter, _)| filter == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The expansions of a request for one object.
pub(super) fn one(parameters: &[(String, String)]) -> Result<Expansions, Refusal> {
    let mut expand = Vec::new();
    for (name, value) in parameters {
        if base(name) != "expand" {
            return Err(unknown(name));
        }
        expand.push(value.clone());
    }
    Expansions::read(&expand, false)
}

fn base(name: &str) -> &str {
    name.split_once('[').map_or(name, |(base, _)| base)
}

fn integer(name: &str, value: &str) -> Result<i64, Refusal> {
    value.parse().map_err(|_| {
        Refusal::bad_request(
            &format!("Invalid integer: {value}"),
            Some("parameter_invalid_integer"),
            Some(name),
        )
    })
}

fn at_least(span: &mut Span, second: i64) {
    span.from = Some(span.from.map_or(second, |from| from.max(second)));
}

fn at_most(span: &mut Span, second: i64) {
    span.until = Some(span.until.map_or(second, |until| until.min(second)));
}

fn unknown(name: &str) -> Refusal {
    Refusal::bad_request(
        &format!("Received unknown parameter: {name}"),
        Some("parameter_unknown"),
        Some(name),
    )
}
