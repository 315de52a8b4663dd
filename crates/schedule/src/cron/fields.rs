//! The five fields of a cron expression, read strictly: numbers, names, ranges, steps, lists, and the day fields' `L`,
//! `LW`, `15W`, `5L` and `1#2`.

use crate::ScheduleError;

/// What a field holds values of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Minute,
    Hour,
    DayOfMonth,
    Month,
    DayOfWeek,
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Kind {
    fn title(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of the month",
            Self::Month => "month",
            Self::DayOfWeek => "day of the week",
        }
    }

    /// The smallest and the largest number. Sunday is 0 and 7.
    fn bounds(self) -> (u8, u8) {
        match self {
            Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::DayOfWeek => (0, 7),
        }
    }

    /// The names, in lower case, and the number of the first.
    fn names(self) -> (&'static [&'static str], u8) {
        match self {
            Self::Month => (&MONTHS, 1),
            Self::DayOfWeek => (&WEEKDAYS, 0),
            Self::Minute | Self::Hour | Self::DayOfMonth => (&[], 0),
        }
    }
}

/// One item of a field's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// From the first to the last in steps; a single value is both.
    Span { first: u8, last: u8, step: u8 },
    /// `L`: the month's last day.
    Last,
    /// `LW`: the month's last day from Monday to Friday.
    LastWorkday,
    /// `15W`: the day from Monday to Friday that is nearest to this one, in the same month.
    NearestWorkday(u8),
    /// `5L`: the month's last such day of the week, Sunday 0.
    LastOf(u8),
    /// `1#2`: such a day of the week, Sunday 0, counted from the month's first.
    Nth(u8, u8),
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) items: Vec<Item>,
    /// It begins with `*`: what Debian's cron goes by.
    star: bool,
    /// It is `*` alone.
    all: bool,
}

/// The five fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) minute: Field,
    pub(super) hour: Field,
    pub(super) day_of_month: Field,
    pub(super) month: Field,
    pub(super) day_of_week: Field,
}

impl Fields {
    pub(super) fn read(expression: &str) -> Result<Self, ScheduleError> {
        let plain = match expression.strip_prefix('@') {
            Some(name) => nickname(name).ok_or_else(|| ScheduleError::Cron {
                expression: expression.to_owned(),
                problem: "the names are @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly"
                    .to_owned(),
            })?,
            None => expression,
        };
        let words: Vec<&str> = plain.split_whitespace().collect();
        let [minute, hour, day_of_month, month, day_of_week] = words.as_slice() else {
            return Err(ScheduleError::CronFields {
                expression: expression.to_owned(),
                fields: words.len(),
                hint: match words.len() {
                    6 | 7 => "; seconds and years are not taken",
                    _ => "",
                },
            });
        };
        let field = |number: usize, kind: Kind, text: &str| {
            Field::read(kind, text).map_err(|problem| ScheduleError::CronField {
                expression: expression.to_owned(),
                number,
                field: kind.title(),
                text: text.to_owned(),
                problem,
            })
        };
        Ok(Self {
            minute: field(1, Kind::Minute, minute)?,
            hour: field(2, Kind::Hour, hour)?,
            day_of_month: field(3, Kind::DayOfMonth, day_of_month)?,
            month: field(4, Kind::Month, month)?,
            day_of_week: field(5, Kind::DayOfWeek, day_of_week)?,
        })
    }

    /// Whether both day fields must hold: Debian's cron says so where either begins with `*`, else one is enough.
    pub(super) fn both_days(&self) -> bool {
        self.day_of_month.star || self.day_of_week.star
    }

    /// Whether it is at fixed times, for which a change of the clocks is made good.
    pub(super) fn is_fixed_time(&self) -> bool {
        !self.minute.star && !self.hour.star
    }

    /// The fields in numbers alone.
    pub(super) fn for_croner(&self) -> String {
        let all = [
            &self.minute,
            &self.hour,
            &self.day_of_month,
            &self.month,
            &self.day_of_week,
        ];
        all.map(Field::for_croner).join(" ")
    }
}

/// What a nickname stands for.
fn nickname(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "yearly" | "annually" => "0 0 1 1 *",
        "monthly" => "0 0 1 * *",
        "weekly" => "0 0 * * 0",
        "daily" | "midnight" => "0 0 * * *",
        "hourly" => "0 * * * *",
        _ => return None,
    })
}

impl Field {
    fn read(kind: Kind, text: &str) -> Result<Self, String> {
        let items = text
            .split(',')
            .map(|item| read_item(kind, &item.to_ascii_lowercase()))
            .collect::<Result<Vec<_>, _>>()?;
        // croner takes the two together for `LW` alone.
        if items.contains(&Item::Last) && items.contains(&Item::LastWorkday) {
            return Err("`L` and `LW` cannot stand in one list".to_owned());
        }
        Ok(Self {
            items,
            star: text.starts_with('*'),
            all: text == "*",
        })
    }

    /// Its plain values, in the order in which they were written, as often as they were; Sunday is 0 or 7.
    pub(super) fn values(&self) -> Vec<u8> {
        let mut values: Vec<u8> = Vec::new();
        for item in &self.items {
            if let Item::Span { first, last, step } = *item {
                values.extend((first..=last).step_by(usize::from(step.max(1))));
            }
        }
        values
    }

    /// What else is in its list, in the order in which it was written.
    pub(super) fn others(&self) -> impl Iterator<Item = Item> {
        self.items
            .iter()
            .copied()
            .filter(|item| !matches!(item, Item::Span { .. }))
    }

    fn for_croner(&self) -> String {
        if self.all {
            return "*".to_owned();
        }
        let items: Vec<String> = self
            .items
            .iter()
            .map(|item| match *item {
                Item::Span { first, last, .. } if first == last => first.to_string(),
                Item::Span { first, last, step } => format!("{first}-{last}/{step}"),
                Item::Last => "L".to_owned(),
                Item::LastWorkday => "LW".to_owned(),
                Item::NearestWorkday(day) => format!("{day}W"),
                Item::LastOf(weekday) => format!("{weekday}L"),
                Item::Nth(weekday, nth) => format!("{weekday}#{nth}"),
            })
            .collect();
        items.join(",")
    }
}

/// Reads one item of a list; `text` is in lower case.
fn read_item(kind: Kind, text: &str) -> Result<Item, String> {
    if text.is_empty() {
        return Err("a list has nothing between two commas, or at its end".to_owned());
    }
    if text == "?" {
        return Err("`?` is not cron's: write `*`".to_owned());
    }
    match kind {
        Kind::DayOfMonth => match text {
            "l" => return Ok(Item::Last),
            "lw" => return Ok(Item::LastWorkday),
            _ => {
                if let Some(day) = text.strip_suffix('w') {
                    return Ok(Item::NearestWorkday(number(kind, day)?));
                }
            }
        },
        Kind::DayOfWeek => {
            if text == "l" {
                return Err("`L` needs a day of the week before it: `5L` is the month's last Friday".to_owned());
            }
            if let Some(weekday) = text.strip_suffix('l') {
                return Ok(Item::LastOf(number(kind, weekday)? % 7));
            }
            if let Some((weekday, nth)) = text.split_once('#') {
                let weekday = number(kind, weekday)? % 7;
                return match digits(nth) {
                    Some(nth @ 1..=5) => Ok(Item::Nth(weekday, nth)),
                    _ => Err(format!(
                        "`{nth}` after `#` is not from 1 to 5: `1#2` is the month's second Monday"
                    )),
                };
            }
        }
        Kind::Minute | Kind::Hour | Kind::Month => {}
    }
    let (range, step) = match text.split_once('/') {
        None => (text, None),
        Some((range, step)) => {
            let step = digits(step)
                .filter(|step| *step > 0)
                .ok_or_else(|| format!("`{step}` after `/` is not a step from 1 to 255"))?;
            (range, Some(step))
        }
    };
    let (low, high) = kind.bounds();
    let (first, last) = if range == "*" {
        // Seven times a week, not eight: Sunday is 0 here.
        (low, if kind == Kind::DayOfWeek { 6 } else { high })
    } else if let Some((first, last)) = range.split_once('-') {
        (number(kind, first)?, end_of_range(kind, first, last)?)
    } else if let Some(step) = step {
        let wanted = if range.is_empty() {
            "*".to_owned()
        } else {
            format!("{range}-{high}")
        };
        return Err(format!("a step needs a range before it: write `{wanted}/{step}`"));
    } else {
        let only = number(kind, range)?;
        (only, only)
    };
    if first > last {
        let end = if kind == Kind::DayOfWeek { first.max(6) } else { high };
        return Err(format!(
            "the range `{range}` ends before it begins: write `{},{}`",
            span(first, end),
            span(low, last)
        ));
    }
    Ok(Item::Span {
        first,
        last,
        step: step.unwrap_or(1),
    })
}

fn span(first: u8, last: u8) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first}-{last}")
    }
}

/// The last of a range. Sunday is the week's last day there, unless the range begins with it.
fn end_of_range(kind: Kind, first: &str, last: &str) -> Result<u8, String> {
    let end = number(kind, last)?;
    let sunday_is_last = kind == Kind::DayOfWeek && last == "sun" && number(kind, first)? != 0;
    Ok(if sunday_is_last { 7 } else { end })
}

/// A number or a name within the field's bounds.
fn number(kind: Kind, text: &str) -> Result<u8, String> {
    let (low, high) = kind.bounds();
    let (names, first) = kind.names();
    if let Some(named) = (first..).zip(names).find(|(_, name)| **name == text) {
        return Ok(named.0);
    }
    if let Some(value) = digits(text) {
        if (low..=high).contains(&value) {
            return Ok(value);
        }
        return Err(format!("{value} is not from {low} to {high}"));
    }
    let or_a_name = match (names.first(), names.last()) {
        (Some(first), Some(last)) => format!(" or a name from `{first}` to `{last}`"),
        _ => String::new(),
    };
    Err(format!("`{text}` is not a number from {low} to {high}{or_a_name}"))
}

fn digits(text: &str) -> Option<u8> {
    let all_digits = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    if all_digits { text.parse().ok() } else { None }
}
