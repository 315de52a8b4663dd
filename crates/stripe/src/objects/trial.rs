//! How trials ended, as the end of their subscriptions tells.

use serde::Deserialize;

use super::Event;
use super::wire::Text;

/// How a trial ended. Source: <https://support.stripe.com/questions/calculating-trial-conversion-rate-in-billing>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialEnd {
    /// It lasted to its end, and its first invoice was paid.
    Converted,
    /// It was cancelled before or with its end.
    Cancelled,
}

/// A subscription that ended.
#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "as Stripe names them")]
struct Ended<'a> {
    trial_end: Option<i64>,
    ended_at: Option<i64>,
    #[serde(borrow)]
    cancellation_details: Option<Cancellation<'a>>,
}

#[derive(Deserialize)]
struct Cancellation<'a> {
    #[serde(borrow)]
    reason: Option<Text<'a>>,
}

impl Event {
    /// How the trial of a subscription that ended ended, if that was at `from` (Unix seconds) or later. One whose payment
    /// failed was neither converted nor cancelled.
    pub fn ended_trial(&self, from: i64) -> Option<TrialEnd> {
        let ended: Ended<'_> = serde_json::from_str(self.object().get()).ok()?;
        let trial_end = ended.trial_end?;
        if ended.ended_at.unwrap_or(self.created) <= trial_end {
            return Some(TrialEnd::Cancelled);
        }
        let reason = ended.cancellation_details.and_then(|details| details.reason);
        let unpaid = reason.is_some_and(|reason| reason.0 == "payment_failed");
        (trial_end >= from && !unpaid).then_some(TrialEnd::Converted)
    }
}
