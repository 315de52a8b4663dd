//! Objects as list endpoints give them: with an owner of their own, an id and a time of creation.

use std::collections::BTreeMap;

use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::figure::Figure;
use cc_devops_revenue::model::{Coupon, Price};
use cc_devops_revenue::transactions::Category;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{Terms, figure_of, read_coupon, read_price};
use crate::client::{Listed, WithItems};

/// A subscription, kept as it was sent: one that cannot be read is an error of its own and not of the page
/// it came on.
#[derive(Debug, Clone)]
pub struct ListedSubscription {
    id: String,
    created: i64,
    json: Box<RawValue>,
    /// The last item, if Stripe has more.
    last_item: Option<ListedItem>,
    more_items: Vec<Box<RawValue>>,
}

/// An item of a subscription, kept as it was sent.
#[derive(Debug, Clone)]
pub struct ListedItem {
    id: String,
    created: i64,
    json: Box<RawValue>,
}

#[derive(Deserialize)]
struct Head {
    id: String,
    #[serde(default)]
    created: i64,
}

impl<'de> Deserialize<'de> for ListedItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        let head: Head = serde_json::from_str(json.get()).map_err(D::Error::custom)?;
        Ok(Self {
            id: head.id,
            created: head.created,
            json,
        })
    }
}

impl<'de> Deserialize<'de> for ListedSubscription {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct WithItems<'a> {
            #[serde(borrow)]
            items: Items<'a>,
        }
        #[derive(Deserialize)]
        struct Items<'a> {
            #[serde(borrow)]
            data: Vec<&'a RawValue>,
            #[serde(default)]
            has_more: bool,
        }
        let json = Box::<RawValue>::deserialize(deserializer)?;
        let head: Head = serde_json::from_str(json.get()).map_err(D::Error::custom)?;
        // Items that cannot be found show when the figure is computed.
        let last_item = serde_json::from_str(json.get())
            .ok()
            .filter(|found: &WithItems<'_>| found.items.has_more)
            .and_then(|found| serde_json::from_str(found.items.data.last()?.get()).ok());
        Ok(Self {
            id: head.id,
            created: head.created,
            json,
            last_item,
            more_items: Vec::new(),
        })
    }
}

impl Listed for ListedSubscription {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

impl WithItems for ListedSubscription {
    type Item = ListedItem;

    fn last_item_of_more(&self) -> Option<&ListedItem> {
        self.last_item.as_ref()
    }

    fn add_items(&mut self, items: Vec<ListedItem>) {
        self.more_items.extend(items.into_iter().map(|item| item.json));
    }
}

impl ListedSubscription {
    /// The same with these items instead of its own. One whose JSON is no object stays as it is.
    #[must_use]
    pub fn with_items(self, items: &[ListedItem]) -> Self {
        #[derive(Serialize)]
        struct Items<'a> {
            object: &'a str,
            data: Vec<&'a RawValue>,
            has_more: bool,
        }
        let items = Items {
            object: "list",
            data: items.iter().map(|item| &*item.json).collect(),
            has_more: false,
        };
        let put = || -> serde_json::Result<Box<RawValue>> {
            let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(self.json.get())?;
            fields.insert("items".to_owned(), to_raw_value(&items)?);
            to_raw_value(&fields)
        };
        match put() {
            Ok(json) => Self {
                json,
                last_item: None,
                more_items: Vec::new(),
                ..self
            },
            Err(_) => self,
        }
    }

    /// Its JSON, and that of the items that were missing in it.
    pub(super) fn json(&self) -> (&[u8], &[Box<RawValue>]) {
        (self.json.get().as_bytes(), &self.more_items)
    }

    /// Its figure.
    pub fn figure(&self, terms: Terms<'_>) -> Figure<'_> {
        figure_of(self.json.get().as_bytes(), &self.more_items, terms)
    }
}

impl Listed for ListedItem {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

/// A price of the list.
#[derive(Debug, Clone)]
pub struct ListedPrice {
    created: i64,
    /// The price.
    pub price: Price<'static>,
}

/// A coupon of the list.
#[derive(Debug, Clone)]
pub struct ListedCoupon {
    created: i64,
    /// The coupon.
    pub coupon: Coupon<'static>,
}

impl Listed for ListedPrice {
    fn id(&self) -> &str {
        &self.price.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

impl Listed for ListedCoupon {
    fn id(&self) -> &str {
        &self.coupon.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

impl<'de> Deserialize<'de> for ListedPrice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        let head: Head = serde_json::from_str(json.get()).map_err(D::Error::custom)?;
        let price = read_price(json.get().as_bytes()).map_err(D::Error::custom)?;
        Ok(Self {
            created: head.created,
            price: price.into_owned(),
        })
    }
}

impl<'de> Deserialize<'de> for ListedCoupon {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        let head: Head = serde_json::from_str(json.get()).map_err(D::Error::custom)?;
        let coupon = read_coupon(json.get().as_bytes()).map_err(D::Error::custom)?;
        Ok(Self {
            created: head.created,
            coupon: coupon.into_owned(),
        })
    }
}

/// A movement on the account's balance.
#[derive(Debug, Clone, Deserialize)]
pub struct BalanceTransaction {
    /// Stripe's id.
    pub id: String,
    /// When it was created, in Unix seconds.
    pub created: i64,
    /// In minor units of `currency`, negative if money left.
    pub amount: i64,
    /// The currency it was settled in.
    pub currency: Currency,
    /// What it is; the oldest shapes do not say.
    #[serde(default)]
    pub reporting_category: Option<String>,
}

impl Listed for BalanceTransaction {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

impl BalanceTransaction {
    /// What it is for the figure.
    pub fn category(&self) -> Category {
        self.reporting_category
            .as_deref()
            .map_or(Category::Other, Category::from)
    }
}

/// Something that happened at Stripe.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// Stripe's id.
    pub id: String,
    /// When it was created, in Unix seconds.
    pub created: i64,
    /// What happened, such as `customer.subscription.updated`.
    #[serde(rename = "type")]
    pub kind: String,
    data: EventData,
}

#[derive(Debug, Clone, Deserialize)]
struct EventData {
    object: Box<RawValue>,
}

impl Listed for Event {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

impl Event {
    /// What it happened to, as JSON in the shape of the event's day.
    pub fn object(&self) -> &RawValue {
        &self.data.object
    }
}
