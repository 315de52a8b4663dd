//! The conditions of a list: those asked for and no others, so that SQLite can choose an index.

use rusqlite::params_from_iter;
use rusqlite::types::Value;
use rusqlite::{Connection, Row};

/// Conditions joined by AND, with their values.
#[derive(Default)]
pub(crate) struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    /// Narrows by a condition with one placeholder.
    pub(crate) fn with(&mut self, condition: &str, value: impl Into<Value>) {
        self.and(condition);
        self.values.push(value.into());
    }

    /// Narrows by a condition with one placeholder, where there is a value for it.
    pub(crate) fn with_some(&mut self, condition: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.with(condition, value);
        }
    }

    /// Narrows by a condition without a placeholder.
    pub(crate) fn and(&mut self, condition: &str) {
        self.sql.push_str(if self.sql.is_empty() { " WHERE " } else { " AND " });
        self.sql.push_str(condition);
    }

    /// The `WHERE` clause; empty where there is no condition.
    pub(crate) fn clause(&self) -> &str {
        &self.sql
    }

    /// Whether all of them hold, for a result column, with their values; not where that is unknown.
    pub(crate) fn into_test(self) -> (String, Vec<Value>) {
        let test = match self.sql.strip_prefix(" WHERE ") {
            None => "1".to_owned(),
            Some(conditions) => format!("coalesce({conditions}, 0)"),
        };
        (test, self.values)
    }

    /// Runs a statement that has these conditions, as often as `times` says, and then a limit.
    pub(crate) fn query<T>(
        &self,
        conn: &Connection,
        sql: &str,
        times: usize,
        limit: i64,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let values = std::iter::repeat_n(&self.values, times).flatten().cloned();
        let values = values.chain(std::iter::once(Value::Integer(limit)));
        conn.prepare_cached(sql)?
            .query_map(params_from_iter(values), read)?
            .collect()
    }
}
