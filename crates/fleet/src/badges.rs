//! Addresses of badges: whoever was given one sees the state it shows, and nobody finds another by guessing.
//!
//! A key is what it shows and a code over that, so that nothing is stored and a guess costs one hash.

use cc_devops_kernel::names::AgentName;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What a badge shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Badge {
    /// One agent.
    Agent(AgentName),
    /// All agents together.
    All,
}

/// What the key of the badge of all agents begins with.
const ALL: &str = "all";

/// How many hex digits of the code a key has: 128 bits.
const DIGITS: usize = 32;

/// Makes the keys of badges and reads them.
#[derive(Clone)]
pub struct BadgeKeys([u8; 32]);

impl BadgeKeys {
    /// With a secret of the installation's.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// The key of a badge, `Writer-` and 32 hex digits: letters, digits, `_` and `-`.
    pub fn key(&self, badge: &Badge) -> String {
        let mut code = hex::encode(self.mac(badge).finalize().into_bytes());
        code.truncate(DIGITS);
        format!("{}-{code}", shown(badge))
    }

    /// What the badge of a key shows; none where it is the key of none.
    pub fn badge(&self, key: &str) -> Option<Badge> {
        let (shown, code) = key.rsplit_once('-')?;
        if code.len() != DIGITS {
            return None;
        }
        let code = hex::decode(code).ok()?;
        let holds = |badge: &Badge| self.mac(badge).verify_truncated_left(&code).is_ok();
        if shown == ALL && holds(&Badge::All) {
            return Some(Badge::All);
        }
        // An agent may be called so, too.
        Some(Badge::Agent(AgentName::new(shown).ok()?)).filter(holds)
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn mac(&self, badge: &Badge) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        let kind: &[u8] = match badge {
            Badge::Agent(_) => b"badge of agent\0",
            Badge::All => b"badge of all\0",
        };
        mac.update(kind);
        mac.update(shown(badge).as_bytes());
        mac
    }
}

fn shown(badge: &Badge) -> &str {
    match badge {
        Badge::Agent(name) => name.as_str(),
        Badge::All => ALL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(name: &str) -> Badge {
        Badge::Agent(AgentName::new(name).unwrap())
    }

    #[test]
    fn a_key_is_read_back_and_no_other_is() {
        let keys = BadgeKeys::new([7; 32]);
        for badge in [Badge::All, agent("all"), agent("Writer"), agent("a-b_c-1")] {
            let key = keys.key(&badge);
            assert_eq!(keys.badge(&key), Some(badge.clone()), "{key}");
            assert_eq!(BadgeKeys::new([8; 32]).badge(&key), None, "another installation's");
            let at = key.len() - 1;
            let last = if key.ends_with('0') { '1' } else { '0' };
            assert_eq!(
                keys.badge(&format!("{}{last}", &key[..at])),
                None,
                "one digit is another"
            );
            assert_eq!(keys.badge(&key[..at]), None);
            assert_eq!(keys.badge(&format!("{key}0")), None);
        }
        let writers = keys.key(&agent("Writer"));
        assert_eq!(keys.badge(&writers.replacen("Writer", "Reader", 1)), None);
        assert_ne!(keys.key(&Badge::All), keys.key(&agent("all")));
        for nothing in ["", "-", "all-", "Writer", "-0123456789abcdef0123456789abcdef"] {
            assert_eq!(keys.badge(nothing), None, "{nothing}");
        }
    }
}
