//! Whether the watch goes on and people can be told: what `/health` says of it, and what the outside watch hears.

use cc_devops_kernel::health::{Check, Condition, Health, Mode};
use cc_devops_kernel::ports::PortResult;
use cc_devops_notify::{ChannelHealth, ChannelState};
use jiff::{SignedDuration, Timestamp};

use crate::app::App;
use crate::capabilities::Watch;
use crate::problem::Chain;

/// How long a channel may fail, and a message wait, before people count as not told by it.
const FAILING: SignedDuration = SignedDuration::from_mins(10);

/// Adds to a health what is known of the watch and of telling.
pub(crate) async fn with_watch(app: &App, mut health: Health) -> Health {
    let Some(watch) = &app.watch else { return health };
    let mut stalled = app.watch_progress.stalled();
    stalled.dedup_by_key(|(check, _)| *check);
    for check in ["watch", "alerts"] {
        let found = stalled.iter().find(|(of, _)| *of == check);
        health
            .checks
            .push(found.map_or_else(|| Check::healthy(check), |(_, why)| Check::degraded(check, why)));
    }
    let now = app.ports().clock.now();
    health.checks.push(match watch.delivering.health().await {
        Ok(channels) => channels_check(&channels, now),
        Err(error) => {
            tracing::debug!(error = %Chain(&error), "the channels could not be looked at");
            Check::degraded(
                "channels",
                "it cannot be read how the channels do; see the check of the store",
            )
        }
    });
    if health.checks.iter().any(|check| check.status == Condition::Degraded) {
        health.status = Condition::Degraded;
    }
    health
}

/// The mode: maintenance where the configuration or somebody says so. What cannot be read is as configured.
pub(crate) async fn mode(app: &App) -> Mode {
    let (ports, configured) = (app.ports(), app.config.mode);
    match ports.maintenance.mode(configured, ports.clock.now()).await {
        Ok(mode) => mode,
        Err(error) => {
            tracing::debug!(error = %Chain(&error), "it cannot be read whether maintenance mode is on");
            configured
        }
    }
}

/// Whether deadlines are found, and somebody can be told.
pub(crate) async fn goes_on(app: &App, watch: &Watch) -> PortResult<bool> {
    if !app.watch_progress.stalled().is_empty() {
        return Ok(false);
    }
    let now = app.ports().clock.now();
    let channels = watch.delivering.health().await?;
    Ok(channels.iter().any(|channel| trouble(channel, now).is_none()))
}

fn channels_check(channels: &[ChannelHealth], now: Timestamp) -> Check {
    let troubles: Vec<String> = channels
        .iter()
        .filter_map(|channel| Some(format!("{} {}", channel.name, trouble(channel, now)?)))
        .collect();
    if troubles.is_empty() {
        return Check::healthy("channels");
    }
    let nobody = if troubles.len() == channels.len() {
        "nobody can be told of anything: "
    } else {
        ""
    };
    let advice = "`cc-devops alerts test CHANNEL` tries one";
    Check::degraded("channels", format!("{nobody}{}; {advice}", troubles.join("; ")))
}

/// Why people are not told by a channel, where they are not. It holds no address.
fn trouble(channel: &ChannelHealth, now: Timestamp) -> Option<String> {
    let old = |at: Option<Timestamp>| at.is_some_and(|at| now.duration_since(at) >= FAILING);
    let why = channel.error.as_deref().unwrap_or("the log says why");
    match channel.state {
        ChannelState::SetAside => Some(format!("is set aside ({why})")),
        ChannelState::Failing if old(channel.since) => Some(format!("fails ({why})")),
        ChannelState::Working if channel.error.is_some() => Some(format!("cannot be used ({why})")),
        ChannelState::Working | ChannelState::Failing if old(channel.oldest) => {
            let minutes = channel.oldest.map_or(0, |oldest| now.duration_since(oldest).as_mins());
            Some(format!("has not sent a message for {minutes} minutes ({why})"))
        }
        ChannelState::Working | ChannelState::Failing => None,
    }
}

#[cfg(test)]
mod tests {
    use cc_devops_notify::ChannelKind;

    use super::*;

    const NOW: &str = "2026-06-01T12:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn channel(name: &str, state: ChannelState) -> ChannelHealth {
        ChannelHealth {
            name: name.to_owned(),
            kind: ChannelKind::Slack,
            state,
            since: None,
            error: None,
            waiting: 0,
            oldest: None,
            dead_letters: 0,
        }
    }

    fn message(channels: &[ChannelHealth]) -> Option<String> {
        channels_check(channels, at(NOW)).message
    }

    #[test]
    fn it_is_said_when_nobody_can_be_told() {
        let failing = |since: &str| ChannelHealth {
            since: Some(at(since)),
            error: Some("the receiver answered 500".to_owned()),
            ..channel("chat", ChannelState::Failing)
        };
        let works = channel("mail", ChannelState::Working);
        assert_eq!(message(std::slice::from_ref(&works)), None);
        assert_eq!(message(&[failing("2026-06-01T11:50:01Z")]), None, "it may pass");
        let said = message(&[failing("2026-06-01T11:50:00Z")]).unwrap();
        assert!(said.starts_with("nobody can be told of anything: chat fails"), "{said}");
        let said = message(&[failing("2026-06-01T11:50:00Z"), works]).unwrap();
        assert!(said.starts_with("chat fails (the receiver answered 500)"), "{said}");
    }

    #[test]
    fn a_channel_that_is_set_aside_lacks_its_secret_or_hangs_is_named() {
        let aside = channel("chat", ChannelState::SetAside);
        assert!(message(&[aside]).unwrap().contains("chat is set aside"));
        let no_secret = ChannelHealth {
            error: Some("the secret /contentcraft/alerts/slack-url is not there".to_owned()),
            ..channel("chat", ChannelState::Working)
        };
        assert!(message(&[no_secret]).unwrap().contains("slack-url is not there"));
        let hangs = ChannelHealth {
            oldest: Some(at("2026-06-01T11:45:00Z")),
            waiting: 1,
            ..channel("chat", ChannelState::Working)
        };
        assert!(message(&[hangs]).unwrap().contains("for 15 minutes"));
    }
}
