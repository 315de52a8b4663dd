//! How domain values stand in columns, and back. A stored value that cannot be read becomes an
//! error that SQLite's own conversions also use, and so counts as damage.

use std::str::FromStr;

use cc_devops_kernel::agent::Role;
use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::paging::{Cursor, Page};
use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Error, Result, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Nanoseconds since 1970. Times outside 1677 to 2262 become the nearest that fits.
pub(crate) fn nanos(time: Timestamp) -> i64 {
    let nanos = time.as_nanosecond();
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// The time of a count of nanoseconds; every `i64` is one.
pub(crate) fn time(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or(Timestamp::MAX)
}

/// The time in a column.
pub(crate) fn time_at(row: &Row<'_>, column: usize) -> Result<Timestamp> {
    row.get(column).map(time)
}

/// The time in a column that may be empty.
pub(crate) fn optional_time_at(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column).map(|nanos| nanos.map(time))
}

/// A name in a column, checked again.
pub(crate) fn name_at<T>(row: &Row<'_>, column: usize) -> Result<T>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    parse(row.get_ref(column)?.as_str()?, column)
}

/// A name in a column that may be empty.
pub(crate) fn optional_name_at<T>(row: &Row<'_>, column: usize) -> Result<Option<T>>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get_ref(column)?
        .as_str_or_null()?
        .map(|text| parse(text, column))
        .transpose()
}

fn parse<T>(text: &str, column: usize) -> Result<T>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|error: T::Err| unreadable(column, error))
}

/// JSON text in a column.
pub(crate) fn json_at<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| unreadable(column, error))
}

/// JSON text in a column that may be empty.
pub(crate) fn optional_json_at<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<Option<T>> {
    row.get_ref(column)?
        .as_str_or_null()?
        .map(|text| serde_json::from_str(text).map_err(|error| unreadable(column, error)))
        .transpose()
}

/// A value as JSON text.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))
}

/// A role in a column.
pub(crate) fn role_at(row: &Row<'_>, column: usize) -> Result<Role> {
    Role::find(row.get_ref(column)?.as_str()?).ok_or_else(|| unreadable(column, Unknown("role")))
}

/// A status in a column.
pub(crate) fn status_at(row: &Row<'_>, column: usize) -> Result<Status> {
    match row.get_ref(column)?.as_str()? {
        "success" => Ok(Status::Success),
        "error" => Ok(Status::Error),
        _ => Err(unreadable(column, Unknown("status"))),
    }
}

/// A count in a column; negative ones are none.
pub(crate) fn count_at(row: &Row<'_>, column: usize) -> Result<u64> {
    let count: i64 = row.get(column)?;
    u64::try_from(count).map_err(|_| Error::IntegralValueOutOfRange(column, count))
}

/// A list's limit as SQLite takes it.
pub(crate) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A page of `at_most` rows, of which one more was read where there is one.
pub(crate) fn page<T>(mut items: Vec<T>, at_most: usize, place: impl Fn(&T) -> i64) -> Page<T> {
    let more = items.len() > at_most;
    items.truncate(at_most);
    let next = items.last().filter(|_| more).map(|last| Cursor(place(last)));
    Page { items, next }
}

/// A word in a column that is none of those it may be.
#[derive(Debug, thiserror::Error)]
#[error("the stored {0} is unknown")]
pub(crate) struct Unknown(pub(crate) &'static str);

/// A column that holds something that was never written there.
pub(crate) fn unreadable(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}
