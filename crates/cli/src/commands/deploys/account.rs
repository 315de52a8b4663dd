//! Plans in the stack of an account, where functions look after them and nobody serves the API: they are read from the
//! store, and decided in it. The function's next sweep, within a minute, does what follows.

use cc_devops_deploys::{Door, PlanDigest, PlanId, PlanState};
use cc_devops_http::plans;
use cc_devops_kernel::agent::{Agent, Principal};
use cc_devops_kernel::names::{AgentName, FullStackName, StackName};
use cc_devops_requests::deploys::{DecideError, PlanFilter, PlanPlace};
use cc_devops_requests::engine::ControlPlane;
use cc_devops_requests::receiving::Received;
use serde_json::{Map, Value, json};

use super::Acting;
use crate::context::Context;
use crate::error::CliError;
use crate::store;

/// How many deploys of a stack are shown where nobody says.
const LONGEST_HISTORY: usize = 50;

/// The store of an account, and whoever decides in it.
pub(super) struct Account {
    plane: ControlPlane,
    by: AgentName,
}

impl Account {
    /// The account, where it is the backend and no server is named.
    pub(super) async fn of(context: &Context, acting: &Acting) -> Result<Option<Self>, CliError> {
        if acting.target.url.is_some() || context.load_settings()?.settings.aws.is_none() {
            return Ok(None);
        }
        let plane = store::open(context).await?.control_plane().await?;
        Ok(Some(Self {
            plane,
            by: acting.by()?,
        }))
    }

    /// What the API would answer to a question.
    pub(super) async fn get(&self, path: &[&str], query: &[(&str, String)]) -> Result<Value, CliError> {
        let asked = |name: &str| {
            query
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.as_str())
        };
        match path {
            ["v1", "deploys"] => self.page(asked).await,
            ["v1", "deploys", "freezes"] => {
                let now = self.plane.ports().clock.now();
                Ok(plans::freezes(self.plane.freezes(), now))
            }
            ["v1", "deploys", plan] => {
                let plan = self.plane.plan(&named(plan)?).await?;
                plan.map(plans::details).ok_or_else(|| refused(DecideError::NoSuchPlan))
            }
            ["v1", "stacks", stack, "deploys"] => {
                let limit = asked("limit").and_then(|limit| limit.parse().ok());
                let stack = FullStackName::from_stored((*stack).to_owned());
                let deploys = self.plane.deployed(&stack, limit.unwrap_or(LONGEST_HISTORY)).await?;
                Ok(plans::deployed(&stack, deploys))
            }
            _ => Err(unknown(path)),
        }
    }

    async fn page<'q>(&self, asked: impl Fn(&str) -> Option<&'q str>) -> Result<Value, CliError> {
        let state = asked("state").and_then(PlanState::named);
        let before = match asked("before") {
            None => None,
            Some(text) => Some(if let Some(place) = PlanPlace::read(text) {
                place
            } else {
                let plan = self.plane.plan_head(&named(text)?).await?;
                let record = plan.ok_or_else(|| refused(DecideError::NoSuchPlan))?;
                PlanPlace::of(&record)
            }),
        };
        let filter = PlanFilter {
            state,
            stack: asked("stack").map(ToOwned::to_owned),
            before,
        };
        let limit: usize = asked("limit")
            .and_then(|limit| limit.parse().ok())
            .unwrap_or(LONGEST_HISTORY);
        let page = self.plane.plans(&filter, limit, &|_| true).await?;
        Ok(plans::page(page.plans, page.next.as_ref()))
    }

    /// What the API would answer to a decision, or to a deploy that is asked for again.
    pub(super) async fn post(&self, path: &[&str], body: &Value) -> Result<Value, CliError> {
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        let reason = || text("reason").unwrap_or_default();
        let who = self.who().await?;
        let plane = &self.plane;
        match path {
            ["v1", "deploys", plan, decision] => {
                let plan = named(plan)?;
                let decided = match *decision {
                    "approve" => {
                        let digest = text("digest").and_then(|digest| PlanDigest::read(&digest));
                        let digest = digest.ok_or_else(|| unknown(path))?;
                        plane
                            .approve_plan(&who, Door::Api, &plan, &digest, text("comment"))
                            .await
                    }
                    "deny" => plane.deny_plan(&who, Door::Api, &plan, reason()).await,
                    "override-freeze" => plane.override_freeze(&who, Door::Api, &plan, reason()).await,
                    _ => return Err(unknown(path)),
                };
                decided.map(plans::standing).map_err(refused)
            }
            ["v1", "stacks", stack, again] => {
                let principal = Principal {
                    agent: who.name,
                    role: who.role,
                };
                let stages = &plane.installation().stages;
                let stage = |name: &str| stages.find(name).map_err(CliError::Usage);
                let received = match *again {
                    "rollback" => {
                        let (stack, stage) = stages.parted(stack).into_iter().next().ok_or_else(|| {
                            CliError::Usage(format!(
                                "name the stack with its stage, as `deploys list` does: {stack:?}"
                            ))
                        })?;
                        let none = Map::new();
                        let given = body.get("parameters").and_then(Value::as_object).unwrap_or(&none);
                        let given = given
                            .iter()
                            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
                        plane
                            .roll_back(&principal, &stack, &stage, given.collect(), false)
                            .await
                    }
                    "promote" => {
                        let (from, to) = (text("from").unwrap_or_default(), text("to").unwrap_or_default());
                        let stack = StackName::new(*stack).map_err(|error| CliError::Usage(error.to_string()))?;
                        plane
                            .promote(&principal, &stack, &stage(&from)?, &stage(&to)?, false)
                            .await
                    }
                    _ => return Err(unknown(path)),
                };
                match received.map_err(refused)? {
                    Received::Unreadable(failure) => Err(CliError::Failed(failure.message)),
                    Received::Recorded(id) => Ok(accepted(id.as_str())),
                    Received::Claimed(claimed) => Ok(accepted(claimed.request.head.id.as_str())),
                    Received::Known(known) => Ok(accepted(known.head.id.as_str())),
                    Received::Concluded(completed) => Err(CliError::Failed(
                        completed.error.unwrap_or_else(|| "it was refused".to_owned()),
                    )),
                }
            }
            _ => Err(unknown(path)),
        }
    }

    async fn who(&self) -> Result<Agent, CliError> {
        let found = self.plane.ports().agents.find(&self.by).await?;
        found.ok_or_else(|| {
            CliError::Usage(format!(
                "there is no operator {by}, in whose name this would be decided: add one with `cc-devops agents add {by} \
                 --admin`, or name another with --by",
                by = self.by
            ))
        })
    }
}

fn accepted(request: &str) -> Value {
    json!({"requestId": request, "status": "accepted"})
}

fn named(plan: &str) -> Result<PlanId, CliError> {
    PlanId::read(plan).ok_or_else(|| refused(DecideError::NoSuchPlan))
}

/// Refused as the API refuses.
fn refused(error: DecideError) -> CliError {
    let status = match error {
        DecideError::Port(error) => return error.into(),
        DecideError::NoSuchPlan => 404,
        DecideError::NotAllowed(_) => 403,
        DecideError::NoDigestYet | DecideError::OtherDigest { .. } | DecideError::Decided { .. } => 409,
    };
    let message = error.to_string();
    CliError::Answer { status, message }
}

fn unknown(path: &[&str]) -> CliError {
    CliError::Failed(format!("{} cannot be asked for in an account", path.join("/")))
}
