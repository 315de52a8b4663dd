//! Cohorts: of those who first paid in a month, how many still pay at the end of each month since, and how much.
//!
//! A customer's cohort is the month, in UTC, in which the first MRR above 0 came; who leaves and comes back stays in it.
//! Source: <https://support.stripe.com/questions/subscriber-cohorts-and-cohort-retention-in-billing>.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use serde::{Serialize, Serializer};

use super::currency::Currency;
use super::customer_movements::MovementFilter;
use super::day::Day;
use super::figures::Missing;
use super::money::{Exact, Total};
use super::movements::Kind;
use super::rates::Rates;
use crate::ports::RevenueStore;
use cc_devops_kernel::ports::PortError;

/// A customer's movement on a day.
#[derive(Debug, Clone, Copy)]
pub struct Movement<'a> {
    /// The day.
    pub date: Date,
    /// The customer's id.
    pub customer: &'a str,
    /// The currency.
    pub currency: Currency,
    /// What kind of movement it is.
    pub kind: Kind,
    /// The MRR before, in minor units.
    pub before: Exact,
    /// The MRR since, in minor units.
    pub after: Exact,
}

/// A month of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(Date);

impl Month {
    /// The month that a day is in.
    pub fn of(date: Date) -> Self {
        Self(date.first_of_month())
    }

    /// Its last day.
    pub fn last_day(self) -> Date {
        self.0.last_of_month()
    }

    fn next(self) -> Option<Self> {
        self.last_day().tomorrow().ok().map(Self::of)
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Adds up movements, which come by date.
#[derive(Debug)]
pub struct Cohorts {
    /// The month that is being added up.
    month: Month,
    customers: HashMap<String, Customer>,
    /// By the month of the first MRR; `None` is before there were records.
    by_beginning: BTreeMap<Option<Month>, Cohort>,
}

#[derive(Debug)]
struct Customer {
    cohort: Option<Month>,
    /// The day of the first movement.
    since: Date,
    /// In each currency; few have more than one.
    amounts: Vec<(Currency, Exact)>,
}

impl Customer {
    fn pays(&self) -> bool {
        self.amounts.iter().any(|(_, amount)| amount.is_positive())
    }
}

#[derive(Debug, Default)]
struct Cohort {
    size: u64,
    first: Amounts,
    paying: u64,
    amounts: Amounts,
    ends: Vec<(Month, u64, Amounts)>,
}

type Amounts = BTreeMap<Currency, Total>;

fn change(amounts: &mut Amounts, currency: Currency, before: Exact, after: Exact) {
    let sum = amounts.entry(currency).or_default();
    *sum = sum.plus(&after.into()).minus(&before.into());
}

impl Cohorts {
    /// Begins with a day on which customers were first seen who had paid before: so many, with so much in each currency.
    /// When they began is not known; they are a cohort of their own.
    pub fn new(first: Date, customers: u64, amounts: BTreeMap<Currency, Total>) -> Self {
        let mut cohorts = BTreeMap::new();
        if customers > 0 {
            let before = Cohort {
                size: customers,
                first: amounts.clone(),
                paying: customers,
                amounts,
                ends: Vec::new(),
            };
            cohorts.insert(None, before);
        }
        Self {
            month: Month::of(first),
            customers: HashMap::new(),
            by_beginning: cohorts,
        }
    }

    /// Takes a movement that is not before the one before it.
    pub fn add(&mut self, movement: &Movement<'_>) {
        self.close_until(Month::of(movement.date));
        let month = self.month;
        let known = self.customers.get_mut(movement.customer);
        let is_first = known.is_none();
        let customer = match known {
            Some(customer) => customer,
            None => self
                .customers
                .entry(movement.customer.to_owned())
                .or_insert_with(|| first_seen(movement, month)),
        };
        let paid = customer.pays();
        match customer
            .amounts
            .iter_mut()
            .find(|(currency, _)| *currency == movement.currency)
        {
            Some((_, amount)) => *amount = movement.after,
            None => customer.amounts.push((movement.currency, movement.after)),
        }
        let pays = customer.pays();
        let cohort = self.by_beginning.entry(customer.cohort).or_default();
        if customer.cohort.is_some() {
            cohort.size += u64::from(is_first);
            // Who begins in two currencies on a day first pays both.
            if movement.kind == Kind::New && movement.date == customer.since {
                change(&mut cohort.first, movement.currency, Exact::ZERO, movement.after);
            }
        }
        match (paid, pays) {
            (false, true) => cohort.paying += 1,
            (true, false) => cohort.paying = cohort.paying.saturating_sub(1),
            _ => {}
        }
        change(&mut cohort.amounts, movement.currency, movement.before, movement.after);
    }

    /// Notes how each cohort stands at the end of the months before `month`.
    fn close_until(&mut self, month: Month) {
        while self.month < month {
            self.close();
            match self.month.next() {
                Some(next) => self.month = next,
                None => return,
            }
        }
    }

    fn close(&mut self) {
        for cohort in self.by_beginning.values_mut() {
            cohort.ends.push((self.month, cohort.paying, cohort.amounts.clone()));
        }
    }

    /// The cohorts at the end of each month; of the last one, at the end of `until`. Money is in `currency`, all of it at
    /// the same rates: those of `rates`, so that what currencies do does not look like retention.
    ///
    /// # Errors
    /// [`Missing::Rate`] for a currency that cannot be converted.
    pub fn finish(mut self, until: Date, rates: &Rates, currency: Currency) -> Result<Retention, Missing> {
        self.close_until(Month::of(until));
        self.close();
        let converted = |amounts: &Amounts| {
            let amounts = amounts.iter().map(|(from, amount)| (*from, amount));
            rates.convert_all(amounts, currency).map_err(Missing::Rate)
        };
        let mut rows = Vec::with_capacity(self.by_beginning.len());
        for (month, cohort) in &self.by_beginning {
            let cells = cohort.ends.iter().map(|(month, customers, amounts)| {
                Ok(Cell {
                    month: *month,
                    customers: *customers,
                    customer_retention: Total::from(*customers).over(&Total::from(cohort.size)),
                    mrr: converted(amounts)?,
                    revenue_retention: None,
                })
            });
            let mut cells = cells.collect::<Result<Vec<Cell>, Missing>>()?;
            let first = converted(&cohort.first)?;
            for cell in &mut cells {
                cell.revenue_retention = cell.mrr.over(&first);
            }
            rows.push(Row {
                cohort: *month,
                customers: cohort.size,
                mrr: first,
                cells,
            });
        }
        Ok(Retention {
            currency,
            until,
            month_is_over: until == until.last_of_month(),
            rows,
        })
    }
}

/// A customer at the first movement: new ones are of its month, the others of before there were records.
fn first_seen(movement: &Movement<'_>, month: Month) -> Customer {
    let is_new = movement.kind == Kind::New;
    Customer {
        cohort: is_new.then_some(month),
        since: movement.date,
        amounts: vec![(movement.currency, movement.before)],
    }
}

/// How many movements are read at once.
const PAGE: usize = 1_000;

/// Why there are no cohorts.
#[derive(Debug, thiserror::Error)]
pub enum NoRetention {
    /// No day is kept with its customers' movements.
    #[error("no day until {0} is kept with its customers' movements: `cc-devops revenue report` keeps today's")]
    NothingKept(Date),
    /// Something cannot be told in this currency.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The store failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The cohorts until a day, from the first day of which movements are kept. It reads every day, and every movement.
///
/// # Errors
/// [`NoRetention`].
pub async fn retention(store: &dyn RevenueStore, until: Date, currency: Currency) -> Result<Retention, NoRetention> {
    let days = store.days(Date::MIN, until).await?;
    let days = days.get(beginning(&days)..).unwrap_or_default();
    let (Some(first), Some(last)) = (days.first(), days.last()) else {
        return Err(NoRetention::NothingKept(until));
    };
    let (customers, amounts) = before(first);
    let mut cohorts = Cohorts::new(first.date, customers, amounts);
    let wanted = MovementFilter::of(first.date, last.date);
    let mut after = None;
    loop {
        let page = store.movements(&wanted, after, PAGE).await?;
        for movement in &page.items {
            cohorts.add(&Movement {
                date: movement.date,
                customer: &movement.key.customer,
                currency: movement.key.currency,
                kind: movement.kind,
                before: movement.before,
                after: movement.after,
            });
        }
        after = page.next;
        if after.is_none() {
            return Ok(cohorts.finish(last.date, &last.rates, currency)?);
        }
    }
}

/// The first of the days from which on every movement is known, and whose it was: a day without one before it tells only
/// who paid, and one that was kept before customers' movements were does not tell whose they are.
fn beginning(days: &[Day]) -> usize {
    let at = days.iter().enumerate().filter_map(|(place, day)| {
        if day.customer_movements.is_none() {
            Some(place + 1)
        } else {
            day.compared_with.is_none().then_some(place)
        }
    });
    at.max().unwrap_or(0)
}

/// Who paid before the first day: its opening.
fn before(first: &Day) -> (u64, BTreeMap<Currency, Total>) {
    let sheets = &first.movements.currencies;
    let customers = sheets.values().map(|sheet| sheet.opening_customers).sum();
    let amounts = sheets
        .iter()
        .map(|(currency, sheet)| (*currency, sheet.opening.clone()));
    (customers, amounts.collect())
}

/// Retention by the month of the first MRR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retention {
    /// The currency that money is in.
    pub currency: Currency,
    /// The last day that counts.
    pub until: Date,
    /// Whether that is the end of its month; if not, the last column is of a month that goes on.
    pub month_is_over: bool,
    /// A row for each cohort, the oldest first.
    #[serde(rename = "cohorts")]
    pub rows: Vec<Row>,
}

/// A cohort.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The month of the first MRR; `null` for those who paid before there were records.
    pub cohort: Option<Month>,
    /// How many customers are of it.
    pub customers: u64,
    /// What they first paid a month, exact, in minor units.
    pub mrr: Total,
    /// How it stood at the end of each month, from the first on.
    pub cells: Vec<Cell>,
}

impl Row {
    /// What it is called: its month, or `before`.
    pub fn name(&self) -> String {
        let month = self.cohort.map(|month| month.to_string());
        month.unwrap_or_else(|| "before".to_owned())
    }
}

/// A cohort at the end of a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The month.
    pub month: Month,
    /// How many of them pay.
    pub customers: u64,
    /// That as a part of all of them.
    pub customer_retention: Option<Total>,
    /// What they pay a month, exact, in minor units.
    pub mrr: Total,
    /// That as a part of what they first paid; more than 1 where those who stayed pay more.
    pub revenue_retention: Option<Total>,
}

#[cfg(test)]
#[path = "cohorts_tests.rs"]
mod tests;
