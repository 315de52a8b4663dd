//! The database's schema, version by version. A released migration is never changed; a new one is
//! put behind it.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite_migration::{Error, M, MigrationDefinitionError, Migrations};

use crate::agents::register;
use crate::error::OpenError;
use crate::vault::StoreKeys;

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

/// The newest schema.
const NEWEST: usize = STEPS.len() + 1 + LATER.len();

/// The schema from which on the rows of agents and tokens have their MAC.
pub(crate) const AUTHENTICATED: usize = STEPS.len() + 1;

/// Brings the schema up to where the store's keys can be read. The caller keeps other processes away meanwhile.
pub(super) fn prepare(conn: &mut Connection, file: &Path) -> Result<(), OpenError> {
    let found = known(conn, file)?;
    if found >= STEPS.len() {
        return Ok(());
    }
    let steps = Migrations::from_slice(STEPS);
    steps.to_latest(conn).map_err(|error| failed(conn, file, error))
}

/// Brings the schema up to date. The rows of agents and tokens that an older one has get their MAC if they are
/// to be `trusted`; else they are nobody's.
pub(super) fn migrate(
    conn: &mut Connection,
    file: &Path,
    keys: &Arc<StoreKeys>,
    trusted: bool,
) -> Result<(), OpenError> {
    let keys = Arc::clone(keys);
    let mut steps = STEPS.to_vec();
    steps.push(M::up_with_hook(
        REGISTER,
        move |transaction: &rusqlite::Transaction<'_>| {
            if trusted {
                register::authenticate_all(transaction, &keys)?;
            }
            Ok(())
        },
    ));
    steps.extend_from_slice(LATER);
    let steps = Migrations::new(steps);
    steps.to_latest(conn).map_err(|error| failed(conn, file, error))
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
