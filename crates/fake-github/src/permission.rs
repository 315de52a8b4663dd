//! What somebody may do in a repository.

/// How much somebody may do in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Not even see it.
    None,
    /// See it.
    Read,
    /// Tend to issues.
    Triage,
    /// Push.
    Write,
    /// Push and tend to settings that are not dangerous.
    Maintain,
    /// Everything.
    Admin,
}

impl Permission {
    /// As `viewerPermission` has it; nothing for none.
    pub(super) fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::None => return None,
            Self::Read => "READ",
            Self::Triage => "TRIAGE",
            Self::Write => "WRITE",
            Self::Maintain => "MAINTAIN",
            Self::Admin => "ADMIN",
        })
    }
}
