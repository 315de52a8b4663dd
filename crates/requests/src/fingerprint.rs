//! What a request means, so that a repeat can be told from a conflict.

use cc_devops_kernel::names::AgentName;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::Sha256;

/// HMAC-SHA-256 over a request's meaning. Keyed, so that a stored fingerprint does not let anyone
/// guess the secret it was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// The key of the fingerprints: 256 random bits that live as long as the ledger.
#[derive(Clone)]
pub struct FingerprintKey([u8; 32]);

impl FingerprintKey {
    /// Takes the key.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The fingerprint of who asks for what: agent, action, stage and parameters. `ts` and fields
    /// that later versions may add do not count.
    pub fn fingerprint(
        &self,
        agent: &AgentName,
        action: &str,
        stage: &str,
        params: &Map<String, Value>,
    ) -> Fingerprint {
        // Canonical JSON (RFC 8785) of the four, written directly: the parameters may be large.
        let mut meaning = Vec::with_capacity(512);
        for (name, value) in [
            ("{\"action\":", canonical(&action)),
            (",\"agent\":", canonical(agent)),
            (",\"params\":", canonical(params)),
            (",\"stage\":", canonical(&stage)),
        ] {
            meaning.extend_from_slice(name.as_bytes());
            meaning.extend_from_slice(&value);
        }
        meaning.push(b'}');
        Fingerprint(self.mac(&meaning))
    }

    /// A key of its own for another purpose, the same for as long as the ledger lives. Purposes are told apart by their
    /// names; none is a fingerprint's meaning, which begins as JSON does.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        self.mac(format!("derived key: {purpose}").as_bytes())
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn mac(&self, meaning: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(meaning);
        mac.finalize().into_bytes().into()
    }
}

#[expect(clippy::expect_used, reason = "JSON values and texts have a canonical form")]
fn canonical(value: &impl Serialize) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("a JSON value has a canonical form")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(params: &Value, stage: &str) -> Fingerprint {
        let agent = AgentName::new("A").unwrap();
        FingerprintKey::new([7; 32]).fingerprint(&agent, "putSecret", stage, params.as_object().unwrap())
    }

    #[test]
    fn the_order_of_keys_means_nothing_and_a_value_means_something() {
        assert_eq!(of(&json!({"a": 1, "b": 2}), "dev"), of(&json!({"b": 2, "a": 1}), "dev"));
        assert_ne!(of(&json!({"a": 1}), "dev"), of(&json!({"a": 2}), "dev"));
        assert_ne!(of(&json!({"a": 1}), "dev"), of(&json!({"a": 1}), "prod"));
    }

    #[test]
    fn what_is_fingerprinted_is_the_canonical_form_of_the_four() {
        let agent = AgentName::new("A").unwrap();
        let params =
            json!({"z": "\u{7f}\n\"\u{e9}\u{1f600}", "a": [1.5e300, null, {"k": "v", "b": true}], "\u{1}": -0.0});
        let key = FingerprintKey::new([7; 32]);
        let whole = json!({"agent": agent, "action": "put\tSecret", "stage": "d\\ev", "params": params});
        assert_eq!(
            key.fingerprint(&agent, "put\tSecret", "d\\ev", params.as_object().unwrap()),
            Fingerprint(key.mac(&canonical(&whole)))
        );
    }

    #[test]
    fn another_key_gives_another_fingerprint() {
        let agent = AgentName::new("A").unwrap();
        let (one, two) = (FingerprintKey::new([1; 32]), FingerprintKey::new([2; 32]));
        let params = Map::new();
        assert_ne!(
            one.fingerprint(&agent, "x", "dev", &params),
            two.fingerprint(&agent, "x", "dev", &params)
        );
    }
}
