//! Sealing anew what an older schema sealed of requests under their ids alone.

use cc_devops_kernel::ports::PortErrorKind;
use rusqlite::{Connection, params};

use super::rows::{DETAIL_NAME, detail_label};
use crate::error::Fault;
use crate::vault::{Keyring, Label, Sealed};

/// What a detail was sealed as.
fn old_label(id: &str) -> Label<'_> {
    Label {
        kind: "request",
        name: id,
        version: 0,
    }
}

/// Seals the details of open requests under who asks. One that does not open stays as it is: it is damaged, and is told
/// when it is to be carried out.
pub(crate) fn seal_anew(conn: &Connection, keys: &Keyring) -> Result<(), Fault> {
    let open: Vec<i64> = conn
        .prepare("SELECT seq FROM requests WHERE state <> 'concluded' AND detail IS NOT NULL")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut select = conn.prepare(&format!(
        "SELECT id, {DETAIL_NAME}, key_id, data_key, detail FROM requests WHERE seq = ?1"
    ))?;
    let mut update = conn.prepare("UPDATE requests SET key_id = ?2, data_key = ?3, detail = ?4 WHERE seq = ?1")?;
    for seq in open {
        let (id, name, sealed) = select.query_row([seq], |row| {
            let (id, name): (String, String) = (row.get(0)?, row.get(1)?);
            Ok((id, name, Sealed::from_row(row, 2)))
        })?;
        let opened = sealed
            .map_err(|_| Fault::corrupt("the request's detail"))
            .and_then(|sealed| keys.open(old_label(&id), &sealed));
        let plain = match opened {
            Ok(plain) => plain,
            Err(Fault::Port(error)) if error.kind == PortErrorKind::Corrupt => {
                tracing::error!(request_id = %id, %error, "a request cannot be carried out");
                continue;
            }
            Err(fault) => return Err(fault),
        };
        let Sealed { key_id, data_key, body } = keys.seal(detail_label(&name), &plain)?;
        update.execute(params![seq, key_id.as_str(), data_key, body])?;
    }
    Ok(())
}
