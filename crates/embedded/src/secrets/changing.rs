//! Changes of secrets that are no request's: each with its row of the audit trail, in one transaction.

use std::collections::BTreeMap;

use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::ports::{
    NewVersion, PutSecret, SecretChange, SecretChanged, SecretTarget, SecretVersion, SecretWrite,
};
use rusqlite::{Connection, params};

use super::{Write, earlier_write, known, write_version};
use crate::columns::{json, nanos};
use crate::error::Fault;
use crate::vault::{Keyring, StoreKeys};

/// A change with what can be made before the writer's time.
pub(super) struct Change {
    name: SecretName,
    target: SecretTarget,
    version: Option<Write>,
    /// None leaves it as it is.
    description: Option<String>,
    /// None leaves them as they are.
    tags: Option<BTreeMap<String, String>>,
    agent: String,
    at: i64,
}

impl Change {
    /// Prepares a change.
    pub(super) fn of(change: SecretChange<'_>, keys: &StoreKeys) -> Self {
        let write = |version: NewVersion<'_>| {
            let put = PutSecret {
                name: change.name.clone(),
                value: version.value.clone(),
                kms_key: None,
            };
            let write = SecretWrite {
                put: &put,
                token: version.id,
                may_be_repeat: true,
                agent: change.agent,
                stage: change.stage,
                at: change.at,
            };
            Write::of(write, keys)
        };
        Self {
            name: change.name.clone(),
            target: change.target,
            version: change.version.map(write),
            description: change.description.map(str::to_owned),
            tags: change.tags.cloned(),
            agent: change.agent.to_string(),
            at: nanos(change.at),
        }
    }
}

/// Makes a change and puts it on record, unless it was made before or cannot be.
pub(super) fn change(
    conn: &Connection,
    (keys, store_keys): (&Keyring, &StoreKeys),
    change: &Change,
    audit: &AuditEntry,
) -> Result<SecretChanged, Fault> {
    let found = known(conn, &change.name)?;
    if let (Some(found), Some(write)) = (found, &change.version)
        && let Some(earlier) = earlier_write(conn, found, write)?
    {
        return Ok(if earlier.is_same {
            SecretChanged::Done(SecretVersion::of_back(found.versions - earlier.version))
        } else {
            SecretChanged::IdTaken
        });
    }
    match (change.target, found) {
        (SecretTarget::New, Some(_)) => return Ok(SecretChanged::Exists),
        (SecretTarget::Existing, None) => return Ok(SecretChanged::Missing),
        (SecretTarget::New, None) | (SecretTarget::Existing, Some(_)) => {}
    }
    let secret = match (&change.version, found) {
        (Some(write), found) => write_version(conn, keys, found, write)?.0,
        (None, Some(found)) => found.id,
        (None, None) => {
            conn.prepare_cached("INSERT INTO secrets (name, versions, created_at) VALUES (?1, 0, ?2)")?
                .execute(params![change.name.as_str(), change.at])?;
            conn.last_insert_rowid()
        }
    };
    let tags = change.tags.as_ref().map(json).transpose()?;
    conn.prepare_cached(
        "UPDATE secrets SET changed_at = ?2, made_by = coalesce(made_by, ?3), \
         description = nullif(coalesce(?4, description), ''), tags = coalesce(?5, tags) WHERE id = ?1",
    )?
    .execute(params![
        secret,
        change.at,
        found.is_none().then_some(change.agent.as_str()),
        change.description,
        tags,
    ])?;
    crate::audit::append(conn, store_keys, audit)?;
    Ok(SecretChanged::Done(
        change.version.as_ref().map(|_| SecretVersion::Current),
    ))
}
