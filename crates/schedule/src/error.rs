//! Why a schedule is not taken.

/// A schedule is not taken. Its text says what is wrong, where, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The period is out of bounds.
    #[error("the period must be a whole number of seconds from 1 second to 10 years (3650d)")]
    Period,
    /// There is no such zone.
    #[error(
        "there is no time zone `{name}` in the IANA database: write one as `Europe/Berlin`, `America/New_York` or `UTC`"
    )]
    Zone {
        /// As it was written.
        name: String,
    },
    /// The cron expression has not five fields.
    #[error(
        "cron expression `{expression}` has {fields} fields and needs five, minute, hour, day of the month, month, day of the \
         week, as in `0 6 * * mon-fri`, or a name such as `@daily`{hint}"
    )]
    CronFields {
        /// As it was written.
        expression: String,
        /// How many fields it has.
        fields: usize,
        /// What else to know; begins with a separator where it is there.
        hint: &'static str,
    },
    /// One field of the cron expression cannot be read.
    #[error("cron expression `{expression}`: field {number} ({field}) is `{text}`: {problem}")]
    CronField {
        /// The whole expression, as it was written.
        expression: String,
        /// The field's place, from 1.
        number: usize,
        /// What the field means.
        field: &'static str,
        /// The field, as it was written.
        text: String,
        /// What is wrong, and what to write.
        problem: String,
    },
    /// The cron expression cannot be read for another reason.
    #[error("cron expression `{expression}`: {problem}")]
    Cron {
        /// As it was written.
        expression: String,
        /// What is wrong, and what to write.
        problem: String,
    },
    /// An OnCalendar expression cannot be read.
    #[error("OnCalendar expression `{expression}`: {problem}")]
    OnCalendar {
        /// The line, as it was written.
        expression: String,
        /// What is wrong, and what to write.
        problem: String,
    },
    /// It has no next time.
    #[error("`{expression}` has no time within the next 50 years ({words})")]
    Never {
        /// As it was written.
        expression: String,
        /// What it means.
        words: String,
    },
    /// It is neither a period nor cron nor OnCalendar.
    #[error(
        "`{text}` is no schedule: write a period (`5m`; a whole number with s, m, h or d), a cron expression (`0 6 * * *`) or a \
         systemd calendar expression (`Mon..Fri 06:00`)"
    )]
    Unreadable {
        /// As it was written.
        text: String,
    },
    /// What is stored is of no known form.
    #[error("a stored schedule has exactly one of `period_s`, `cron` and `on_calendar`, and `tz` with the latter two")]
    Stored,
}
