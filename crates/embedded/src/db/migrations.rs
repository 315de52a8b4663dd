//! The database's schema, version by version. A released migration is never changed; a new one is
//! put behind it.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, Transaction};
use rusqlite_migration::{Error, HookError, HookResult, M, MigrationDefinitionError, Migrations};

use crate::agents::register;
use crate::error::{Fault, OpenError};
use crate::ledger;
use crate::state;
use crate::vault::{KeyId, KeyStore, StoreKeys};

const STEPS: &[M<'_>] = &[
    M::up(include_str!("../../migrations/0001_initial.sql")),
    M::up(include_str!("../../migrations/0002_revenue.sql")),
    M::up(include_str!("../../migrations/0003_repositories.sql")),
    M::up(include_str!("../../migrations/0004_outbox.sql")),
    M::up(include_str!("../../migrations/0005_retention.sql")),
    M::up(include_str!("../../migrations/0006_webhooks.sql")),
    M::up(include_str!("../../migrations/0007_leases.sql")),
    M::up(include_str!("../../migrations/0008_sealing_keys.sql")),
];

/// The step that needs the store's keys.
const REGISTER: &str = include_str!("../../migrations/0009_register.sql");

/// What comes behind it.
const LATER: &[M<'_>] = &[
    M::up(include_str!("../../migrations/0010_movements.sql")),
    M::up(include_str!("../../migrations/0011_records.sql")),
    M::up(include_str!("../../migrations/0012_plans.sql")),
    M::up(include_str!("../../migrations/0013_lists.sql")),
    M::up(include_str!("../../migrations/0014_secret_descriptions.sql")),
    M::up(include_str!("../../migrations/0015_completion_queue.sql")),
];

/// The step that needs the store's keys and the master key.
const RECORD_MACS: &str = include_str!("../../migrations/0016_record_macs.sql");

/// The newest schema.
pub(super) const NEWEST: usize = STEPS.len() + 1 + LATER.len() + 1;

/// The schema from which on the rows of agents and tokens have their MAC.
pub(crate) const AUTHENTICATED: usize = STEPS.len() + 1;

/// The schema from which on records have theirs, and what a request is sealed as names who asks.
pub(crate) const WITH_RECORDS: usize = AUTHENTICATED + LATER.len() + 1;

/// Nobody else has the database open. A program of the version before would go on writing rows as it knows them, which
/// would be nobody's afterwards; SQLite leaves the write-ahead log for the only connection alone.
pub(super) fn begin_alone(conn: &Connection, file: &Path) -> Result<(), OpenError> {
    journal(conn, "delete").map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::InUse { path: file.to_owned() },
        _ => OpenError::Store(Fault::Sqlite(error).into_port(file)),
    })
}

/// Others may open it again.
pub(super) fn end_alone(conn: &Connection, file: &Path) -> Result<(), OpenError> {
    journal(conn, "wal").map_err(|error| OpenError::Store(Fault::Sqlite(error).into_port(file)))
}

fn journal(conn: &Connection, mode: &str) -> rusqlite::Result<()> {
    conn.pragma_update_and_check(None, "journal_mode", mode, |_| Ok(()))
}

/// Brings the schema up to where the store's keys can be read. The caller keeps other processes away meanwhile.
pub(super) fn prepare(conn: &mut Connection, file: &Path) -> Result<(), OpenError> {
    let found = known(conn, file)?;
    if found >= STEPS.len() {
        return Ok(());
    }
    let steps = Migrations::from_slice(STEPS);
    steps.to_latest(conn).map_err(|error| failed(conn, file, error))
}

/// Brings the schema up to date. The rows that an older one has without a MAC get theirs, those of agents and tokens if
/// they are to be `trusted`; else these are nobody's.
pub(super) fn migrate(
    conn: &mut Connection,
    file: &Path,
    (store_keys, master_keys): (&Arc<StoreKeys>, &Arc<KeyStore>),
    trusted: bool,
) -> Result<(), OpenError> {
    let mut steps = STEPS.to_vec();
    let keys = Arc::clone(store_keys);
    steps.push(M::up_with_hook(REGISTER, move |transaction: &Transaction<'_>| {
        if trusted {
            register::authenticate_all(transaction, &keys)?;
        }
        Ok(())
    }));
    steps.extend_from_slice(LATER);
    let (keys, master_keys, place) = (Arc::clone(store_keys), Arc::clone(master_keys), file.to_owned());
    steps.push(M::up_with_hook(RECORD_MACS, move |transaction: &Transaction<'_>| {
        authenticate(transaction, &keys, &master_keys, &place)
    }));
    let steps = Migrations::new(steps);
    steps.to_latest(conn).map_err(|error| failed(conn, file, error))
}

/// Gives every record its MAC, and seals anew what is sealed of requests.
fn authenticate(conn: &Connection, keys: &StoreKeys, master_keys: &KeyStore, file: &Path) -> HookResult {
    state::authenticate_all(conn, keys)?;
    let sealing = conn.query_row("SELECT value FROM meta WHERE key = 'sealing_key_id'", [], |row| {
        row.get(0).map(KeyId::from_stored)
    })?;
    ledger::seal_anew(conn, &master_keys.sealing_keyring(sealing)).map_err(|fault| match fault {
        Fault::Sqlite(error) => HookError::RusqliteError(error),
        fault => HookError::Hook(fault.into_port(file).message),
    })
}

/// The database's schema, if this program knows it.
pub(crate) fn known(conn: &Connection, file: &Path) -> Result<usize, OpenError> {
    let found = version(conn);
    match usize::try_from(found) {
        Ok(known) if known <= NEWEST => Ok(known),
        _ => Err(OpenError::Newer {
            path: file.to_owned(),
            found,
            known: NEWEST,
        }),
    }
}

fn failed(conn: &Connection, file: &Path, error: Error) -> OpenError {
    match error {
        Error::MigrationDefinition(MigrationDefinitionError::DatabaseTooFarAhead) => OpenError::Newer {
            path: file.to_owned(),
            found: version(conn),
            known: NEWEST,
        },
        error => OpenError::Migration {
            path: file.to_owned(),
            source: Box::new(error),
        },
    }
}

fn version(conn: &Connection) -> i64 {
    conn.pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap_or_default()
}
