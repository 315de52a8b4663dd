//! What cannot be known of reconstructed days; docs/MRR.md says how the days are then.

use serde::Serialize;

use crate::past::timeline::Timeline;

/// Something that cannot be known of reconstructed days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// What, for programs.
    pub code: &'static str,
    /// The same for people.
    pub text: String,
    /// How many subscriptions it is known to concern; none where that cannot be counted.
    pub subscriptions: Option<u64>,
}

/// What cannot be known of these subscriptions' past.
pub(super) fn notes(lives: &[Timeline]) -> Vec<Note> {
    let count = |wanted: fn(&Timeline) -> bool| lives.iter().filter(|life| wanted(life)).count() as u64;
    let counted = [
        (
            "changed_without_invoice",
            "another price or quantity than was billed last, since nobody knows when: the days have what was billed",
            count(Timeline::changed_unseen),
        ),
        (
            "unpaid_since_unknown",
            "unpaid now, since nobody knows when: the days have it as paying",
            count(Timeline::is_unpaid),
        ),
        (
            "paused_since_unknown",
            "paused now in the collection of payments, since nobody knows when: the days count it as not paused",
            count(Timeline::is_paused),
        ),
    ];
    let counted = counted.into_iter().filter(|(_, _, count)| *count > 0);
    let counted = counted.map(|(code, text, count)| Note {
        code,
        text: match count {
            1 => format!("1 subscription is {text}"),
            _ => format!("{count} subscriptions are {text}"),
        },
        subscriptions: Some(count),
    });
    let always = [
        (
            "pauses",
            "past pauses of collection, times in which a subscription was unpaid, and cancellations that were taken back \
             leave no trace",
        ),
        (
            "discounts_removed",
            "a discount that was removed by hand before its end counts until the next invoice without it; a coupon \
             counts as it is now",
        ),
        (
            "rates",
            "all days are converted at today's exchange rates, so that there are no currency effects",
        ),
        ("transactions", "charges and refunds are not part of reconstructed days"),
    ];
    let always = always.into_iter().map(|(code, text)| Note {
        code,
        text: text.to_owned(),
        subscriptions: None,
    });
    counted.chain(always).collect()
}
