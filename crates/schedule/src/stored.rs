//! The stored form of a schedule: what was written, and the zone. It is read again as it was set.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{Cron, OnCalendar, Schedule, ScheduleError};

/// The stored form. Exactly one of the first three is there.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    period_s: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cron: Option<String>,
    /// One expression a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_calendar: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tz: Option<String>,
}

impl From<Schedule> for Stored {
    fn from(schedule: Schedule) -> Self {
        match schedule {
            Schedule::Period(period) => Self {
                period_s: Some(period.as_secs()),
                ..Self::default()
            },
            Schedule::Cron(cron) => Self {
                tz: Some(cron.zone_name().to_owned()),
                cron: Some(cron.into_expression()),
                ..Self::default()
            },
            Schedule::OnCalendar(on_calendar) => Self {
                tz: Some(on_calendar.zone_name().to_owned()),
                on_calendar: Some(on_calendar.into_expressions()),
                ..Self::default()
            },
        }
    }
}

impl TryFrom<Stored> for Schedule {
    type Error = ScheduleError;

    fn try_from(stored: Stored) -> Result<Self, ScheduleError> {
        match (stored.period_s, stored.cron, stored.on_calendar, stored.tz) {
            (Some(seconds), None, None, None) => Self::period(SignedDuration::from_secs(seconds)),
            (None, Some(cron), None, Some(zone)) => Ok(Self::Cron(Cron::new(&cron, &zone)?)),
            (None, None, Some(lines), Some(zone)) => Ok(Self::OnCalendar(OnCalendar::new(&lines, &zone)?)),
            _ => Err(ScheduleError::Stored),
        }
    }
}
