//! What a page says after an act. The address carries a word of a closed set, so that no link makes a page say something.

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Paused,
    Resumed,
    Revoked,
    Approved,
    Denied,
    FreezeLifted,
    Acknowledged,
    Silenced,
    SilenceEnded,
    MaintenanceOn,
    MaintenanceOff,
    WebhookEnabled,
    WebhookRemoved,
    Replayed,
    GivenBack,
}

impl Said {
    const ALL: [(Self, &'static str, &'static str); 15] = [
        (
            Self::Paused,
            "paused",
            "Nobody waits for this agent until it is resumed.",
        ),
        (Self::Resumed, "resumed", "The agent is watched again."),
        (Self::Revoked, "revoked", "The agent's tokens have ended."),
        (Self::Approved, "approved", "Your approval is on record."),
        (Self::Denied, "denied", "The deploy is denied, and will not run."),
        (
            Self::FreezeLifted,
            "freeze-lifted",
            "The freeze does not hold for this deploy.",
        ),
        (Self::Acknowledged, "acknowledged", "You take care of this alert."),
        (
            Self::Silenced,
            "silenced",
            "What matches is not told until the silence ends.",
        ),
        (Self::SilenceEnded, "silence-ended", "The silence has ended."),
        (
            Self::MaintenanceOn,
            "maintenance-on",
            "The control plane does nothing unasked.",
        ),
        (Self::MaintenanceOff, "maintenance-off", "Maintenance is over."),
        (Self::WebhookEnabled, "webhook-enabled", "The webhook is on again."),
        (Self::WebhookRemoved, "webhook-removed", "The webhook is removed."),
        (
            Self::Replayed,
            "replayed",
            "The dead letters are given back for delivery.",
        ),
        (Self::GivenBack, "given-back", "What was set aside is told again."),
    ];

    /// Its word in an address.
    pub(crate) fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(said, ..)| *said == self)
            .map_or("", |(_, word, _)| word)
    }

    /// The sentence of a word.
    pub(crate) fn sentence(word: &str) -> Option<&'static str> {
        Self::ALL
            .iter()
            .find(|(_, known, _)| *known == word)
            .map(|(_, _, sentence)| *sentence)
    }
}
