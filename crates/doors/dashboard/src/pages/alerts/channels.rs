//! The channels by which people are told.

use cc_devops_kernel::text::line;
use cc_devops_notify::{ChannelHealth, ChannelState};
use jiff::Timestamp;
use maud::{Markup, html};

use crate::components::{Column, Tone, code, empty, moment, moment_or, status, table};
use crate::links;

/// How each does, and what waits to be sent by it.
pub(super) fn all(channels: &[ChannelHealth], now: Timestamp) -> Markup {
    if channels.is_empty() {
        return empty(
            "Nobody is told",
            &html! { "There is no channel. Add one as " (code("[[alerts.channels]]")) " to the settings." },
        );
    }
    let columns = [
        Column::text("Channel"),
        Column::text("Kind"),
        Column::text("State"),
        Column::text("Waiting since"),
        Column::number("Waiting"),
        Column::number("Given up"),
    ];
    let rows = channels.iter().map(|channel| {
        let cells = vec![
            html! { (channel.name) },
            html! { (channel.kind.as_str()) },
            state(channel, now),
            moment_or(channel.oldest, now, "-"),
            html! { (channel.waiting) @if channel.waiting >= cc_devops_notify::MOST_COUNTED as u64 { " or more" } },
            html! { (channel.dead_letters) },
        ];
        (format!("channel-{}", links::segment(&channel.name)), cells)
    });
    table("Channels by which people are told", &columns, rows)
}

fn state(channel: &ChannelHealth, now: Timestamp) -> Markup {
    html! {
        div {
            @match channel.state {
                ChannelState::Working if channel.is_working() => (status(Tone::Good, "works")),
                ChannelState::Working => (status(Tone::Bad, "cannot work")),
                ChannelState::Failing => (status(Tone::Warning, "fails")),
                ChannelState::SetAside => (status(Tone::Bad, "set aside")),
            }
            @if let Some(since) = channel.since { " since " (moment(since, now)) }
            @if let Some(error) = &channel.error { ": " (line(error)) }
        }
    }
}
