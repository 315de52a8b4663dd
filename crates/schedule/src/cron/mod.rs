//! A cron expression in a zone. Its fields are read here, strictly, so that a person hears which one is wrong;
//! croner searches the wall clock; the day rule and what clocks skip or repeat are Debian's, which croner's are not.

mod fields;
mod words;

use std::sync::Arc;

use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::place::{self, Change};
use super::{ScheduleError, name_of, zone_of};
use fields::Fields;

/// The years that are searched. Without bounds croner goes to the year 5000 for a 30th of February.
const YEARS: &str = "1970-2199";

/// A cron expression in a zone. It takes about 6 KB: croner keeps a byte for each year that it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    expression: String,
    zone: TimeZone,
    fields: Fields,
    search: Arc<croner::Cron>,
}

impl Cron {
    /// Reads an expression. Whether it has a next time is not asked.
    pub(super) fn new(expression: &str, zone: &str) -> Result<Self, ScheduleError> {
        let expression = expression.trim();
        let zone = zone_of(zone)?;
        let fields = Fields::read(expression)?;
        let search = CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Required)
            .dom_and_dow(fields.both_days())
            .build()
            .parse(&format!("0 {} {YEARS}", fields.for_croner()))
            .map_err(|error| ScheduleError::Cron {
                expression: expression.to_owned(),
                problem: error.to_string(),
            })?;
        Ok(Self {
            expression: expression.to_owned(),
            zone,
            fields,
            search: Arc::new(search),
        })
    }

    /// The first instant strictly after `after`.
    pub(super) fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let change = if self.fields.is_fixed_time() {
            Change::Moved
        } else {
            Change::Every
        };
        place::next(&self.zone, after, change, |from| self.wall_clock_from(from))
    }

    /// The first time of the wall clock at or after `from`.
    fn wall_clock_from(&self, from: DateTime) -> Option<DateTime> {
        let mut minute = from.with().second(0).subsec_nanosecond(0).build().ok()?;
        if minute < from {
            minute = minute.checked_add(SignedDuration::from_mins(1)).ok()?;
        }
        self.search.find_next_occurrence(&minute, true).ok()
    }

    pub(super) fn in_words(&self) -> String {
        format!("{}, {}", words::say(&self.fields), self.zone_name())
    }

    /// The expression, as it was written.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The zone whose wall clock it follows.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The zone's name in the IANA database.
    pub fn zone_name(&self) -> &str {
        name_of(&self.zone)
    }

    pub(super) fn into_expression(self) -> String {
        self.expression
    }
}
