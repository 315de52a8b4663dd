//! The kinds of things that change while somebody looks, and which of them who may see.

use cc_devops_kernel::access::Access;
use cc_devops_kernel::names::AgentName;

/// A kind of thing that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Area {
    /// Who is alive.
    Agents,
    /// Requests and their outcomes.
    Requests,
    /// Plans, and what was deployed.
    Deploys,
    /// What needs a person, silences among it.
    Alerts,
    /// Secrets' names, versions and readers.
    Secrets,
    /// MRR.
    Revenue,
    /// Repositories, and what they do not hold.
    Repositories,
    /// The audit trail.
    Audit,
    /// Webhooks, their deliveries and dead letters.
    Webhooks,
    /// Whether the control plane works, and maintenance mode.
    Health,
}

impl Area {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Agents,
        Self::Requests,
        Self::Deploys,
        Self::Alerts,
        Self::Secrets,
        Self::Revenue,
        Self::Repositories,
        Self::Audit,
        Self::Webhooks,
        Self::Health,
    ];

    /// Its name, in one word.
    pub fn as_str(self) -> &'static str {
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

    /// What somebody may see who is told that it changed, any of these: `by` asks.
    pub(crate) fn seen_with(self, by: &AgentName) -> Vec<Access> {
        match self {
            Self::Agents => vec![Access::ListAgents],
            // Whoever may see their own alone is told that something changed, and not what.
            Self::Requests => [None, Some(by.clone())]
                .map(|agent| Access::ReadRequests { agent })
                .into(),
            Self::Deploys => vec![Access::ReadDeploys { stack: None }],
            Self::Alerts => vec![Access::ReadAlerts],
            Self::Secrets => vec![Access::ListSecrets],
            Self::Revenue => vec![Access::ReadRevenue],
            Self::Repositories => vec![Access::ReadRepositories],
            Self::Audit => vec![Access::ReadAudit],
            Self::Webhooks => vec![Access::ReadWebhooks, Access::ManageWebhooks],
            Self::Health => vec![Access::ReadHealth],
        }
    }

    fn bit(self) -> u16 {
        1 << (self as u16)
    }
}

/// Some of the kinds.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Areas(u16);

impl Areas {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// All of them.
    pub const ALL: Self = Self((1 << Area::ALL.len()) - 1);

    /// Whether none is among them.
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// Whether this one is among them.
    pub fn contains(self, area: Area) -> bool {
        self.0 & area.bit() != 0
    }

    /// Those that are among both.
    #[must_use]
    pub fn among(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// Adds these.
    pub fn add(&mut self, others: impl Into<Self>) {
        self.0 |= others.into().0;
    }

    /// Takes these away.
    pub fn remove(&mut self, others: Self) {
        self.0 &= !others.0;
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Area> {
        Area::ALL.into_iter().filter(move |area| self.contains(*area))
    }
}

impl From<Area> for Areas {
    fn from(area: Area) -> Self {
        Self(area.bit())
    }
}

impl<const N: usize> From<[Area; N]> for Areas {
    fn from(areas: [Area; N]) -> Self {
        areas.into_iter().collect()
    }
}

impl FromIterator<Area> for Areas {
    fn from_iter<T: IntoIterator<Item = Area>>(areas: T) -> Self {
        areas.into_iter().fold(Self::NONE, |mut all, area| {
            all.add(area);
            all
        })
    }
}

impl std::fmt::Debug for Areas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_of_the_kinds() {
        let mut some = Areas::from([Area::Requests, Area::Audit]);
        assert!(some.contains(Area::Audit) && !some.contains(Area::Health));
        assert_eq!(some.iter().collect::<Vec<_>>(), [Area::Requests, Area::Audit]);
        some.add(Area::Health);
        assert_eq!(some.among(Area::Health.into()), Area::Health.into());
        some.remove(Areas::ALL);
        assert!(some.is_empty());
        assert_eq!(Area::ALL.into_iter().collect::<Areas>(), Areas::ALL);
    }
}
