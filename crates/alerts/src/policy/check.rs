//! What the keys of `[alerts]` mean. Everything that is wrong is found at once, and named by its key.

use std::collections::BTreeMap;
use std::fmt;

use cc_devops_kernel::duration::WrittenDuration;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::file::{AlertsFile, FlapForm, OneOrMany, QuietForm, RouteForm, SilenceForm};
use super::matching::{Match, wrong_value};
use super::route::{Flap, Grouping, Route, Step};
use super::window::{Daily, Window};
use super::{AlertPolicy, FixedSilence, QuietHours, RouteDefaults};
use crate::condition::Severity;

/// Something wrong in `[alerts]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyProblem {
    /// The key, as in `alerts.routes[0].remind`.
    pub path: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl fmt::Display for PolicyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// What is wrong so far.
#[derive(Default)]
struct Findings(Vec<PolicyProblem>);

impl Findings {
    fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(PolicyProblem {
            path: path.into(),
            message: message.into(),
        });
    }

    fn duration(&mut self, path: &str, text: &str) -> SignedDuration {
        text.parse::<WrittenDuration>().map_or_else(
            |error| {
                self.add(path, error.to_string());
                SignedDuration::ZERO
            },
            WrittenDuration::get,
        )
    }

    fn remind(&mut self, path: &str, text: &str) -> Option<SignedDuration> {
        if text == "off" {
            return None;
        }
        let remind = self.duration(path, text);
        if remind < SignedDuration::from_mins(1) {
            self.add(
                path,
                "an alert is told again once a minute at most: write 1m or more, or \"off\"",
            );
        }
        Some(remind)
    }

    fn flap(&mut self, path: &str, form: &FlapForm) -> Option<Flap> {
        let table = match form {
            FlapForm::Off(word) => {
                if word != "off" {
                    self.add(path, "write \"off\" or { flips = 6, within = \"30m\", calm = \"30m\" }");
                }
                return None;
            }
            FlapForm::On(table) => table,
        };
        if !(2..=60).contains(&table.flips) {
            self.add(format!("{path}.flips"), "between 2 and 60 flips");
        }
        Some(Flap {
            flips: table.flips,
            within: self.duration(&format!("{path}.within"), &table.within),
            calm: self.duration(&format!("{path}.calm"), &table.calm),
        })
    }

    fn failures(&mut self, path: &str, failures: u32) -> u32 {
        if failures == 0 {
            self.add(path, "a failure is told after 1 or more in a row");
        }
        failures.max(1)
    }

    fn channels(&mut self, path: &str, names: &[String], known: &[String]) -> Vec<String> {
        for name in names.iter().filter(|name| !known.contains(name)) {
            let there = if known.is_empty() {
                "there is none: add [[alerts.channels]]".to_owned()
            } else {
                format!("there are: {}", known.join(", "))
            };
            self.add(path, format!("there is no channel {name:?}; {there}"));
        }
        names.to_vec()
    }

    fn labels(&mut self, path: &str, form: &BTreeMap<String, OneOrMany>) -> Match {
        for (label, values) in form {
            for value in values.values() {
                if let Some(message) = wrong_value(label, value) {
                    self.add(format!("{path}.{label}"), message);
                }
            }
        }
        let all = form
            .iter()
            .map(|(label, values)| (label.clone(), values.values().to_vec()));
        Match(all.collect())
    }

    fn zone(&mut self, path: &str, name: &str) -> Option<TimeZone> {
        let zone = TimeZone::get(name).ok();
        if zone.is_none() {
            self.add(
                path,
                format!("there is no time zone {name:?}; write it as in Europe/Berlin, or UTC"),
            );
        }
        zone
    }

    /// Minutes after midnight.
    fn clock(&mut self, path: &str, text: &str, most: u16) -> Option<u16> {
        let minutes = clock(text).filter(|minutes| *minutes <= most);
        if minutes.is_none() {
            let last = if most == 1_440 { "24:00" } else { "23:59" };
            self.add(
                path,
                format!("{text:?} is no time of the day: write HH:MM, from 00:00 to {last}"),
            );
        }
        minutes
    }

    fn days(&mut self, path: &str, names: &[String]) -> Vec<Weekday> {
        let day = |name: &String| {
            let found = WEEKDAYS.iter().find(|(short, _)| short.eq_ignore_ascii_case(name));
            found.map(|(_, day)| *day)
        };
        for name in names.iter().filter(|name| day(name).is_none()) {
            self.add(
                path,
                format!("{name:?} is no day: write mon, tue, wed, thu, fri, sat or sun"),
            );
        }
        names.iter().filter_map(day).collect()
    }

    fn severities(&mut self, path: &str, names: &[String]) -> Vec<Severity> {
        for name in names.iter().filter(|name| Severity::named(name).is_none()) {
            self.add(
                path,
                format!("there is no severity {name:?}; there are: critical, warning, info"),
            );
        }
        names.iter().filter_map(|name| Severity::named(name)).collect()
    }
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// `HH:MM` as minutes after midnight, `24:00` included.
fn clock(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two =
        |text: &str| (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<u16>().ok());
    let (hours, minutes) = (two(hours)??, two(minutes)??);
    let all = hours * 60 + minutes;
    (minutes < 60 && all <= 1_440).then_some(all)
}

impl AlertPolicy {
    /// What `[alerts]` means, where these are the names of the channels.
    ///
    /// # Errors
    /// Everything that is wrong, each with its key.
    pub fn of<C>(file: &AlertsFile<C>, channels: &[String]) -> Result<Self, Vec<PolicyProblem>> {
        let mut findings = Findings::default();
        let defaults = RouteDefaults {
            group_by: grouping(&file.group_by),
            group_wait: findings.duration("alerts.group_wait", &file.group_wait),
            group_interval: findings.duration("alerts.group_interval", &file.group_interval),
            remind: findings.remind("alerts.remind", &file.remind),
            failures: findings.failures("alerts.failures", file.failures),
            flap: findings.flap("alerts.flap", &file.flap),
        };
        let mut routes: Vec<Route> = Vec::with_capacity(file.routes.len().max(1));
        for (place, form) in file.routes.iter().enumerate() {
            let mut route = route(place, form, &defaults, channels, &mut findings);
            let same = routes
                .iter()
                .filter(|other| other.id == route.id || other.id.starts_with(&format!("{}-", route.id)));
            let same = same.count();
            if same > 0 {
                route.id = format!("{}-{same}", route.id);
            }
            routes.push(route);
        }
        if routes.is_empty() {
            routes.push(all_to_everybody(defaults, channels));
        }
        let quiet = file.quiet_hours.iter().enumerate();
        let quiet_hours = quiet
            .filter_map(|(place, form)| quiet_hours(&format!("alerts.quiet_hours[{place}]"), form, &mut findings))
            .collect();
        let silences = file.silences.iter().enumerate();
        let silences = silences
            .filter_map(|(place, form)| silence(&format!("alerts.silences[{place}]"), form, &mut findings))
            .collect();
        if findings.0.is_empty() {
            Ok(Self {
                routes,
                quiet_hours,
                silences,
                channels: channels.to_vec(),
            })
        } else {
            Err(findings.0)
        }
    }
}

fn grouping(labels: &[String]) -> Grouping {
    if labels.iter().any(|label| label == "key") {
        Grouping::Alone
    } else {
        Grouping::Labels(labels.to_vec())
    }
}

fn all_to_everybody(defaults: RouteDefaults, channels: &[String]) -> Route {
    Route {
        id: "all".to_owned(),
        group_by: defaults.group_by,
        group_wait: defaults.group_wait,
        group_interval: defaults.group_interval,
        remind: defaults.remind,
        failures: defaults.failures,
        flap: defaults.flap,
        ..Route::plain(channels.to_vec())
    }
}

fn route(
    place: usize,
    form: &RouteForm,
    defaults: &RouteDefaults,
    channels: &[String],
    findings: &mut Findings,
) -> Route {
    let path = format!("alerts.routes[{place}]");
    let at = |key: &str| format!("{path}.{key}");
    let duration = |form: &Option<String>, key: &str, usual: SignedDuration, findings: &mut Findings| {
        form.as_ref().map_or(usual, |text| findings.duration(&at(key), text))
    };
    let matches = findings.labels(&at("match"), &form.matches);
    let group_by = form
        .group_by
        .as_deref()
        .map_or_else(|| defaults.group_by.clone(), grouping);
    let mut escalate: Vec<Step> = Vec::with_capacity(form.escalate.len());
    for (step, form) in form.escalate.iter().enumerate() {
        escalate.push(Step {
            after: findings.duration(&format!("{path}.escalate[{step}].after"), &form.after),
            channels: findings.channels(&format!("{path}.escalate[{step}].channels"), &form.channels, channels),
        });
    }
    escalate.sort_by_key(|step| step.after);
    let mut id = hex::encode(Sha256::digest(format!("{matches}\n{group_by:?}")));
    id.truncate(10);
    Route {
        id,
        place: Some(place),
        matches,
        channels: findings.channels(&at("channels"), &form.channels, channels),
        goes_on: form.goes_on,
        group_by,
        group_wait: duration(&form.group_wait, "group_wait", defaults.group_wait, findings),
        group_interval: duration(
            &form.group_interval,
            "group_interval",
            defaults.group_interval,
            findings,
        ),
        remind: match &form.remind {
            Some(text) => findings.remind(&at("remind"), text),
            None => defaults.remind,
        },
        failures: match form.failures {
            Some(failures) => findings.failures(&at("failures"), failures),
            None => defaults.failures,
        },
        flap: match &form.flap {
            Some(form) => findings.flap(&at("flap"), form),
            None => defaults.flap,
        },
        escalate,
    }
}

fn quiet_hours(path: &str, form: &QuietForm, findings: &mut Findings) -> Option<QuietHours> {
    let passes = findings.severities(&format!("{path}.passes"), &form.passes);
    let days = findings.days(&format!("{path}.days"), &form.days);
    let zone = findings.zone(&format!("{path}.timezone"), &form.timezone);
    let from = findings.clock(&format!("{path}.from"), &form.from, 1_439);
    let to = findings.clock(&format!("{path}.to"), &form.to, 1_440);
    let (zone, from, to) = (zone?, from?, to?);
    Some(QuietHours {
        window: Window::Daily(Daily {
            zone_name: form.timezone.clone(),
            zone,
            from,
            minutes: between(from, to),
            days,
            days_of_month: Vec::new(),
        }),
        passes,
    })
}

/// Minutes from one time of the day to the next such other; a whole day where they are the same.
fn between(from: u16, to: u16) -> u16 {
    if to > from { to - from } else { to + 1_440 - from }
}

fn silence(path: &str, form: &SilenceForm, findings: &mut Findings) -> Option<FixedSilence> {
    let matches = findings.labels(&format!("{path}.match"), &form.matches);
    let dated = form.from.as_ref().is_some_and(|from| from.contains('T'));
    let window = match &form.timezone {
        Some(zone) if !dated => by_the_clock(path, form, zone, findings),
        Some(name) => match findings.zone(&format!("{path}.timezone"), name) {
            Some(zone) => once(path, form, Some(&zone), findings),
            None => None,
        },
        None => once(path, form, None, findings),
    };
    Some(FixedSilence {
        matches,
        window: window?,
        reason: form.reason.clone().unwrap_or_default(),
    })
}

/// Once; in a zone an instant may be written as its clocks show it.
fn once(path: &str, form: &SilenceForm, zone: Option<&TimeZone>, findings: &mut Findings) -> Option<Window> {
    if form.daily.is_some() || !form.days.is_empty() || !form.days_of_month.is_empty() {
        findings.add(
            format!("{path}.timezone"),
            "a day, or a time of the day, needs a zone and no date: HH:MM with `timezone`",
        );
        return None;
    }
    let mut instant = |key: &str, text: &Option<String>| {
        let text = text.as_deref().unwrap_or_default();
        let shown = || zone?.to_timestamp(text.parse::<DateTime>().ok()?).ok();
        let instant = text.parse::<Timestamp>().ok().or_else(shown);
        if instant.is_none() {
            let message = format!("{text:?} is no instant: write 2026-06-01T12:00:00Z, or HH:MM with `timezone`");
            findings.add(format!("{path}.{key}"), message);
        }
        instant
    };
    let from = instant("from", &form.from);
    let to = match &form.duration {
        Some(text) if form.to.is_none() => {
            let lasts = findings.duration(&format!("{path}.duration"), text);
            from.map(|from| from.saturating_add(lasts).unwrap_or(Timestamp::MAX))
        }
        _ => instant("to", &form.to),
    };
    let (from, to) = (from?, to?);
    if to <= from {
        findings.add(format!("{path}.to"), "it must end after it begins");
        return None;
    }
    Some(Window::Once { from, to })
}

fn by_the_clock(path: &str, form: &SilenceForm, zone_name: &str, findings: &mut Findings) -> Option<Window> {
    let zone = findings.zone(&format!("{path}.timezone"), zone_name);
    let days = findings.days(&format!("{path}.days"), &form.days);
    for day in form.days_of_month.iter().filter(|day| !(1..=31).contains(&day.abs())) {
        findings.add(
            format!("{path}.days_of_month"),
            format!("{day} is no day: 1 to 31, or -1 to -31 from the end"),
        );
    }
    let (key, begins) = match (&form.daily, &form.from) {
        (Some(begins), None) => ("daily", begins.as_str()),
        (None, Some(begins)) => ("from", begins.as_str()),
        (None, None) if form.to.as_deref() == Some("24:00") || form.to.is_none() => ("from", "00:00"),
        _ => {
            findings.add(
                format!("{path}.from"),
                "write when it begins, once: `from` or `daily`, as HH:MM",
            );
            return None;
        }
    };
    let from = findings.clock(&format!("{path}.{key}"), begins, 1_439);
    let minutes = match (&form.to, &form.duration) {
        (Some(to), None) => {
            let to = findings.clock(&format!("{path}.to"), to, 1_440);
            Some(between(from?, to?))
        }
        (None, Some(duration)) => {
            let lasts = findings.duration(&format!("{path}.duration"), duration);
            let minutes = u16::try_from(lasts.as_mins())
                .ok()
                .filter(|minutes| (1..=10_080).contains(minutes));
            if minutes.is_none() {
                findings.add(format!("{path}.duration"), "between 1m and 7d");
            }
            minutes
        }
        (None, None) if form.daily.is_none() && form.from.is_none() => Some(1_440),
        _ => {
            findings.add(
                format!("{path}.to"),
                "write when it ends, once: `to` as HH:MM, or `duration`",
            );
            None
        }
    };
    Some(Window::Daily(Daily {
        zone_name: zone_name.to_owned(),
        zone: zone?,
        from: from?,
        minutes: minutes?,
        days,
        days_of_month: form.days_of_month.clone(),
    }))
}
