//! What the product reads of Stripe.

use std::collections::HashMap;

use futures::future::try_join_all;
use serde::de::DeserializeOwned;

use super::connection::Client;
use super::endpoint::Endpoint;
use super::error::Error;
use super::listing::{Listed, Listing, Query, start};
use super::ranges::{Mark, PAGE, Span};
use super::request::Parameters;

/// Which subscriptions are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Statuses {
    /// What Stripe lists when nobody says: all but `canceled`.
    #[default]
    AllButCanceled,
    /// All, those that ended long ago too.
    All,
}

/// What is expanded of a subscription: its discounts with their coupons, its items' discounts, whose coupons would be a
/// level too deep in a list, its schedule, of which the prices would be, and its customer, who may have a discount; that
/// one's coupon would be too deep as well.
const EXPANDED: [&str; 4] = [
    "discounts.source.coupon",
    "items.data.discounts",
    "schedule",
    "customer",
];

/// A subscription, of whose items Stripe may have sent only the first.
pub trait WithItems: Listed {
    /// An item.
    type Item: DeserializeOwned + Listed + Send + 'static;

    /// The last item that came, if Stripe has more (`items.has_more`).
    fn last_item_of_more(&self) -> Option<&Self::Item>;

    /// Takes the items that were missing, in Stripe's order.
    fn add_items(&mut self, items: Vec<Self::Item>);
}

/// Subscriptions being read, each with all its items. Dropping it ends the reading.
#[derive(Debug)]
pub struct Subscriptions<S> {
    client: Client,
    listing: Listing<S>,
}

impl<S: WithItems> Subscriptions<S> {
    /// The next subscriptions, in no order that means anything; `None` when every one has been handed
    /// over.
    ///
    /// # Errors
    /// What made the reading end early: what was handed over before is then only a part.
    pub async fn next_page(&mut self) -> Result<Option<Vec<S>>, Error> {
        let Some(mut page) = self.listing.next_page().await? else {
            return Ok(None);
        };
        complete(&self.client, &mut page).await?;
        Ok(Some(page))
    }
}

impl Client {
    /// Every subscription created until `as_of` (Unix seconds, inclusive), each once, whatever is
    /// created meanwhile. Read side by side.
    pub fn subscriptions<S>(&self, statuses: Statuses, as_of: i64) -> Subscriptions<S>
    where
        S: DeserializeOwned + WithItems + Send + 'static,
    {
        let mut parameters = expand(&EXPANDED, true);
        if statuses == Statuses::All {
            parameters.push(("status", "all".to_owned()));
        }
        Subscriptions {
            client: self.clone(),
            listing: self.list_side_by_side(Endpoint::Subscriptions, parameters, None, Some(as_of)),
        }
    }

    /// The subscriptions of one customer, ended ones too.
    ///
    /// # Errors
    /// As every read.
    pub async fn subscriptions_of<S>(&self, customer: &str) -> Result<Vec<S>, Error>
    where
        S: DeserializeOwned + WithItems + Send + 'static,
    {
        let mut parameters = expand(&EXPANDED, true);
        parameters.push(("status", "all".to_owned()));
        parameters.push(("customer", customer.to_owned()));
        let mut found = self.list(Endpoint::Subscriptions, parameters).all().await?;
        complete(self, &mut found).await?;
        Ok(found)
    }

    /// One subscription.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none of this id; as every read.
    pub async fn subscription<S>(&self, id: &str) -> Result<S, Error>
    where
        S: DeserializeOwned + WithItems + Send + 'static,
    {
        let endpoint = Endpoint::Subscriptions;
        let url = self.url(endpoint, Some(id), &expand(&EXPANDED, false));
        let mut found = self
            .tries(endpoint, false, || self.get::<S>(endpoint, url.clone()))
            .await?;
        complete(self, std::slice::from_mut(&mut found)).await?;
        Ok(found)
    }

    /// The items of one subscription, with their discounts and the discounts' coupons: here they are not
    /// too deep, and a coupon that was deleted is still there.
    pub fn subscription_items<I>(&self, subscription: &str) -> Listing<I>
    where
        I: DeserializeOwned + Listed + Send + 'static,
    {
        self.items_after(subscription, None)
    }

    /// Every price, active or not, with its tiers and its amounts in other currencies.
    pub fn prices<P>(&self) -> Listing<P>
    where
        P: DeserializeOwned + Listed + Send + 'static,
    {
        self.list_side_by_side(
            Endpoint::Prices,
            expand(&["tiers", "currency_options"], true),
            None,
            None,
        )
    }

    /// Every coupon, with the products it applies to and its amounts in other currencies.
    pub fn coupons<C>(&self) -> Listing<C>
    where
        C: DeserializeOwned + Listed + Send + 'static,
    {
        let parameters = expand(&["applies_to", "currency_options"], true);
        self.list_side_by_side(Endpoint::Coupons, parameters, None, None)
    }

    /// The balance transactions created from `from` until `until`, both inclusive, in Unix seconds.
    pub fn balance_transactions<B>(&self, from: i64, until: i64) -> Listing<B>
    where
        B: DeserializeOwned + Listed + Send + 'static,
    {
        self.list_side_by_side(Endpoint::BalanceTransactions, Vec::new(), Some(from), Some(until))
    }

    /// The events of these types created from `from` until `until`, both inclusive, in Unix seconds.
    /// Stripe keeps them for 30 days and takes at most 20 types.
    pub fn events<E>(&self, types: &[&str], from: i64, until: i64) -> Listing<E>
    where
        E: DeserializeOwned + Listed + Send + 'static,
    {
        let parameters = types.iter().map(|&kind| ("types[]", kind.to_owned())).collect();
        self.list_side_by_side(Endpoint::Events, parameters, Some(from), Some(until))
    }

    /// A list that is read by one cursor.
    pub fn list<T>(&self, endpoint: Endpoint, parameters: Vec<(&'static str, String)>) -> Listing<T>
    where
        T: DeserializeOwned + Listed + Send + 'static,
    {
        self.start(endpoint, parameters, None, None)
    }

    /// A list of what was created from `from` until `until`, both inclusive, in Unix seconds; an end
    /// that is `None` is open. It is split by creation time and read side by side, as far as the limit
    /// allows. Every object comes once. Objects created in the second `until` while the list is read are
    /// in it; with `until` open, those created meanwhile may be or not.
    ///
    /// The endpoint must know `created[gte]` and `created[lt]` and list the newest first, as all but
    /// [`Endpoint::SubscriptionItems`] do.
    pub fn list_side_by_side<T>(
        &self,
        endpoint: Endpoint,
        parameters: Vec<(&'static str, String)>,
        from: Option<i64>,
        until: Option<i64>,
    ) -> Listing<T>
    where
        T: DeserializeOwned + Listed + Send + 'static,
    {
        self.start(endpoint, parameters, Some(Span { from, until }), None)
    }

    fn items_after<I>(&self, subscription: &str, last: Option<Mark>) -> Listing<I>
    where
        I: DeserializeOwned + Listed + Send + 'static,
    {
        let mut parameters = expand(&["discounts.source.coupon"], true);
        parameters.push(("subscription", subscription.to_owned()));
        self.start(Endpoint::SubscriptionItems, parameters, None, last)
    }

    fn start<T>(
        &self,
        endpoint: Endpoint,
        mut parameters: Parameters,
        span: Option<Span>,
        after: Option<Mark>,
    ) -> Listing<T>
    where
        T: DeserializeOwned + Listed + Send + 'static,
    {
        parameters.push(("limit", PAGE.to_string()));
        start(
            self,
            Query {
                endpoint,
                parameters,
                span,
                after,
            },
        )
    }
}

/// Reads the items that Stripe left out.
async fn complete<S: WithItems>(client: &Client, page: &mut [S]) -> Result<(), Error> {
    let missing = page.iter().enumerate().filter_map(|(place, subscription)| {
        let last = subscription.last_item_of_more()?;
        let last = Mark {
            id: last.id().to_owned(),
            created: last.created(),
        };
        let items = client.items_after::<S::Item>(subscription.id(), Some(last));
        Some(async move { items.all().await.map(|items| (place, items)) })
    });
    let mut missing: HashMap<usize, Vec<S::Item>> = try_join_all(missing).await?.into_iter().collect();
    for (place, subscription) in page.iter_mut().enumerate() {
        if let Some(items) = missing.remove(&place) {
            subscription.add_items(items);
        }
    }
    Ok(())
}

/// The parameters that expand these paths of an object, or of the objects of a list.
fn expand(paths: &[&str], list: bool) -> Parameters {
    let prefix = if list { "data." } else { "" };
    paths
        .iter()
        .map(|path| ("expand[]", format!("{prefix}{path}")))
        .collect()
}
