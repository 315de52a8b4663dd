//! The state of a watch, and how it changes.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Flip, Reason, ReceivedSignal, Signal, Status, WatchSettings};
use crate::schedule::Schedule;

/// What is known of a watched agent, with the deadlines that count.
///
/// `due` and `down_at` are the schedule's; a run has a deadline of its own. What [`WatchState::due`] and
/// [`WatchState::down_at`] say is what counts of them in the present status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WatchState {
    /// What it is.
    pub status: Status,
    /// Since when; none of an agent that was new from the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    down_at: Option<Timestamp>,
    /// The newest run, until it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// When a success or a failure was heard last: the last heartbeat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard: Option<Timestamp>,
    /// When a start was heard last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// How long the last run took that was ended by its agent, in seconds and parts of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took: Option<SignedDuration>,
    /// The last exit status that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<u8>,
    /// The sentence of the last heartbeat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Why it is down, while it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Who paused it, while it is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_by: Option<String>,
    /// Until when an agent that failed must be heard again; it is down either way.
    #[serde(skip_serializing_if = "Option::is_none")]
    silent_at: Option<Timestamp>,
    /// Since when one that failed is silent as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    silent_since: Option<Timestamp>,
}

/// A run that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When.
    pub at: Timestamp,
    /// Which one, where its start said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rid: Option<String>,
    /// Until when it may take; none where nothing follows from it any more: it was too long already, or began in a pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Why an agent is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "lowercase")]
pub enum Cause {
    /// It says that it fails.
    Failure,
    /// It was not heard when it was due.
    Silence {
        /// When it was due.
        due: Timestamp,
        /// How long before that its last heartbeat came, where that is so near that it was probably meant for it: the
        /// wrong time zone, mostly.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        early: Option<SignedDuration>,
    },
    /// A run did not end in time.
    Run {
        /// When it began.
        started: Timestamp,
    },
}

impl WatchState {
    /// When the next heartbeat is due; none while nothing is, or the agent is down anyway.
    pub fn due(&self) -> Option<Timestamp> {
        match self.status {
            Status::New | Status::Up | Status::Late => self.due,
            Status::Down | Status::Paused => None,
        }
    }

    /// When the agent is down unless it is heard before.
    pub fn down_at(&self, settings: &WatchSettings) -> Option<Timestamp> {
        if matches!(self.status, Status::Down | Status::Paused) {
            return None;
        }
        let run = self.run.as_ref().and_then(|run| run.until);
        match (self.down_at, run) {
            // The run's own limit stands in the grace's place.
            (_, Some(run)) if settings.max_runtime.is_some() => Some(run),
            (Some(schedule), Some(run)) => Some(schedule.min(run)),
            (schedule, run) => schedule.or(run),
        }
    }

    /// When something happens next if nothing is heard; none where nothing does.
    pub fn next_look(&self, settings: &WatchSettings) -> Option<Timestamp> {
        let late_at = self.due().filter(|_| self.status != Status::Late);
        let silent_at = self.silent_at.filter(|_| self.status == Status::Down);
        late_at.into_iter().chain(self.down_at(settings)).chain(silent_at).min()
    }

    /// Since when an agent that failed was not heard again in time. That is no flip; who counts failures before telling of
    /// one has nothing more to wait for.
    pub fn silent_since(&self) -> Option<Timestamp> {
        self.silent_since
    }

    /// What became of the agent by time alone, up to `now` and at it.
    #[must_use]
    pub fn step(mut self, settings: &WatchSettings, now: Timestamp) -> (Self, Vec<Flip>) {
        let mut flips = Vec::new();
        self.settle(settings, |deadline| deadline <= now, &mut flips);
        (self, flips)
    }

    /// What became of the agent by time alone before `at`.
    #[must_use]
    pub fn before(mut self, settings: &WatchSettings, at: Timestamp) -> (Self, Vec<Flip>) {
        let mut flips = Vec::new();
        self.settle(settings, |deadline| deadline < at, &mut flips);
        (self, flips)
    }

    /// What became of the agent before a message, and by it. A message at the very instant of a deadline is in time.
    #[must_use]
    pub fn after(mut self, settings: &WatchSettings, heard: &ReceivedSignal) -> (Self, Vec<Flip>) {
        let mut flips = Vec::new();
        self.settle(settings, |deadline| deadline < heard.at, &mut flips);
        match heard.signal {
            Signal::Log => {}
            Signal::Start => self.start(settings, heard, &mut flips),
            Signal::Success => self.success(settings, heard, &mut flips),
            Signal::Failure => self.failure(settings, heard, &mut flips),
        }
        (self, flips)
    }

    /// Nobody waits for the agent from `at` on. One that is paused already stays so.
    #[must_use]
    pub fn pause(mut self, settings: &WatchSettings, at: Timestamp, by: &str) -> (Self, Vec<Flip>) {
        let mut flips = Vec::new();
        self.settle(settings, |deadline| deadline < at, &mut flips);
        if self.status != Status::Paused {
            self.disarm();
            if let Some(run) = &mut self.run {
                run.until = None;
            }
            self.flip(Status::Paused, at, Reason::Pause, &mut flips);
            self.paused_by = Some(by.to_owned());
            sign(&mut flips, by);
        }
        (self, flips)
    }

    /// The agent is waited for again, as if it had been heard at `at`. One that is not paused stays as it is.
    #[must_use]
    pub fn resume(mut self, settings: &WatchSettings, at: Timestamp, by: &str) -> (Self, Vec<Flip>) {
        let mut flips = Vec::new();
        if self.status == Status::Paused {
            self.arm(settings, at);
            self.flip(Status::New, at, Reason::Resume, &mut flips);
            sign(&mut flips, by);
        }
        (self, flips)
    }

    /// The same with other settings from `at` on, by which the last heartbeat is judged anew; what would have been due
    /// before `at` is waited for from `at` on. It ends no pause and brings nobody up who is down.
    #[must_use]
    pub fn with_settings(mut self, old: &WatchSettings, new: &WatchSettings, at: Timestamp) -> (Self, Vec<Flip>) {
        let mut flips = Vec::new();
        self.settle(old, |deadline| deadline < at, &mut flips);
        let waited_for = matches!(self.status, Status::New | Status::Up | Status::Late);
        let stands_for_a_run = self.due.is_none() && self.run.as_ref().is_some_and(|run| run.until.is_some());
        let armed = self.due.is_some() || (self.status == Status::Up && !stands_for_a_run);
        if waited_for && armed && old.schedule != new.schedule {
            let due = self.heard.and_then(|heard| new.schedule.due_after_heartbeat(heard));
            self.due = due
                .filter(|due| *due > at)
                .or_else(|| new.schedule.due_after_heartbeat(at));
            self.down_at = self.due.map(|due| later(due, new.grace));
            if self.status == Status::Late {
                self.flip(Status::Up, at, Reason::Set, &mut flips);
            }
        } else if old.grace != new.grace {
            self.down_at = self.due.map(|due| later(due, new.grace).max(at));
        }
        let limit = |settings: &WatchSettings| settings.max_runtime.unwrap_or(settings.grace);
        if let Some(run) = &mut self.run
            && run.until.is_some()
            && limit(old) != limit(new)
        {
            run.until = Some(later(run.at, limit(new)).max(at));
        }
        (self, flips)
    }

    /// Moves the deadlines over time in which nobody could hear, from `from` to `to` (which is before `from` where a
    /// clock was set back). What was due before stays due. Call it before anything after `from` is settled.
    #[must_use]
    pub fn shift(mut self, settings: &WatchSettings, from: Timestamp, to: Timestamp) -> (Self, Vec<Flip>) {
        let mut flips = Vec::new();
        self.settle(settings, |deadline| deadline <= from, &mut flips);
        let gap = to.duration_since(from);
        let back = gap.is_negative();
        let moved = |time: Timestamp| time.checked_add(gap).unwrap_or(time);
        if let Some(due) = self.due {
            // A calendar's instant after the gap is when the job will report, whatever clock was wrong before; one within
            // the gap, or begun, waits as long.
            let stands = !matches!(settings.schedule, Schedule::Period(_)) && (back || due > to);
            if !stands {
                self.silent_at = self.silent_at.map(moved);
                self.due = Some(if due > from || back { moved(due) } else { due });
                self.down_at = self.down_at.map(moved);
            }
        }
        if let Some(run) = &mut self.run {
            run.until = run.until.map(moved);
        }
        if back {
            // What was is told by the clock that is right now, so that nothing lies ahead of it.
            let run = self.run.as_mut().map(|run| &mut run.at);
            let times = [self.since.as_mut(), self.heard.as_mut(), self.started.as_mut(), run];
            for time in times.into_iter().flatten() {
                *time = moved(*time);
            }
        }
        (self, flips)
    }

    fn settle(&mut self, settings: &WatchSettings, passed: impl Fn(Timestamp) -> bool, flips: &mut Vec<Flip>) {
        if self.status == Status::Down && self.silent_at.is_some_and(&passed) {
            self.silent_since = self.silent_at.take();
        }
        let waiting = matches!(self.status, Status::New | Status::Up);
        let down_at = self.down_at(settings);
        if let Some(due) = self.due()
            && waiting
            && passed(due)
            // With no time between, it was never late.
            && down_at.is_none_or(|down_at| due < down_at)
        {
            self.flip(Status::Late, due, Reason::Timeout, flips);
        }
        if let Some(down_at) = down_at
            && passed(down_at)
        {
            self.cause = Some(self.timed_out(settings, down_at));
            self.disarm();
            if let Some(run) = &mut self.run {
                run.until = None;
            }
            self.flip(Status::Down, down_at, Reason::Timeout, flips);
        }
    }

    /// Why a deadline passed.
    fn timed_out(&self, settings: &WatchSettings, down_at: Timestamp) -> Cause {
        let run = self.run.as_ref().filter(|run| run.until == Some(down_at));
        match (run, self.due) {
            (Some(run), _) => Cause::Run { started: run.at },
            (None, due) => Cause::Silence {
                due: due.unwrap_or(down_at),
                early: self.heard.and_then(|heard| {
                    let early = settings.schedule.came_early(heard)?;
                    // Of an older due instant it says nothing.
                    (Some(later(heard, early)) == due).then_some(early)
                }),
            },
        }
    }

    fn start(&mut self, settings: &WatchSettings, heard: &ReceivedSignal, flips: &mut Vec<Flip>) {
        let at = heard.at;
        self.started = Some(at);
        let limit = settings.max_runtime.unwrap_or(settings.grace);
        let until = (self.status != Status::Paused).then(|| later(at, limit));
        self.run = Some(Run {
            at,
            rid: heard.rid.clone(),
            until,
        });
        // Who runs is not silent.
        self.silent_at = self.silent_at.map(|silent_at| silent_at.max(later(at, limit)));
        let within_the_grace = self
            .due()
            .is_some_and(|due| due <= at && at <= later(due, settings.grace));
        let stands_for_the_run = settings.max_runtime.is_some() && within_the_grace;
        if stands_for_the_run {
            self.disarm();
            if self.status == Status::Late {
                self.flip(Status::Up, at, Reason::Start, flips);
            }
        }
    }

    fn success(&mut self, settings: &WatchSettings, heard: &ReceivedSignal, flips: &mut Vec<Flip>) {
        self.note(heard);
        let its_own = |run: &Run| heard.rid.is_none() || run.rid == heard.rid;
        if let Some(run) = self.run.take_if(|run| its_own(run)) {
            self.took = Some(heard.at.duration_since(run.at));
        }
        if let Some(run) = &mut self.run {
            // What passed while it was down or paused is no news.
            run.until = run
                .until
                .filter(|until| *until > heard.at || self.status != Status::Down);
        }
        if self.status == Status::Paused && settings.sticky_pause {
            return;
        }
        // A heartbeat that is told late does not take back what a later one set.
        self.arm(settings, self.heard.unwrap_or(heard.at));
        self.flip(Status::Up, heard.at, Reason::Ping, flips);
    }

    fn failure(&mut self, settings: &WatchSettings, heard: &ReceivedSignal, flips: &mut Vec<Flip>) {
        self.note(heard);
        if let Some(run) = self.run.take()
            && (heard.rid.is_none() || run.rid == heard.rid)
        {
            self.took = Some(heard.at.duration_since(run.at));
        }
        if self.status == Status::Paused && settings.sticky_pause {
            return;
        }
        self.disarm();
        self.flip(Status::Down, heard.at, Reason::Fail, flips);
        self.cause = Some(Cause::Failure);
        let due = settings.schedule.due_after_heartbeat(heard.at);
        self.silent_at = due.map(|due| later(due, settings.grace));
        self.silent_since = None;
    }

    /// Keeps what a heartbeat says.
    fn note(&mut self, heard: &ReceivedSignal) {
        self.heard = Some(self.heard.map_or(heard.at, |last| last.max(heard.at)));
        self.exit = heard.exit;
        self.message.clone_from(&heard.message);
    }

    /// Sets the schedule's deadlines as a heartbeat at `at` does.
    fn arm(&mut self, settings: &WatchSettings, at: Timestamp) {
        self.due = settings.schedule.due_after_heartbeat(at);
        self.down_at = self.due.map(|due| later(due, settings.grace));
    }

    fn disarm(&mut self) {
        self.due = None;
        self.down_at = None;
    }

    /// Changes the status, where it is another one. Flips never go back in time.
    fn flip(&mut self, to: Status, at: Timestamp, reason: Reason, flips: &mut Vec<Flip>) {
        let from = std::mem::replace(&mut self.status, to);
        if from == to {
            return;
        }
        let at = self.since.map_or(at, |since| since.max(at));
        self.since = Some(at);
        if from == Status::Down {
            self.cause = None;
            self.silent_at = None;
            self.silent_since = None;
        }
        if from == Status::Paused {
            self.paused_by = None;
        }
        flips.push(Flip {
            at,
            from,
            to,
            reason,
            by: None,
        });
    }
}

fn later(at: Timestamp, time: SignedDuration) -> Timestamp {
    at.checked_add(time).unwrap_or(Timestamp::MAX)
}

fn sign(flips: &mut [Flip], by: &str) {
    if let Some(flip) = flips.last_mut() {
        flip.by = Some(by.to_owned());
    }
}
