//! Accounts, and who may do what in a repository.

use super::Model;
use crate::permission::Permission;

impl Model {
    /// Gives an account its number. Those without one have a number of their own all the same.
    pub fn account(&mut self, login: &str, id: u64) {
        self.accounts.insert(login.to_lowercase(), (id, login.to_owned()));
    }

    /// The number of an account.
    pub(crate) fn account_id(&self, login: &str) -> u64 {
        if let Some((id, _)) = self.accounts.get(&login.to_lowercase()) {
            return *id;
        }
        let letters = login.to_lowercase();
        // Any number will do that is the same the next time; GitHub's are this large.
        let hash = letters.bytes().fold(7_u64, |hash, byte| {
            hash.wrapping_mul(1_099_511_628_211) ^ u64::from(byte)
        });
        10_000_000 + hash % 1_000_000_000
    }

    /// The login of an account of this number, if anybody here has it.
    pub(crate) fn login_of(&self, id: u64) -> Option<String> {
        let named = self.accounts.values().find(|(each, _)| *each == id);
        let here = || {
            let people = self.repositories.values().flat_map(|of| of.people.keys());
            people
                .chain(self.outside.iter())
                .find(|login| self.account_id(login) == id)
        };
        named.map(|(_, login)| login.clone()).or_else(|| here().cloned())
    }

    /// Whether somebody of this login is known.
    pub(crate) fn knows(&self, login: &str) -> bool {
        let known = |each: &String| each.eq_ignore_ascii_case(login);
        self.accounts.contains_key(&login.to_lowercase())
            || self.outside.iter().any(known)
            || self.repositories.values().any(|of| of.people.keys().any(known))
    }

    /// Makes somebody known who may do nothing in particular.
    pub fn stranger(&mut self, login: &str) {
        self.outside.insert(login.to_owned());
    }

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
