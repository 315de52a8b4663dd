//! What nobody can guess.

use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};

/// The bits of a token or a session's secret.
pub(crate) fn bits() -> PortResult<[u8; 32]> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(|error| {
        PortError::new(PortErrorKind::Unavailable, "the system gives no random bits").because(error)
    })?;
    Ok(bits)
}
