//! Accounts, and who may do what in a repository.

use super::Model;
use crate::access::Permission;

impl Model {
    /// What somebody may do in a repository; whoever is not named may do what everybody may.
    pub(crate) fn permission_of(&self, name: &str, login: &str) -> Permission {
        let of = self.get(name);
        let own = of.people.iter().find(|(each, _)| each.eq_ignore_ascii_case(login));
        match own {
            Some((_, permission)) => *permission,
            None if of.owner.eq_ignore_ascii_case(login) => Permission::Admin,
            None if of.is_public() => Permission::Read,
            None => Permission::None,
        }
    }
}
