//! The domain as Cedar sees it: one question's principal, action, resource and what they refer to.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

use cc_devops_kernel::access::{Access, PlanContext, Resource};
use cc_devops_kernel::agent::{Agent, Role};
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::{AgentName, Namespace, RepositoryName, SecretName, SecretPrefix, StackName, Stage};
use cedar_policy::{Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression};

use crate::literals::CONTROL_PLANE;

/// The schema's types, parsed once.
struct Types {
    action: EntityTypeName,
    agent: EntityTypeName,
    admin: EntityTypeName,
    observer: EntityTypeName,
    control_plane: EntityTypeName,
    repository: EntityTypeName,
    secret: EntityTypeName,
    prefix: EntityTypeName,
    stack: EntityTypeName,
    stage: EntityTypeName,
}

#[expect(
    clippy::expect_used,
    reason = "the names are literals that every test of this module parses"
)]
static TYPES: LazyLock<Types> = LazyLock::new(|| {
    let name = |text: &str| text.parse().expect("a literal type name parses");
    Types {
        action: name("Action"),
        agent: name("Agent"),
        admin: name("Admin"),
        observer: name("Observer"),
        control_plane: name("ControlPlane"),
        repository: name("Repository"),
        secret: name("Secret"),
        prefix: name("SecretPrefix"),
        stack: name("Stack"),
        stage: name("Stage"),
    }
});

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

/// One question with all it refers to.
pub(super) fn question(
    agent: &Agent,
    access: &Access,
    installation: &Installation,
) -> Result<(Request, Entities), String> {
    let principal = principal(agent, &installation.namespace)?;
    let (resource, context) = resource(access, installation)?;
    let request = Request::new(
        principal.uid(),
        uid(&TYPES.action, access.action()),
        resource.uid(),
        context,
        None,
    )
    .map_err(|error| error.to_string())?;
    // An agent may ask about itself: one entity, not two with the same name.
    let entities: Vec<Entity> = if principal.uid() == resource.uid() {
        vec![principal]
    } else {
        vec![principal, resource]
    };
    let entities = Entities::from_entities(entities, None).map_err(|error| error.to_string())?;
    Ok((request, entities))
}

fn principal(agent: &Agent, namespace: &Namespace) -> Result<Entity, String> {
    let name = agent.name.as_str();
    let mut attributes = HashMap::from([("name".to_owned(), text(name))]);
    let id = match agent.role {
        Role::Admin => uid(&TYPES.admin, name),
        Role::Observer => uid(&TYPES.observer, name),
        Role::Agent => {
            let own_prefix = agent.name.own_prefix(namespace);
            let prefixes = std::iter::once(&own_prefix).chain(&agent.secret_prefixes).map(prefix);
            let own_stack = agent.name.own_stack();
            let stacks = std::iter::once(&own_stack).chain(&agent.stacks).map(stack);
            attributes.insert("secretPrefixes".to_owned(), set(prefixes));
            attributes.insert("stacks".to_owned(), set(stacks));
            uid(&TYPES.agent, name)
        }
    };
    Entity::new(id, attributes, HashSet::new()).map_err(|error| error.to_string())
}

fn resource(access: &Access, installation: &Installation) -> Result<(Entity, Context), String> {
    let plain = |entity: Result<Entity, String>| Ok((entity?, Context::empty()));
    let plane = || control_plane(&installation.cost_control);
    let agent = |name: &AgentName| Ok(Entity::with_uid(uid(&TYPES.agent, name.as_str())));
    match access {
        Access::Request { on, stage, .. } => {
            let entity = match on {
                Resource::Secret(name) => secret(name)?,
                Resource::Stack(name) => named(stack(name), name.as_str())?,
                Resource::Repository(name) => repository(name)?,
                Resource::Agent(name) => agent(name)?,
                Resource::ControlPlane => plane()?,
            };
            let context = stage.as_ref().map_or_else(|| Ok(Context::empty()), in_stage);
            Ok((entity, context?))
        }
        Access::ReadSecret { name } => plain(secret(name)),
        Access::FixRepositories { repository: name } => plain(name.as_ref().map_or_else(plane, repository)),
        Access::SendHeartbeat { agent: name } | Access::PauseAgent { agent: name } => plain(agent(name)),
        Access::ReadRequests { agent: name } | Access::ReadEvents { agent: name } => {
            plain(name.as_ref().map_or_else(plane, agent))
        }
        Access::ApplyPlan {
            stack: name,
            stage,
            context,
        } => Ok((named(stack(name), name.as_str())?, of_plan(stage, context)?)),
        Access::ApprovePlan {
            stack: name,
            stage,
            requester,
        } => {
            let requester = ("requester".to_owned(), text(requester.as_str()));
            let context = Context::from_pairs([staged(stage), requester]).map_err(|error| error.to_string())?;
            Ok((named(stack(name), name.as_str())?, context))
        }
        Access::CarryApproval { stack: name, stage }
        | Access::OverrideFreeze { stack: name, stage }
        | Access::CreateStack { stack: name, stage } => Ok((named(stack(name), name.as_str())?, in_stage(stage)?)),
        Access::ReadDeploys { stack: Some(name) } | Access::DescribeStacks { stack: Some(name) } => {
            plain(named(stack(name), name.as_str()))
        }
        Access::ReadDeploys { stack: None }
        | Access::DescribeStacks { stack: None }
        | Access::ListAgents
        | Access::ManageAgents
        | Access::ManageWebhooks
        | Access::ReadMetrics
        | Access::ReadWebhooks
        | Access::ListSecrets
        | Access::ReadAudit
        | Access::ReadRepositories
        | Access::ReadPolicies
        | Access::ReadSettings
        | Access::ReadRevenue
        | Access::ReadHealth
        | Access::ReadAlerts
        | Access::ManageAlerts
        | Access::SetMaintenance
        | Access::ReadBillingFigures
        | Access::PublishAlert => plain(plane()),
    }
}

fn control_plane(cost_control: &AgentName) -> Result<Entity, String> {
    let cost_control = RestrictedExpression::new_entity_uid(uid(&TYPES.agent, cost_control.as_str()));
    let attributes = HashMap::from([("costControl".to_owned(), cost_control)]);
    Entity::new(uid(&TYPES.control_plane, CONTROL_PLANE), attributes, HashSet::new()).map_err(|error| error.to_string())
}

fn repository(name: &RepositoryName) -> Result<Entity, String> {
    named(uid(&TYPES.repository, name.as_str()), name.as_str())
}

/// An entity of which policies know its name.
fn named(id: EntityUid, name: &str) -> Result<Entity, String> {
    let attributes = HashMap::from([("name".to_owned(), text(name))]);
    Entity::new(id, attributes, HashSet::new()).map_err(|error| error.to_string())
}

fn secret(name: &SecretName) -> Result<Entity, String> {
    let attributes = HashMap::from([("name".to_owned(), text(name.as_str()))]);
    let parents = name.prefixes().map(|p| prefix(&p)).collect();
    Entity::new(uid(&TYPES.secret, name.as_str()), attributes, parents).map_err(|error| error.to_string())
}

type Pair = (String, RestrictedExpression);

fn staged(stage: &Stage) -> Pair {
    let stage = RestrictedExpression::new_entity_uid(uid(&TYPES.stage, stage.as_str()));
    ("stage".to_owned(), stage)
}

fn in_stage(stage: &Stage) -> Result<Context, String> {
    Context::from_pairs([staged(stage)]).map_err(|error| error.to_string())
}

/// What policies are told of a plan. The schema names the same fields; a policy that asks for each is a test.
fn of_plan(stage: &Stage, plan: &PlanContext) -> Result<Context, String> {
    let number = |name: &str, count: u32| (name.to_owned(), RestrictedExpression::new_long(i64::from(count)));
    let fact = |name: &str, holds: bool| (name.to_owned(), RestrictedExpression::new_bool(holds));
    let texts = |name: &str, all: &BTreeSet<String>| {
        let all = all.iter().map(|one| text(one));
        (name.to_owned(), RestrictedExpression::new_set(all))
    };
    let pairs = [
        staged(stage),
        ("requester".to_owned(), text(&plan.requester)),
        number("approvals", plan.approvals),
        texts("approvers", &plan.approvers),
        number("adds", plan.adds),
        number("modifies", plan.modifies),
        number("removes", plan.removes),
        number("replacements", plan.replacements),
        fact("replacesStateful", plan.replaces_stateful),
        fact("deletesStateful", plan.deletes_stateful),
        fact("maybeReplacesStateful", plan.maybe_replaces_stateful),
        fact("losesStateful", plan.loses_stateful),
        fact("changesIam", plan.changes_iam),
        fact("drifted", plan.drifted),
        fact("frozen", plan.frozen),
        fact("express", plan.express),
        fact("firstCreation", plan.first_creation),
        fact("unplanned", plan.unplanned),
        fact("unknownChange", plan.unknown_change),
        texts("resourceTypes", &plan.resource_types),
    ];
    Context::from_pairs(pairs).map_err(|error| error.to_string())
}

fn prefix(prefix: &SecretPrefix) -> EntityUid {
    uid(&TYPES.prefix, prefix.as_str())
}

fn stack(stack: &StackName) -> EntityUid {
    uid(&TYPES.stack, stack.as_str())
}

fn set(uids: impl Iterator<Item = EntityUid>) -> RestrictedExpression {
    RestrictedExpression::new_set(uids.map(RestrictedExpression::new_entity_uid))
}
