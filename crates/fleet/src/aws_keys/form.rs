//! What an access key looks like, and how its secret comes of its id.

use std::fmt;
use std::str::FromStr;

use cc_devops_kernel::ports::{RecordKey, RecordKind};
use cc_devops_kernel::secret::SecretValue;
use data_encoding::{BASE32_NOPAD, BASE64};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// What ids of keys begin with that are good until they are ended.
const LASTING: &str = "AKIA";
/// What those of short-lived keys begin with.
const SHORT_LIVED: &str = "ASIA";
/// How many letters follow: 80 bits.
const LETTERS: usize = 16;
/// How many characters a secret access key has: 240 bits.
const SECRET: usize = 40;

/// An access key's id, as AWS's are: `AKIA`, or `ASIA` of a short-lived one, and 16 of A to Z and 2 to 7.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AwsKeyId(String);

impl AwsKeyId {
    /// The id of these bits, of which there are at least 80.
    pub(super) fn lasting(bits: &[u8; 32]) -> Self {
        Self::of(LASTING, bits)
    }

    /// The same of a short-lived key.
    pub(super) fn short_lived(bits: &[u8; 32]) -> Self {
        Self::of(SHORT_LIVED, bits)
    }

    fn of(prefix: &str, bits: &[u8; 32]) -> Self {
        let letters = BASE32_NOPAD.encode(bits);
        Self(prefix.chars().chain(letters.chars().take(LETTERS)).collect())
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the key is good until it is ended.
    pub fn is_lasting(&self) -> bool {
        self.0.starts_with(LASTING)
    }

    /// Where it is kept whose the key is.
    pub(super) fn record(&self) -> RecordKey {
        RecordKey::new(RecordKind::AwsKey, self.as_str())
    }
}

impl FromStr for AwsKeyId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let letters = [LASTING, SHORT_LIVED]
            .iter()
            .find_map(|prefix| text.strip_prefix(prefix));
        let good = letters.is_some_and(|letters| {
            letters.len() == LETTERS
                && letters
                    .bytes()
                    .all(|letter| matches!(letter, b'A'..=b'Z' | b'2'..=b'7'))
        });
        good.then(|| Self(text.to_owned())).ok_or_else(|| {
            "is no id of an access key: it is AKIA and 16 capitals and digits, as `cc-devops agents key list NAME` shows \
             it"
            .to_owned()
        })
    }
}

impl TryFrom<String> for AwsKeyId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<AwsKeyId> for String {
    fn from(id: AwsKeyId) -> Self {
        id.0
    }
}

impl fmt::Display for AwsKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The code over something under the store's key for access keys. What it is for is part of it, so that no code stands for
/// something else.
#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
pub(super) fn code(key: &[u8; 32], purpose: &str, of: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(purpose.as_bytes());
    mac.update(b"\n");
    mac.update(of);
    mac
}

/// The same, as it is.
pub(super) fn bits(code: Hmac<Sha256>) -> [u8; 32] {
    code.finalize().into_bytes().into()
}

/// The secret of a key, the same each time; of a short-lived one, with its session token.
pub(super) fn secret(key: &[u8; 32], id: &AwsKeyId, session_token: Option<&str>) -> SecretValue {
    // Neither has a line feed in it.
    let of = format!("{id}\n{}", session_token.unwrap_or_default());
    let mut letters = BASE64.encode(&bits(code(key, "secret", of.as_bytes())));
    letters.truncate(SECRET);
    SecretValue::new(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_as_awss_are() {
        let id = AwsKeyId::lasting(&[0xa5; 32]);
        assert!(id.as_str().starts_with("AKIA") && id.as_str().len() == 20, "{id}");
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        assert_ne!(id, AwsKeyId::lasting(&[0xa6; 32]));
        let short = AwsKeyId::short_lived(&[0xa5; 32]);
        assert_eq!(short.as_str().replacen("ASIA", "AKIA", 1), id.as_str());
        assert!(id.is_lasting() && !short.is_lasting());
        for bad in [
            "",
            "AKIA",
            "AKIAIOSFODNN7EXAMPL",
            "AKIAIOSFODNN7EXAMPLEE",
            "AKIAIOSFODNN7EXAMPl3",
            "AKIAIOSFODNN1EXAMPLE",
            "AROAIOSFODNN7EXAMPLE",
            "AKIAIOSFODNN7EXAMPÉ",
        ] {
            assert!(bad.parse::<AwsKeyId>().is_err(), "{bad}");
        }
        assert!("AKIAIOSFODNN7EXAMPLE".parse::<AwsKeyId>().is_ok());
        let read: Result<AwsKeyId, _> = serde_json::from_str("\"akia\"");
        assert!(read.is_err(), "a stored id is looked at, too");
    }

    #[test]
    fn a_secret_is_its_keys_and_its_stores_alone() {
        let of = |key: u8, id: &str, token: Option<&str>| {
            let secret = secret(&[key; 32], &id.parse().unwrap(), token);
            secret.expose().to_owned()
        };
        let (id, other) = ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLF");
        let known = of(1, id, None);
        assert_eq!((known.len(), &of(1, id, None)), (40, &known), "the same each time");
        let others = [of(2, id, None), of(1, other, None), of(1, id, Some("t"))];
        assert!(others.iter().all(|other| *other != known), "{others:?}");
    }
}
