//! The table `BillingMetrics-{stage}`: the days' figures, each under its date, and the newest under `latest` too.
//!
//! MRR is the whole installation's, so every stage's table is the same here.

use std::collections::BTreeMap;

use cc_devops_http::access::{Permitted, ReadBillingFigures};
use cc_devops_revenue::billing_item::{
    CUSTOMER_MOVEMENTS, CUSTOMERS, DAYS, LATEST, PARTITION_KEY, SORT_KEY, attributes,
};
use cc_devops_revenue::day::Day;
use cc_devops_revenue::ports::DayOrder;
use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use serde_json::{Map, Value};

use super::key_condition::SortCondition;
use super::validation;
use super::value::AttributeValue;
use crate::fault::{Failed, Fault};
use crate::operation::Call;

/// An item.
pub(crate) type Item = BTreeMap<String, AttributeValue>;

/// What the table's name begins with; the stage is behind it.
const NAME: &str = "BillingMetrics-";

/// How many days are read at once.
const AT_ONCE: usize = 100;

/// How many bytes one answer gives at most, as DynamoDB has it.
const MOST_BYTES: usize = 1 << 20;

/// How many days there are whose dates sort as text: those of four digits.
const DATES: i64 = 3_652_425;

/// The table, for a caller who may read it.
pub(crate) struct Table {
    permitted: Permitted<ReadBillingFigures>,
}

/// A primary key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) partition: String,
    pub(crate) sort: String,
}

/// What of a partition is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) sort: SortCondition,
    /// Behind which sort key it begins.
    pub(crate) after: Option<String>,
    pub(crate) order: DayOrder,
    /// How many items are looked at, at most.
    pub(crate) limit: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) items: Vec<Item>,
    /// How many bytes they take.
    pub(crate) bytes: usize,
    /// The last one's sort key, where more may follow.
    pub(crate) last: Option<String>,
}

impl Table {
    /// The table of that name or ARN.
    pub(crate) fn named(call: &Call, given: &str) -> Result<Self, Failed> {
        let name = given.split_once(":table/").map_or(given, |(_, name)| name);
        let Some(stage) = name.strip_prefix(NAME) else {
            return Err(no_such_table(name).into());
        };
        let permitted = call.permitted::<ReadBillingFigures>()?;
        if permitted
            .installation()
            .stages
            .iter()
            .any(|known| known.as_str() == stage)
        {
            Ok(Self { permitted })
        } else {
            Err(no_such_table(name).into())
        }
    }

    /// The item of a key; none where there is none.
    pub(crate) async fn item(&self, key: &Key) -> Result<Option<Item>, Failed> {
        if !is_of_days(&key.partition)? {
            return Ok(None);
        }
        let day = match date_of(&key.sort) {
            Some(date) => self.permitted.day(date).await?,
            None if key.sort == LATEST => self.permitted.latest().await?,
            None => None,
        };
        day.map(|day| item(&day, &key.sort)).transpose()
    }

    /// The items of a partition that are wanted, in their order.
    pub(crate) async fn items(&self, partition: &str, wanted: &Wanted) -> Result<Found, Failed> {
        let mut found = Found::default();
        if !is_of_days(partition)? || wanted.limit == 0 {
            return Ok(found);
        }
        // What sorts behind every date comes first where the newest does.
        if wanted.order == DayOrder::NewestFirst && self.add_latest(wanted, &mut found).await? {
            return Ok(found);
        }
        let mut span = wanted.dates();
        while let Some((from, until)) = span {
            let most = AT_ONCE.min(wanted.limit.saturating_sub(found.items.len()));
            let days = self.permitted.first_days((from, until), wanted.order, most).await?;
            span = match days.last() {
                Some(last) if days.len() >= most => wanted.behind((from, until), last.date),
                _ => None,
            };
            for day in &days {
                if found.add(item(day, &day.date.to_string())?, wanted) {
                    return Ok(found);
                }
            }
        }
        if wanted.order == DayOrder::OldestFirst {
            self.add_latest(wanted, &mut found).await?;
        }
        Ok(found)
    }

    /// Adds the newest day under its other name, where that is wanted; whether that is enough.
    async fn add_latest(&self, wanted: &Wanted, found: &mut Found) -> Result<bool, Failed> {
        if !wanted.holds(LATEST) {
            return Ok(false);
        }
        match self.permitted.latest().await? {
            Some(day) => Ok(found.add(item(&day, LATEST)?, wanted)),
            None => Ok(false),
        }
    }
}

impl Wanted {
    fn holds(&self, key: &str) -> bool {
        self.has_begun(key) && self.goes_on(key)
    }

    fn has_begun(&self, key: &str) -> bool {
        let after = self.after.as_deref().filter(|_| self.order == DayOrder::OldestFirst);
        self.sort.has_begun(key) && after.is_none_or(|after| key > after)
    }

    fn goes_on(&self, key: &str) -> bool {
        let after = self.after.as_deref().filter(|_| self.order == DayOrder::NewestFirst);
        self.sort.goes_on(key) && after.is_none_or(|after| key < after)
    }

    /// The first and the last day that are wanted, as dates sort as text; none where none is.
    fn dates(&self) -> Option<(Date, Date)> {
        let first = first_place(|key| self.has_begun(key));
        let behind = first_place(|key| !self.goes_on(key));
        let last = behind.checked_sub(1).filter(|last| *last >= first)?;
        Some((date_at(first)?, date_at(last)?))
    }

    /// What is left of a span behind a day of it.
    fn behind(&self, (from, until): (Date, Date), last: Date) -> Option<(Date, Date)> {
        let left = match self.order {
            DayOrder::OldestFirst => (last.tomorrow().ok()?, until),
            DayOrder::NewestFirst => (from, last.yesterday().ok()?),
        };
        (left.0 <= left.1).then_some(left)
    }
}

impl Found {
    /// Adds an item; whether that is enough for one answer.
    fn add(&mut self, item: Item, wanted: &Wanted) -> bool {
        let sort = item.get(SORT_KEY).and_then(AttributeValue::text).map(str::to_owned);
        self.bytes = self.bytes.saturating_add(size(&item));
        self.items.push(item);
        let is_enough = self.items.len() >= wanted.limit || self.bytes >= MOST_BYTES;
        if is_enough {
            self.last = sort;
        }
        is_enough
    }
}

impl Key {
    /// Reads a key as a caller gave it.
    pub(crate) fn read(given: &Map<String, Value>) -> Result<Self, Fault> {
        let mismatch = || validation("The provided key element does not match the schema");
        if given.len() != 2 {
            return Err(mismatch());
        }
        let read = |name: &str| {
            let value = AttributeValue::read(given.get(name).ok_or_else(mismatch)?)?;
            let text = value.text().ok_or_else(mismatch)?;
            if text.is_empty() {
                return Err(validation(format!(
                    "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain \
                     an empty string value. Key: {name}"
                )));
            }
            Ok(text.to_owned())
        };
        Ok(Self {
            partition: read(PARTITION_KEY)?,
            sort: read(SORT_KEY)?,
        })
    }

    /// As it is given to a caller.
    pub(crate) fn document(&self) -> Value {
        let text = |text: &str| AttributeValue::Text(text.to_owned()).document();
        let members = [(PARTITION_KEY, text(&self.partition)), (SORT_KEY, text(&self.sort))];
        Value::Object(Map::from_iter(members.map(|(name, value)| (name.to_owned(), value))))
    }
}

/// How many bytes an item takes, as DynamoDB counts.
pub(crate) fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.size()).sum()
}

/// Whether a partition is the days'. Of what the table of a stack on AWS has beside them nothing is served.
fn is_of_days(partition: &str) -> Result<bool, Fault> {
    if partition == CUSTOMERS || partition.starts_with(CUSTOMER_MOVEMENTS) {
        return Err(Fault::sender(
            "AccessDeniedException",
            "What customers pay is not served in this table. Whom a policy lets `readRevenue` reads who moved at GET \
             /v1/revenue/movements.",
        ));
    }
    Ok(partition == DAYS)
}

fn no_such_table(name: &str) -> Fault {
    let shown: String = name.chars().take(255).collect();
    Fault::sender(
        "ResourceNotFoundException",
        format!(
            "Requested resource not found: Table: {shown} not found. This control plane serves {NAME}STAGE alone, for \
             its own stages; to reach your other tables leave AWS_ENDPOINT_URL_DYNAMODB unset for them."
        ),
    )
}

/// A day as an item under a sort key.
fn item(day: &Day, sort: &str) -> Result<Item, Failed> {
    let mut item = Item::from([
        (PARTITION_KEY.to_owned(), AttributeValue::Text(DAYS.to_owned())),
        (SORT_KEY.to_owned(), AttributeValue::Text(sort.to_owned())),
    ]);
    for (name, attribute) in attributes(day)? {
        item.insert(name.to_owned(), attribute.into());
    }
    Ok(item)
}

/// The day that a sort key names, in the one form that names it.
fn date_of(sort: &str) -> Option<Date> {
    let date: Date = sort.parse().ok()?;
    (date.to_string() == sort && date.year() >= 0).then_some(date)
}

/// The date at a place among all that sort as text.
fn date_at(place: i64) -> Option<Date> {
    date(0, 1, 1).checked_add(place.days()).ok()
}

/// The place of the first date that something holds for, which holds for all behind it; behind the last where it holds for
/// none.
fn first_place(holds: impl Fn(&str) -> bool) -> i64 {
    let (mut low, mut high) = (0, DATES);
    while low < high {
        let middle = i64::midpoint(low, high);
        if date_at(middle).is_some_and(|date| holds(&date.to_string())) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted(sort: SortCondition, after: Option<&str>, order: DayOrder) -> Wanted {
        Wanted {
            sort,
            after: after.map(str::to_owned),
            order,
            limit: usize::MAX,
        }
    }

    #[test]
    fn every_date_of_four_digits_has_its_place() {
        assert_eq!(date_at(0), Some(date(0, 1, 1)));
        assert_eq!(date_at(DATES - 1), Some(date(9999, 12, 31)));
    }

    #[test]
    fn the_days_that_a_condition_means_are_found_by_their_dates() {
        let text = |text: &str| text.to_owned();
        let (oldest, newest) = (DayOrder::OldestFirst, DayOrder::NewestFirst);
        let all = (date(0, 1, 1), date(9999, 12, 31));
        for (wanted, dates) in [
            (wanted(SortCondition::Any, None, oldest), Some(all)),
            (
                wanted(SortCondition::BeginsWith(text("2026")), None, newest),
                Some((date(2026, 1, 1), date(2026, 12, 31))),
            ),
            (
                wanted(SortCondition::BeginsWith(text("2026-02")), None, oldest),
                Some((date(2026, 2, 1), date(2026, 2, 28))),
            ),
            (
                wanted(SortCondition::Between(text("2026-03-05"), text("latest")), None, oldest),
                Some((date(2026, 3, 5), all.1)),
            ),
            (
                wanted(SortCondition::Less(text("2026-03-05")), Some("2026-03-01"), oldest),
                Some((date(2026, 3, 2), date(2026, 3, 4))),
            ),
            (
                wanted(SortCondition::Any, Some("2026-03-01"), newest),
                Some((all.0, date(2026, 2, 28))),
            ),
            (
                wanted(SortCondition::Equal(text("2026-03-01")), None, oldest),
                Some((date(2026, 3, 1), date(2026, 3, 1))),
            ),
            (wanted(SortCondition::Equal(text("latest")), None, oldest), None),
            (wanted(SortCondition::Greater(text("latest")), None, newest), None),
            (wanted(SortCondition::Any, Some("latest"), oldest), None),
            (wanted(SortCondition::Any, Some("latest"), newest), Some(all)),
        ] {
            assert_eq!(wanted.dates(), dates, "{wanted:?}");
        }
    }

    #[test]
    fn a_key_is_two_texts() {
        let read = |given: Value| {
            let Value::Object(given) = given else { panic!("a map") };
            Key::read(&given).map_err(|fault| fault.message)
        };
        let key = read(json!({"PK": {"S": "mrr"}, "SK": {"S": "latest"}})).unwrap();
        assert_eq!(key.document(), json!({"PK": {"S": "mrr"}, "SK": {"S": "latest"}}));
        for given in [
            json!({"PK": {"S": "mrr"}}),
            json!({"PK": {"S": "mrr"}, "SK": {"N": "1"}}),
            json!({"PK": {"S": "mrr"}, "sk": {"S": "latest"}}),
            json!({"PK": {"S": "mrr"}, "SK": {"S": "latest"}, "X": {"S": "y"}}),
        ] {
            assert!(read(given).unwrap_err().contains("does not match the schema"));
        }
        let empty = read(json!({"PK": {"S": ""}, "SK": {"S": "latest"}})).unwrap_err();
        assert!(empty.ends_with("Key: PK"), "{empty}");
    }

    #[test]
    fn a_day_has_one_name() {
        assert_eq!(date_of("2026-03-01"), Some(date(2026, 3, 1)));
        for other in [
            "latest",
            "20260301",
            "2026-3-1",
            "2026-03-01T00:00:00",
            "-000001-01-01",
            "",
        ] {
            assert_eq!(date_of(other), None, "{other:?}");
        }
    }
}
