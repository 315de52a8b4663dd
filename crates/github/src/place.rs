//! A repository that is changed, and requests about it.

use cc_devops_outbound::Method;

use crate::client::{Ask, Client, Error};

/// A repository that is changed.
pub(crate) struct Place<'r> {
    pub(crate) client: &'r Client,
    pub(crate) owner: &'r str,
    pub(crate) name: &'r str,
}

impl<'r> Place<'r> {
    pub(crate) fn of(client: &'r Client, repository: &'r str) -> Result<Self, Error> {
        let (owner, name) = repository.split_once('/').ok_or_else(|| Error::NotFound {
            what: format!("find {repository}"),
        })?;
        Ok(Self { client, owner, name })
    }

    pub(crate) fn ask(&self, method: fn(&[&str]) -> (Method, String), rest: &[&str], what: &str) -> Ask {
        let path: Vec<&str> = ["repos", self.owner, self.name]
            .into_iter()
            .chain(rest.iter().copied())
            .collect();
        Ask::new(method(&path), format!("{what} {}/{}", self.owner, self.name))
    }
}
