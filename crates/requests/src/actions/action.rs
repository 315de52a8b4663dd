//! An action: all that the control plane knows of it, in one value; and a command, which is one request of it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::Stage;
use cc_devops_kernel::outcome::Failure;
use cc_devops_policy::{Access, On, Rule, RuleContext};
use serde_json::{Map, Value};

use super::effect::Effect;
use super::params::{Param, Params};

/// An action: its names, its parameters, its place in the policies, and how it is carried out. Everything that speaks
/// of actions (admission, the policies' schema, the description of the API, the tables of the documents, the
/// command line) reads it here.
pub struct Action {
    /// Its name on the wire and in policies: a letter, then letters, digits, `_` and `.`, at most 64.
    pub name: &'static str,
    /// What it does, as one sentence for people.
    pub summary: &'static str,
    /// The parameters that it takes; any other is refused.
    pub params: &'static [Param],
    /// What it is done to, as policies name that.
    pub on: On,
    /// Whether policies are told the stage, as `context.stage`.
    pub staged: bool,
    /// Which way it goes.
    pub carrying: Carrying,
    /// Reads the parameters. No message shows a value.
    pub read: Read,
}

/// Makes an effect of a request's parameters, or says what is wrong with them.
pub type Read = fn(Params, &Asked<'_>) -> Result<Box<dyn Effect>, Failure>;

/// Which way an action is carried out, and where one looks for what goes on elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrying {
    /// In the transaction that takes it in, where the store can do that; else under its claim.
    AtOnce,
    /// Under its claim, which is renewed.
    UnderClaim,
    /// Parked while its stack changes; the request holds the stack.
    StackChange,
    /// By what looks after repositories: under its claim where that is this process, else parked.
    Repositories,
}

impl Carrying {
    /// The same for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AtOnce => "at once where the store can, else under its claim",
            Self::UnderClaim => "under its claim",
            Self::StackChange => "parked while the stack changes",
            Self::Repositories => "under its claim; on AWS parked while the function for repositories works",
        }
    }
}

/// What the parameters are read with.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The names of this installation.
    pub installation: &'a Installation,
    /// The request's stage.
    pub stage: &'a Stage,
}

impl Action {
    /// Its name on the wire.
    pub fn as_str(&self) -> &'static str {
        self.name
    }

    /// What policies may say of it.
    pub fn rule(&self) -> Rule {
        Rule {
            action: self.name,
            on: self.on,
            told: RuleContext::of_request(self.staged),
        }
    }

    /// The command that these parameters make of it.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn command(&'static self, params: Map<String, Value>, asked: &Asked<'_>) -> Result<Command, Failure> {
        let params = Params::new(self.name, self.params, params)?;
        let effect: Arc<dyn Effect> = (self.read)(params, asked)?.into();
        Ok(Command {
            action: self,
            stage: effect.stage().unwrap_or(asked.stage).clone(),
            effect,
        })
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Action").field(&self.name).finish()
    }
}

impl PartialEq for Action {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Action {}

/// What a request asks for, checked.
#[derive(Clone)]
pub struct Command {
    action: &'static Action,
    stage: Stage,
    effect: Arc<dyn Effect>,
}

impl Command {
    /// The action.
    pub fn action(&self) -> &'static Action {
        self.action
    }

    /// The stage it is carried out on: the one that the parameters name, else the request's.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// What the policies are asked about the action itself.
    pub fn access(&self) -> Access {
        Access::Request {
            action: self.action.name,
            on: self.effect.resource(),
            stage: self.action.staged.then(|| self.stage.clone()),
        }
    }

    /// All that the policies are asked.
    pub fn accesses(&self) -> Vec<Access> {
        let mut all = vec![self.access()];
        all.extend(self.effect.also_asks());
        all
    }

    /// What it is carried out on: the secret's name, the stack's full name, or the repository's; `*` for all
    /// repositories.
    pub fn resource(&self) -> String {
        self.access().resource()
    }

    /// What it does.
    pub fn effect(&self) -> &dyn Effect {
        &*self.effect
    }

    /// What it does, where that is an `E`.
    pub fn as_effect<E: Effect>(&self) -> Option<&E> {
        let effect: &dyn Any = &*self.effect;
        effect.downcast_ref()
    }
}
