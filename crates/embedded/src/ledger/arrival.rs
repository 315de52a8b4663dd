//! Recording requests as they arrive.

use cc_devops_kernel::door::Door;
use cc_devops_requests::fingerprint::Fingerprint;
use cc_devops_requests::record::{NewRequest, Receipt, RequestHead};
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::conclusion::Ending;
use super::rows::{detail_label, detail_name, find};
use crate::columns::nanos;
use crate::error::Fault;
use crate::vault::{Keyring, Sealed, StoreKeys};

/// What a row holds beside its head.
struct Beginning<'a> {
    state: &'static str,
    attempts: u32,
    due_at: Option<i64>,
    ending: Option<&'a Ending>,
    detail: Option<Sealed>,
}

/// Records a request that is to be carried out.
pub(super) fn receive(
    conn: &Connection,
    keys: &Keyring,
    request: &NewRequest,
    lease_until: Option<Timestamp>,
) -> Result<Receipt, Fault> {
    let head = &request.head;
    let detail = keys.seal(detail_label(&detail_name(head)), request.detail.expose().as_bytes())?;
    let beginning = Beginning {
        state: if lease_until.is_some() { "executing" } else { "received" },
        attempts: u32::from(lease_until.is_some()),
        due_at: Some(nanos(lease_until.unwrap_or(head.received_at))),
        ending: None,
        detail: Some(detail),
    };
    if insert(conn, head, beginning)?.is_none() {
        return known(conn, head)?.ok_or_else(vanished);
    }
    Ok(match lease_until {
        None => Receipt::Recorded,
        Some(_) => Receipt::Claimed(cc_devops_kernel::work::Claim {
            request: head.id.clone(),
            attempt: 1,
        }),
    })
}

/// Records a request that has its outcome on arrival.
pub(super) fn receive_concluded(
    conn: &Connection,
    keys: &StoreKeys,
    head: &RequestHead,
    ending: &Ending,
) -> Result<Receipt, Fault> {
    if insert_concluded(conn, keys, head, 0, ending)? {
        return Ok(Receipt::Recorded);
    }
    known(conn, head)?.ok_or_else(vanished)
}

/// Records a request with its outcome after so many attempts; false where the id is known.
pub(crate) fn insert_concluded(
    conn: &Connection,
    keys: &StoreKeys,
    head: &RequestHead,
    attempts: u32,
    ending: &Ending,
) -> Result<bool, Fault> {
    let beginning = Beginning {
        state: "concluded",
        attempts,
        due_at: None,
        ending: Some(ending),
        detail: None,
    };
    let Some(seq) = insert(conn, head, beginning)? else {
        return Ok(false);
    };
    ending.write_event(conn, keys, seq, head.agent.as_str())?;
    Ok(true)
}

/// Inserts the row and gives its place; none where the id is known.
fn insert(conn: &Connection, head: &RequestHead, beginning: Beginning<'_>) -> Result<Option<i64>, Fault> {
    let (key_id, data_key, detail) = match beginning.detail {
        None => (None, None, None),
        Some(Sealed { key_id, data_key, body }) => (Some(key_id), Some(data_key), Some(body)),
    };
    let ending = beginning.ending;
    let inserted = conn
        .prepare_cached(
            "INSERT INTO requests (id, state, attempts, tries, due_at, principal, role, agent, action, stage, resource, \
             fingerprint, received_at, status, completed, output, key_id, data_key, detail, via) \
             VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19) \
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            head.id.as_str(),
            beginning.state,
            beginning.attempts,
            beginning.due_at,
            head.principal.as_str(),
            head.role.as_str(),
            head.agent.as_str(),
            head.action,
            head.stage,
            head.resource,
            head.fingerprint.0,
            nanos(head.received_at),
            ending.map(Ending::status),
            ending.map(Ending::completed),
            ending.and_then(Ending::output),
            key_id.as_ref().map(crate::vault::KeyId::as_str),
            data_key,
            detail,
            head.via.mentioned().map(Door::as_str),
        ])?;
    Ok((inserted == 1).then(|| conn.last_insert_rowid()))
}

/// How a request of that id stands beside this one; none where there is none.
pub(crate) fn known(conn: &Connection, head: &RequestHead) -> Result<Option<Receipt>, Fault> {
    let Some(record) = find(conn, head.id.as_str())? else {
        return Ok(None);
    };
    let Fingerprint(stored) = record.head.fingerprint;
    Ok(Some(if stored == head.fingerprint.0 {
        Receipt::Known(Box::new(record))
    } else {
        Receipt::Conflict
    }))
}

fn vanished() -> Fault {
    Fault::corrupt("the request's row")
}
