//! Freeze windows: when nothing is deployed. Pure, and asked in one place for every door.
//!
//! A window begins at each time of a cron expression in a zone and lasts as long as its duration, in time that passes:
//! an hour in which the clocks change is an hour. `deny` windows freeze what they are about while they are open. `allow`
//! windows freeze it while none of them is open. Where both speak, `deny` wins.

mod length;
mod stacks;
mod window;

use std::fmt;

use cc_devops_kernel::names::{StackName, Stage};
use jiff::{SignedDuration, Timestamp};

pub use length::{LengthError, MAX_LENGTH, MIN_LENGTH, length};
pub use stacks::{StackPattern, StackPatternError};
pub use window::{FreezeKind, FreezeWindow};

/// How far ahead the end of a freeze is sought: 400 days, more than a window of every year is away.
pub const SIGHT: SignedDuration = SignedDuration::from_hours(400 * 24);

/// How many windows on end are followed: as many as there are minutes in 30 days, which is the longest that a plan can
/// wait.
const STEPS: usize = 30 * 24 * 60;

/// All windows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Freezes {
    windows: Vec<FreezeWindow>,
}

/// That a stack is frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// The window: the `deny` window that is open; else, of the `allow` windows that are closed, the one that opens
    /// next.
    pub name: String,
    /// What kind it is.
    pub kind: FreezeKind,
    /// Why, where somebody said so.
    pub reason: Option<String>,
    /// The first instant at which the stack is not frozen any more, whichever windows follow on this one. None where
    /// there is none within [`SIGHT`], or only after more windows on end than 30 days have minutes.
    pub until: Option<Timestamp>,
}

impl fmt::Display for Frozen {
    /// `freeze "christmas" holds until 2026-01-07T08:00:00Z: everybody is away`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FreezeKind::Deny => write!(f, "freeze {:?} holds", self.name)?,
            FreezeKind::Allow => write!(f, "window {:?} is closed", self.name)?,
        }
        match self.until {
            Some(until) => write!(f, " until {until}")?,
            None => f.write_str(", and no end is in sight")?,
        }
        self.reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))
    }
}

impl Freezes {
    /// These windows. Where two are open at once, the earlier one of the list is named.
    pub fn new(windows: Vec<FreezeWindow>) -> Self {
        Self { windows }
    }

    /// The windows.
    pub fn windows(&self) -> &[FreezeWindow] {
        &self.windows
    }

    /// Whether a stack is frozen on a stage at an instant.
    pub fn frozen(&self, stack: &StackName, stage: &Stage, at: Timestamp) -> Option<Frozen> {
        let about = About::of(&self.windows, stack, stage);
        let window = about.holding(at)?;
        Some(Frozen {
            name: window.name.clone(),
            kind: window.kind,
            reason: window.reason.clone(),
            until: about.end(at),
        })
    }
}

/// The windows that speak of one stack on one stage.
struct About<'a> {
    deny: Vec<&'a FreezeWindow>,
    allow: Vec<&'a FreezeWindow>,
}

impl<'a> About<'a> {
    fn of(windows: &'a [FreezeWindow], stack: &StackName, stage: &Stage) -> Self {
        let (deny, allow) = windows
            .iter()
            .filter(|window| window.is_about(stack, stage))
            .partition(|window| window.kind == FreezeKind::Deny);
        Self { deny, allow }
    }

    /// The window that freezes at this instant.
    fn holding(&self, at: Timestamp) -> Option<&'a FreezeWindow> {
        let denied = self.deny.iter().find(|window| window.is_open(at));
        if let Some(window) = denied {
            return Some(window);
        }
        if self.allow.iter().any(|window| window.is_open(at)) {
            return None;
        }
        let next = |window: &&&FreezeWindow| window.schedule.next_after(at).unwrap_or(Timestamp::MAX);
        self.allow.iter().min_by_key(next).copied()
    }

    /// The first instant from `at` on at which nothing freezes.
    fn end(&self, at: Timestamp) -> Option<Timestamp> {
        let horizon = at.checked_add(SIGHT).unwrap_or(Timestamp::MAX);
        let mut now = at;
        for _ in 0..STEPS {
            let Some(window) = self.holding(now) else {
                return Some(now);
            };
            now = match window.kind {
                FreezeKind::Deny => window.closes(window.opened(now)?),
                // It is the one that opens first.
                FreezeKind::Allow => window.schedule.next_after(now)?,
            };
            if now > horizon {
                return None;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
