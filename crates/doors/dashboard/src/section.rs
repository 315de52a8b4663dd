//! The entries of the navigation.

/// An entry of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Overview,
    Agents,
    Requests,
    Deploys,
    Alerts,
    Secrets,
    Revenue,
    Repositories,
    Audit,
    Policies,
    Webhooks,
    Settings,
    Health,
}

impl Section {
    /// Every entry, in its order.
    pub(crate) const ALL: [Self; 13] = [
        Self::Overview,
        Self::Agents,
        Self::Requests,
        Self::Deploys,
        Self::Alerts,
        Self::Secrets,
        Self::Revenue,
        Self::Repositories,
        Self::Audit,
        Self::Policies,
        Self::Webhooks,
        Self::Settings,
        Self::Health,
    ];

    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Agents => "Agents",
            Self::Requests => "Requests",
            Self::Deploys => "Deploys",
            Self::Alerts => "Alerts",
            Self::Secrets => "Secrets",
            Self::Revenue => "Revenue",
            Self::Repositories => "Repositories",
            Self::Audit => "Audit",
            Self::Policies => "Policies",
            Self::Webhooks => "Webhooks",
            Self::Settings => "Settings",
            Self::Health => "Health",
        }
    }

    /// Whether it stands apart from the entry before it: what happens, what is kept, how all is governed.
    pub(crate) fn begins_group(self) -> bool {
        matches!(self, Self::Secrets | Self::Audit)
    }

    /// Its page.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Overview => "/ui",
            Self::Agents => "/ui/agents",
            Self::Requests => "/ui/requests",
            Self::Deploys => "/ui/deploys",
            Self::Alerts => "/ui/alerts",
            Self::Secrets => "/ui/secrets",
            Self::Revenue => "/ui/revenue",
            Self::Repositories => "/ui/repositories",
            Self::Audit => "/ui/audit",
            Self::Policies => "/ui/policies",
            Self::Webhooks => "/ui/webhooks",
            Self::Settings => "/ui/settings",
            Self::Health => "/ui/health",
        }
    }
}
