//! What requests have planned: what their deploys will be begun with, sealed, until they have ended.

use std::collections::BTreeMap;

use cc_devops_kernel::names::{RequestId, StackName, Stage};
use cc_devops_kernel::ports::PortResult;
use cc_devops_requests::DeployLambda;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::runs::{self, Begun, Phase};
use super::sealed_plans::{damaged, forget, halves, label};
use crate::columns;
use crate::db::Db;
use crate::error::Fault;
use crate::vault::{Sealed, StoreKeys};

/// The handle of what nobody knows beforehand.
pub(super) const UNPLANNED: &str = "unplanned";

/// What is asked for, as it is kept.
#[derive(Serialize, Deserialize)]
struct Order {
    /// The version of this form.
    v: u32,
    stack: StackName,
    stage: Stage,
    parameters: BTreeMap<String, String>,
}

/// What a plan consists of.
pub(super) struct Kept {
    /// What was asked for.
    pub(super) deploy: DeployLambda,
    /// The plan file; none where the stack has no plan command.
    pub(super) file: Option<Zeroizing<Vec<u8>>>,
    /// The run that had last changed the stack when the plan was begun.
    pub(super) basis: Option<String>,
    /// The one that has now.
    pub(super) last_change: Option<String>,
}

impl Kept {
    /// What stands for the very bytes that would be carried out.
    /// Without the key it tells nothing of them, so that it can stand on record.
    pub(super) fn handle(&self, keys: &StoreKeys) -> String {
        match &self.file {
            Some(file) => hex::encode(keys.plan_mac(file)),
            None => UNPLANNED.to_owned(),
        }
    }
}

/// The record of plans.
pub(super) struct Plans {
    db: Db,
}

impl Plans {
    pub(super) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Records that a request is about to be planned, or, where its stack has no plan command, that it is; unless it
    /// was before.
    pub(super) async fn begin(
        &self,
        request: &RequestId,
        deploy: &DeployLambda,
        has_command: bool,
        at: Timestamp,
        deadline: Timestamp,
    ) -> PortResult<Begun> {
        let (request, stack) = (request.clone(), deploy.full_name());
        let order = Order {
            v: 1,
            stack: deploy.stack.clone(),
            stage: deploy.stage.clone(),
            parameters: deploy.parameters.clone(),
        };
        self.db
            .write(move |conn, keys| {
                if let Some(run) = runs::find(conn, Phase::Plan, &request)? {
                    return Ok(Begun::Found(Box::new(run)));
                }
                let mut plain = Zeroizing::new(columns::json(&order)?.into_bytes());
                plain.push(b'\n');
                let sealed = keys.seal(label(request.as_str()), &plain)?;
                let outcome = if has_command {
                    None
                } else {
                    Some(runs::planned_at_once()?)
                };
                let ended_at = outcome.as_ref().map(|_| columns::nanos(at));
                conn.prepare_cached(
                    "INSERT INTO stack_plans (request_id, stack, basis, started_at, deadline, ended_at, outcome, \
                     key_id, data_key, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                )?
                .execute(params![
                    request.as_str(),
                    stack.as_str(),
                    runs::last_change(conn, &stack)?,
                    columns::nanos(at),
                    columns::nanos(deadline),
                    ended_at,
                    outcome,
                    sealed.key_id.as_str(),
                    sealed.data_key,
                    sealed.body,
                ])?;
                Ok(Begun::New)
            })
            .await
    }

    /// What a request's plan consists of. None where it was forgotten, or never was.
    pub(super) async fn kept(&self, request: &RequestId) -> PortResult<Option<Kept>> {
        let request = request.clone();
        self.db
            .read_sealed(move |conn, keys| {
                let found = conn
                    .prepare_cached(
                        "SELECT basis, (SELECT request_id FROM stack_changes WHERE stack_changes.stack = \
                         stack_plans.stack), key_id, data_key, sealed FROM stack_plans WHERE request_id = ?1",
                    )?
                    .query_row([request.as_str()], |row| {
                        Ok((row.get(0)?, row.get(1)?, Sealed::from_row_if_any(row, 2)?))
                    })
                    .optional()?;
                let Some((basis, last_change, Some(sealed))) = found else {
                    return Ok(None);
                };
                let plain = keys.open(label(request.as_str()), &sealed)?;
                let (order, file) = halves(&plain)?;
                let has_file = !file.is_empty();
                Ok(Some(Kept {
                    deploy: deploy(order)?,
                    file: has_file.then(|| Zeroizing::new(file.get(1..).unwrap_or_default().to_vec())),
                    basis,
                    last_change,
                }))
            })
            .await
    }

    /// Forgets what a request planned.
    pub(super) async fn discard(&self, request: &RequestId) -> PortResult<()> {
        let request = request.clone();
        self.db.write(move |conn, _| forget(conn, &request)).await
    }
}

fn deploy(order: &[u8]) -> Result<DeployLambda, Fault> {
    let order: Order = serde_json::from_slice(order).map_err(|_| damaged())?;
    Ok(DeployLambda {
        stack: order.stack,
        stage: order.stage,
        template: None,
        parameters: order.parameters,
        capabilities: Vec::new(),
        tags: BTreeMap::new(),
    })
}
