//! What was asked, what goes wrong, and how much is let in.

use std::fmt;
use std::time::Duration;

use super::model::Model;

/// How many requests an hour has.
pub(super) const LIMIT: u64 = 5_000;

/// How long an hour still lasts, in seconds.
pub(super) const RESET: i64 = 1_800;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The method and the path, and the query's name for GraphQL.
    pub key: String,
    /// What is behind the path's question mark.
    pub query: String,
    /// The status of the answer; 0 where the connection broke.
    pub status: u16,
}

/// Something that goes wrong with a request.
pub enum Fault {
    /// This status, and this message.
    Status(u16, &'static str),
    /// A secondary limit: 403 with `retry-after` in seconds, or without.
    Secondary(Option<u64>),
    /// The hour's requests are used up; it begins anew in so many seconds.
    UsedUp(i64),
    /// The connection breaks before there is an answer.
    Cut,
    /// The connection breaks after the request was carried out.
    CutAfter,
    /// The answer takes so much longer.
    Slow(Duration),
    /// A GraphQL answer with this error at this path, and null there.
    Partial(&'static str, Vec<serde_json::Value>),
    /// A query that asks for more than this in a page is a 502. Stays for all that follow.
    TooMany(u64),
    /// Something happens at GitHub right after the answer.
    Then(Box<dyn FnOnce(&mut Model) + Send>),
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Status(..) => "Status",
            Self::Secondary(_) => "Secondary",
            Self::UsedUp(_) => "UsedUp",
            Self::Cut => "Cut",
            Self::CutAfter => "CutAfter",
            Self::Slow(_) => "Slow",
            Self::Partial(..) => "Partial",
            Self::TooMany(_) => "TooMany",
            Self::Then(_) => "Then",
        })
    }
}

/// What the requests have come to.
#[derive(Debug)]
pub(super) struct Traffic {
    pub(super) seen: Vec<Seen>,
    /// Keys, how many requests are let pass first, and what happens then.
    pub(super) faults: Vec<(String, usize, Fault)>,
    pub(super) remaining: u64,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            seen: Vec::new(),
            faults: Vec::new(),
            remaining: LIMIT * 1_000,
        }
    }
}

impl Traffic {
    /// What goes wrong with this request; `first` is the page that a query asks for.
    pub(super) fn meets(&mut self, key: &str, first: Option<u64>) -> Option<Fault> {
        for at in 0..self.faults.len() {
            let (of, skip, fault) = &mut self.faults[at];
            if !key.starts_with(of.as_str()) {
                continue;
            }
            if let Fault::TooMany(most) = fault {
                if first.is_some_and(|first| first > *most) {
                    return Some(Fault::Status(502, "Bad Gateway"));
                }
                continue;
            }
            if *skip == 0 {
                return Some(self.faults.remove(at).2);
            }
            *skip -= 1;
        }
        None
    }
}
