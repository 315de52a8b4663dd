//! An agent's row in the table, the rows of its tokens, and the rows that keep its name its own.

use std::collections::BTreeMap;

use cc_devops_fleet::{AgentStatus, Beat, NewAgent, NewToken, TokenHash};
use cc_devops_kernel::agent::Agent;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::names::{AgentName, SecretPrefix, StackName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::table::{Item, key, text};

/// The partition of the agents.
pub(super) const AGENTS: &str = "AGENTS";

/// An agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AgentRow {
    #[serde(rename = "PK")]
    pk: String,
    #[serde(rename = "SK")]
    sk: String,
    pub(super) name: AgentName,
    role: Role,
    secret_prefixes: Vec<SecretPrefix>,
    stacks: Vec<StackName>,
    pub(super) created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) revoked_at: Option<Timestamp>,
    /// Its tokens' hashes in hex, and until when each is good.
    pub(super) tokens: BTreeMap<String, Option<Timestamp>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_beat: Option<Beat>,
    /// Grows with every change of the tokens: who changes them has read the newest.
    pub(super) revision: u64,
}

/// Whose a token is. Whether it is good stands in the agent's row.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TokenRow {
    #[serde(rename = "PK")]
    pk: String,
    #[serde(rename = "SK")]
    sk: String,
    pub(super) agent: AgentName,
}

impl AgentRow {
    /// A new agent's, without a token.
    pub(super) fn new(new: &NewAgent) -> Self {
        let agent = new.agent.clone();
        Self {
            pk: AGENTS.to_owned(),
            sk: agent.name.to_string(),
            name: agent.name,
            role: agent.role,
            secret_prefixes: agent.secret_prefixes,
            stacks: agent.stacks,
            created_at: new.created_at,
            revoked_at: None,
            tokens: BTreeMap::new(),
            last_beat: None,
            revision: 0,
        }
    }

    /// An agent's that was enabled without having been added here: it has what every agent has.
    pub(super) fn plain(name: &AgentName, created_at: Timestamp) -> Self {
        Self::new(&NewAgent {
            agent: plain(name),
            created_at,
        })
    }

    pub(super) fn agent(self) -> Agent {
        Agent {
            name: self.name,
            role: self.role,
            secret_prefixes: self.secret_prefixes,
            stacks: self.stacks,
        }
    }

    pub(super) fn status(self) -> AgentStatus {
        AgentStatus {
            created_at: self.created_at,
            revoked_at: self.revoked_at,
            last_beat: self.last_beat.clone(),
            agent: self.agent(),
        }
    }

    /// Whether it stands as `added` was written, whatever the agent said of its life since.
    pub(super) fn is_addition(&self, added: &Self) -> bool {
        let without_beat = Self {
            last_beat: added.last_beat.clone(),
            ..self.clone()
        };
        without_beat == *added
    }

    /// Whether a token is good.
    pub(super) fn takes(&self, token: &TokenHash, now: Timestamp) -> bool {
        let until = self.tokens.get(&hex::encode(token.0));
        self.revoked_at.is_none() && until.is_some_and(|until| until.is_none_or(|until| now < until))
    }

    /// Gives it a new token; the older ones end at `old_until`. Those that have ended are no longer
    /// listed, so a clock that goes back does not bring them to life; they are returned. Nothing where it has the
    /// token already.
    pub(super) fn rotate(&mut self, token: &NewToken, old_until: Timestamp) -> Option<Vec<String>> {
        let now = token.created_at;
        let hash = hex::encode(token.hash.0);
        if self.tokens.contains_key(&hash) {
            return None;
        }
        let mut ended = Vec::new();
        self.tokens.retain(|hash, until| {
            let end = until.map_or(old_until, |until| until.min(old_until));
            *until = Some(end);
            if end <= now {
                ended.push(hash.clone());
            }
            end > now
        });
        self.tokens.insert(hash, None);
        self.revoked_at = None;
        self.revision += 1;
        Some(ended)
    }

    /// Ends all of its tokens; they are returned. Nothing where it is revoked already.
    pub(super) fn revoke(&mut self, at: Timestamp) -> Option<Vec<String>> {
        if self.revoked_at.is_some() {
            return None;
        }
        self.revoked_at = Some(at);
        self.revision += 1;
        Some(std::mem::take(&mut self.tokens).into_keys().collect())
    }
}

impl TokenRow {
    pub(super) fn new(hash: &TokenHash, agent: &AgentName) -> Self {
        Self {
            pk: token_pk(&hex::encode(hash.0)),
            sk: TOKEN.to_owned(),
            agent: agent.clone(),
        }
    }
}

const TOKEN: &str = "TOKEN";
const NAME: &str = "NAME";

/// An agent with what every agent has.
pub(crate) fn plain(name: &AgentName) -> Agent {
    Agent {
        name: name.clone(),
        role: Role::Agent,
        secret_prefixes: Vec::new(),
        stacks: Vec::new(),
    }
}

/// The key of an agent's row.
pub(super) fn agent_key(name: &AgentName) -> Item {
    key(AGENTS, name.as_str())
}

/// What no two agents may share, as rows of one agent each; see [`AgentName::collides_with`].
pub(super) fn claims(name: &AgentName) -> [Item; 2] {
    let folded = [
        format!("NAME#{}", name.as_str().to_ascii_lowercase()),
        format!("NAME#stack/{}", name.own_stack()),
    ];
    folded.map(|folded| {
        let mut item = key(folded, NAME);
        item.insert("name".to_owned(), text(name.as_str()));
        item
    })
}

/// The key of a token's row, by the hash in hex.
pub(super) fn token_key(hash: &str) -> Item {
    key(token_pk(hash), TOKEN)
}

fn token_pk(hash: &str) -> String {
    format!("TOKEN#{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> AgentName {
        AgentName::new(name).unwrap()
    }

    #[test]
    fn names_that_collide_share_a_claim_and_others_do_not() {
        let names = [
            "FooBar", "foobar", "foo-bar", "Foo_Bar", "FOOBar", "F-oo", "Foo", "A1b", "a1-B",
        ]
        .map(name);
        let pks = |name: &AgentName| claims(name).map(|claim| claim.get("PK").cloned());
        for one in &names {
            for other in &names {
                let shared = pks(one).iter().any(|claim| pks(other).contains(claim));
                assert_eq!(one.collides_with(other), shared, "{one} and {other}");
            }
        }
    }

    #[test]
    fn a_token_ends_once() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let token = |number: u8, second| NewToken {
            hash: TokenHash([number; 32]),
            created_at: at(second),
        };
        let mut row = AgentRow::plain(&name("A"), at(0));
        let ended = |ended: Option<Vec<String>>| ended.map(|ended| ended.len());
        assert_eq!(ended(row.rotate(&token(1, 0), at(100))), Some(0));
        assert_eq!(
            ended(row.rotate(&token(2, 10), at(100))),
            Some(0),
            "the first goes on for a while"
        );
        assert_eq!(
            row.rotate(&token(2, 10), at(10)),
            None,
            "the same again changes nothing"
        );
        assert!(row.takes(&TokenHash([1; 32]), at(99)) && !row.takes(&TokenHash([1; 32]), at(100)));
        assert_eq!(ended(row.rotate(&token(3, 20), at(20))), Some(2), "both end at once");
        assert_eq!(row.tokens.len(), 1);
        assert_eq!(ended(row.revoke(at(30))), Some(1));
        assert_eq!(row.revoke(at(40)), None);
        assert_eq!(row.revoked_at, Some(at(30)), "revoked since the first time");
    }
}
