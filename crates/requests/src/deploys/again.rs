//! Going back to what was deployed before, and on to another stage: each is a deploy like any other, which is planned,
//! decided and applied.

use std::collections::BTreeMap;

use cc_devops_deploys::PlanId;
use cc_devops_kernel::agent::Principal;
use cc_devops_kernel::names::{FullStackName, StackName, Stage};
use cc_devops_kernel::ports::{PortResult, RecordKind, StateStore};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::deciding::DecideError;
use super::kept::{DEPLOY, Deployed, planned_stack, read};
use crate::engine::ControlPlane;
use crate::envelope::REQUEST_DETAIL_TYPE;
use crate::receiving::Received;

/// How much of the history is looked through for the last good deploy.
const HISTORY: usize = 100;

/// How many parts of a template are read: CloudFormation takes 1 MB at most.
const MOST_PARTS: usize = 100;

/// The longest template that a request takes as text, in bytes.
const LONGEST_BODY: usize = 51_200;

impl ControlPlane {
    /// Deploys what a stack was before: the template and the parameters of the last good deploy before the newest one, or
    /// of the newest good one where the newest failed. `parameters` are given beside these, and count more: parameters
    /// that are secret are kept nowhere, and keep their present value. It ends in [`ControlPlane::receive`].
    ///
    /// # Errors
    /// There is no such deploy; a port failed.
    pub async fn roll_back(
        &self,
        who: &Principal,
        stack: &StackName,
        stage: &Stage,
        parameters: BTreeMap<String, String>,
        take: bool,
    ) -> Result<Received, DecideError> {
        let full = stack.on(stage);
        let history = self.deployed(&full, HISTORY).await?;
        let newest_failed = history.first().is_some_and(|newest| !newest.succeeded);
        let mut good = history.iter().filter(|deployed| deployed.succeeded);
        if !newest_failed {
            good.next();
        }
        let Some(target) = good.next() else {
            return Err(DecideError::NotAllowed(format!(
                "nothing is on record that stack {full} could be rolled back to: see `cc-devops deploys history {full}`"
            )));
        };
        let mut with = target.parameters.clone();
        with.extend(parameters);
        self.deploy_again("rollback", who, (stack, stage), target, with, take)
            .await
    }

    /// Deploys to another stage what is deployed on one: the same template. The parameters of the other stage stay as
    /// they are. It ends in [`ControlPlane::receive`].
    ///
    /// # Errors
    /// Nothing was deployed there, or its template was not kept; a port failed.
    pub async fn promote(
        &self,
        who: &Principal,
        stack: &StackName,
        from: &Stage,
        to: &Stage,
        take: bool,
    ) -> Result<Received, DecideError> {
        let full = stack.on(from);
        let history = self.deployed(&full, HISTORY).await?;
        let Some(target) = history.iter().find(|deployed| deployed.succeeded) else {
            return Err(DecideError::NotAllowed(format!(
                "no good deploy of stack {full} is on record, so there is nothing to promote"
            )));
        };
        self.deploy_again("promote", who, (stack, to), target, BTreeMap::new(), take)
            .await
    }

    /// A deploy of what was deployed before, to this stack.
    async fn deploy_again(
        &self,
        what: &str,
        who: &Principal,
        (stack, stage): (&StackName, &Stage),
        target: &Deployed,
        parameters: BTreeMap<String, String>,
        take: bool,
    ) -> Result<Received, DecideError> {
        let store = &*self.ports.state;
        let mut params = Map::new();
        params.insert("stackName".to_owned(), json!(stack));
        params.insert("stage".to_owned(), json!(stage));
        if !parameters.is_empty() {
            params.insert("parameters".to_owned(), json!(parameters));
        }
        if let Some(digest) = &target.template_digest {
            let template = template(store, digest).await?.ok_or_else(|| {
                DecideError::NotAllowed(format!(
                    "the template of plan {} (SHA-256 {digest}) was not kept; send the deploy with its template",
                    target.plan
                ))
            })?;
            if template.len() > LONGEST_BODY {
                return Err(DecideError::NotAllowed(format!(
                    "the template of plan {} has {} bytes, and a request takes {LONGEST_BODY}; put it (SHA-256 {digest}) \
                     where `templateUrl` can name it",
                    target.plan,
                    template.len()
                )));
            }
            params.insert(
                "capabilities".to_owned(),
                json!(["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]),
            );
            params.insert("templateBody".to_owned(), json!(template));
        }
        let (_, planned) = planned_stack(store, &stack.on(stage)).await?;
        let event = json!({
            "source": format!("agent.{}", who.agent),
            "detail-type": REQUEST_DETAIL_TYPE,
            "detail": {
                "requestId": request_id(what, &stack.on(stage), &target.plan, planned.plan.as_ref()),
                "action": DEPLOY,
                "stage": stage,
                "params": Value::Object(params),
                "requestedBy": who.agent,
                "ts": self.now(),
            },
        });
        Ok(self.receive(who, event, take).await?)
    }
}

/// The request's id, made from what it does and after which plan: asked twice it is the same request.
fn request_id(what: &str, stack: &FullStackName, target: &PlanId, after: Option<&PlanId>) -> String {
    let after = after.map_or("", PlanId::as_str);
    let mut digits = hex::encode(Sha256::digest(format!("{what}\n{stack}\n{target}\n{after}")));
    digits.truncate(24);
    format!("{what}-{digits}")
}

/// A template that was deployed; none where it was not kept.
async fn template(state: &dyn StateStore, digest: &str) -> PortResult<Option<String>> {
    let parts = state
        .list(RecordKind::DeployedPart, Some(digest), None, MOST_PARTS)
        .await?;
    let mut text = String::new();
    for part in &parts {
        text.push_str(&read::<String>(part)?);
    }
    let whole = hex::encode(Sha256::digest(&text)) == digest;
    Ok((whole && !parts.is_empty()).then_some(text))
}
