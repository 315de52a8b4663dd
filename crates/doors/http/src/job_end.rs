//! How a run of the scheduler's jobs ended.

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobEnd {
    /// Well, or with nothing to do.
    Done,
    /// It is to be made up for.
    Failed,
    /// The server stops.
    BrokenOff,
}
