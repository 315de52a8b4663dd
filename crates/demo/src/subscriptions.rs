//! Who pays what on a day of the demo's month.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::PoisonError;

use async_trait::async_trait;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_revenue::currency::Currency;
use cc_devops_revenue::figure::Figure;
use cc_devops_revenue::money::Exact;
use cc_devops_revenue::ports::{Billing, TakeFigure, Wanted};
use cc_devops_revenue::shares::Share;
use cc_devops_revenue::transactions::{Category, Transactions};

/// A subscription: its customer, and what it was worth from which day of the month on, in cents.
struct Paid {
    customer: &'static str,
    product: &'static str,
    country: &'static str,
    /// From the day on (0 is the first), cents a month; 0 ends it.
    from: &'static [(i64, i64)],
}

const fn paid(
    customer: &'static str,
    product: &'static str,
    country: &'static str,
    from: &'static [(i64, i64)],
) -> Paid {
    Paid {
        customer,
        product,
        country,
        from,
    }
}

const PAID: [Paid; 22] = [
    paid("cus_northwind", "Scale", "US", &[(0, 149_900)]),
    paid("cus_lumen", "Scale", "DE", &[(0, 149_900), (17, 199_900)]),
    paid("cus_harbor", "Scale", "US", &[(4, 149_900)]),
    paid("cus_atlas", "Scale", "GB", &[(0, 149_900), (23, 0)]),
    paid("cus_fjord", "Team", "NO", &[(0, 49_900)]),
    paid("cus_orchard", "Team", "US", &[(0, 49_900), (9, 99_800)]),
    paid("cus_quill", "Team", "FR", &[(0, 49_900), (13, 0), (26, 49_900)]),
    paid("cus_ember", "Team", "US", &[(6, 49_900)]),
    paid("cus_cobalt", "Team", "NL", &[(0, 99_800), (20, 49_900)]),
    paid("cus_meadow", "Team", "US", &[(11, 49_900)]),
    paid("cus_tundra", "Team", "CA", &[(0, 49_900)]),
    paid("cus_saffron", "Team", "IN", &[(15, 49_900)]),
    paid("cus_pixel", "Solo", "US", &[(0, 4_900)]),
    paid("cus_juniper", "Solo", "US", &[(0, 4_900), (8, 0)]),
    paid("cus_willow", "Solo", "DE", &[(2, 4_900)]),
    paid("cus_onyx", "Solo", "SE", &[(0, 4_900), (21, 49_900)]),
    paid("cus_maple", "Solo", "CA", &[(0, 4_900)]),
    paid("cus_dune", "Solo", "AE", &[(12, 4_900)]),
    paid("cus_brook", "Solo", "US", &[(0, 4_900), (19, 0)]),
    paid("cus_slate", "Solo", "GB", &[(18, 4_900)]),
    paid("cus_coral", "Solo", "AU", &[(24, 4_900)]),
    paid("cus_pine", "Solo", "US", &[(0, 4_900)]),
];

/// The billing source.
#[derive(Default)]
pub(crate) struct Subscriptions {
    /// The day of the month.
    day: Mutex<i64>,
}

impl Subscriptions {
    pub(crate) fn on_day(&self, day: i64) {
        *self.day.lock().unwrap_or_else(PoisonError::into_inner) = day;
    }

    fn figures_now(&self) -> Vec<Figure<'static>> {
        let day = *self.day.lock().unwrap_or_else(PoisonError::into_inner);
        PAID.iter().filter_map(|paid| paid.figure(day)).collect()
    }
}

impl Paid {
    fn figure(&self, day: i64) -> Option<Figure<'static>> {
        let (_, cents) = self.from.iter().rev().find(|(from, _)| *from <= day)?;
        let amount = Exact::whole(*cents);
        (*cents > 0).then(|| Figure {
            id: Cow::Owned(self.customer.replace("cus_", "sub_")),
            customer: Cow::Borrowed(self.customer),
            currency: Some(Currency::USD),
            mrr: Ok(amount),
            excluded: None,
            collection_paused: false,
            tax_unknown: false,
            customer_discount_unknown: false,
            lines: Vec::new(),
            shares: vec![Share {
                price: format!("price_{}", self.product.to_ascii_lowercase()),
                product: self.product.to_owned(),
                interval: "month".to_owned(),
                amount,
            }],
            country: Some(Cow::Borrowed(self.country)),
            outlook: None,
        })
    }
}

#[async_trait]
impl Billing for Subscriptions {
    async fn figures(&self, _wanted: Wanted<'_>, take: &mut TakeFigure<'_>) -> PortResult<()> {
        for figure in self.figures_now() {
            if let ControlFlow::Break(()) = take(&figure) {
                break;
            }
        }
        Ok(())
    }

    async fn figures_of(&self, id: &str, _wanted: Wanted<'_>) -> PortResult<Vec<Figure<'static>>> {
        let mut figures = self.figures_now();
        figures.retain(|figure| figure.id == id || figure.customer == id);
        if figures.is_empty() {
            return Err(PortError::new(PortErrorKind::NotFound, format!("there is no {id}")));
        }
        Ok(figures)
    }

    async fn transactions(&self, _from: i64, _until: i64) -> PortResult<Transactions> {
        let mut transactions = Transactions::default();
        for figure in self.figures_now() {
            let cents = figure.mrr.ok().and_then(|mrr| i64::try_from(mrr.rounded()).ok());
            transactions.add(Category::Charge, cents.unwrap_or_default(), Currency::USD);
        }
        Ok(transactions)
    }
}
