//! Bearer tokens: 256 random bits, of which only the hash is stored.

use sha2::{Digest, Sha256};

use cc_devops_kernel::secret::SecretValue;

/// What every token starts with, so that a leaked one can be recognised by scanners and redacted.
pub const TOKEN_PREFIX: &str = "ccd_";

/// A bearer token: [`TOKEN_PREFIX`] and 64 hex digits.
#[derive(Clone)]
pub struct Token(SecretValue);

impl Token {
    /// A token of these 256 bits, which must come from a cryptographic source.
    pub fn from_random(bits: [u8; 32]) -> Self {
        Self(SecretValue::new(format!("{TOKEN_PREFIX}{}", hex::encode(bits))))
    }

    /// Whether a text looks like a token. What does not, belongs to nobody.
    pub fn has_form(text: &str) -> bool {
        let bits = text.strip_prefix(TOKEN_PREFIX);
        bits.is_some_and(|bits| bits.len() == 64 && bits.bytes().all(|digit| digit.is_ascii_hexdigit()))
    }

    /// The token as its owner sends it. Shown once, when it is made.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The hash to store.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.expose())
    }
}

/// SHA-256 of a token. A plain hash is enough: 256 random bits cannot be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// The hash of what a caller presented.
    pub fn of(presented: &str) -> Self {
        Self(Sha256::digest(presented).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_its_prefix_and_256_bits() {
        let token = Token::from_random([0xab; 32]);
        assert_eq!(token.expose().len(), 68);
        assert!(token.expose().starts_with("ccd_abab"));
        assert!(Token::has_form(token.expose()));
        for other in [
            "",
            "ccd_",
            &token.expose()[..67],
            &token.expose()[4..],
            &format!("{}0", token.expose()),
        ] {
            assert!(!Token::has_form(other), "{other}");
        }
        assert_eq!(token.hash(), TokenHash::of(token.expose()));
        assert_ne!(token.hash(), TokenHash::of("ccd_"));
    }
}
