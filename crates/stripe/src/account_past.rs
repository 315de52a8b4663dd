//! What an account at Stripe still knows of the past: every subscription, and the invoices since then.

use std::collections::{BTreeMap, HashMap, HashSet};

use async_trait::async_trait;
use cc_devops_kernel::ports::PortResult;
use cc_devops_revenue::model::{Catalog, Charge, PriceRef};
use cc_devops_revenue::past::{Billed, BillingPast, Past, PastDiscount, PastSubscription, Reading};

use crate::account::{Account, catalog, port};
use crate::client::{Client, Error, Listed as _, Statuses};
use crate::objects::{InvoiceLine, ListedInvoice, ListedInvoiceItem, ListedItem, ListedSubscription};

#[async_trait]
impl BillingPast for Account {
    async fn past(&self, from: i64, progress: &mut (dyn FnMut(Reading) + Send)) -> PortResult<Past> {
        let client = self.client().await?;
        let now = self.now();
        read(&client, from, now, progress).await.map_err(port)
    }
}

/// How far the reading is, told as it goes on.
struct Meter<'p> {
    client: Client,
    before: u64,
    reading: Reading,
    progress: &'p mut (dyn FnMut(Reading) + Send),
}

impl Meter<'_> {
    fn report(&mut self) {
        let made = self.client.progress().borrow().requests;
        self.reading.requests = made - self.before;
        (self.progress)(self.reading);
    }
}

async fn read(client: &Client, from: i64, now: i64, progress: &mut (dyn FnMut(Reading) + Send)) -> Result<Past, Error> {
    let before = client.progress().borrow().requests;
    let mut meter = Meter {
        client: client.clone(),
        before,
        reading: Reading::default(),
        progress,
    };
    let catalog = catalog(client).await?;
    meter.report();
    let mut all: HashMap<String, Gathered> = HashMap::new();
    let mut subscriptions = client.subscriptions::<ListedSubscription>(Statuses::All, now);
    while let Some(page) = subscriptions.next_page().await? {
        for mut subscription in page {
            meter.reading.subscriptions += 1;
            if subscription.has_open_discounts(|coupon| catalog.coupons.contains_key(coupon)) {
                let id = subscription.id().to_owned();
                let items = client.subscription_items::<ListedItem>(&id).all().await?;
                subscription = subscription.with_items(&items);
            }
            let id = subscription.id().to_owned();
            all.insert(id, Gathered::new(subscription.past()));
        }
        meter.report();
    }
    let mut prices: BTreeMap<String, PriceRef<'static>> = BTreeMap::new();
    let mut invoices = client.invoices::<ListedInvoice>(from);
    while let Some(page) = invoices.next_page().await? {
        for mut invoice in page {
            meter.reading.invoices += 1;
            if let Some(last) = invoice.last_of_more.take() {
                let (id, created) = (invoice.id().to_owned(), invoice.created());
                let lines = client.invoice_lines(&id, &last).await?;
                let lines = lines.iter().filter_map(|line| InvoiceLine::read(line, created).ok());
                invoice.lines.extend(lines);
            }
            take(&mut all, invoice, &catalog, &mut prices);
        }
        meter.report();
    }
    let mut waiting = client.pending_invoice_items::<ListedInvoiceItem>();
    while let Some(page) = waiting.next_page().await? {
        for item in page {
            meter.reading.invoices += 1;
            let of = item.line.subscription.clone();
            if let Some(gathered) = of.and_then(|id| all.get_mut(&id)) {
                gathered.line(item.line, &catalog, &mut prices);
            }
        }
        meter.report();
    }
    meter.report();
    Ok(Past {
        catalog,
        subscriptions: all.into_values().map(Gathered::finish).collect(),
        reading: meter.reading,
    })
}

/// Puts an invoice to the subscription it is of.
fn take(
    all: &mut HashMap<String, Gathered>,
    invoice: ListedInvoice,
    catalog: &Catalog,
    prices: &mut BTreeMap<String, PriceRef<'static>>,
) {
    let created = invoice.created();
    let of = invoice.subscription.clone();
    let of = of.or_else(|| invoice.lines.iter().find_map(|line| line.subscription.clone()));
    let Some(gathered) = of.and_then(|id| all.get_mut(&id)) else {
        return;
    };
    if let Some(paid) = invoice.paid_at {
        if invoice.is_first {
            gathered.past.activated = Some(paid);
        }
        if invoice.paid_something {
            let first = gathered.past.first_paid.get_or_insert(paid);
            *first = paid.min(*first);
        }
    }
    let mut seen = Vec::new();
    for discount in invoice.discounts {
        seen.push(discount.discount.id.to_string());
        gathered.discount(discount);
    }
    let mut lines: Vec<InvoiceLine> = Vec::new();
    for line in invoice.lines {
        seen.extend(line.discounts.iter().map(|found| found.discount.id.to_string()));
        // Of a price with tiers there is a line for each tier: together they are one.
        let same = |other: &&mut InvoiceLine| match (&other.billed, &line.billed) {
            (Some(one), Some(two)) => {
                (one.at, one.line, &one.item) == (two.at, two.line, &two.item) && has_tiers(&two.price, catalog)
            }
            _ => false,
        };
        match lines.iter_mut().find(same).and_then(|other| other.billed.as_mut()) {
            Some(billed) => billed.quantity = None,
            None => lines.push(line),
        }
    }
    for line in lines {
        gathered.line(line, catalog, prices);
    }
    gathered.invoices.push((created, seen));
}

fn has_tiers(price: &PriceRef<'_>, catalog: &Catalog) -> bool {
    let charge = catalog.prices.get(price.id()).map(|price| &price.charge);
    matches!(charge, Some(Charge::Graduated(_) | Charge::Volume(_)))
}

/// What is found of a subscription.
struct Gathered {
    past: PastSubscription,
    /// The discounts it has now.
    current: HashSet<String>,
    /// When each invoice was made, and the discounts on it.
    invoices: Vec<(i64, Vec<String>)>,
}

impl Gathered {
    fn new(past: PastSubscription) -> Self {
        let current = past.discounts.iter();
        Self {
            current: current.map(|found| found.discount.id.to_string()).collect(),
            invoices: Vec::new(),
            past,
        }
    }

    fn discount(&mut self, found: PastDiscount) {
        let known = &mut self.past.discounts;
        if !known
            .iter()
            .any(|known| known.discount.id == found.discount.id && known.item == found.item)
        {
            known.push(found);
        }
    }

    fn line(&mut self, line: InvoiceLine, catalog: &Catalog, prices: &mut BTreeMap<String, PriceRef<'static>>) {
        for discount in line.discounts {
            self.discount(discount);
        }
        let Some(billed) = line.billed else { return };
        // The catalog's price has its tiers; and most lines are of few prices.
        let known = match &billed.price {
            PriceRef::Sent(price) if catalog.prices.contains_key(price.id.as_ref()) => {
                let id = price.id.to_string();
                let short = prices.entry(id.clone()).or_insert_with(|| PriceRef::Id(id.into()));
                short.clone()
            }
            other => other.clone(),
        };
        self.past.billed.push(Billed { price: known, ..billed });
    }

    /// Discounts that are not there any more ended with the first invoice without them.
    fn finish(mut self) -> PastSubscription {
        self.invoices.sort_unstable_by_key(|(created, _)| *created);
        for found in &mut self.past.discounts {
            let id = found.discount.id.as_ref();
            if found.end.is_some() || self.current.contains(id) {
                continue;
            }
            let last = self
                .invoices
                .iter()
                .rposition(|(_, seen)| seen.iter().any(|seen| seen == id));
            let next = last.and_then(|last| self.invoices.get(last + 1));
            found.end = next.map(|(created, _)| *created);
        }
        self.past
    }
}
