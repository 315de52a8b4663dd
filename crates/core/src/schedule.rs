//! What the control plane does by the clock.

/// A job that runs by the clock, section 5 of the wire contract. Times are UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Job {
    /// Register this agent, send its heartbeat, look after waiting requests.
    Heartbeat,
}

impl Job {
    /// Every job.
    pub const ALL: [Self; 1] = [Self::Heartbeat];

    /// The job's name in storage and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Heartbeat => "heartbeat",
        }
    }

    /// When it runs, as a cron expression of five fields.
    pub fn cron(self) -> &'static str {
        match self {
            Self::Heartbeat => "*/5 * * * *",
        }
    }
}
