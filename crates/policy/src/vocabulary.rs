//! What policies may speak of: the actions of the registry and the control plane's own, and the Cedar schema that is
//! made of them. `control-plane.cedarschema` shows the shipped one to people; a test holds it to this.

use std::collections::BTreeSet;
use std::fmt::Write;

use cc_devops_kernel::access::{Access, PlanContext, Resource};
use cc_devops_kernel::names::{AgentName, NameError, RepositoryName, SecretName, StackName, Stage};
use cedar_policy::Schema;

/// What carrying out a plan is called.
pub(super) const APPLY_PLAN: &str = "applyPlan";

/// What having an earlier plan's approvals hold is called.
pub(super) const CARRY_APPROVAL: &str = "carryApproval";

/// Who is taken to have asked for a plan, where a person who asks the policies did not say.
const SOMEBODY: &str = "somebody";

/// The schema's types of entities.
const ENTITIES: &str = include_str!("entities.cedarschema");

/// What an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
    /// A secret.
    Secret,
    /// A stack, named without its stage.
    Stack,
    /// A stack, or all of them.
    Stacks,
    /// A repository, or all of the owner's.
    Repositories,
    /// One repository.
    Repository,
    /// An agent.
    Agent,
    /// An agent, or everybody.
    Agents,
    /// The control plane as a whole.
    ControlPlane,
}

impl On {
    /// What a person names as the resource, for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "the secret's name",
            Self::Stack => "the stack without its stage",
            Self::Stacks => "a stack without its stage, or * for all",
            Self::Repositories => "a repository, or * for all of the owner's",
            Self::Repository => "a repository",
            Self::Agent => "an agent",
            Self::Agents => "an agent, or * for everybody's",
            Self::ControlPlane => "*",
        }
    }

    /// The types of entities in the schema.
    fn types(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::Stack => "Stack",
            Self::Stacks => "Stack, ControlPlane",
            Self::Repositories => "Repository, ControlPlane",
            Self::Repository => "Repository",
            Self::Agent => "Agent",
            Self::Agents => "Agent, ControlPlane",
            Self::ControlPlane => "ControlPlane",
        }
    }

    /// What the schema says of them, for people.
    fn comment(self) -> &'static str {
        match self {
            Self::Secret => "On a secret.",
            Self::Stack => "On a stack.",
            Self::Stacks => "On a stack: that one. On the control plane: all of them.",
            Self::Repositories => "On a repository: that one. On the control plane: all of the owner's.",
            Self::Repository => "On one repository.",
            Self::Agent => "On an agent.",
            Self::Agents => "On an agent: that agent's own. On the control plane: everybody's.",
            Self::ControlPlane => "On the control plane as a whole.",
        }
    }

    /// The resource that a person names.
    fn named(self, action: &str, resource: &str) -> Result<Resource, String> {
        let said = |error: NameError| error.to_string();
        let whole = resource == "*";
        match self {
            Self::Stacks | Self::Repositories | Self::Agents | Self::ControlPlane if whole => {
                Ok(Resource::ControlPlane)
            }
            Self::Secret => SecretName::new(resource).map(Resource::Secret).map_err(said),
            Self::Stack | Self::Stacks => StackName::new(resource).map(Resource::Stack).map_err(said),
            Self::Repository if whole => Err(format!(
                "{action} is about one repository; give its name as the resource"
            )),
            Self::Repository | Self::Repositories => {
                RepositoryName::new(resource).map(Resource::Repository).map_err(said)
            }
            Self::Agent | Self::Agents => AgentName::new(resource).map(Resource::Agent).map_err(said),
            Self::ControlPlane => Err(format!(
                "{action} is about the whole control plane; give `*` as the resource"
            )),
        }
    }
}

/// What policies are told of a question beside who asks and of what: its `context`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleContext {
    /// Nothing.
    Nothing,
    /// The stage.
    Stage,
    /// The stage, and who asked for the plan.
    Requester,
    /// The stage, what the plan changes, who asked for it and who approved it.
    Plan,
}

impl RuleContext {
    /// What a rule tells that only knows whether it tells the stage.
    pub fn of_request(staged: bool) -> Self {
        if staged { Self::Stage } else { Self::Nothing }
    }

    /// The type of the context in the schema.
    fn context(self) -> &'static str {
        match self {
            Self::Nothing => "{}",
            Self::Stage => "{ stage: Stage }",
            Self::Requester => "{ stage: Stage, requester: String }",
            Self::Plan => {
                "{
    stage: Stage, requester: String, approvals: Long, approvers: Set<String>,
    adds: Long, modifies: Long, removes: Long, replacements: Long,
    replacesStateful: Bool, deletesStateful: Bool, maybeReplacesStateful: Bool, losesStateful: Bool,
    changesIam: Bool, drifted: Bool, frozen: Bool, express: Bool, firstCreation: Bool,
    unplanned: Bool, unknownChange: Bool, resourceTypes: Set<String>,
  }"
            }
        }
    }
}

/// What policies may say of one action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub action: &'static str,
    /// What it is done to.
    pub on: On,
    /// What policies are told of it.
    pub told: RuleContext,
}

/// The actions that are no requests.
const OWN: [Rule; 30] = [
    Rule {
        action: APPLY_PLAN,
        on: On::Stack,
        told: RuleContext::Plan,
    },
    Rule {
        action: "approvePlan",
        on: On::Stack,
        told: RuleContext::Requester,
    },
    on_stage(CARRY_APPROVAL),
    on_stage("overrideFreeze"),
    on_stage("createStack"),
    own("readDeploys", On::Stacks),
    own("describeStacks", On::Stacks),
    own("readSecret", On::Secret),
    own("fixRepositories", On::Repositories),
    own("sendHeartbeat", On::Agent),
    own("pauseAgent", On::Agent),
    own("readRequests", On::Agents),
    own("readEvents", On::Agents),
    own("listAgents", On::ControlPlane),
    own("manageAgents", On::ControlPlane),
    own("manageWebhooks", On::ControlPlane),
    own("readWebhooks", On::ControlPlane),
    own("listSecrets", On::ControlPlane),
    own("readAudit", On::ControlPlane),
    own("readRepositories", On::ControlPlane),
    own("readPolicies", On::ControlPlane),
    own("readSettings", On::ControlPlane),
    own("readMetrics", On::ControlPlane),
    own("readRevenue", On::ControlPlane),
    own("readHealth", On::ControlPlane),
    own("readAlerts", On::ControlPlane),
    own("manageAlerts", On::ControlPlane),
    own("setMaintenance", On::ControlPlane),
    own("readBillingFigures", On::ControlPlane),
    own("publishAlert", On::ControlPlane),
];

const fn own(action: &'static str, on: On) -> Rule {
    let told = RuleContext::Nothing;
    Rule { action, on, told }
}

const fn on_stage(action: &'static str) -> Rule {
    let (on, told) = (On::Stack, RuleContext::Stage);
    Rule { action, on, told }
}

/// What policies may speak of.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    rules: Vec<Rule>,
    text: String,
    schema: Schema,
}

impl Vocabulary {
    /// These actions of requests, and the control plane's own.
    ///
    /// # Errors
    /// A sentence: a name that cannot be an action's, or is there twice.
    pub fn new(requests: impl IntoIterator<Item = Rule>) -> Result<Self, String> {
        let rules = Self::rules_of(requests)?;
        let text = schema_text(&rules);
        let (schema, _) = Schema::from_cedarschema_str(&text).map_err(|error| error.to_string())?;
        Ok(Self { rules, text, schema })
    }

    /// What may be said of each of them, for those who need no schema: it takes megabytes to read one.
    ///
    /// # Errors
    /// As [`Vocabulary::new`].
    pub fn rules_of(requests: impl IntoIterator<Item = Rule>) -> Result<Vec<Rule>, String> {
        let mut rules: Vec<Rule> = requests.into_iter().chain(OWN).collect();
        let mut seen = BTreeSet::new();
        for rule in &rules {
            let name = rule.action;
            let fits = name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
                && name.len() <= 64;
            if !fits {
                return Err(format!(
                    "{name:?} is no action's name: a letter, then letters, digits, `_` and `.`, 64 at most"
                ));
            }
            if !seen.insert(name) {
                return Err(format!("action {name:?} is there twice"));
            }
        }
        // By what they are done to, as people are shown them; among those of one kind in the order they came.
        rules.sort_by_key(|rule| match rule.on {
            On::Stack | On::Stacks => On::Stack,
            On::Repositories | On::Repository => On::Repositories,
            On::Agent | On::Agents => On::Agent,
            other => other,
        });
        Ok(rules)
    }

    /// What may be said of each action.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The schema that policies are validated against, as Cedar.
    pub fn schema_text(&self) -> &str {
        &self.text
    }

    /// The same, parsed.
    pub(super) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// What a person asks with three words. `resource` is a secret's name, a stack without its stage, a repository or
    /// an agent, as the action wants it; `*` means everybody or the whole control plane. Asked of `applyPlan`, the plan
    /// changes nothing and nobody approved it; it, and the one of `approvePlan`, was asked for by somebody whom no policy
    /// means.
    ///
    /// # Errors
    /// A sentence on what cannot be asked.
    pub fn access(&self, action: &str, resource: &str, stage: &Stage) -> Result<Access, String> {
        let Some(rule) = self.rules.iter().find(|rule| rule.action == action) else {
            let known: Vec<&str> = self.rules.iter().map(|rule| rule.action).collect();
            return Err(format!(
                "action {action:?} does not exist; use one of: {}",
                known.join(", ")
            ));
        };
        let on = rule.on.named(action, resource)?;
        let of_a_plan = match &on {
            Resource::Stack(stack) => of_a_plan(action, stack, stage).map_err(|error| error.to_string())?,
            _ => None,
        };
        let own = of_a_plan.or_else(|| Access::own(action, on.clone()));
        Ok(own.unwrap_or_else(|| Access::Request {
            action: rule.action,
            on,
            stage: (rule.told != RuleContext::Nothing).then(|| stage.clone()),
        }))
    }
}

/// A question about plans.
fn of_a_plan(action: &str, stack: &StackName, stage: &Stage) -> Result<Option<Access>, NameError> {
    let (stack, stage) = (stack.clone(), stage.clone());
    Ok(Some(match action {
        APPLY_PLAN => Access::ApplyPlan {
            stack,
            stage,
            context: Box::new(PlanContext {
                requester: SOMEBODY.to_owned(),
                ..PlanContext::default()
            }),
        },
        "approvePlan" => Access::ApprovePlan {
            stack,
            stage,
            requester: AgentName::new(SOMEBODY)?,
        },
        CARRY_APPROVAL => Access::CarryApproval { stack, stage },
        "overrideFreeze" => Access::OverrideFreeze { stack, stage },
        "createStack" => Access::CreateStack { stack, stage },
        _ => return Ok(None),
    }))
}

fn schema_text(rules: &[Rule]) -> String {
    let mut text = ENTITIES.to_owned();
    let mut written: Vec<(On, RuleContext)> = Vec::new();
    for rule in rules {
        let kind = (rule.on, rule.told);
        if written.contains(&kind) {
            continue;
        }
        written.push(kind);
        let alike = rules.iter().filter(|other| (other.on, other.told) == kind);
        let names: Vec<String> = alike.map(|rule| quoted(rule.action)).collect();
        let context = rule.told.context();
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\n// {}\naction {} appliesTo {{\n  principal: [Agent, Admin, Observer], resource: [{}], context: {context},\n}};\n",
            rule.on.comment(),
            names.join(", "),
            rule.on.types(),
        );
    }
    text
}

/// A name as the schema has it: in quotes, where it is no identifier.
fn quoted(action: &str) -> String {
    if action.contains('.') {
        format!("{action:?}")
    } else {
        action.to_owned()
    }
}
