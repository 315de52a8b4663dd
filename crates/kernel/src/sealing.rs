//! Encryption of what a store keeps and nobody may read there.
//!
//! The cipher is XChaCha20-Poly1305, whose nonces of 192 bits may be drawn at random. What a value
//! is goes in as associated data, so that a sealed value put in another's place does not open.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

/// How many random bytes a seal needs.
pub const NONCE_BYTES: usize = 24;

/// The value is longer than the cipher takes, about 256 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value is too long to be sealed")]
pub struct TooLong;

/// The nonce, followed by the value under the key. `nonce` must be drawn at random each time.
pub fn seal(key: &[u8; 32], nonce: [u8; NONCE_BYTES], about: &[u8], plain: &[u8]) -> Result<Vec<u8>, TooLong> {
    let payload = Payload { msg: plain, aad: about };
    let encrypted = XChaCha20Poly1305::new(&Key::from(*key))
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| TooLong)?;
    Ok([nonce.as_slice(), &encrypted].concat())
}

/// What [`seal`] sealed; none where the key, the associated data or a byte is another.
pub fn open(key: &[u8; 32], about: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, encrypted) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let payload = Payload {
        msg: encrypted,
        aad: about,
    };
    XChaCha20Poly1305::new(&Key::from(*key))
        .decrypt(&XNonce::from(*nonce), payload)
        .ok()
        .map(Zeroizing::new)
}
