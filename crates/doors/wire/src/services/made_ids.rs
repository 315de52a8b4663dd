//! Ids in the forms that AWS's have, made of a text and the same for it at all times.

use sha2::{Digest, Sha256};
use uuid::Builder;

/// A UUID in the form of a random one.
pub(super) fn uuid_of(text: &str) -> String {
    let mut bytes = [0; 16];
    for (byte, made) in bytes.iter_mut().zip(Sha256::digest(text)) {
        *byte = made;
    }
    Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// So many letters of an alphabet, 32 at most.
pub(super) fn letters_of(text: &str, alphabet: &[u8], count: usize) -> String {
    let hash = Sha256::digest(text);
    let letters = hash
        .iter()
        .take(count)
        .filter_map(|byte| alphabet.get(usize::from(*byte).checked_rem(alphabet.len())?));
    letters.map(|letter| char::from(*letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_the_form_of_one() {
        let id = uuid_of("x");
        assert_eq!(uuid::Uuid::parse_str(&id).unwrap().get_version_num(), 4);
        assert_eq!(id, uuid_of("x"));
        assert_ne!(id, uuid_of("y"));
    }
}
