//! The kinds of things that change while a page is open.

/// A kind of thing that changes. A page names those it shows, and is made anew when one of them changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Agents,
    Requests,
    Deploys,
    Alerts,
    Secrets,
    Revenue,
    Repositories,
    Audit,
    Webhooks,
    Health,
}

impl Kind {
    /// Its name, as a stream says it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Requests => "requests",
            Self::Deploys => "deploys",
            Self::Alerts => "alerts",
            Self::Secrets => "secrets",
            Self::Revenue => "revenue",
            Self::Repositories => "repositories",
            Self::Audit => "audit",
            Self::Webhooks => "webhooks",
            Self::Health => "health",
        }
    }
}
