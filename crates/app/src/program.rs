//! What differs between the programs, as a value.

use std::time::Duration;

/// A program that is composed here. Everything that differs between `serve`, the functions and an operator's command
/// is one of these fields; what is not here is the same for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    /// What it is called in messages.
    pub name: &'static str,
    /// Whether it takes requests and carries them out: then it looks after repositories for them, and policies of a
    /// folder are held to the agents that there are. Else its control plane answers questions, and no stack can be
    /// changed through its ports.
    pub carries_out: bool,
    /// How long a consumer of the outbox may take over what it is told in one go; without, it is waited for.
    pub consumer_time: Option<Duration>,
    /// Whether it runs without a break, so that a stopwatch measures how long a request waits. A function is frozen
    /// between two invocations, and only the clock knows how long that was.
    pub runs_on: bool,
    /// Whether its metrics are lines of its log, which the runtime turns into metrics, instead of calls.
    pub logs_metrics: bool,
}

impl Program {
    /// `cc-devops serve`: it carries requests out as long as it runs.
    pub const SERVER: Self = Self {
        name: "serve",
        carries_out: true,
        consumer_time: Some(Duration::from_secs(10)),
        runs_on: true,
        logs_metrics: false,
    };

    /// A function: it does so between two freezes. A consumer gets less than an invocation has left as a rule.
    pub const FUNCTION: Self = Self {
        name: "function",
        carries_out: true,
        consumer_time: Some(Duration::from_secs(15)),
        runs_on: false,
        logs_metrics: true,
    };

    /// An operator's command: it asks, and changes what only an operator may.
    pub const COMMAND: Self = Self {
        name: "command",
        carries_out: false,
        consumer_time: None,
        runs_on: false,
        logs_metrics: false,
    };
}
