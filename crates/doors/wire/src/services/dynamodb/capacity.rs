//! What a read takes, as DynamoDB counts: a unit for 4 KB that are read as they are now, half a unit otherwise.

use serde::Deserialize;
use serde_json::{Value, json};

/// How many bytes a unit reads.
const UNIT: usize = 4_096;

/// How much of it a caller wants to be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum ReturnConsumedCapacity {
    /// Nothing.
    #[default]
    None,
    /// The sum.
    Total,
    /// The sum, and what of it is the table's: all, where there is no index.
    Indexes,
}

/// What reads of a table take.
pub(crate) struct Reading {
    table: String,
    is_consistent: bool,
    /// In units that read what is as it is now.
    units: u32,
}

impl Reading {
    /// Of a table, as it was named; `is_consistent`: as it is now.
    pub(crate) fn of(table: &str, is_consistent: bool) -> Self {
        Self {
            table: table.to_owned(),
            is_consistent,
            units: 0,
        }
    }

    /// A read of so many bytes. What finds nothing takes a unit, too.
    pub(crate) fn took(&mut self, bytes: usize) {
        let units = u32::try_from(bytes.div_ceil(UNIT).max(1)).unwrap_or(u32::MAX);
        self.units = self.units.saturating_add(units);
    }

    /// What a caller is told of it.
    pub(crate) fn told(&self, told: ReturnConsumedCapacity) -> Option<Value> {
        let each = if self.is_consistent { 1.0 } else { 0.5 };
        let units = f64::from(self.units) * each;
        match told {
            ReturnConsumedCapacity::None => None,
            ReturnConsumedCapacity::Total => Some(json!({"TableName": self.table, "CapacityUnits": units})),
            ReturnConsumedCapacity::Indexes => Some(json!({
                "TableName": self.table,
                "CapacityUnits": units,
                "Table": {"CapacityUnits": units},
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_takes_half_a_unit_for_each_4_kb_or_a_whole_one_where_it_is_consistent() {
        for (bytes, is_consistent, units) in [
            (0, false, 0.5),
            (4_096, false, 0.5),
            (4_097, false, 1.0),
            (1, true, 1.0),
            (10_000, true, 3.0),
        ] {
            let mut reading = Reading::of("T", is_consistent);
            reading.took(bytes);
            let told = reading.told(ReturnConsumedCapacity::Total).unwrap();
            assert_eq!(told, json!({"TableName": "T", "CapacityUnits": units}), "{bytes}");
            let with_table = reading.told(ReturnConsumedCapacity::Indexes).unwrap();
            assert_eq!(with_table["Table"], json!({"CapacityUnits": units}));
        }
        assert_eq!(Reading::of("T", true).told(ReturnConsumedCapacity::None), None);
    }
}
