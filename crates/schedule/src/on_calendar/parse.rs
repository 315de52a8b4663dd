//! The grammar of systemd.time(7): `[weekdays] [date] [time] [zone]`, or a shorthand and a zone. What systemd 252 refuses
//! is refused; fractions of a second, which it takes, are refused too.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Line, Numbers, Spec, YEARS};
use crate::{ScheduleError, zone_of};

/// The most that `~` counts back: every month has as many days.
const FROM_END: u16 = 28;

const WEEKDAYS: [(&str, &str); 7] = [
    ("mon", "monday"),
    ("tue", "tuesday"),
    ("wed", "wednesday"),
    ("thu", "thursday"),
    ("fri", "friday"),
    ("sat", "saturday"),
    ("sun", "sunday"),
];

/// What a shorthand stands for.
fn shorthand(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "minutely" => "*:*:00",
        "hourly" => "*:00:00",
        "daily" => "*-*-* 00:00:00",
        "weekly" => "Mon *-*-* 00:00:00",
        "monthly" => "*-*-01 00:00:00",
        "quarterly" => "*-01,04,07,10-01 00:00:00",
        "semiannually" | "semi-annually" | "biannually" | "bi-annually" => "*-01,07-01 00:00:00",
        "yearly" | "annually" | "anually" => "*-01-01 00:00:00",
        _ => return None,
    })
}

/// Whether a word is a shorthand such as `daily`.
pub(crate) fn is_shorthand(word: &str) -> bool {
    shorthand(word).is_some()
}

/// Reads one expression.
pub(super) fn line(expression: &str) -> Result<Line, ScheduleError> {
    read(expression).map_err(|problem| match problem {
        Problem::Zone(error) => error,
        Problem::Text(problem) => ScheduleError::OnCalendar {
            expression: expression.to_owned(),
            problem,
        },
    })
}

enum Problem {
    Zone(ScheduleError),
    Text(String),
}

impl From<String> for Problem {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

fn read(expression: &str) -> Result<Line, Problem> {
    let mut words: Vec<&str> = expression.split_whitespace().collect();
    let mut zone = None;
    if let [_, .., last] = words.as_slice()
        && last.starts_with(|first: char| first.is_ascii_alphabetic())
    {
        zone = Some(zone_of(last).map_err(Problem::Zone)?);
        words.pop();
    }
    if let [word] = words.as_slice()
        && let Some(meaning) = shorthand(word)
    {
        let spec = spec(&meaning.split_whitespace().collect::<Vec<_>>())?;
        return Ok(Line { spec, zone });
    }
    if let [seconds] = words.as_slice()
        && let Some(seconds) = seconds.strip_prefix('@')
    {
        let spec = at_instant(seconds)?;
        return Ok(Line {
            spec,
            zone: Some(TimeZone::UTC),
        });
    }
    let spec = spec(&words)?;
    Ok(Line { spec, zone })
}

/// `@1395716396`: seconds since 1970 in UTC.
fn at_instant(seconds: &str) -> Result<Spec, String> {
    let instant = Some(seconds)
        .filter(|seconds| seconds.bytes().all(|digit| digit.is_ascii_digit()))
        .and_then(|seconds| seconds.parse().ok())
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .ok_or_else(|| format!("`@{seconds}` is not a number of seconds since 1970"))?;
    let wall = TimeZone::UTC.to_datetime(instant);
    let (date, time) = (
        wall.strftime("%Y-%m-%d").to_string(),
        wall.strftime("%H:%M:%S").to_string(),
    );
    spec(&[&date, &time])
}

/// Reads weekdays, date and time, of which each may be left out, but not all.
fn spec(words: &[&str]) -> Result<Spec, String> {
    let midnight = Numbers::from_to(0, 0);
    let mut spec = Spec {
        weekdays: Numbers::from_to(0, 6),
        years: None,
        months: Part::MONTH.all(),
        days: Part::DAY.all(),
        from_end: false,
        hours: midnight.clone(),
        minutes: midnight.clone(),
        seconds: midnight,
    };
    let mut left = words;
    if let [first, rest @ ..] = left
        && first.starts_with(|letter: char| letter.is_ascii_alphabetic())
    {
        spec.weekdays = weekdays(first)?;
        left = rest;
    }
    if let [first, rest @ ..] = left
        && !first.contains(':')
        && first.contains(['-', '~'])
    {
        date(first, &mut spec)?;
        left = rest;
    }
    if let [first, rest @ ..] = left
        && first.contains(':')
    {
        time(first, &mut spec)?;
        left = rest;
    }
    match left {
        [] if words.is_empty() => Err("it is empty: write a time such as `Mon..Fri 06:00`".to_owned()),
        [] => Ok(spec),
        [word, ..] => Err(format!(
            "`{word}` does not belong there: write weekdays, a date with `-`, a time with `:` and a zone, in this order, as \
             in `Mon..Fri *-*-* 06:00 Europe/Berlin`"
        )),
    }
}

/// `Mon`, `Mon,Wed`, `Mon..Fri`; `Mon-Fri` as of old. Monday is 0.
fn weekdays(text: &str) -> Result<Numbers, String> {
    let mut set = Numbers::default();
    // A comma at the end is taken.
    for item in text.strip_suffix(',').unwrap_or(text).split(',') {
        let (first, last) = match item.split_once("..").or_else(|| item.split_once('-')) {
            Some((first, last)) => (weekday(first)?, weekday(last)?),
            None => (weekday(item)?, weekday(item)?),
        };
        if first > last {
            return Err(format!(
                "the weekdays `{item}` end before they begin: the week begins with Monday; write two ranges, as in \
                 `Sat..Sun,Mon`"
            ));
        }
        (first..=last).for_each(|day| set.insert(day));
    }
    Ok(set)
}

fn weekday(text: &str) -> Result<u16, String> {
    let lower = text.to_ascii_lowercase();
    (0..)
        .zip(WEEKDAYS)
        .find(|(_, (short, long))| *short == lower || *long == lower)
        .map(|(day, _)| day)
        .ok_or_else(|| {
            format!("`{text}` is not a day of the week: write `Mon` or `Monday`, or a shorthand such as `daily`")
        })
}

/// `YEAR-MONTH-DAY` or `MONTH-DAY`, with `~` before the day to count it from the month's end.
fn date(text: &str, spec: &mut Spec) -> Result<(), String> {
    let parts: Vec<&str> = text.split(['-', '~']).collect();
    let (year, month, day) = match parts.as_slice() {
        [year, month, day] => (*year, *month, *day),
        [month, day] => ("*", *month, *day),
        _ => {
            return Err(format!(
                "the date `{text}` is not year-month-day or month-day, as in `*-*-01`"
            ));
        }
    };
    let from_end = text.contains('~');
    // The one `~` is the last separator.
    if from_end && (text.matches('~').count() > 1 || text.rfind('~') < text.rfind('-')) {
        return Err(format!(
            "the date `{text}` has `~` elsewhere than before its day: write `*-*~01` for the last day"
        ));
    }
    spec.years = match year {
        "*" => None,
        _ => Some(Part::YEAR.years(year)?),
    };
    spec.months = Part::MONTH.numbers(month)?;
    // `~*` is every day.
    spec.from_end = from_end && day != "*";
    let part = if spec.from_end { Part::DAY_FROM_END } else { Part::DAY };
    spec.days = part.numbers(day)?;
    Ok(())
}

/// `HOUR:MINUTE` or `HOUR:MINUTE:SECOND`.
fn time(text: &str, spec: &mut Spec) -> Result<(), String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (hour, minute, second) = match parts.as_slice() {
        [hour, minute, second] => (*hour, *minute, *second),
        [hour, minute] => (*hour, *minute, "0"),
        _ => {
            return Err(format!(
                "the time `{text}` is not hour:minute or hour:minute:second, as in `06:00`"
            ));
        }
    };
    spec.hours = Part::HOUR.numbers(hour)?;
    spec.minutes = Part::MINUTE.numbers(minute)?;
    spec.seconds = Part::SECOND.numbers(second)?;
    Ok(())
}

/// A part of a date or a time: what it is called and what it may be.
struct Part {
    name: &'static str,
    least: u16,
    most: u16,
}

impl Part {
    const YEAR: Self = Self::of("year", YEARS.start().unsigned_abs(), YEARS.end().unsigned_abs());
    const MONTH: Self = Self::of("month", 1, 12);
    const DAY: Self = Self::of("day", 1, 31);
    const DAY_FROM_END: Self = Self::of("day from the month's end", 1, FROM_END);
    const HOUR: Self = Self::of("hour", 0, 23);
    const MINUTE: Self = Self::of("minute", 0, 59);
    const SECOND: Self = Self::of("second", 0, 59);

    const fn of(name: &'static str, least: u16, most: u16) -> Self {
        Self { name, least, most }
    }

    fn all(&self) -> Numbers {
        Numbers::from_to(self.least, self.most)
    }

    /// The numbers of a list of numbers, ranges (`1..5`) and repetitions (`0/10`, `1..9/2`), or all of them (`*`).
    fn numbers(&self, text: &str) -> Result<Numbers, String> {
        if text == "*" {
            return Ok(self.all());
        }
        let mut numbers = Numbers::default();
        for item in text.split(',') {
            let run = self.run(item)?;
            run.values().for_each(|number| numbers.insert(number));
            if let Some(step) = run.step.filter(|_| run.endless) {
                numbers.endless.push((run.first, step));
            }
        }
        Ok(numbers)
    }

    /// The years of such a list, ascending.
    fn years(&self, text: &str) -> Result<Vec<i16>, String> {
        let mut years = Vec::new();
        for item in text.split(',') {
            years.extend(self.run(item)?.values().filter_map(|year| i16::try_from(year).ok()));
        }
        years.sort_unstable();
        years.dedup();
        Ok(years)
    }

    fn run(&self, item: &str) -> Result<Run, String> {
        let name = self.name;
        let (range, step) = match item.split_once('/') {
            None => (item, None),
            Some((range, step)) => {
                let step = digits(step)
                    .filter(|step| *step > 0)
                    .ok_or_else(|| format!("the {name} `{item}`: `{step}` after `/` is not a step"))?;
                (range, Some(step))
            }
        };
        if range == "*" {
            return Err(match step {
                Some(step) => format!(
                    "the {name} `{item}`: a repetition needs a beginning: write `{}/{step}`",
                    self.least
                ),
                None => format!("the {name}: `*` cannot stand in a list"),
            });
        }
        let Some((first, last)) = range.split_once("..") else {
            let first = self.number(item, range)?;
            let Some(step) = step else {
                return Ok(Run {
                    first,
                    last: first,
                    step: None,
                    endless: false,
                });
            };
            // Days from the month's end are counted down: `~7/1` is the last seven.
            let down = self.name == Self::DAY_FROM_END.name;
            let room = if down { first - self.least } else { self.most - first };
            if step > room {
                return Err(format!(
                    "the {name} `{item}`: it is never repeated, the step is too large"
                ));
            }
            return Ok(if down {
                Run {
                    first: first - room / step * step,
                    last: first,
                    step: Some(step),
                    endless: false,
                }
            } else {
                Run {
                    first,
                    last: self.most,
                    step: Some(step),
                    endless: true,
                }
            });
        };
        let (first, last) = (self.number(item, first)?, self.number(item, last)?);
        if first > last {
            return Err(format!("the {name} `{item}`: the range ends before it begins"));
        }
        Ok(Run {
            first,
            last,
            step,
            endless: false,
        })
    }

    /// A number within the part's bounds; a year of two digits is one from 1970 to 2069.
    fn number(&self, item: &str, text: &str) -> Result<u16, String> {
        let (name, least, most) = (self.name, self.least, self.most);
        if text.contains('.') && name == Self::SECOND.name {
            return Err(format!(
                "the second `{item}`: fractions of a second are not taken: write whole seconds"
            ));
        }
        let number = digits(text)
            .ok_or_else(|| format!("the {name} `{item}`: `{text}` is not a number from {least} to {most}, or `*`"))?;
        let number = match number {
            0..70 if name == Self::YEAR.name => number + 2000,
            70..100 if name == Self::YEAR.name => number + 1900,
            _ => number,
        };
        if (least..=most).contains(&number) {
            Ok(number)
        } else {
            Err(format!("the {name} `{item}`: {number} is not from {least} to {most}"))
        }
    }
}

/// Numbers from the first on, at most to the last.
struct Run {
    first: u16,
    last: u16,
    /// None is every one.
    step: Option<u16>,
    /// Without an end of its own, but that of its part.
    endless: bool,
}

impl Run {
    fn values(&self) -> impl Iterator<Item = u16> {
        (self.first..=self.last).step_by(self.step.unwrap_or(1).into())
    }
}

fn digits(text: &str) -> Option<u16> {
    let all_digits = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    if all_digits { text.parse().ok() } else { None }
}
