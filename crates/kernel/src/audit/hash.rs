//! The hash that binds a row to the one before it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A SHA-256 in the chain, shown in hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChainHash(pub [u8; 32]);

impl ChainHash {
    /// What stands before the first row of the only chain.
    pub const GENESIS: Self = Self([0; 32]);

    /// What stands before the first row of a chain: the SHA-256 of `chain`, a newline and its
    /// name, so that no chain can pass for another; [`ChainHash::GENESIS`] where there is only one.
    pub fn start_of(chain: Option<&str>) -> Self {
        match chain {
            None => Self::GENESIS,
            Some(name) => Self(
                Sha256::new()
                    .chain_update(b"chain\n")
                    .chain_update(name)
                    .finalize()
                    .into(),
            ),
        }
    }
}

impl std::fmt::Display for ChainHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl From<ChainHash> for String {
    fn from(hash: ChainHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for ChainHash {
    type Error = hex::FromHexError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}
