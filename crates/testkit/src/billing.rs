//! A billing source and exchange rates that say what a test tells them to.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::figure::{ErrorCode, Figure, FigureError};
use cc_devops_revenue::money::Exact;
use cc_devops_revenue::ports::{Billing, RateSource, TakeFigure, Wanted};
use cc_devops_revenue::rates::Rates;
use cc_devops_revenue::shares::Share;
use cc_devops_revenue::transactions::{Category, Transactions};

/// The billing source and the rates. Clones share what they say.
#[derive(Clone, Default)]
pub struct FakeBilling(Arc<Mutex<BillingScript>>);

#[derive(Default)]
struct BillingScript {
    figures: Vec<Figure<'static>>,
    failing: Option<(usize, PortErrorKind)>,
    charges: Vec<(Category, i64, Currency)>,
    rates: Option<Rates>,
}

impl FakeBilling {
    /// A subscription of a customer; its amount in minor units, as `500` or `10/3`.
    pub fn bill(&self, customer: &str, currency: Currency, amount: &str) {
        let amount: Exact = amount.parse().expect("an amount");
        self.push(customer, currency, Ok(amount));
    }

    /// A subscription of a customer to one product.
    pub fn sell(&self, customer: &str, product: &str, currency: Currency, amount: &str) {
        self.bill(customer, currency, amount);
        if let Some(figure) = self.lock().figures.last_mut() {
            figure.shares = vec![Share {
                price: format!("price_of_{product}"),
                product: product.to_owned(),
                interval: "month".to_owned(),
                amount: figure.mrr.clone().unwrap_or_default(),
            }];
        }
    }

    /// A subscription that nobody can compute.
    pub fn puzzle(&self, customer: &str, currency: Currency) {
        let error = FigureError {
            code: ErrorCode::UnresolvedDiscount,
            message: "the discount di_1 was not sent".to_owned(),
        };
        self.push(customer, currency, Err(error));
    }

    fn push(&self, customer: &str, currency: Currency, mrr: Result<Exact, FigureError>) {
        let mut script = self.lock();
        let figure = Figure {
            id: format!("sub_{}", script.figures.len()).into(),
            customer: customer.to_owned().into(),
            currency: Some(currency),
            mrr,
            excluded: None,
            collection_paused: false,
            tax_unknown: false,
            customer_discount_unknown: false,
            lines: Vec::new(),
            shares: Vec::new(),
            country: None,
            outlook: None,
        };
        script.figures.push(figure);
    }

    /// Forgets all subscriptions.
    pub fn clear(&self) {
        self.lock().figures.clear();
    }

    /// Puts a charge, refund or dispute on the balance, in minor units, negative if money left.
    pub fn charge(&self, category: Category, amount: i64, currency: Currency) {
        self.lock().charges.push((category, amount, currency));
    }

    /// Makes reading fail after that many figures, until it is called with none.
    pub fn fail_after(&self, failure: Option<(usize, PortErrorKind)>) {
        self.lock().failing = failure;
    }

    /// What a euro is worth in dollars; without it, no rates can be had.
    pub fn euro(&self, dollars: Option<&str>) {
        self.lock().rates = dollars.map(|dollars| {
            let dollars: Exact = dollars.parse().expect("a rate");
            Rates::new(Currency::EUR, "test", None, [(Currency::USD, dollars)]).expect("a rate above 0")
        });
    }

    fn lock(&self) -> MutexGuard<'_, BillingScript> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(kind: PortErrorKind) -> PortError {
    PortError::new(kind, "the fake was told to fail")
}

#[async_trait]
impl Billing for FakeBilling {
    async fn figures(&self, _wanted: Wanted<'_>, take: &mut TakeFigure<'_>) -> PortResult<()> {
        let (figures, failing) = {
            let script = self.lock();
            (script.figures.clone(), script.failing)
        };
        for (number, figure) in figures.iter().enumerate() {
            match failing {
                Some((after, kind)) if number >= after => return Err(failed(kind)),
                _ => {}
            }
            if let ControlFlow::Break(()) = take(figure) {
                return Ok(());
            }
        }
        match failing {
            Some((_, kind)) => Err(failed(kind)),
            None => Ok(()),
        }
    }

    async fn figures_of(&self, id: &str, _wanted: Wanted<'_>) -> PortResult<Vec<Figure<'static>>> {
        let script = self.lock();
        let wanted = |figure: &&Figure<'static>| figure.id == id || figure.customer == id;
        let found: Vec<_> = script.figures.iter().filter(wanted).cloned().collect();
        if found.is_empty() {
            return Err(failed(PortErrorKind::NotFound));
        }
        Ok(found)
    }

    async fn transactions(&self, _from: i64, _until: i64) -> PortResult<Transactions> {
        let mut transactions = Transactions::default();
        for (category, amount, currency) in &self.lock().charges {
            transactions.add(*category, *amount, *currency);
        }
        Ok(transactions)
    }
}

#[async_trait]
impl RateSource for FakeBilling {
    async fn newest(&self) -> PortResult<Rates> {
        self.lock()
            .rates
            .clone()
            .ok_or_else(|| failed(PortErrorKind::Unavailable))
    }
}
