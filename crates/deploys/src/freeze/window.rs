//! One window, and when it is open.

use cc_devops_kernel::names::{StackName, Stage};
use cc_devops_schedule::Schedule;
use jiff::{SignedDuration, Timestamp};

use super::stacks::StackPattern;

/// What a window does to what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreezeKind {
    /// It freezes it while it is open.
    Deny,
    /// It freezes it while neither it nor another `allow` window about it is open.
    Allow,
}

impl FreezeKind {
    /// Its name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Allow => "allow",
        }
    }
}

/// A window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreezeWindow {
    /// What people call it.
    pub name: String,
    /// What it does.
    pub kind: FreezeKind,
    /// When it opens.
    pub schedule: Schedule,
    /// How long it stays open: [`super::MIN_LENGTH`] to [`super::MAX_LENGTH`].
    pub length: SignedDuration,
    /// The stacks that it is about; all of them where it names none.
    pub stacks: Vec<StackPattern>,
    /// The stages that it is about; all of them where it names none.
    pub stages: Vec<Stage>,
    /// Why, for people.
    pub reason: Option<String>,
}

impl FreezeWindow {
    /// Whether it is about a stack on a stage.
    pub fn is_about(&self, stack: &StackName, stage: &Stage) -> bool {
        (self.stacks.is_empty() || self.stacks.iter().any(|pattern| pattern.fits(stack)))
            && (self.stages.is_empty() || self.stages.contains(stage))
    }

    /// When it is open between two instants: from when to when, the first `most` times. Openings that overlap, or follow
    /// on one another, are one. An opening that began before `from`, or ends after `to`, is given whole.
    pub fn spans(&self, from: Timestamp, to: Timestamp, most: usize) -> Vec<(Timestamp, Timestamp)> {
        let mut spans = Vec::new();
        let mut next = self.first_opening(from).or_else(|| self.schedule.next_after(from));
        while let Some(begins) = next.filter(|begins| *begins < to)
            && spans.len() < most
        {
            let mut ends = self.closes(begins);
            // Each step goes on to the last opening within what is open so far.
            for _ in 0..super::STEPS {
                match self.opened(ends) {
                    Some(last) if last > begins && self.closes(last) > ends && ends < to => ends = self.closes(last),
                    _ => break,
                }
            }
            spans.push((begins, ends));
            next = self.schedule.next_after(ends);
        }
        spans
    }

    /// Whether it is open.
    pub(super) fn is_open(&self, at: Timestamp) -> bool {
        self.first_opening(at).is_some()
    }

    /// When it was opened last, where it is open.
    pub(super) fn opened(&self, at: Timestamp) -> Option<Timestamp> {
        // Openings lie on whole seconds: the last one is between these two, and halving finds it, however often the
        // window opens while it is open.
        let (mut last, mut bound) = (self.first_opening(at)?, at);
        while self.schedule.next_after(last).is_some_and(|next| next <= at) {
            let middle = last.checked_add(bound.duration_since(last) / 2).unwrap_or(last);
            match self.schedule.next_after(middle) {
                Some(next) if next <= at => last = next,
                _ => bound = middle,
            }
        }
        Some(last)
    }

    /// When a window that opened then is closed.
    pub(super) fn closes(&self, opened: Timestamp) -> Timestamp {
        opened.checked_add(self.length).unwrap_or(Timestamp::MAX)
    }

    /// The earliest opening from which it is still open.
    fn first_opening(&self, at: Timestamp) -> Option<Timestamp> {
        let closed = at.checked_sub(self.length).unwrap_or(Timestamp::MIN);
        self.schedule.next_after(closed).filter(|opening| *opening <= at)
    }
}
