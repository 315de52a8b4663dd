//! What an installation tells by name, as a parameter store has it: which agents are enabled, and how it is called.
//!
//! The list of enabled agents is the register itself. Whoever writes it adds names; a name that a writer does not know
//! of, because another one came first, stays. It is taken away by revoking the agent, and a name that was revoked does
//! not come back by being written.

use std::collections::BTreeSet;

use cc_devops_kernel::acts::{ActError, Actor};
use cc_devops_kernel::agent::{Agent, Role};
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_kernel::ports::{
    Content, PortError, PortErrorKind, PortResult, Record, RecordKey, RecordKind, StateChange,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ports::EnrolmentPorts;
use crate::{Enrolment, Token};

/// How often it is tried where others write at the same time.
const TRIES: usize = 10;

/// How many agents are read at once.
const PAGE: usize = 500;

/// How many agents one write adds at most.
pub const MOST_ADDED: usize = 50;

/// How a parameter's value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// A text.
    Text,
    /// Texts with commas between them.
    List,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, a path.
    pub name: String,
    /// How its value is read.
    pub kind: ParameterKind,
    /// Its value.
    pub value: String,
    /// 1, and one more each time it was found to be another one.
    pub version: u64,
    /// When it was first found so.
    pub changed_at: Timestamp,
}

/// Why a parameter was not written.
#[derive(Debug)]
pub enum NotWritten {
    /// There is no such parameter, and none can be made.
    NoSuch,
    /// It says how the installation is configured.
    ReadOnly,
    /// It is there, and was not to be written over.
    Exists,
    /// Whoever asks may not, or what is written cannot be.
    Act(ActError),
}

impl From<PortError> for NotWritten {
    fn from(error: PortError) -> Self {
        Self::Act(error.into())
    }
}

/// Which version of a parameter is known.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Known {
    /// The SHA-256 of its value.
    digest: String,
    changed_at: Timestamp,
}

/// The parameters of an installation.
#[derive(Clone, Copy)]
pub struct Parameters<'a> {
    /// Which agents there are, how one is added, and where it is kept which version of each parameter is known.
    pub ports: EnrolmentPorts<'a>,
    /// How the installation is called.
    pub installation: &'a Installation,
}

/// Which parameter is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ParameterId {
    Enabled,
    Agent,
    Namespace,
    Stages,
}

impl ParameterId {
    const ALL: [Self; 4] = [Self::Enabled, Self::Agent, Self::Namespace, Self::Stages];

    fn name(self, installation: &Installation) -> String {
        let path = match self {
            Self::Enabled => "agents/enabled",
            Self::Agent => "installation/agent",
            Self::Namespace => "installation/namespace",
            Self::Stages => "installation/stages",
        };
        format!("/{}/{path}", installation.namespace)
    }

    fn kind(self) -> ParameterKind {
        match self {
            Self::Enabled | Self::Agent | Self::Namespace => ParameterKind::Text,
            Self::Stages => ParameterKind::List,
        }
    }
}

impl Parameters<'_> {
    /// The parameter of that name; none where there is none.
    ///
    /// # Errors
    /// What the store says.
    pub async fn find(&self, name: &str) -> PortResult<Option<Parameter>> {
        match self.id_of(name) {
            Some(id) => self.parameter(id).await.map(Some),
            None => Ok(None),
        }
    }

    /// The parameters below a path, by name: right below it, or however deep.
    ///
    /// # Errors
    /// What the store says.
    pub async fn below(&self, path: &str, deep: bool) -> PortResult<Vec<Parameter>> {
        let path = format!("{}/", path.trim_end_matches('/'));
        let mut found = Vec::new();
        for id in ParameterId::ALL {
            let name = id.name(self.installation);
            let Some(rest) = name.strip_prefix(&path) else { continue };
            if deep || !rest.contains('/') {
                found.push(self.parameter(id).await?);
            }
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// Writes a parameter: the names that the list of enabled agents has not yet are added to it, as agents without
    /// rights of their own and with tokens that nobody knows; an operator gives them others. `token` makes one. The
    /// version by then.
    ///
    /// # Errors
    /// See [`NotWritten`]. Names that were added before it failed stay.
    pub async fn write(
        &self,
        (name, value): (&str, &str),
        overwrite: bool,
        actor: Actor<'_>,
        token: impl Fn() -> PortResult<Token> + Send + Sync,
    ) -> Result<u64, NotWritten> {
        match self.id_of(name) {
            None => return Err(NotWritten::NoSuch),
            Some(_) if !overwrite => return Err(NotWritten::Exists),
            Some(ParameterId::Agent | ParameterId::Namespace | ParameterId::Stages) => {
                return Err(NotWritten::ReadOnly);
            }
            Some(ParameterId::Enabled) => {}
        }
        let mut new = names(value)?;
        let (enabled, revoked) = self.register().await?;
        // Who wrote a name that was revoked meanwhile had read an older list.
        new.retain(|name| !enabled.contains(name) && !revoked.contains(name));
        if new.len() > MOST_ADDED {
            let message = format!(
                "{} names are new in it, and one write adds {MOST_ADDED} at most; add agents with \
                 `cc-devops agents add`",
                new.len()
            );
            return Err(refused(message));
        }
        let enrolment = Enrolment::new(self.ports, self.installation, actor);
        for name in new {
            let agent = Agent {
                name: name.clone(),
                role: Role::Agent,
                secret_prefixes: Vec::new(),
                stacks: Vec::new(),
            };
            let added = enrolment.add(agent, &token()?).await;
            let exists = matches!(&added, Err(ActError::Port(error)) if error.kind == PortErrorKind::Exists);
            // Where another writer was quicker, it is there as it was to be.
            if !exists || self.ports.agents.find(&name).await?.is_none() {
                added.map_err(NotWritten::Act)?;
            }
        }
        Ok(self.parameter(ParameterId::Enabled).await?.version)
    }

    fn id_of(&self, name: &str) -> Option<ParameterId> {
        let mut all = ParameterId::ALL.into_iter();
        all.find(|id| id.name(self.installation) == name)
    }

    async fn parameter(&self, id: ParameterId) -> PortResult<Parameter> {
        let installation = self.installation;
        let value = match id {
            ParameterId::Enabled => joined(self.register().await?.0),
            ParameterId::Agent => installation.agent.to_string(),
            ParameterId::Namespace => installation.namespace.to_string(),
            ParameterId::Stages => joined(installation.stages.iter()),
        };
        let name = id.name(installation);
        let (version, changed_at) = self.version(&name, &value).await?;
        Ok(Parameter {
            name,
            kind: id.kind(),
            value,
            version,
            changed_at,
        })
    }

    /// Who is not revoked, the control plane itself among them, and who is.
    async fn register(&self) -> PortResult<(BTreeSet<AgentName>, BTreeSet<AgentName>)> {
        let mut enabled = BTreeSet::from([self.installation.agent.clone()]);
        let mut revoked = BTreeSet::new();
        let mut after = None;
        loop {
            let page = self.ports.agents.page(after.as_ref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|last| last.agent.name.clone());
            for status in page {
                match status.revoked_at {
                    None => enabled.insert(status.agent.name),
                    Some(_) => revoked.insert(status.agent.name),
                };
            }
            if is_last {
                return Ok((enabled, revoked));
            }
        }
    }

    /// Which version a value is of, and since when. One that is not the known one is the next.
    async fn version(&self, name: &str, value: &str) -> PortResult<(u64, Timestamp)> {
        let digest = hex::encode(Sha256::digest(value));
        let key = RecordKey::new(RecordKind::Parameter, name);
        for _ in 0..TRIES {
            let record = self.ports.state.read_one(&key).await?;
            let version = record.as_ref().map_or(0, |record| record.version);
            let known = record.as_ref().map(known).transpose()?;
            if let Some(known) = known.filter(|known| known.digest == digest) {
                return Ok((version, known.changed_at));
            }
            let next = Known {
                digest: digest.clone(),
                changed_at: self.ports.clock.now(),
            };
            let body = serde_json::to_string(&next).map_err(|error| {
                PortError::new(
                    PortErrorKind::Corrupt,
                    "a parameter's version cannot be written as JSON",
                )
                .because(error)
            })?;
            let change = StateChange {
                key: key.clone(),
                version,
                content: Some(Content {
                    due_at: None,
                    list: None,
                    body,
                }),
            };
            match self.ports.state.write(&[change], None).await {
                Ok(()) => return Ok((version + 1, next.changed_at)),
                Err(error) if error.kind == PortErrorKind::Superseded => {}
                Err(error) => return Err(error),
            }
        }
        Err(PortError::new(
            PortErrorKind::Unavailable,
            format!("the parameter {name} changes all the time; try again"),
        ))
    }
}

fn known(record: &Record) -> PortResult<Known> {
    serde_json::from_str(&record.content.body).map_err(|error| {
        let message = format!("the version of the parameter {} cannot be read", record.key.name);
        PortError::new(PortErrorKind::Corrupt, message).because(error)
    })
}

fn joined(names: impl IntoIterator<Item = impl ToString>) -> String {
    let names = names.into_iter().map(|name| name.to_string());
    names.collect::<Vec<_>>().join(",")
}

/// The names in a text, each once; of the text itself nothing is told.
fn names(text: &str) -> Result<Vec<AgentName>, NotWritten> {
    let mut names = BTreeSet::new();
    for (place, name) in text.split(',').map(str::trim).enumerate() {
        if name.is_empty() {
            continue;
        }
        let name = AgentName::new(name).map_err(|error| {
            refused(format!(
                "the value must be agents' names with commas between them; number {} is none: {error}",
                place + 1
            ))
        })?;
        names.insert(name);
    }
    Ok(names.into_iter().collect())
}

fn refused(message: String) -> NotWritten {
    NotWritten::Act(Failure::new(Reason::InvalidParameter, message).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_between_commas_however_they_were_written() {
        let read = |text: &str| names(text).map(joined);
        assert_eq!(read("B, A,,A ,").unwrap(), "A,B");
        assert_eq!(read("").unwrap(), "");
        let refused = read("A,two words").unwrap_err();
        let NotWritten::Act(ActError::Refused(failure)) = refused else {
            unreachable!("{refused:?}")
        };
        assert!(
            failure.message.contains("number 2") && !failure.message.contains("two words"),
            "{}",
            failure.message
        );
    }
}
