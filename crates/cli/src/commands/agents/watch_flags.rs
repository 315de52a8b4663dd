//! How an agent is watched: the flags of `agents add` and `agents set`.

use std::str::FromStr;

use cc_devops_alerts::Severity;
use cc_devops_fleet::schedule::Schedule;
use cc_devops_fleet::watch::{Keywords, WatchSettings};
use cc_devops_kernel::duration::WrittenDuration;
use cc_devops_kernel::installation::Stages;
use cc_devops_kernel::names::Stage;
use jiff::Timestamp;

use super::super::schedules::usage;
use crate::error::CliError;

/// How an agent is watched. What is not named stays as it is.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Watch")]
pub(crate) struct WatchFlags {
    /// A heartbeat is due so long after the one before: a whole number with s, m, h or d
    #[arg(long, value_name = "TIME", conflicts_with_all = ["cron", "on_calendar", "tz"])]
    period: Option<WrittenDuration>,
    /// A heartbeat is due at the times of a cron expression, as in "0 6 * * mon-fri"
    #[arg(long, value_name = "EXPR", conflicts_with = "on_calendar")]
    cron: Option<String>,
    /// A heartbeat is due at the times of systemd's OnCalendar; may be given more than once
    #[arg(long, value_name = "EXPR")]
    on_calendar: Vec<String>,
    /// Zone whose wall clock --cron or --on-calendar follows, as in Europe/Berlin; without it, UTC
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// How much later a heartbeat may come before the agent counts as down
    #[arg(long, value_name = "TIME")]
    grace: Option<WrittenDuration>,
    /// How long a run may take from its start on; `off` is no limit of its own
    #[arg(long, value_name = "TIME|off")]
    max_runtime: Option<OrOff<WrittenDuration>>,
    /// How much it matters when it is down: critical, warning or info
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    severity: Option<Severity>,
    /// Label of its alerts, as in host=web1; may be given more than once; host= takes it away
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = tag)]
    tags: Vec<Tag>,
    /// Stage it is of; `off` is none
    #[arg(long, value_name = "STAGE|off")]
    stage: Option<OrOff<String>>,
    /// Once paused, it stays so until `agents resume`, whatever it says meanwhile
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    sticky_pause: Option<bool>,
    /// Only a POST to its ping address counts, so that no link preview is a heartbeat
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    post_only: Option<bool>,
    /// Word in a ping's body that makes it a failure; may be given more than once; an empty one takes them away
    #[arg(long = "failure-word", value_name = "WORD")]
    failure_words: Vec<String>,
    /// Word in a ping's body that makes it a success; bodies with no word are kept and change nothing
    #[arg(long = "success-word", value_name = "WORD")]
    success_words: Vec<String>,
    /// Word in a ping's body that makes it the start of a run
    #[arg(long = "start-word", value_name = "WORD")]
    start_words: Vec<String>,
}

/// A value, or none by the word `off`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct OrOff<T>(Option<T>);

impl<T: FromStr> FromStr for OrOff<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        match text {
            "off" => Ok(Self(None)),
            value => value.parse().map(|value| Self(Some(value))),
        }
    }
}

/// A label with its value; none takes it away. What it may be is the watch's to say.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tag {
    name: String,
    value: Option<String>,
}

/// Reads `host=web1`, or `host=`.
fn tag(text: &str) -> Result<Tag, String> {
    let hint = || format!("{text:?} is no tag; write a name, = and a value, as in host=web1");
    let (name, value) = text.split_once('=').ok_or_else(hint)?;
    Ok(Tag {
        name: name.to_owned(),
        value: Some(value.to_owned()).filter(|value| !value.is_empty()),
    })
}

/// Reads a severity.
fn severity(text: &str) -> Result<Severity, String> {
    Severity::named(text).ok_or_else(|| format!("{text:?} is no severity; write critical, warning or info"))
}

impl WatchFlags {
    /// Whether anything is named.
    pub(super) fn is_empty(&self) -> bool {
        let Self {
            period,
            cron,
            on_calendar,
            tz,
            grace,
            max_runtime,
            severity,
            tags,
            stage,
            sticky_pause,
            post_only,
            failure_words,
            success_words,
            start_words,
        } = self;
        period.is_none()
            && cron.is_none()
            && on_calendar.is_empty()
            && tz.is_none()
            && grace.is_none()
            && max_runtime.is_none()
            && severity.is_none()
            && tags.is_empty()
            && stage.is_none()
            && sticky_pause.is_none()
            && post_only.is_none()
            && [failure_words, success_words, start_words]
                .iter()
                .all(|words| words.is_empty())
    }

    /// The settings with what is named laid over them.
    ///
    /// # Errors
    /// What is no schedule, no zone or no stage.
    pub(super) fn over(
        &self,
        mut settings: WatchSettings,
        stages: &Stages,
        now: Timestamp,
    ) -> Result<WatchSettings, CliError> {
        if let Some(schedule) = self.schedule(now)? {
            settings.schedule = schedule;
        }
        if let Some(grace) = self.grace {
            settings.grace = grace.get();
        }
        if let Some(OrOff(limit)) = &self.max_runtime {
            settings.max_runtime = limit.map(WrittenDuration::get);
        }
        settings.severity = self.severity.unwrap_or(settings.severity);
        for tag in &self.tags {
            match &tag.value {
                Some(value) => drop(settings.tags.insert(tag.name.clone(), value.clone())),
                None => drop(settings.tags.remove(&tag.name)),
            }
        }
        if let Some(OrOff(stage)) = &self.stage {
            settings.stage = stage.as_deref().map(|stage| known(stage, stages)).transpose()?;
        }
        settings.sticky_pause = self.sticky_pause.unwrap_or(settings.sticky_pause);
        settings.post_only = self.post_only.unwrap_or(settings.post_only);
        self.keywords(&mut settings.keywords);
        match settings.check() {
            Ok(()) => Ok(settings),
            Err(wrong) => Err(CliError::Usage(wrong.join("; "))),
        }
    }

    /// Words of a body; an empty one takes those of its kind away.
    fn keywords(&self, keywords: &mut Keywords) {
        for (given, words) in [
            (&self.start_words, &mut keywords.start),
            (&self.success_words, &mut keywords.success),
            (&self.failure_words, &mut keywords.failure),
        ] {
            if !given.is_empty() {
                *words = given.iter().filter(|word| !word.is_empty()).cloned().collect();
            }
        }
    }

    fn schedule(&self, now: Timestamp) -> Result<Option<Schedule>, CliError> {
        let zone = self.tz.as_deref().unwrap_or("UTC");
        let schedule = match (self.period, &self.cron) {
            (Some(period), _) => Schedule::period(period.get()),
            (None, Some(expression)) => Schedule::cron(expression, zone, now),
            (None, None) if !self.on_calendar.is_empty() => {
                Schedule::on_calendar(&self.on_calendar.join("\n"), zone, now)
            }
            (None, None) if self.tz.is_some() => {
                let message = "--tz is the zone of a schedule: give --cron or --on-calendar with it";
                return Err(CliError::Usage(message.to_owned()));
            }
            (None, None) => return Ok(None),
        };
        schedule.map(Some).map_err(usage)
    }
}

fn known(name: &str, stages: &Stages) -> Result<Stage, CliError> {
    stages.find(name).map_err(usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_a_name_and_a_value() {
        let of = |text: &str| tag(text).map(|tag| (tag.name, tag.value));
        assert_eq!(of("host=web1"), Ok(("host".to_owned(), Some("web1".to_owned()))));
        assert_eq!(of("host="), Ok(("host".to_owned(), None)));
        assert_eq!(of("a=b=c"), Ok(("a".to_owned(), Some("b=c".to_owned()))));
        assert!(tag("host").unwrap_err().contains("is no tag"));
    }
}
