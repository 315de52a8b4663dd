//! How long what is kept, and the run that forgets the rest.
//!
//! [`Rules`] say for how many days; [`Rules::plan`] makes of them what ends at which time; a [`Pruner`] carries
//! the plan out in small steps. Between two steps its caller pauses, so that nobody's write waits for long.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use cc_devops_kernel::audit::Section;
use cc_devops_kernel::ports::VALUE_DAYS;
use jiff::{SignedDuration, Timestamp};

pub use crate::ports::Kept;
use crate::ports::{AuditArchive, AuditTrail, Clock, PortResult, Ports, Retention};
use crate::record::Cursor;

/// How many rows one transaction looks at.
pub const STEP: usize = 250;

/// About how many audit rows are exported and cut off together: some 6 MB of text.
const SECTION: usize = 10_000;

/// For how many days what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Requests, from their arrival: until then the same id gets the same answer. Default 400.
    pub requests_days: u32,
    /// Events, from when they were told. Default 400.
    pub events_days: u32,
    /// The audit trail; for ever where it is not said, which is the default.
    pub audit_days: Option<u32>,
    /// Dead letters, from when they were given up. Default 90.
    pub dead_letters_days: u32,
    /// What commands printed, from the arrival of their request. Default 30.
    pub outputs_days: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            requests_days: 400,
            events_days: 400,
            audit_days: None,
            dead_letters_days: 90,
            outputs_days: 30,
        }
    }
}

/// For how many days what is kept, as far as somebody says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Said {
    /// Requests.
    pub requests_days: Option<u32>,
    /// Events.
    pub events_days: Option<u32>,
    /// The audit trail.
    pub audit_days: Option<u32>,
    /// Dead letters.
    pub dead_letters_days: Option<u32>,
    /// What commands printed.
    pub outputs_days: Option<u32>,
}

impl From<Said> for Rules {
    /// What is not said has its default, or is kept as long as what it refers to where that is shorter: who says that
    /// events are kept for a month need not say the same of dead letters.
    fn from(said: Said) -> Self {
        let defaults = Self::default();
        let requests_days = said.requests_days.unwrap_or(defaults.requests_days);
        let events_days = said.events_days.unwrap_or(defaults.events_days.min(requests_days));
        Self {
            requests_days,
            events_days,
            audit_days: said.audit_days.or(defaults.audit_days),
            dead_letters_days: said
                .dead_letters_days
                .unwrap_or(defaults.dead_letters_days.min(events_days)),
            outputs_days: said.outputs_days.unwrap_or(defaults.outputs_days.min(requests_days)),
        }
    }
}

/// A rule that does not go with another: its name, and what it has to be.
pub type Contradiction = (&'static str, String);

impl Rules {
    /// What does not go together: an event refers to its request, a dead letter to its event, an output stands
    /// with its request.
    pub fn contradictions(&self) -> Vec<Contradiction> {
        let pairs = [
            ("events_days", self.events_days, "requests_days", self.requests_days),
            ("outputs_days", self.outputs_days, "requests_days", self.requests_days),
            (
                "dead_letters_days",
                self.dead_letters_days,
                "events_days",
                self.events_days,
            ),
        ];
        let wrong = pairs.into_iter().filter(|(_, days, _, most)| days > most);
        wrong
            .map(|(name, _, other, most)| (name, format!("must not be more than {other}, which is {most}")))
            .collect()
    }

    /// For how many days that is kept; none for what carries its own end.
    pub fn days(&self, what: Kept) -> u32 {
        match what {
            Kept::Outputs => self.outputs_days,
            Kept::DeadLetters => self.dead_letters_days,
            Kept::Events => self.events_days,
            Kept::Requests | Kept::SecretVersions => self.requests_days,
            Kept::SecretValues => VALUE_DAYS,
            Kept::Records => 0,
        }
    }

    /// When that ends by itself which was written at `at`, in seconds since 1970 as DynamoDB counts.
    pub fn expiry(&self, what: Kept, at: Timestamp) -> i64 {
        at.as_second().saturating_add(i64::from(self.days(what)) * 86_400)
    }

    /// What ends at which time, as of `now`.
    pub fn plan(&self, now: Timestamp) -> Plan {
        Plan {
            before: Kept::ALL.map(|what| (what, days_ago(now, self.days(what)))),
            audit: self.audit_days.map(|days| days_ago(now, days)),
        }
    }
}

fn days_ago(now: Timestamp, days: u32) -> Timestamp {
    let span = SignedDuration::from_hours(24 * i64::from(days));
    now.checked_sub(span).unwrap_or(Timestamp::MIN)
}

/// What ends at which time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What ended before when, in the order in which it is forgotten.
    pub before: [(Kept, Timestamp); Kept::ALL.len()],
    /// Up to when the audit trail is cut; not at all without.
    pub audit: Option<Timestamp>,
}

/// What a run has come to so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many of each were removed.
    pub removed: BTreeMap<&'static str, u64>,
    /// How many bytes were given back.
    pub bytes: u64,
    /// How many audit rows were cut off.
    pub cut: u64,
    /// The exports that were written.
    pub exports: Vec<String>,
}

impl Report {
    fn count(&mut self, what: &'static str, removed: u64) {
        if removed > 0 {
            *self.removed.entry(what).or_default() += removed;
        }
    }

    /// Whether nothing was forgotten.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One thing of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    Forget(Kept, Timestamp, Option<Cursor>),
    /// Rows that a cut left, perhaps one that a crash ended.
    Clear,
    Cut(Timestamp),
    Shrink,
}

/// A run over the whole plan.
#[derive(Debug)]
pub struct Run {
    tasks: VecDeque<Task>,
    report: Report,
}

impl Run {
    /// What it has come to so far.
    pub fn report(&self) -> &Report {
        &self.report
    }
}

/// Forgets what is not kept any longer.
pub struct Pruner {
    rules: Rules,
    retention: Arc<dyn Retention>,
    audit: Arc<dyn AuditTrail>,
    clock: Arc<dyn Clock>,
    archive: Option<Arc<dyn AuditArchive>>,
    section: usize,
}

impl Pruner {
    /// A pruner by those rules. With an archive, audit rows are cut off only after it has them.
    pub fn new(rules: Rules, ports: &Ports, archive: Option<Arc<dyn AuditArchive>>) -> Self {
        Self {
            rules,
            retention: ports.retention.clone(),
            audit: ports.audit.clone(),
            clock: ports.clock.clone(),
            archive,
            section: SECTION,
        }
    }

    /// The same, cutting about that many audit rows off at a time, where a step may not take long.
    #[must_use]
    pub fn in_sections_of(self, rows: usize) -> Self {
        Self { section: rows, ..self }
    }

    /// Begins a run.
    pub fn begin(&self) -> Run {
        let plan = self.rules.plan(self.clock.now());
        let mut tasks = VecDeque::from([Task::Clear]);
        if !self.retention.ends_by_itself() {
            tasks.extend(plan.before.map(|(what, before)| Task::Forget(what, before, None)));
            tasks.push_back(Task::Shrink);
        }
        // The trail comes last: if it is broken, the rest was forgotten nevertheless.
        if let Some(before) = plan.audit {
            tasks.extend([Task::Cut(before), Task::Clear, Task::Shrink]);
        }
        Run {
            tasks,
            report: Report::default(),
        }
    }

    /// Takes one step; false when the run is at its end. A step that failed is the next one again.
    pub async fn step(&self, run: &mut Run) -> PortResult<bool> {
        let Some(task) = run.tasks.front().copied() else {
            return Ok(false);
        };
        let next = self.take(task, &mut run.report).await?;
        match (next, run.tasks.front_mut()) {
            (Some(next), Some(first)) => *first = next,
            _ => drop(run.tasks.pop_front()),
        }
        Ok(!run.tasks.is_empty())
    }

    /// Does a part of a task; the rest of it, where there is one.
    async fn take(&self, task: Task, report: &mut Report) -> PortResult<Option<Task>> {
        Ok(match task {
            Task::Forget(what, before, after) => {
                let forgotten = self.retention.forget(what, before, after, STEP).await?;
                report.count(what.as_str(), forgotten.removed);
                forgotten.next.map(|next| Task::Forget(what, before, Some(next)))
            }
            Task::Clear => {
                let removed = self.audit.clear(STEP).await?;
                (removed > 0).then_some(task)
            }
            Task::Cut(before) => self.cut(before, report).await?.then_some(task),
            Task::Shrink => {
                let bytes = self.retention.shrink().await?;
                report.bytes += bytes;
                (bytes > 0).then_some(task)
            }
        })
    }

    /// Exports the oldest rows where that is wanted, and cuts them off; whether there were any.
    async fn cut(&self, before: Timestamp, report: &mut Report) -> PortResult<bool> {
        let Some(section) = self.audit.oldest(before, self.section).await? else {
            return Ok(false);
        };
        let file = self.archive(&section).await?;
        let entry = section.entry(self.clock.now(), before, file.as_deref());
        self.audit.cut(&section, &entry).await?;
        report.cut += section.rows.len() as u64;
        report.exports.extend(file);
        Ok(true)
    }

    async fn archive(&self, section: &Section) -> PortResult<Option<String>> {
        match &self.archive {
            Some(archive) => archive.keep(section).await.map(Some),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_says_what_ends_at_which_time() {
        let now: Timestamp = "2026-03-31T03:30:00Z".parse().unwrap();
        let rules = Rules {
            audit_days: Some(1),
            ..Rules::default()
        };
        let plan = rules.plan(now);
        let shown = plan.before.map(|(what, before)| (what.as_str(), before.to_string()));
        let expected = [
            ("outputs", "2026-03-01T03:30:00Z"),
            ("dead_letters", "2025-12-31T03:30:00Z"),
            ("events", "2025-02-24T03:30:00Z"),
            ("requests", "2025-02-24T03:30:00Z"),
            ("secret_values", "2026-03-30T03:30:00Z"),
            ("secret_versions", "2025-02-24T03:30:00Z"),
            ("records", "2026-03-31T03:30:00Z"),
        ];
        assert_eq!(shown, expected.map(|(what, before)| (what, before.to_owned())));
        assert_eq!(plan.audit, Some("2026-03-30T03:30:00Z".parse().unwrap()));
        assert_eq!(
            Rules::default().plan(now).audit,
            None,
            "the trail is kept unless it is said"
        );
        assert_eq!(rules.expiry(Kept::Events, now), now.as_second() + 400 * 86_400);
    }

    #[test]
    fn more_days_than_there_are_keep_everything() {
        let rules = Rules {
            requests_days: u32::MAX,
            ..Rules::default()
        };
        let plan = rules.plan(Timestamp::UNIX_EPOCH);
        assert_eq!(plan.before[3], (Kept::Requests, Timestamp::MIN));
    }

    #[test]
    fn what_is_not_said_follows_what_it_refers_to() {
        assert_eq!(Rules::from(Said::default()), Rules::default());
        let short = Said {
            requests_days: Some(30),
            ..Said::default()
        };
        let rules = Rules::from(short);
        let days = (rules.events_days, rules.dead_letters_days, rules.outputs_days);
        assert_eq!(days, (30, 30, 30));
        for events in [1, 60, 89, 90, 400] {
            let rules = Rules::from(Said {
                events_days: Some(events),
                ..Said::default()
            });
            assert_eq!(rules.dead_letters_days, events.min(90));
            assert_eq!(rules.contradictions(), [], "{events}");
        }
        // What is said is not bent.
        let rules = Rules::from(Said {
            events_days: Some(30),
            dead_letters_days: Some(31),
            ..Said::default()
        });
        assert_eq!(rules.dead_letters_days, 31);
        assert_eq!(rules.contradictions().len(), 1);
    }

    #[test]
    fn what_refers_to_another_is_not_kept_longer() {
        assert_eq!(Rules::default().contradictions(), []);
        let rules = Rules {
            requests_days: 30,
            events_days: 60,
            dead_letters_days: 61,
            outputs_days: 31,
            audit_days: Some(1),
        };
        let named: Vec<_> = rules.contradictions().into_iter().map(|(name, _)| name).collect();
        assert_eq!(named, ["events_days", "outputs_days", "dead_letters_days"]);
    }
}
