//! Going back to what was deployed before, and on to another stage: each is a deploy like any other, which is planned,
//! decided and applied.

use std::collections::BTreeMap;

use cc_devops_deploys::PlanId;
use cc_devops_kernel::agent::Principal;
use cc_devops_kernel::names::{FullStackName, RequestId, StackName, Stage};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult, RecordKind, StateStore};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::deciding::DecideError;
use super::kept::{Deployed, planned_stack, read};
use crate::actions::deploy_lambda::{self, MAX_TEMPLATE_BYTES};
use crate::engine::ControlPlane;
use crate::envelope::REQUEST_DETAIL_TYPE;
use crate::receiving::Received;

/// How much of the history is looked through for the last good deploy.
const HISTORY: usize = 100;

/// How many parts of a template are read: CloudFormation takes 1 MB at most.
const MOST_PARTS: usize = 100;

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
    /// they are; where stacks have no templates, those of its last good deploy are given again, but for secret ones, which
    /// are kept nowhere. It ends in [`ControlPlane::receive`].
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
        let parameters = if self.ports.stacks.has_templates() {
            BTreeMap::new()
        } else {
            let there = self.deployed(&stack.on(to), HISTORY).await?;
            let last = there.into_iter().find(|deployed| deployed.succeeded);
            last.map(|deployed| deployed.parameters).unwrap_or_default()
        };
        self.deploy_again("promote", who, (stack, to), target, parameters, take)
            .await
    }

    /// A deploy of what was deployed before, to this stack.
    async fn deploy_again(
        &self,
        what: &'static str,
        who: &Principal,
        (stack, stage): (&StackName, &Stage),
        target: &Deployed,
        parameters: BTreeMap<String, String>,
        take: bool,
    ) -> Result<Received, DecideError> {
        let store = &*self.ports.state;
        let again = Again {
            what,
            stack: &stack.on(stage),
            target: &target.plan,
        };
        let id = self.id_of(&again, who, stage, &parameters).await?;
        let mut params = Map::new();
        params.insert("stackName".to_owned(), json!(stack));
        params.insert("stage".to_owned(), json!(stage));
        if !parameters.is_empty() {
            params.insert("parameters".to_owned(), json!(parameters));
        }
        if self.ports.stacks.has_templates() {
            let template = kept_template(store, target).await?;
            params.insert(
                "capabilities".to_owned(),
                json!(["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]),
            );
            params.insert("templateBody".to_owned(), json!(template));
        }
        let event = json!({
            "source": format!("agent.{}", who.agent),
            "detail-type": REQUEST_DETAIL_TYPE,
            "detail": {
                "requestId": id,
                "action": deploy_lambda::ACTION.name,
                "stage": stage,
                "params": Value::Object(params),
                "requestedBy": who.agent,
                "ts": self.now(),
            },
        });
        Ok(self.receive(who, event, take).await?)
    }

    /// The request's id, made from who asks for what, and after which plan: asked twice it is the same request, until that
    /// has its outcome. Parameters may be secret, so it is made with the key of the fingerprints.
    async fn id_of(
        &self,
        again: &Again<'_>,
        who: &Principal,
        stage: &Stage,
        parameters: &BTreeMap<String, String>,
    ) -> Result<RequestId, DecideError> {
        let (_, planned) = planned_stack(&*self.ports.state, again.stack).await?;
        let mut meaning = Map::new();
        meaning.insert("stack".to_owned(), json!(again.stack));
        meaning.insert("target".to_owned(), json!(again.target));
        meaning.insert("after".to_owned(), json!(planned.plan));
        meaning.insert("parameters".to_owned(), json!(parameters));
        let mut ended = 0_u32;
        loop {
            meaning.insert("ended".to_owned(), json!(ended));
            let fingerprint = self
                .fingerprints
                .fingerprint(&who.agent, again.what, stage.as_str(), &meaning);
            let mut digits = hex::encode(fingerprint.0);
            digits.truncate(24);
            let id = RequestId::new(format!("{}-{digits}", again.what))
                .map_err(|error| PortError::new(PortErrorKind::Corrupt, error.to_string()))?;
            let known = self.ports.ledger.find(&id).await?;
            if known.is_none_or(|known| known.completed.is_none()) {
                return Ok(id);
            }
            ended += 1;
        }
    }
}

/// What is deployed again, and where.
struct Again<'a> {
    what: &'static str,
    stack: &'a FullStackName,
    /// The plan that was deployed.
    target: &'a PlanId,
}

/// The template of a deploy, where stacks have templates. Without it another one would be deployed.
async fn kept_template(state: &dyn StateStore, target: &Deployed) -> Result<String, DecideError> {
    let plan = &target.plan;
    let kept = match &target.template_digest {
        Some(digest) => template(state, digest).await?,
        None => None,
    };
    let Some(template) = kept else {
        let digest = target.template_digest.as_ref();
        let which = digest.map_or(String::new(), |digest| format!(" (SHA-256 {digest})"));
        return Err(DecideError::NotAllowed(format!(
            "the template of plan {plan}{which} was not kept, so it cannot be deployed again from here; send a deploy with \
             that template"
        )));
    };
    if template.len() > MAX_TEMPLATE_BYTES {
        return Err(DecideError::NotAllowed(format!(
            "the template of plan {plan} has {} bytes, and a request takes {MAX_TEMPLATE_BYTES}; send a deploy whose \
             `templateUrl` names it",
            template.len()
        )));
    }
    Ok(template)
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
