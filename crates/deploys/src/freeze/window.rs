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

    /// When it freezes what it is about between two instants, of its first `most` openings: a window that denies while it
    /// is open, one that allows between its openings.
    pub fn freezes(&self, from: Timestamp, to: Timestamp, most: usize) -> Vec<(Timestamp, Timestamp)> {
        let open = self.spans(from, to, most);
        match self.kind {
            FreezeKind::Deny => open,
            FreezeKind::Allow => between(&open, from, to),
        }
    }

    /// When it is open, in words: `at 18:00 on Fridays in Europe/Berlin, for 2d 12h`.
    pub fn in_words(&self) -> String {
        format!("{}, for {}", self.schedule.in_words(), lasts(self.length))
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

/// The time between openings.
fn between(open: &[(Timestamp, Timestamp)], from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let (mut closed, mut spans) = (from, Vec::new());
    for (begins, ends) in open {
        if closed >= to {
            break;
        }
        if *begins > closed {
            spans.push((closed, (*begins).min(to)));
        }
        closed = (*ends).max(closed);
    }
    if closed < to {
        spans.push((closed, to));
    }
    spans
}

/// How long, as it is written in the configuration: `2d 12h`.
fn lasts(length: SignedDuration) -> String {
    let minutes = length.as_mins();
    let parts = [(minutes / 1_440, 'd'), (minutes / 60 % 24, 'h'), (minutes % 60, 'm')];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    parts
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3_600).unwrap()
    }

    fn spans(hours: &[(i64, i64)]) -> Vec<(Timestamp, Timestamp)> {
        hours.iter().map(|(from, to)| (at(*from), at(*to))).collect()
    }

    #[test]
    fn what_allows_freezes_between_its_openings_and_to_the_end_of_what_is_told() {
        let told = |open: &[(i64, i64)]| between(&spans(open), at(10), at(100));
        assert_eq!(told(&[(5, 20), (30, 40), (90, 120)]), spans(&[(20, 30), (40, 90)]));
        assert_eq!(told(&[(12, 20)]), spans(&[(10, 12), (20, 100)]));
        assert_eq!(told(&[(200, 210)]), spans(&[(10, 100)]));
        assert_eq!(told(&[]), spans(&[(10, 100)]));
    }

    #[test]
    fn a_length_is_said_as_it_is_written() {
        assert_eq!(lasts(SignedDuration::from_mins(2 * 1_440 + 12 * 60)), "2d 12h");
        assert_eq!(lasts(SignedDuration::from_mins(90)), "1h 30m");
    }
}
