//! What a port answers when an outside system fails.

use jiff::SignedDuration;

/// A port's answer.
pub type PortResult<T> = Result<T, PortError>;

/// An outside system failed.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct PortError {
    /// What a caller can do about it.
    pub kind: PortErrorKind,
    /// A lowercase fragment that says what failed and what a person can do.
    pub message: String,
    /// When the system said to try again.
    pub retry_after: Option<SignedDuration>,
    /// What was underneath.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What a caller can do about a [`PortError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortErrorKind {
    /// Try again soon: locked, throttled, unreachable.
    Unavailable,
    /// It did not answer in time; the effect may have taken place.
    Timeout,
    /// The store is full; a person must make room.
    Full,
    /// What is stored cannot be read; a person must restore it.
    Corrupt,
    /// The key that protects the data is missing or wrong.
    Key,
    /// The caller's proof (a claim, a lease) is no longer good; somebody else went on.
    Superseded,
    /// The thing exists already, or a thing too much like it.
    Exists,
    /// There is no such thing.
    NotFound,
    /// It is larger than the store takes; only something smaller will be taken.
    TooLarge,
    /// The system refused; the same call will be refused again.
    Refused,
    /// It was told to stop and did so at a safe place; begun again, it goes on.
    Stopped,
}

impl PortErrorKind {
    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Unavailable | Self::Timeout)
    }
}

impl PortError {
    /// An error without a source.
    pub fn new(kind: PortErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after: None,
            source: None,
        }
    }

    /// The same error, keeping what was underneath.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}
