//! How the trail and those stand who are told of events.

use cc_devops_http::access::{Permitted, ReadAudit, ReadWebhooks};
use cc_devops_kernel::audit::Mark;
use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::text::counted;
use cc_devops_outbox::ports::Standing;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::components::{Column, Tone, age, facts, status, table, written};
use crate::pages::consumers::who;

/// How far somebody may be behind before a person should know.
const LATE: SignedDuration = SignedDuration::from_mins(5);

/// How those stand who are told of events.
pub(super) struct ConsumerStandings {
    standings: Vec<Standing>,
    /// Deliveries of webhooks that were given up.
    dead_letters: u64,
}

/// Reads how they stand: two reads.
pub(super) async fn told(outbox: &Permitted<ReadWebhooks>) -> PortResult<ConsumerStandings> {
    let (standings, webhooks) = futures::try_join!(outbox.standings(), outbox.subscriptions())?;
    Ok(ConsumerStandings {
        standings,
        dead_letters: webhooks.iter().map(|webhook| webhook.dead_letters).sum(),
    })
}

impl ConsumerStandings {
    /// How much was given up, by whomever.
    pub(super) fn given_up(&self) -> u64 {
        let set_aside: u64 = self.standings.iter().map(|standing| standing.set_aside).sum();
        self.dead_letters.saturating_add(set_aside)
    }

    /// Who is too far behind, and how far.
    pub(super) fn behind(&self, now: Timestamp) -> impl Iterator<Item = (&'static str, SignedDuration)> {
        let behind = move |standing: &Standing| {
            let behind = now.duration_since(standing.oldest?);
            (behind > LATE).then(|| (who(standing.consumer), behind))
        };
        self.standings.iter().filter_map(behind)
    }
}

/// Who is told of events, and how far behind they are.
pub(super) fn cursors_markup(told: &ConsumerStandings, now: Timestamp) -> Markup {
    let columns = [
        Column::text("Who"),
        Column::text("State"),
        Column::number("Waiting"),
        Column::number("Given up"),
    ];
    let rows = told.standings.iter().map(|standing| {
        let behind = standing.oldest.map(|oldest| now.duration_since(oldest));
        let state = match behind {
            Some(behind) if behind > LATE => status(Tone::Warning, &format!("{} behind", age(behind))),
            Some(_) | None if standing.set_aside > 0 => status(Tone::Warning, "gave something up"),
            Some(behind) => status(Tone::Good, &format!("{} behind", age(behind))),
            None => status(Tone::Good, "up to date"),
        };
        let cells = vec![
            html! { (who(standing.consumer)) },
            state,
            html! { (written(standing.waiting)) },
            html! { (written(standing.set_aside)) },
        ];
        (format!("cursor-{}", standing.consumer), cells)
    });
    html! {
        (table("Who is told of events", &columns, rows))
        @if told.dead_letters > 0 {
            p.soft { (counted(told.dead_letters, "delivery of a webhook was given up.", "deliveries of webhooks were given up.")) }
        }
        p.more { a href="/ui/webhooks" { "Webhooks and dead letters" } }
    }
}

/// How the trail stands, as far as is known without walking it.
pub(super) struct TrailState {
    /// Its last row; none where it is empty or has several chains.
    end: Option<Mark>,
    /// What speaks against it; a fragment that says what to do.
    pub(super) doubt: Option<String>,
}

/// Reads how the trail stands: two reads, however long it is.
pub(super) async fn trail(audit: &Permitted<ReadAudit>) -> PortResult<TrailState> {
    let (end, doubt) = futures::try_join!(audit.end(), audit.doubt())?;
    Ok(TrailState { end, doubt })
}

/// How the trail stands.
pub(super) fn trail_markup(state: &TrailState) -> Markup {
    let standing = match &state.doubt {
        Some(doubt) => html! { (status(Tone::Bad, "in doubt")) " " span.soft { (doubt) } },
        None => status(Tone::Good, "nothing speaks against it"),
    };
    let mut rows = vec![("State", standing)];
    if let Some(end) = &state.end {
        let length = u64::try_from(end.seq).unwrap_or_default();
        rows.push(("Last row", html! { (written(length)) }));
        rows.push(("Its hash", html! { code { (end.hash) } }));
    }
    html! {
        (facts(&rows))
        p.more { a href="/ui/audit" { "The trail" } }
    }
}
