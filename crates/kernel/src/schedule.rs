//! What the control plane does by the clock.

use jiff::SignedDuration;

/// A job that runs by the clock, section 5 of the wire contract. Times are UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Job {
    /// Register this agent, send its heartbeat, look after waiting requests.
    Heartbeat,
    /// Compute MRR, keep it and tell it.
    Revenue,
    /// Hold every repository against the policy, and tell what is new.
    Audit,
    /// Look for failing workflows, and keep their issues.
    Workflows,
    /// Forget what has been kept for as long as it is to be.
    Retention,
}

impl Job {
    /// Every job.
    pub const ALL: [Self; 5] = [
        Self::Heartbeat,
        Self::Revenue,
        Self::Audit,
        Self::Workflows,
        Self::Retention,
    ];

    /// The job's name in storage and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Heartbeat => "heartbeat",
            Self::Revenue => "revenue",
            Self::Audit => "audit",
            Self::Workflows => "workflows",
            Self::Retention => "retention",
        }
    }

    /// When it runs, as a cron expression of five fields.
    pub fn cron(self) -> &'static str {
        match self {
            Self::Heartbeat => "*/5 * * * *",
            Self::Revenue => "0 6 * * *",
            Self::Audit => "0 7 * * *",
            Self::Workflows => "0 */6 * * *",
            // When the night's backup is likely made, and before the day's reports.
            Self::Retention => "30 3 * * *",
        }
    }

    /// How a run that did not succeed is made up for.
    pub fn catch_up(self) -> CatchUp {
        match self {
            Self::Heartbeat => CatchUp::NextTime,
            Self::Revenue => CatchUp::Again {
                lease: SignedDuration::from_hours(2),
                after: SignedDuration::from_mins(30),
            },
            // The first run over years of rows takes its time.
            Self::Retention => CatchUp::Again {
                lease: SignedDuration::from_hours(6),
                after: SignedDuration::from_hours(1),
            },
            // A limit of GitHub's lasts an hour at most.
            Self::Audit | Self::Workflows => CatchUp::Again {
                lease: SignedDuration::from_hours(1),
                after: SignedDuration::from_mins(30),
            },
        }
    }
}

/// How a run that failed, or that a crash ended, is made up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// By the next run, which comes soon enough.
    NextTime,
    /// By a run of its own.
    Again {
        /// How long a run may take before another process takes it for dead.
        lease: SignedDuration,
        /// How long after a failure it is tried again.
        after: SignedDuration,
    },
}
