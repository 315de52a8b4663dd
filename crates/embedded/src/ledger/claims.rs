//! Claims and leases: who carries a request out, who waits for it, who holds a stack.

use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::names::{FullStackName, RequestId};
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_kernel::work::Claim;
use cc_devops_requests::record::{ClaimedRequest, Renewal, RequestHead, StackLease, StackLock, WaitingRequest};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::conclusion::superseded;
use super::rows::{HEAD, HEAD_LEN, detail_label, detail_name, head};
use crate::audit;
use crate::columns::{json, limit, nanos, time_at};
use crate::error::Fault;
use crate::vault::{Keyring, Sealed, StoreKeys};

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
            "SELECT {HEAD}, attempts, coalesce(tries, attempts), key_id, data_key, detail, seq FROM requests \
             WHERE seq IN (SELECT seq FROM requests WHERE state <> 'concluded' \
             AND state IN ('received', 'executing') AND due_at <= ?1 ORDER BY seq LIMIT ?2) ORDER BY seq"
        ))?
        .query_map(params![nanos(now), limit(at_most)], |row| {
            let seq: i64 = row.get(HEAD_LEN + 5)?;
            Ok((seq, due(row)))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut update = conn.prepare_cached(
        "UPDATE requests SET state = 'executing', attempts = ?2, tries = ?3, due_at = ?4, progress = NULL WHERE id = ?1",
    )?;
    // One damaged row must not hold up all the others; it is looked at again later.
    let mut later = conn.prepare_cached("UPDATE requests SET due_at = ?2 WHERE seq = ?1")?;
    let mut claimed = Vec::with_capacity(due.len());
    for (seq, row) in due {
        let (head, attempts, tries, sealed) = match row {
            Ok(row) => row,
            Err(error) => {
                tracing::error!(seq, %error, "a request's row cannot be read: it stays open until it can");
                later.execute(params![seq, nanos(lease_until)])?;
                continue;
            }
        };
        let opened = sealed
            .ok_or_else(|| Fault::corrupt("the request's detail"))
            .and_then(|sealed| keys.open_text(detail_label(&detail_name(&head)), &sealed));
        let detail = match opened {
            Ok(detail) => SecretValue::new(detail),
            Err(Fault::Port(error)) if error.kind == PortErrorKind::Corrupt => {
                tracing::error!(request_id = %head.id, %error, "a request cannot be carried out");
                later.execute(params![seq, nanos(lease_until)])?;
                continue;
            }
            Err(fault) => return Err(fault),
        };
        let (attempt, tries) = (attempts.saturating_add(1), tries.saturating_add(1));
        update.execute(params![head.id.as_str(), attempt, tries, nanos(lease_until)])?;
        claimed.push(ClaimedRequest {
            claim: Claim {
                request: head.id.clone(),
                attempt,
            },
            tries,
            head,
            detail,
        });
    }
    Ok(claimed)
}

fn due(row: &Row<'_>) -> rusqlite::Result<(RequestHead, u32, u32, Option<Sealed>)> {
    Ok((
        head(row)?,
        row.get(HEAD_LEN)?,
        row.get(HEAD_LEN + 1)?,
        Sealed::from_row_if_any(row, HEAD_LEN + 2)?,
    ))
}

/// Renews leases; gives the claims that are not good any more.
pub(super) fn renew(conn: &Connection, renewals: &[Renewed], lease_until: Timestamp) -> Result<Vec<Claim>, Fault> {
    let mut update = conn.prepare_cached(
        "UPDATE requests SET due_at = ?3, progress = coalesce(?4, progress) \
         WHERE id = ?1 AND attempts = ?2 AND state = 'executing'",
    )?;
    let mut lost = Vec::new();
    for Renewed { claim, progress } in renewals {
        let good = update.execute(params![
            claim.request.as_str(),
            claim.attempt,
            nanos(lease_until),
            progress
        ])?;
        if good == 0 {
            lost.push(claim.clone());
        }
    }
    Ok(lost)
}

/// A claim to renew, and how far its work is, as JSON text.
pub(super) struct Renewed {
    claim: Claim,
    progress: Option<String>,
}

impl Renewed {
    /// Prepares a renewal.
    pub(super) fn of(renewal: &Renewal) -> rusqlite::Result<Self> {
        Ok(Self {
            claim: renewal.claim.clone(),
            progress: renewal.progress.as_ref().map(json).transpose()?,
        })
    }
}

/// Gives a claimed request back that was not tried.
pub(super) fn hand_back(conn: &Connection, claim: &Claim, at: Timestamp) -> Result<(), Fault> {
    let changed = conn
        .prepare_cached(
            "UPDATE requests SET state = 'received', due_at = ?3, tries = max(coalesce(tries, attempts) - 1, 0) \
             WHERE id = ?1 AND attempts = ?2 AND state = 'executing'",
        )?
        .execute(params![claim.request.as_str(), claim.attempt, nanos(at)])?;
    one(changed)
}

/// Makes due what a dead process was carrying out; its claims are good no more.
pub(super) fn take_over(conn: &Connection, now: Timestamp) -> Result<u64, Fault> {
    let taken = conn
        .prepare_cached(
            "UPDATE requests SET state = 'received', due_at = ?1, tries = coalesce(tries, attempts), \
             attempts = attempts + 1 WHERE state <> 'concluded' AND state = 'executing'",
        )?
        .execute([nanos(now)])?;
    Ok(u64::try_from(taken).unwrap_or(u64::MAX))
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
            "UPDATE requests SET state = 'waiting', due_at = ?3, progress = NULL, key_id = NULL, data_key = NULL, detail = NULL \
             WHERE id = ?1 AND attempts = ?2 AND state = 'executing'",
        )?
        .execute(params![claim.request.as_str(), claim.attempt, nanos(at)])?;
    one(changed)
}

/// Lets a parked request rest. Without a time it stands in no part of the index that [`waiting`] reads.
pub(super) fn rest(conn: &Connection, claim: &Claim) -> Result<(), Fault> {
    let changed = conn
        .prepare_cached(
            "UPDATE requests SET rests_since = coalesce(due_at, rests_since), due_at = NULL \
             WHERE id = ?1 AND attempts = ?2 AND state = 'waiting'",
        )?
        .execute(params![claim.request.as_str(), claim.attempt])?;
    one(changed)
}

/// Wakes a parked request.
pub(super) fn wake(conn: &Connection, claim: &Claim, at: Timestamp) -> Result<(), Fault> {
    let changed = conn
        .prepare_cached(
            "UPDATE requests SET due_at = ?3, rests_since = NULL \
             WHERE id = ?1 AND attempts = ?2 AND state = 'waiting'",
        )?
        .execute(params![claim.request.as_str(), claim.attempt, nanos(at)])?;
    one(changed)
}

fn one(changed: usize) -> Result<(), Fault> {
    if changed == 1 { Ok(()) } else { Err(superseded()) }
}

/// Selects the parked requests that do not rest, behind a time and an id.
fn waiting_sql() -> String {
    format!(
        "SELECT {HEAD}, attempts, due_at FROM requests \
         WHERE state <> 'concluded' AND state = 'waiting' AND due_at >= ?1 AND (due_at, id) > (?1, ?2) \
         ORDER BY due_at, id"
    )
}

/// The parked requests behind `after` that do not rest, the longest waiting first.
pub(super) fn waiting(
    conn: &Connection,
    after: Option<&(Timestamp, RequestId)>,
    at_most: usize,
) -> Result<Vec<WaitingRequest>, Fault> {
    let (since, id) = after.map_or((i64::MIN, ""), |(since, id)| (nanos(*since), id.as_str()));
    let mut statement = conn.prepare_cached(&waiting_sql())?;
    // Not limited here: those that cannot be read are no part of a page.
    let rows = statement.query_map(params![since, id], |row| Ok(parked(row)))?;
    let mut waiting = Vec::new();
    for row in rows {
        if waiting.len() == at_most {
            break;
        }
        match row? {
            Ok(request) => waiting.push(request),
            Err(error) => tracing::error!(%error, "a parked request's row cannot be read"),
        }
    }
    Ok(waiting)
}

/// The parked request of that id.
pub(super) fn waiting_request(conn: &Connection, id: &RequestId) -> Result<Option<WaitingRequest>, Fault> {
    let found = conn
        .prepare_cached(&format!(
            "SELECT {HEAD}, attempts, coalesce(due_at, rests_since) FROM requests WHERE id = ?1 AND state = 'waiting'"
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

/// Frees a stack that `holder` kept beyond its end; whether it did.
pub(super) fn release_stack(
    conn: &Connection,
    keys: &StoreKeys,
    stack: &FullStackName,
    holder: &RequestId,
    entry: &AuditEntry,
) -> Result<bool, Fault> {
    let freed = conn
        .prepare_cached(
            "DELETE FROM stack_locks WHERE stack = ?1 AND request_id = ?2 \
             AND NOT EXISTS (SELECT 1 FROM requests WHERE id = ?2 AND state <> 'concluded')",
        )?
        .execute([stack.as_str(), holder.as_str()])?;
    if freed == 0 {
        return Ok(false);
    }
    audit::append(conn, keys, entry)?;
    Ok(true)
}

/// The request that holds a stack.
pub(super) fn holder_of(conn: &Connection, stack: &FullStackName) -> rusqlite::Result<Option<RequestId>> {
    conn.prepare_cached("SELECT request_id FROM stack_locks WHERE stack = ?1")?
        .query_row([stack.as_str()], |row| crate::columns::name_at(row, 0))
        .optional()
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    /// A database of the newest schema, without the rows that a program puts into a new one.
    fn database() -> Connection {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        let conn = Connection::open_in_memory().unwrap();
        for file in files {
            conn.execute_batch(&std::fs::read_to_string(file).unwrap()).unwrap();
        }
        conn
    }

    #[test]
    fn ten_thousand_that_rest_cost_a_look_at_those_that_wait_nothing() {
        let conn = database();
        let steps = || {
            let mut statement = conn.prepare(&waiting_sql()).unwrap();
            let found = statement.query_map(params![i64::MIN, ""], parked).unwrap();
            let ids: Vec<String> = found.map(|row| row.unwrap().head.id.to_string()).collect();
            assert_eq!(ids, ["awake"]);
            statement.get_status(StatementStatus::VmStep)
        };
        let park = |id: &str, due_at: Option<i64>| {
            conn.prepare_cached(
                "INSERT INTO requests (id, state, attempts, due_at, principal, role, agent, action, stage, fingerprint, \
                 received_at, rests_since) VALUES (?1, 'waiting', 1, ?2, 'a', 'agent', 'a', 'deployLambda', 'dev', zeroblob(32), \
                 1, 1)",
            )
            .unwrap()
            .execute(params![id, due_at])
            .unwrap();
        };
        park("awake", Some(5));
        let alone = steps();
        for number in 0..10_000 {
            park(&format!("r{number}"), None);
        }
        assert_eq!(steps(), alone, "it reads none of them");
    }
}
