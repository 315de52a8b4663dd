//! Tables for spreadsheets: the same numbers as people are shown, a line for each thing that is counted.

use super::breakdown::Groups;
use super::cohorts::Retention;
use super::currency::Currency;
use super::customer_movements::CustomerMovement;
use super::money::Total;

/// A table: a head, and rows of as many cells. Nothing in it is quoted yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What the columns are called.
    pub head: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

/// The columns of a table of customers' movements.
pub const MOVEMENT_COLUMNS: [&str; 8] = [
    "date",
    "customer",
    "kind",
    "currency",
    "before",
    "after",
    "change",
    "subscriptions",
];

impl CustomerMovement {
    /// Its cells: amounts rounded to the minor unit, as everywhere; which subscriptions made it with `between` between
    /// them, or `unknown` where that is not known.
    pub fn cells(&self, between: &str, unknown: &str) -> Vec<String> {
        let currency = self.key.currency;
        let change = self.after.minus(self.before);
        vec![
            self.date.to_string(),
            self.key.customer.clone(),
            self.kind.to_string(),
            currency.code(),
            currency.amount(self.before.rounded()),
            currency.amount(self.after.rounded()),
            change.map_or_else(|_| String::new(), |change| currency.amount(change.rounded())),
            self.subscriptions
                .as_ref()
                .map_or_else(|| unknown.to_owned(), |ids| ids.join(between)),
        ]
    }
}

fn share(share: Option<&Total>) -> String {
    share.map(|share| share.decimal(6)).unwrap_or_default()
}

impl Retention {
    /// A line for each month of each cohort.
    pub fn table(&self) -> Table {
        let currency = self.currency;
        let head = [
            "cohort",
            "cohort_customers",
            "cohort_mrr",
            "month",
            "months_since",
            "customers",
            "customer_retention",
            "mrr",
            "revenue_retention",
            "currency",
        ];
        let rows = self.rows.iter().flat_map(|row| {
            row.cells.iter().enumerate().map(move |(since, cell)| {
                vec![
                    row.name(),
                    row.customers.to_string(),
                    currency.exact(&row.mrr),
                    cell.month.to_string(),
                    since.to_string(),
                    cell.customers.to_string(),
                    share(cell.customer_retention.as_ref()),
                    currency.exact(&cell.mrr),
                    share(cell.revenue_retention.as_ref()),
                    currency.to_string(),
                ]
            })
        });
        Table {
            head: head.map(ToOwned::to_owned).into(),
            rows: rows.collect(),
        }
    }
}

impl Groups {
    /// A line for each group: its MRR in one currency, and exactly in each.
    pub fn table(&self) -> Table {
        let currencies: Vec<Currency> = self.totals.keys().copied().collect();
        let known = [self.by.as_str(), "subscriptions", "currency", "mrr", "share"];
        let mut head: Vec<String> = known.map(ToOwned::to_owned).into();
        head.extend(currencies.iter().map(|currency| format!("{currency}_minor_exact")));
        let rows = self.groups.iter().map(|group| {
            let mrr = group.mrr.as_ref();
            let mut row = vec![
                group.group.clone(),
                group.subscriptions.to_string(),
                self.currency.to_string(),
                mrr.map(|mrr| self.currency.exact(mrr)).unwrap_or_default(),
                share(group.share.as_ref()),
            ];
            let exact = |currency| group.totals.get(currency).map(ToString::to_string);
            row.extend(currencies.iter().map(|currency| exact(currency).unwrap_or_default()));
            row
        });
        Table {
            rows: rows.collect(),
            head,
        }
    }
}
