//! An account at Stripe as the billing source: its catalog, then every subscription's figure as it comes.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::ports::{Clock, PortError, PortErrorKind, PortResult, SecretStore, SecretVersion};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_revenue::figure::{ErrorCode, Figure};
use cc_devops_revenue::model::Catalog;
use cc_devops_revenue::outlook::EndedTrials;
use cc_devops_revenue::ports::{Billing, TakeFigure, Wanted};
use cc_devops_revenue::transactions::Transactions;
use serde::Deserialize;

use crate::client::{Client, Error, Listed, Statuses, StripeSettings};
use crate::objects::{
    BalanceTransaction, Event, ListedCoupon, ListedItem, ListedPrice, ListedSubscription, Terms, TrialEnd,
};

/// How far in the past a moment must lie, in seconds, for subscriptions that ended since to be read too.
const PAST: i64 = 3_600;

/// Where the key comes from.
#[derive(Clone)]
pub enum KeySource {
    /// It was given.
    Given(SecretValue),
    /// It is a secret: the key as it is, or JSON with `api_key`.
    Kept {
        /// Where secrets are kept.
        secrets: Arc<dyn SecretStore>,
        /// Which one.
        name: SecretName,
    },
}

/// An account at Stripe. The key is read at the beginning of every read, so that one that was put there or
/// replaced meanwhile counts.
pub struct Account {
    key: KeySource,
    settings: StripeSettings,
    clock: Arc<dyn Clock>,
    /// The client of the last key: an account has one limiter in a process.
    client: Mutex<Option<(SecretValue, Client)>>,
}

impl Account {
    /// The account that the key opens; the clock says whether a moment has passed. The process must have chosen its TLS provider.
    pub fn new(key: KeySource, settings: StripeSettings, clock: Arc<dyn Clock>) -> Self {
        Self {
            key,
            settings,
            clock,
            client: Mutex::default(),
        }
    }

    /// The time, in Unix seconds.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    pub(crate) async fn client(&self) -> PortResult<Client> {
        let key = self.key().await?;
        let mut kept = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((of, client)) if of.expose() == key.expose() => Ok(client.clone()),
            _ => {
                let client = Client::new(&key, &self.settings).map_err(port)?;
                *kept = Some((key, client.clone()));
                Ok(client)
            }
        }
    }

    async fn key(&self) -> PortResult<SecretValue> {
        let (secrets, name) = match &self.key {
            KeySource::Given(key) => return Ok(key.clone()),
            KeySource::Kept { secrets, name } => (secrets, name),
        };
        let Some(read) = secrets.read(name, SecretVersion::Current).await? else {
            let message = format!(
                "there is no Stripe key: put a restricted key under {name} with `cc-devops put-secret`; commands also \
                 take it from STRIPE_API_KEY"
            );
            return Err(PortError::new(PortErrorKind::NotFound, message));
        };
        plain(&read.value).ok_or_else(|| {
            let message = format!("the secret {name} is JSON without the text `api_key`; put the key there");
            PortError::new(PortErrorKind::Key, message)
        })
    }
}

/// The key as it is, or from JSON; `None` if that has none.
fn plain(secret: &SecretValue) -> Option<SecretValue> {
    #[derive(Deserialize)]
    struct Wrapped {
        api_key: String,
    }
    if !secret.expose().trim_start().starts_with('{') {
        return Some(secret.clone());
    }
    let wrapped: Wrapped = serde_json::from_str(secret.expose()).ok()?;
    Some(SecretValue::new(wrapped.api_key))
}

pub(crate) fn port(error: Error) -> PortError {
    PortError::new(error.kind(), error.to_string()).because(error)
}

/// Every price and coupon: most of what a list of subscriptions cannot expand, because it is too deep.
pub(crate) async fn catalog(client: &Client) -> Result<Catalog, Error> {
    let (mut prices, mut coupons) = (client.prices::<ListedPrice>(), client.coupons::<ListedCoupon>());
    let mut catalog = Catalog::default();
    while let Some(page) = prices.next_page().await? {
        for listed in page {
            catalog.add_price(listed.price);
        }
    }
    while let Some(page) = coupons.next_page().await? {
        for listed in page {
            catalog.add_coupon(listed.coupon);
        }
    }
    catalog.coupons_complete = true;
    Ok(catalog)
}

/// Whether items listed for themselves may tell what a subscription's list could not.
fn is_open(figure: &Figure<'_>) -> bool {
    let open = [ErrorCode::UnresolvedDiscount, ErrorCode::UnresolvedPrice];
    matches!(&figure.mrr, Err(error) if open.contains(&error.code))
}

/// Computes a page. A subscription whose items tell too little is read once more through them: there the
/// coupon of an item's discount can be expanded, also one that was deleted and so is in no list.
async fn hand_over(
    client: &Client,
    page: Vec<ListedSubscription>,
    terms: Terms<'_>,
    take: &mut TakeFigure<'_>,
) -> Result<ControlFlow<()>, Error> {
    for subscription in page {
        let open = {
            let figure = subscription.figure(terms);
            if !is_open(&figure) {
                if take(&figure).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                continue;
            }
            subscription.id().to_owned()
        };
        let items = client.subscription_items::<ListedItem>(&open).all().await?;
        let whole = subscription.with_items(&items);
        if take(&whole.figure(terms)).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

#[async_trait]
impl Billing for Account {
    async fn figures(&self, wanted: Wanted<'_>, take: &mut TakeFigure<'_>) -> PortResult<()> {
        let client = self.client().await?;
        let catalog = catalog(&client).await.map_err(port)?;
        let terms = terms(&catalog, wanted);
        // What has ended since counted then. Of now, what has ended counts nothing.
        let statuses = if wanted.as_of < self.clock.now().as_second() - PAST {
            Statuses::All
        } else {
            Statuses::AllButCanceled
        };
        let mut subscriptions = client.subscriptions::<ListedSubscription>(statuses, wanted.as_of);
        while let Some(page) = subscriptions.next_page().await.map_err(port)? {
            let went = hand_over(&client, page, terms, take).await.map_err(port)?;
            if went.is_break() {
                break;
            }
        }
        Ok(())
    }

    async fn figures_of(&self, id: &str, wanted: Wanted<'_>) -> PortResult<Vec<Figure<'static>>> {
        let client = self.client().await?;
        let found: Vec<ListedSubscription> = if id.starts_with("sub_") {
            vec![client.subscription(id).await.map_err(|error| named(error, id))?]
        } else {
            client.subscriptions_of(id).await.map_err(|error| named(error, id))?
        };
        if found.is_empty() {
            let message = format!("Stripe has no subscription of a customer {id}");
            return Err(PortError::new(PortErrorKind::NotFound, message));
        }
        let catalog = catalog(&client).await.map_err(port)?;
        let mut figures = Vec::with_capacity(found.len());
        let mut take = |figure: &Figure<'_>| {
            figures.push(figure.clone().into_owned());
            ControlFlow::Continue(())
        };
        let went = hand_over(&client, found, terms(&catalog, wanted), &mut take).await;
        went.map(|_| figures).map_err(port)
    }

    async fn transactions(&self, from: i64, until: i64) -> PortResult<Transactions> {
        let client = self.client().await?;
        let mut found = client.balance_transactions::<BalanceTransaction>(from, until);
        let mut transactions = Transactions::default();
        while let Some(page) = found.next_page().await.map_err(port)? {
            for transaction in page {
                transactions.add(transaction.category(), transaction.amount, transaction.currency);
            }
        }
        Ok(transactions)
    }

    async fn ended_trials(&self, from: i64, until: i64) -> PortResult<Option<EndedTrials>> {
        // Stripe keeps events for 30 days.
        if until < self.clock.now().as_second() - PAST {
            return Ok(None);
        }
        let client = self.client().await?;
        let mut found = client.events::<Event>(&["customer.subscription.deleted"], from, until);
        let mut ended = EndedTrials::default();
        while let Some(page) = found.next_page().await.map_err(port)? {
            for event in page {
                match event.ended_trial(from) {
                    Some(TrialEnd::Converted) => ended.converted += 1,
                    Some(TrialEnd::Cancelled) => ended.cancelled += 1,
                    None => {}
                }
            }
        }
        Ok(Some(ended))
    }
}

fn terms<'s>(catalog: &'s Catalog, wanted: Wanted<'s>) -> Terms<'s> {
    Terms {
        catalog,
        options: wanted.options,
        as_of: wanted.as_of,
        explain: wanted.explain,
    }
}

/// Says which one is not there.
fn named(error: Error, id: &str) -> PortError {
    match error {
        Error::NotFound { .. } => PortError::new(
            PortErrorKind::NotFound,
            format!("Stripe knows no {id}: give a subscription's or a customer's id of this account and mode"),
        ),
        other => port(other),
    }
}
