//! Randomness of the system's.

use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};

/// 256 bits that nobody can guess.
///
/// # Errors
/// The system gives none.
pub fn random_bits() -> PortResult<[u8; 32]> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(|error| {
        PortError::new(PortErrorKind::Unavailable, "the system gives no random bits").because(error)
    })?;
    Ok(bits)
}
