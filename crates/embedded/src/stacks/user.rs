//! The user that a stack's command runs as, where that is not the server's own.

use std::ffi::CString;
use std::path::PathBuf;

use nix::unistd::{User, getgrouplist};
use rustix::process::geteuid;
use rustix::thread::{
    CapabilitySet, CapabilitySets, Gid, Uid, capabilities, set_capabilities, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};
use serde::{Deserialize, Serialize};

/// A user of this machine, with its groups, as they were when it was looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunAs {
    name: String,
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    home: PathBuf,
    shell: PathBuf,
}

/// Why a command cannot run as a user.
#[derive(Debug, thiserror::Error)]
pub enum RunAsError {
    /// The machine does not know the user.
    #[error("there is no user {0} on this machine")]
    Unknown(String),
    /// The machine cannot say.
    #[error("the user {name} cannot be looked up: {source}")]
    Lookup {
        /// The user.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// This process may not become the user.
    #[error(
        "this process may not run commands as {name}: it lacks {missing}; run it as root, or give it these \
         capabilities (with systemd: AmbientCapabilities=CAP_SETUID CAP_SETGID CAP_KILL)"
    )]
    NotPermitted {
        /// The user.
        name: String,
        /// The capabilities that are missing, by name.
        missing: String,
    },
}

impl RunAs {
    /// Looks a user up by its name.
    pub fn find(name: &str) -> Result<Self, RunAsError> {
        let lookup = |error: nix::Error| RunAsError::Lookup {
            name: name.to_owned(),
            source: error.into(),
        };
        let unknown = || RunAsError::Unknown(name.to_owned());
        let user = User::from_name(name).map_err(lookup)?.ok_or_else(unknown)?;
        let groups = CString::new(name)
            .map_err(|_| unknown())
            .and_then(|name| getgrouplist(&name, user.gid).map_err(lookup))?;
        Ok(Self {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            groups: groups.into_iter().map(nix::unistd::Gid::as_raw).collect(),
            home: user.dir,
            shell: user.shell,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this process may run commands as this user, and stop them.
    pub fn permitted(&self) -> Result<(), RunAsError> {
        if self.is_own() {
            return Ok(());
        }
        let own = capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
        let needed = [
            (CapabilitySet::SETUID, "CAP_SETUID"),
            (CapabilitySet::SETGID, "CAP_SETGID"),
            (CapabilitySet::KILL, "CAP_KILL"),
        ];
        let missing: Vec<&str> = needed
            .into_iter()
            .filter(|(capability, _)| !own.contains(*capability))
            .map(|(_, name)| name)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(RunAsError::NotPermitted {
            name: self.name.clone(),
            missing: missing.join(", "),
        })
    }

    /// Whether it is this process's own user.
    pub(super) fn is_own(&self) -> bool {
        geteuid().as_raw() == self.uid
    }

    /// What tells programs whose process they are.
    pub(super) fn variables(&self) -> [(&'static str, std::ffi::OsString); 4] {
        [
            ("HOME", self.home.clone().into()),
            ("USER", self.name.clone().into()),
            ("LOGNAME", self.name.clone().into()),
            ("SHELL", self.shell.clone().into()),
        ]
    }

    /// Makes the calling thread, which must be the only one, this user's for good: nothing of what the process
    /// was before is left to it.
    pub(super) fn become_it(&self) -> std::io::Result<()> {
        if self.is_own() {
            return Ok(());
        }
        let groups: Vec<Gid> = self.groups.iter().copied().map(Gid::from_raw).collect();
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        set_thread_groups(&groups)?;
        set_thread_res_gid(gid, gid, gid)?;
        set_thread_res_uid(uid, uid, uid)?;
        if !uid.is_root() {
            // Where the server is not root, what lets it do this would go on to the command.
            let none = CapabilitySet::empty();
            set_capabilities(
                None,
                CapabilitySets {
                    effective: none,
                    permitted: none,
                    inheritable: none,
                },
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_with_its_home_and_one_that_does_not_exist_is_refused() {
        let root = RunAs::find("root").unwrap();
        assert_eq!((root.name(), root.uid), ("root", 0));
        assert!(root.groups.contains(&0));
        let error = RunAs::find("no-such-user-here").unwrap_err();
        assert_eq!(error.to_string(), "there is no user no-such-user-here on this machine");
    }
}
