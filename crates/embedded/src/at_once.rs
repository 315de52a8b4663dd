//! A request, its effect and its outcome in one transaction: ledger and secrets are one database.

use std::sync::Arc;

use async_trait::async_trait;
use cc_devops_kernel::ports::{PortResult, SecretWrite};
use cc_devops_requests::ports::{AtOnce, Conclude, Done};
use cc_devops_requests::record::{Receipt, RequestHead};
use rusqlite::Connection;

use crate::db::Db;
use crate::error::Fault;
use crate::ledger::arrival::{insert_concluded, known};
use crate::ledger::conclusion::Ending;
use crate::secrets::{self, Write};
use crate::vault::{Keyring, StoreKeys};

/// The database as ledger and secret store together.
pub(crate) struct SqliteAtOnce {
    db: Db,
}

impl SqliteAtOnce {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }
}

#[async_trait]
impl AtOnce for SqliteAtOnce {
    async fn put_secret(&self, head: &RequestHead, write: SecretWrite<'_>, conclude: Conclude) -> PortResult<Done> {
        let store_keys = Arc::clone(self.db.store_keys());
        let (head, write) = (head.clone(), Write::of(write, &store_keys));
        self.db
            .write_repeatable(move |conn, keys| put_secret(conn, (keys, &store_keys), &head, &write, &conclude))
            .await
    }
}

fn put_secret(
    conn: &Connection,
    (keys, store_keys): (&Keyring, &StoreKeys),
    head: &RequestHead,
    write: &Write,
    conclude: &Conclude,
) -> Result<Done, Fault> {
    match known(conn, head)? {
        Some(Receipt::Known(record)) => return Ok(Done::Known(record)),
        Some(_) => return Ok(Done::Conflict),
        None => {}
    }
    let conclusion = conclude(secrets::put(conn, keys, write)?);
    // It took one attempt, as it would have on its own.
    if insert_concluded(conn, store_keys, head, 1, &Ending::of(&conclusion)?)? {
        Ok(Done::Now(conclusion.completed))
    } else {
        Err(Fault::corrupt("the request's row"))
    }
}
