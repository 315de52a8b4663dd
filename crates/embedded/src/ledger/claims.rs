//! Claims and leases: who carries a request out, who waits for it, who holds a stack.

use cc_devops_core::names::{FullStackName, RequestId};
use cc_devops_core::ports::PortErrorKind;
use cc_devops_core::requests::record::{Claim, ClaimedRequest, RequestHead, StackLease, StackLock, WaitingRequest};
use cc_devops_core::secret::SecretValue;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::conclusion::superseded;
use super::rows::{HEAD, HEAD_LEN, detail_label, head};
use crate::columns::{limit, nanos, time_at};
use crate::error::Fault;
use crate::vault::{Keyring, Sealed};

/// Takes requests that nobody works on.
pub(super) fn claim_due(
    conn: &Connection,
    keys: &Keyring,
    now: Timestamp,
    lease_until: Timestamp,
    at_most: usize,
) -> Result<Vec<ClaimedRequest>, Fault> {
    // The inner search needs the index of open requests alone, so a long backlog costs little.
    let due = conn
        .prepare_cached(&format!(
            "SELECT {HEAD}, attempts, key_id, data_key, detail, seq FROM requests \
             WHERE seq IN (SELECT seq FROM requests WHERE state <> 'concluded' \
             AND state IN ('received', 'executing') AND due_at <= ?1 ORDER BY seq LIMIT ?2) ORDER BY seq"
        ))?
        .query_map(params![nanos(now), limit(at_most)], |row| {
            let seq: i64 = row.get(HEAD_LEN + 4)?;
            Ok((seq, due(row)))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut update =
        conn.prepare_cached("UPDATE requests SET state = 'executing', attempts = ?2, due_at = ?3 WHERE id = ?1")?;
    // One damaged row must not hold up all the others; it is looked at again later.
    let mut later = conn.prepare_cached("UPDATE requests SET due_at = ?2 WHERE seq = ?1")?;
    let mut claimed = Vec::with_capacity(due.len());
    for (seq, row) in due {
        let (head, attempts, sealed) = match row {
            Ok(row) => row,
            Err(error) => {
                tracing::error!(seq, %error, "a request's row cannot be read: it stays open until it can");
                later.execute(params![seq, nanos(lease_until)])?;
                continue;
            }
        };
        let opened = sealed
            .ok_or_else(|| Fault::corrupt("the request's detail"))
            .and_then(|sealed| keys.open_text(detail_label(head.id.as_str()), &sealed));
        let detail = match opened {
            Ok(detail) => SecretValue::new(detail),
            Err(Fault::Port(error)) if error.kind == PortErrorKind::Corrupt => {
                tracing::error!(request_id = %head.id, %error, "a request cannot be carried out");
                later.execute(params![seq, nanos(lease_until)])?;
                continue;
            }
            Err(fault) => return Err(fault),
        };
        let attempt = attempts.saturating_add(1);
        update.execute(params![head.id.as_str(), attempt, nanos(lease_until)])?;
        claimed.push(ClaimedRequest {
            claim: Claim {
                request: head.id.clone(),
                attempt,
            },
            head,
            detail,
        });
    }
    Ok(claimed)
}

fn due(row: &Row<'_>) -> rusqlite::Result<(RequestHead, u32, Option<Sealed>)> {
    Ok((
        head(row)?,
        row.get(HEAD_LEN)?,
        Sealed::from_row_if_any(row, HEAD_LEN + 1)?,
    ))
}

/// Gives a claimed request back.
pub(super) fn postpone(conn: &Connection, claim: &Claim, until: Timestamp) -> Result<(), Fault> {
    let changed = conn
        .prepare_cached(
            "UPDATE requests SET state = 'received', due_at = ?3 \
             WHERE id = ?1 AND attempts = ?2 AND state = 'executing'",
        )?
        .execute(params![claim.request.as_str(), claim.attempt, nanos(until)])?;
    one(changed)
}

/// Parks a claimed request and forgets its detail.
pub(super) fn park(conn: &Connection, claim: &Claim, at: Timestamp) -> Result<(), Fault> {
    let changed = conn
        .prepare_cached(
            "UPDATE requests SET state = 'waiting', due_at = ?3, key_id = NULL, data_key = NULL, detail = NULL \
             WHERE id = ?1 AND attempts = ?2 AND state = 'executing'",
        )?
        .execute(params![claim.request.as_str(), claim.attempt, nanos(at)])?;
    one(changed)
}

fn one(changed: usize) -> Result<(), Fault> {
    if changed == 1 { Ok(()) } else { Err(superseded()) }
}

/// The parked requests, the longest waiting first.
pub(super) fn waiting(conn: &Connection, at_most: usize) -> Result<Vec<WaitingRequest>, Fault> {
    let rows = conn
        .prepare_cached(&format!(
            "SELECT {HEAD}, attempts, due_at FROM requests \
             WHERE state <> 'concluded' AND state = 'waiting' ORDER BY due_at, seq LIMIT ?1"
        ))?
        .query_map([limit(at_most)], |row| Ok(parked(row)))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let readable = |row: rusqlite::Result<WaitingRequest>| {
        row.inspect_err(|error| tracing::error!(%error, "a parked request's row cannot be read"))
            .ok()
    };
    Ok(rows.into_iter().filter_map(readable).collect())
}

/// The parked request of that id.
pub(super) fn waiting_request(conn: &Connection, id: &RequestId) -> Result<Option<WaitingRequest>, Fault> {
    let found = conn
        .prepare_cached(&format!(
            "SELECT {HEAD}, attempts, due_at FROM requests WHERE id = ?1 AND state = 'waiting'"
        ))?
        .query_row([id.as_str()], parked)
        .optional()?;
    Ok(found)
}

fn parked(row: &Row<'_>) -> rusqlite::Result<WaitingRequest> {
    let head = head(row)?;
    Ok(WaitingRequest {
        claim: Claim {
            request: head.id.clone(),
            attempt: row.get(HEAD_LEN)?,
        },
        head,
        since: time_at(row, HEAD_LEN + 1)?,
    })
}

/// Takes a stack for a request that is being carried out.
pub(super) fn lock_stack(conn: &Connection, claim: &Claim, stack: &FullStackName) -> Result<StackLock, Fault> {
    let good: bool = conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM requests WHERE id = ?1 AND attempts = ?2 AND state <> 'concluded')",
        )?
        .query_row(params![claim.request.as_str(), claim.attempt], |row| row.get(0))?;
    if !good {
        return Err(superseded());
    }
    conn.prepare_cached("INSERT INTO stack_locks (stack, request_id) VALUES (?1, ?2) ON CONFLICT (stack) DO NOTHING")?
        .execute([stack.as_str(), claim.request.as_str()])?;
    let holder = holder_of(conn, stack)?.unwrap_or_else(|| claim.request.clone());
    Ok(if holder == claim.request {
        StackLock::Acquired(StackLease {
            stack: stack.clone(),
            request: holder,
        })
    } else {
        StackLock::Held { by: holder }
    })
}

/// The request that holds a stack.
pub(super) fn holder_of(conn: &Connection, stack: &FullStackName) -> rusqlite::Result<Option<RequestId>> {
    conn.prepare_cached("SELECT request_id FROM stack_locks WHERE stack = ?1")?
        .query_row([stack.as_str()], |row| crate::columns::name_at(row, 0))
        .optional()
}
