//! The database's schema, version by version. A released migration is never changed; a new one is
//! put behind it.

use rusqlite::Connection;
use rusqlite_migration::{Error, M, MigrationDefinitionError, Migrations};

use crate::error::OpenError;
use std::path::Path;

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

const MIGRATIONS: Migrations<'_> = Migrations::from_slice(STEPS);

/// Brings the schema up to date. The caller keeps other processes away meanwhile.
pub(super) fn migrate(conn: &mut Connection, file: &Path) -> Result<(), OpenError> {
    MIGRATIONS.to_latest(conn).map_err(|error| match error {
        Error::MigrationDefinition(MigrationDefinitionError::DatabaseTooFarAhead) => OpenError::Newer {
            path: file.to_owned(),
            found: version(conn),
            known: STEPS.len(),
        },
        error => OpenError::Migration {
            path: file.to_owned(),
            source: Box::new(error),
        },
    })
}

fn version(conn: &Connection) -> i64 {
    conn.pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap_or_default()
}
