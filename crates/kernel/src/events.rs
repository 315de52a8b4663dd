//! What is told to the outside: outcomes of requests, and what the control plane did on its own.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::names::AgentName;
use crate::outcome::Completed;
use crate::paging::Cursor;

/// The `detail-type` of an outcome.
pub const COMPLETED_DETAIL_TYPE: &str = "devops.completed";
/// The `source` of an outcome.
pub const COMPLETED_SOURCE: &str = "devops.automation";

/// An event's content. A store keeps it in the form that the module `stored` gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventBody {
    /// A request's outcome.
    Completed(Completed),
    /// News that no request asked for.
    Announcement(Announcement),
}

/// News that no request asked for, such as a day's MRR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    /// What it is about; the same for the same matter, so that a receiver can tell a repeat.
    pub key: String,
    /// The event's `source`.
    pub source: String,
    /// The event's `detail-type`.
    pub detail_type: String,
    /// The event's `detail`: JSON text, so that its numbers stay as they were written.
    pub detail: String,
    /// When it came to be.
    pub timestamp: Timestamp,
}

/// An event to the outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingEvent {
    /// The agent it is for; who else may see it is for the reader's side to decide.
    pub agent: AgentName,
    /// What it says.
    pub body: EventBody,
}

/// An event in the log that agents read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Its place; strictly increasing.
    pub cursor: Cursor,
    /// When it was published.
    pub published_at: Timestamp,
    /// The event.
    pub event: OutgoingEvent,
}

impl EventBody {
    /// The event's `source`.
    pub fn source(&self) -> &str {
        match self {
            Self::Completed(_) => COMPLETED_SOURCE,
            Self::Announcement(news) => &news.source,
        }
    }

    /// The event's `detail-type`.
    pub fn detail_type(&self) -> &str {
        match self {
            Self::Completed(_) => COMPLETED_DETAIL_TYPE,
            Self::Announcement(news) => &news.detail_type,
        }
    }

    /// The event's `detail` as JSON text.
    ///
    /// # Errors
    /// An outcome that cannot be written as JSON.
    pub fn detail(&self) -> serde_json::Result<String> {
        match self {
            Self::Completed(completed) => serde_json::to_string(completed),
            Self::Announcement(news) => Ok(news.detail.clone()),
        }
    }

    /// The request's id, or what the news is about.
    pub fn key(&self) -> &str {
        match self {
            Self::Completed(completed) => &completed.request_id,
            Self::Announcement(news) => &news.key,
        }
    }

    /// When it came to be.
    pub fn timestamp(&self) -> Timestamp {
        match self {
            Self::Completed(completed) => completed.timestamp,
            Self::Announcement(news) => news.timestamp,
        }
    }

    /// The outcome, if it is one.
    pub fn completed(&self) -> Option<&Completed> {
        match self {
            Self::Completed(completed) => Some(completed),
            Self::Announcement(_) => None,
        }
    }
}

impl From<Completed> for EventBody {
    fn from(completed: Completed) -> Self {
        Self::Completed(completed)
    }
}

impl From<Announcement> for EventBody {
    fn from(news: Announcement) -> Self {
        Self::Announcement(news)
    }
}
