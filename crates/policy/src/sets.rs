//! The policy sets that ship.

/// The policy sets that ship.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PolicySet {
    /// An agent has its own prefixes and stacks.
    #[default]
    OwnPrefixes,
    /// Every agent has the whole namespace, as older installations had it.
    WholeNamespace,
}

impl PolicySet {
    /// Every shipped set.
    pub const ALL: [Self; 2] = [Self::OwnPrefixes, Self::WholeNamespace];

    /// The set's name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OwnPrefixes => "own-prefixes",
            Self::WholeNamespace => "whole-namespace",
        }
    }

    /// The set of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|set| set.as_str() == name)
    }

    /// The set's Cedar text, to start one's own from.
    pub fn text(self) -> &'static str {
        match self {
            Self::OwnPrefixes => include_str!("own-prefixes.cedar"),
            Self::WholeNamespace => include_str!("whole-namespace.cedar"),
        }
    }
}
