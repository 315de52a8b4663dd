//! Values that are sealed before they are sent, so that nobody on the way can read them.
//!
//! A sealed value is a sealed box of libsodium (`crypto_box_seal`: X25519, XSalsa20-Poly1305, the nonce from BLAKE2b)
//! to a public key that is published. The pair belongs to the installation; [`keeping`] says when it is replaced and how
//! long the one before still opens. A box is opened when its secret is written, and at no other time.
//!
//! A box alone says nothing of what it is for: whoever sees it on the way could have it opened under a name of their
//! own. So the text in it may begin with a line ([`bound`]) that names the agent and the secret, and is then good for
//! these alone.

pub mod keeping;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use cc_devops_kernel::acts::Author;
use cc_devops_kernel::audit::{AuditEntry, actions};
use cc_devops_kernel::names::{AgentName, SecretName};
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::secret::SecretValue;
use crypto_box::aead::rand_core::CryptoRngCore;
use crypto_box::{PublicKey, SecretKey};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::effects::MAX_SECRET_BYTES;

/// How values are sealed, by the name of libsodium's function.
pub const ALGORITHM: &str = "crypto_box_seal";

/// What the line begins with that binds a sealed value.
const BINDING: &str = "cc-devops sealed-for ";

/// The age at which a pair is replaced.
pub const ROTATES_AFTER: SignedDuration = SignedDuration::from_hours(24 * 90);

/// How many hex digits a key's id has.
const ID_DIGITS: usize = 16;

/// The longest box, in bytes: the largest value, the line that binds it, and 48 bytes of the box's own.
const MAX_BYTES: usize = MAX_SECRET_BYTES + 1_024 + 48;

/// Standard base64. Libraries differ about the padding, which says nothing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a pair of keys is called: the first 16 hex digits of the SHA-256 of its public key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealingKeyId(String);

impl SealingKeyId {
    fn of(public: &[u8; 32]) -> Self {
        let mut id = hex::encode(Sha256::digest(public));
        id.truncate(ID_DIGITS);
        Self(id)
    }

    /// Takes an id that was sent; none where no key has such a one.
    pub fn read(text: String) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == ID_DIGITS && text.bytes().all(is_digit)).then_some(Self(text))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for SealingKeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key that values are sealed to, as it is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SealingKey {
    /// What it is called; goes with each value that is sealed to it.
    pub key_id: SealingKeyId,
    /// The public key, 32 bytes in base64.
    pub public_key: String,
    /// How values are sealed: [`ALGORITHM`].
    pub algorithm: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the next one is made, unless that is done before.
    pub rotates_at: Timestamp,
}

impl SealingKey {
    /// Seals a text to the key, as base64. None where the key is none of 32 bytes, or the text is too long.
    pub fn seal(&self, rng: &mut impl CryptoRngCore, plain: &str) -> Option<String> {
        let public = BASE64.decode(&self.public_key).ok()?;
        let public = PublicKey::from_bytes(<[u8; 32]>::try_from(public).ok()?);
        let sealed = public.seal(rng, plain.as_bytes()).ok()?;
        Some(BASE64.encode(sealed))
    }
}

/// A pair of keys.
#[derive(Clone)]
pub struct SealingPair {
    id: SealingKeyId,
    secret: Zeroizing<[u8; 32]>,
    public: [u8; 32],
    created_at: Timestamp,
}

impl SealingPair {
    /// The pair with this private key: 32 random bytes.
    pub fn new(secret: Zeroizing<[u8; 32]>, created_at: Timestamp) -> Self {
        let public = *SecretKey::from(*secret).public_key().as_bytes();
        Self {
            id: SealingKeyId::of(&public),
            secret,
            public,
            created_at,
        }
    }

    /// What it is called.
    pub fn id(&self) -> &SealingKeyId {
        &self.id
    }

    /// When it was made.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// The private key, for the store that keeps it sealed.
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// What everybody may know of it.
    pub fn published(&self) -> SealingKey {
        SealingKey {
            key_id: self.id.clone(),
            public_key: BASE64.encode(self.public),
            algorithm: ALGORITHM.to_owned(),
            created_at: self.created_at,
            rotates_at: rotates_at(self.created_at),
        }
    }

    /// Opens a box; none where it was not sealed to this key.
    fn open(&self, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        SecretKey::from(*self.secret).unseal(sealed).ok().map(Zeroizing::new)
    }
}

/// When a pair of that time is replaced.
fn rotates_at(created_at: Timestamp) -> Timestamp {
    created_at.saturating_add(ROTATES_AFTER).unwrap_or(Timestamp::MAX)
}

/// A new pair before the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacing {
    /// The newest so far; none where there is none.
    pub instead_of: Option<SealingKeyId>,
    /// When.
    pub at: Timestamp,
    /// Who is behind it.
    pub author: Author,
}

impl Replacing {
    /// The audit row, once the new pair is known.
    pub fn entry(&self, new: &SealingPair) -> AuditEntry {
        let detail = json!({"from": self.instead_of, "to": new.id()});
        let resource = new.id().to_string();
        self.author
            .entry(self.at, actions::SEALING_KEY_ROTATED, resource, detail)
    }
}

/// A value as it was sent: sealed.
#[derive(Clone)]
pub struct SealedValue {
    key_id: SealingKeyId,
    sealed: Vec<u8>,
}

impl SealedValue {
    /// Reads what was sent; nothing is opened.
    ///
    /// # Errors
    /// `invalid_parameter`: it is no base64, too long, or the id is no key's.
    pub fn read(sealed: &str, key_id: String) -> Result<Self, Failure> {
        // Measured before it is decoded: base64 has four characters for three bytes.
        if sealed.len() > MAX_BYTES.div_ceil(3) * 4 {
            return Err(invalid(format!(
                "`sealedValue` is too long; the value in it may have {MAX_SECRET_BYTES} bytes"
            )));
        }
        let bytes = BASE64
            .decode(sealed)
            .map_err(|_| invalid("`sealedValue` is no base64 (RFC 4648, the standard alphabet)"))?;
        let key_id = SealingKeyId::read(key_id).ok_or_else(unknown_key)?;
        Ok(Self { key_id, sealed: bytes })
    }

    /// The key it says it was sealed to.
    pub fn key_id(&self) -> &SealingKeyId {
        &self.key_id
    }

    /// The value in it, for whom it is meant. `pair` is the one that [`SealedValue::key_id`] names.
    ///
    /// # Errors
    /// `invalid_parameter`: it does not open, or holds no value that a secret may have. `security_violation`: it
    /// was sealed for another agent or secret.
    pub fn open(&self, pair: &SealingPair, agent: &AgentName, name: &SecretName) -> Result<SecretValue, Failure> {
        let plain = pair.open(&self.sealed).ok_or_else(|| {
            invalid("`sealedValue` does not open with the key that `keyId` names; seal the value to that public key")
        })?;
        let text = std::str::from_utf8(&plain).map_err(|_| invalid("what `sealedValue` holds is no UTF-8 text"))?;
        let value = match text.strip_prefix(BINDING) {
            None => text,
            Some(_) => text.strip_prefix(binding(agent, name).as_str()).ok_or_else(|| {
                let sentence = "`sealedValue` was sealed for another agent or another secret; seal it for this one";
                Failure::new(Reason::SecurityViolation, sentence)
            })?,
        };
        if value.is_empty() {
            return Err(invalid(
                "what `sealedValue` holds is empty; a secret has at least one byte",
            ));
        }
        if value.len() > MAX_SECRET_BYTES {
            return Err(invalid(format!(
                "what `sealedValue` holds is too long; at most {MAX_SECRET_BYTES} bytes are allowed"
            )));
        }
        Ok(SecretValue::new(value.to_owned()))
    }
}

/// A value bound to whom it is for: what is to be sealed.
pub fn bound(agent: &AgentName, name: &SecretName, value: &SecretValue) -> Zeroizing<String> {
    Zeroizing::new(format!("{}{}", binding(agent, name), value.expose()))
}

/// The line that binds a value. Neither name can hold a space or a line break.
fn binding(agent: &AgentName, name: &SecretName) -> String {
    format!("{BINDING}{agent} {name}\n")
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(Reason::InvalidParameter, message)
}

/// No key that is kept has this id.
fn unknown_key() -> Failure {
    invalid(
        "`keyId` names no sealing key that is kept here; ask for the current one (`GET /v1/sealing-key`, on AWS the \
         parameter `/NAMESPACE/devops/sealing-key`) and seal the value to that",
    )
}

#[cfg(test)]
mod tests;
