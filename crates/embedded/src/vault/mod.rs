//! The vault: what is sealed at rest, under which key, and how the master key is replaced.
//!
//! Every sealed value has a data key of its own, wrapped by the master key. Replacing the master
//! key therefore only wraps the data keys anew; the values stay as they are.

mod key_file;
mod key_store;
mod master_key;
pub(crate) mod rotation;
mod sealing;
mod store_keys;

pub(crate) use key_file::KeyFile;
pub(crate) use key_store::KeyStore;
pub use key_store::MasterKeySource;
pub(crate) use master_key::{KeyId, MasterKey};
pub use rotation::{Rotated, RotationStep};
pub(crate) use sealing::{Keyring, Label, Sealed};
pub(crate) use store_keys::StoreKeys;

use cc_devops_kernel::ports::{PortError, PortErrorKind};

/// Random bytes from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], PortError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        PortError::new(
            PortErrorKind::Unavailable,
            "the system's source of random numbers failed: repeat the request",
        )
        .because(error)
    })?;
    Ok(bytes)
}
