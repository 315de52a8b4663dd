//! The master key and the id by which rows name it.

use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Which master key: the first 16 hex digits of a hash of it, which say nothing about the key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct KeyId(String);

impl KeyId {
    /// Takes back an id that was stored.
    pub(crate) fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The id as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// 256 bits that wrap the data keys; wiped from memory when dropped.
#[derive(Clone)]
pub(crate) struct MasterKey {
    id: KeyId,
    bytes: Zeroizing<[u8; 32]>,
}

impl MasterKey {
    /// Takes the key.
    pub(crate) fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"cc-devops master key id");
        hasher.update(bytes.as_slice());
        let mut id = hex::encode(hasher.finalize());
        id.truncate(16);
        Self { id: KeyId(id), bytes }
    }

    /// Reads 64 hex digits, with white space around them.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim(), bytes.as_mut_slice()).ok()?;
        Some(Self::new(bytes))
    }

    /// The key as 64 hex digits, for the key file.
    pub(crate) fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.bytes.as_slice()))
    }

    /// Which key this is.
    pub(crate) fn id(&self) -> &KeyId {
        &self.id
    }

    /// The key itself.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }
}
