//! Short-lived keys: what is to be known of one stands in its session token, with a code over it, and is kept nowhere.

use data_encoding::BASE64;
use hmac::Mac;
use jiff::Timestamp;

use super::form::{AwsKeyId, bits, code};
use crate::TokenHash;

/// The form of what a session token states.
const FORM: u8 = 1;

/// How many bytes that has: its form, when the key ends, and the hash of the token it was asked for with.
const STATED: usize = 1 + 8 + 32;

/// What a session token states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stated {
    /// When the key ends, to the second.
    pub(super) ends: Timestamp,
    /// The token it was asked for with: the key is good for as long as that is.
    pub(super) token: TokenHash,
}

impl Stated {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(STATED + 32);
        bytes.push(FORM);
        bytes.extend(self.ends.as_second().to_be_bytes());
        bytes.extend(self.token.0);
        bytes
    }

    /// The session token.
    pub(super) fn token(&self, key: &[u8; 32]) -> String {
        let mut bytes = self.bytes();
        let code = bits(code(key, "session", &bytes));
        bytes.extend(code);
        BASE64.encode(&bytes)
    }

    /// The id of the key that goes with it, and with no other.
    pub(super) fn id(&self, key: &[u8; 32]) -> AwsKeyId {
        AwsKeyId::short_lived(&bits(code(key, "session id", &self.bytes())))
    }

    /// What a session token states; none where it is not one that was given out under this key.
    pub(super) fn read(token: &str, key: &[u8; 32]) -> Option<Self> {
        let bytes = BASE64.decode(token.as_bytes()).ok()?;
        let (stated, shown) = bytes.split_at_checked(STATED)?;
        code(key, "session", stated).verify_slice(shown).ok()?;
        let (form, rest) = stated.split_first()?;
        let (ends, token) = rest.split_at_checked(8)?;
        if *form != FORM {
            return None;
        }
        Some(Self {
            ends: Timestamp::from_second(i64::from_be_bytes(ends.try_into().ok()?)).ok()?,
            token: TokenHash(token.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [8; 32];

    fn stated() -> Stated {
        Stated {
            ends: Timestamp::from_second(1_800_000_000).unwrap(),
            token: TokenHash([7; 32]),
        }
    }

    #[test]
    fn a_session_token_is_read_under_its_own_key_alone() {
        let token = stated().token(&KEY);
        assert_eq!(Stated::read(&token, &KEY), Some(stated()));
        assert_eq!(Stated::read(&token, &[9; 32]), None);
        assert!(
            token.bytes().all(|letter| letter.is_ascii_graphic()),
            "it is sent in a header: {token}"
        );
    }

    #[test]
    fn whoever_changes_a_session_token_has_none() {
        let whole = BASE64.decode(stated().token(&KEY).as_bytes()).unwrap();
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            assert_eq!(Stated::read(&BASE64.encode(&bytes), &KEY), None, "{place}");
        }
        for bad in [
            "",
            "bm90LW91cnM=",
            "not base64",
            &BASE64.encode(&whole[..whole.len() - 1]),
        ] {
            assert_eq!(Stated::read(bad, &KEY), None, "{bad}");
        }
        // What another part of the program makes a code of is none either.
        let mut bytes = stated().bytes();
        bytes.extend(bits(code(&KEY, "session id", &stated().bytes())));
        assert_eq!(Stated::read(&BASE64.encode(&bytes), &KEY), None);
    }

    #[test]
    fn an_id_goes_with_one_session_token() {
        let mut later = stated();
        later.ends = Timestamp::from_second(1_800_000_001).unwrap();
        assert_ne!(later.id(&KEY), stated().id(&KEY));
        assert_eq!(stated().id(&KEY), stated().id(&KEY));
        assert!(!stated().id(&KEY).is_lasting());
    }
}
