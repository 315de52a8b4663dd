//! A repository as a person writes it: with its owner or without.

use cc_devops_kernel::names::RepositoryName;

/// Why a repository cannot be meant by what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RepositoryNameError {
    /// Its owner is not the one whose repositories are looked after.
    #[error("{written} is a repository of {of}, and those of {owner} are looked after here")]
    OtherOwner {
        /// What was written.
        written: String,
        /// The owner in it.
        of: String,
        /// The owner whose repositories are looked after.
        owner: String,
    },
    /// It has an owner, and nobody said whose repositories are looked after.
    #[error("{0} names an owner, and none is configured: set github.owner")]
    NoOwner(String),
    /// It is no name.
    #[error("{written:?} is no name of a repository: {why}")]
    NoName {
        /// What was written.
        written: String,
        /// Why not.
        why: String,
    },
}

/// The repository that is meant by `name` or `owner/name`. The case of an owner does not matter.
///
/// # Errors
/// [`RepositoryNameError`]. The repository of another owner is never taken for one of the same name.
pub fn of_owner(owner: Option<&str>, written: &str) -> Result<RepositoryName, RepositoryNameError> {
    let name = match (written.split_once('/'), owner) {
        (None, _) => written,
        (Some((of, name)), Some(owner)) if of.eq_ignore_ascii_case(owner) => name,
        (Some((of, _)), Some(owner)) => {
            return Err(RepositoryNameError::OtherOwner {
                written: written.to_owned(),
                of: of.to_owned(),
                owner: owner.to_owned(),
            });
        }
        (Some(_), None) => return Err(RepositoryNameError::NoOwner(written.to_owned())),
    };
    RepositoryName::new(name).map_err(|error| RepositoryNameError::NoName {
        written: written.to_owned(),
        why: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(written: &str) -> Result<String, RepositoryNameError> {
        of_owner(Some("acme"), written).map(|name| name.to_string())
    }

    #[test]
    fn a_repository_is_of_the_owner_that_is_looked_after_or_refused() {
        for written in ["web", "acme/web", "ACME/web"] {
            assert_eq!(meant(written).as_deref(), Ok("web"));
        }
        assert!(matches!(meant("other/web"), Err(RepositoryNameError::OtherOwner { of, .. }) if of == "other"));
        assert!(matches!(meant("/web"), Err(RepositoryNameError::OtherOwner { .. })));
        for no_name in ["", "acme/", "acme/web/x", "a b", "https://github.com/acme/web"] {
            assert!(meant(no_name).is_err(), "{no_name}");
        }
        assert_eq!(
            of_owner(None, "acme/web"),
            Err(RepositoryNameError::NoOwner("acme/web".to_owned()))
        );
    }
}
