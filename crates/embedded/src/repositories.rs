//! What is kept of repositories between two looks.

use std::collections::BTreeMap;

use async_trait::async_trait;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_repos::ports::{DocumentKind, RepositoryStore};
use rusqlite::OptionalExtension as _;
use serde_json::Value;

use crate::columns::json_at;
use crate::db::Db;

/// The largest document, in bytes, as every adapter of the port has it.
const LARGEST: usize = 300_000;

/// The documents in the database.
pub struct SqliteRepositories {
    db: Db,
}

impl SqliteRepositories {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }
}

#[async_trait]
impl RepositoryStore for SqliteRepositories {
    async fn load(&self, owner: &str, on: DocumentKind) -> PortResult<BTreeMap<String, Value>> {
        let owner = owner.to_lowercase();
        self.db
            .read(move |conn| {
                let documents = conn
                    .prepare_cached("SELECT key, document FROM repository_documents WHERE owner = ?1 AND shelf = ?2")?
                    .query_map([&owner, on.as_str()], |row| Ok((row.get(0)?, json_at(row, 1)?)))?
                    .collect::<rusqlite::Result<_>>()?;
                Ok(documents)
            })
            .await
    }

    async fn document(&self, owner: &str, on: DocumentKind, key: &str) -> PortResult<Option<Value>> {
        let (owner, key) = (owner.to_lowercase(), key.to_owned());
        self.db
            .read(move |conn| {
                let document = conn
                    .prepare_cached(
                        "SELECT document FROM repository_documents WHERE owner = ?1 AND shelf = ?2 AND key = ?3",
                    )?
                    .query_row([&owner, on.as_str(), &key], |row| json_at(row, 0))
                    .optional()?;
                Ok(document)
            })
            .await
    }

    async fn save(&self, owner: &str, on: DocumentKind, changes: &BTreeMap<String, Option<Value>>) -> PortResult<()> {
        let owner = owner.to_lowercase();
        let changes: Vec<(String, Option<String>)> = changes
            .iter()
            .map(|(key, document)| (key.clone(), document.as_ref().map(Value::to_string)))
            .collect();
        let large = changes
            .iter()
            .find(|(_, document)| document.as_ref().is_some_and(|text| text.len() > LARGEST));
        if let Some((key, _)) = large {
            let message = format!("what is to be kept of {key} has more than {LARGEST} bytes");
            return Err(PortError::new(PortErrorKind::TooLarge, message));
        }
        self.db
            .write(move |conn, _| {
                let mut keep = conn.prepare_cached(
                    "INSERT INTO repository_documents (owner, shelf, key, document) VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT (owner, shelf, key) DO UPDATE SET document = excluded.document",
                )?;
                let mut forget = conn
                    .prepare_cached("DELETE FROM repository_documents WHERE owner = ?1 AND shelf = ?2 AND key = ?3")?;
                for (key, document) in &changes {
                    match document {
                        Some(document) => keep.execute([owner.as_str(), on.as_str(), key, document])?,
                        None => forget.execute([owner.as_str(), on.as_str(), key])?,
                    };
                }
                Ok(())
            })
            .await
    }
}
