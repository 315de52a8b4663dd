//! A plan as its row seals it: the order, and behind it the plan file.

use cc_devops_kernel::names::RequestId;
use rusqlite::{Connection, OptionalExtension, params};
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::vault::{Keyring, Label, Sealed};

/// What a plan is sealed as.
pub(crate) fn label(request: &str) -> Label<'_> {
    Label {
        kind: "stack plan",
        name: request,
        version: 0,
    }
}

/// The order, and what stands behind it: nothing, or a mark and the file.
pub(super) fn halves(plain: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    let end = plain.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
    let (order, behind) = plain.split_at(end);
    Ok((order, behind.get(1..).unwrap_or_default()))
}

/// That it is none.
pub(super) fn damaged() -> Fault {
    Fault::corrupt("what a deploy was planned with")
}

/// Puts the plan file behind the order, unless that was forgotten meanwhile.
pub(super) fn keep_file(conn: &Connection, keys: &Keyring, request: &RequestId, file: &[u8]) -> Result<(), Fault> {
    let found = conn
        .prepare_cached("SELECT key_id, data_key, sealed FROM stack_plans WHERE request_id = ?1")?
        .query_row([request.as_str()], |row| Sealed::from_row_if_any(row, 0))
        .optional()?;
    let Some(sealed) = found.flatten() else {
        return Ok(());
    };
    let name = label(request.as_str());
    let order = keys.open(name, &sealed)?;
    let mut plain = Zeroizing::new(Vec::with_capacity(order.len() + 1 + file.len()));
    plain.extend_from_slice(&order);
    // So that a file without a byte is still one.
    plain.push(b'\n');
    plain.extend_from_slice(file);
    let sealed = keys.seal(name, &plain)?;
    conn.prepare_cached("UPDATE stack_plans SET key_id = ?2, data_key = ?3, sealed = ?4 WHERE request_id = ?1")?
        .execute(params![
            request.as_str(),
            sealed.key_id.as_str(),
            sealed.data_key,
            sealed.body
        ])?;
    Ok(())
}

/// Forgets what a request planned.
pub(super) fn forget(conn: &Connection, request: &RequestId) -> Result<(), Fault> {
    conn.prepare_cached(
        "UPDATE stack_plans SET key_id = NULL, data_key = NULL, sealed = NULL \
         WHERE request_id = ?1 AND sealed IS NOT NULL",
    )?
    .execute([request.as_str()])?;
    Ok(())
}

/// Forgets what all requests planned.
pub(crate) fn forget_all(conn: &Connection) -> rusqlite::Result<usize> {
    conn.execute(
        "UPDATE stack_plans SET key_id = NULL, data_key = NULL, sealed = NULL WHERE sealed IS NOT NULL",
        [],
    )
}
