//! Every name that a policy writes down, held to what it names.
//!
//! Cedar takes any text for an entity's id. A `forbid` on `Stage::"Prod"` or on a secret without its first slash is
//! valid to it and forbids nothing. So each id is checked as the name it stands for is checked where it enters, and
//! the stages and the namespace are those of this installation.

use std::str::FromStr;

use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::{AgentName, NameError, RepositoryName, SecretName, SecretPrefix, StackName, Stage};
use cc_devops_kernel::text::nearest;
use cedar_policy::{EntityUid, PolicySet};

use crate::problem::PolicyProblem;

/// The id of the one control plane.
pub(super) const CONTROL_PLANE: &str = "devops";

/// What is wrong with the entities that a file's policies name.
pub(super) fn check(file: &str, text: &str, policies: &PolicySet, installation: &Installation) -> Vec<PolicyProblem> {
    let mut wrong: Vec<(EntityUid, String)> = Vec::new();
    for uid in policies.policies().flat_map(cedar_policy::Policy::entity_literals) {
        if let Err(problem) = fits(&uid, installation)
            && !wrong.iter().any(|(known, _)| *known == uid)
        {
            wrong.push((uid, problem));
        }
    }
    let written = written(text);
    let mut problems = Vec::new();
    for (uid, problem) in wrong {
        let mut places = written.iter().filter(|(_, there)| *there == uid).peekable();
        let problem = |line| PolicyProblem {
            file: file.to_owned(),
            line,
            problem: format!("{uid}: {problem}"),
        };
        if places.peek().is_none() {
            problems.push(problem(None));
        }
        problems.extend(places.map(|(line, _)| problem(Some(*line))));
    }
    problems.sort_by_key(|problem| problem.line);
    problems
}

/// An agent that a policy names, and where.
pub(super) struct NamedAgent {
    file: String,
    line: Option<usize>,
    uid: EntityUid,
    name: AgentName,
}

/// The agents that a file's policies name.
pub(super) fn agents(file: &str, text: &str, policies: &PolicySet) -> Vec<NamedAgent> {
    let mut named: Vec<NamedAgent> = Vec::new();
    let written = written(text);
    for uid in policies.policies().flat_map(cedar_policy::Policy::entity_literals) {
        let kind = uid.type_name().to_string();
        let is_agent = matches!(kind.as_str(), "Agent" | "Admin" | "Observer");
        let Some(name) = is_agent.then(|| AgentName::new(uid.id().unescaped()).ok()).flatten() else {
            continue;
        };
        let line = written.iter().find(|(_, there)| *there == uid).map(|(line, _)| *line);
        if !named.iter().any(|known| known.uid == uid) {
            let file = file.to_owned();
            named.push(NamedAgent { file, line, uid, name });
        }
    }
    named
}

impl NamedAgent {
    /// What is wrong with it, where these are the agents that there are: a name that only differs from another's in
    /// its case or its dashes can never be an agent's, for the other has it.
    pub(super) fn among(&self, known: &[AgentName]) -> Option<PolicyProblem> {
        if known.contains(&self.name) {
            return None;
        }
        let other = known.iter().find(|other| other.collides_with(&self.name))?;
        let kind = self.uid.type_name();
        Some(PolicyProblem {
            file: self.file.clone(),
            line: self.line,
            problem: format!(
                "{}: there is no such agent, and there will be none beside {other}; did you mean {kind}::{:?}?",
                self.uid,
                other.as_str()
            ),
        })
    }
}

/// Whether an entity can exist here.
///
/// # Errors
/// What it would have to be, and what may have been meant.
fn fits(uid: &EntityUid, installation: &Installation) -> Result<(), String> {
    let kind = uid.type_name().to_string();
    let id = uid.id().unescaped();
    let meant = |other: &str| format!("; did you mean {kind}::{other:?}?");
    match kind.as_str() {
        "Agent" | "Admin" | "Observer" => AgentName::new(id).map(drop).map_err(|error| {
            let near = id.strip_prefix("agent.").and_then(|name| AgentName::new(name).ok());
            error.to_string() + &near.map_or_else(String::new, |near| meant(near.as_str()))
        }),
        "Stage" => stage(id, installation).map_err(|(problem, near)| match near {
            Some(near) => problem + &meant(near.as_str()),
            None => problem,
        }),
        "Stack" => match stack(id, installation) {
            Ok(()) => Ok(()),
            Err((problem, Some(near))) => Err(problem + &meant(&near)),
            Err((problem, None)) => Err(problem),
        },
        "Secret" => {
            let checked = SecretName::new(id).and_then(|name| within(name.as_str(), installation));
            checked.map_err(|error| {
                if id.ends_with('/') && SecretPrefix::new(id).is_ok() {
                    return format!("{error}; did you mean SecretPrefix::{id:?}, with `in` before it?");
                }
                let near = secret_near(id, installation).filter(|near| SecretName::new(near.as_str()).is_ok());
                error.to_string() + &near.map_or_else(String::new, |near| meant(&near))
            })
        }
        "SecretPrefix" => {
            let checked = SecretPrefix::new(id).and_then(|prefix| within(prefix.as_str(), installation));
            checked.map_err(|error| {
                let near = secret_near(id, installation).map(|near| format!("{}/", near.trim_end_matches('/')));
                let near = near.filter(|near| SecretPrefix::new(near.as_str()).is_ok());
                error.to_string() + &near.map_or_else(String::new, |near| meant(&near))
            })
        }
        "Repository" => RepositoryName::new(id).map(drop).map_err(|error| {
            let name = id.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            let near = RepositoryName::new(name.trim_end_matches(".git")).ok();
            error.to_string() + &near.map_or_else(String::new, |near| meant(near.as_str()))
        }),
        "ControlPlane" if id != CONTROL_PLANE => {
            Err(format!("there is one control plane alone{}", meant(CONTROL_PLANE)))
        }
        // Of actions and of types that do not exist the schema takes care.
        _ => Ok(()),
    }
}

fn stage(id: &str, installation: &Installation) -> Result<(), (String, Option<Stage>)> {
    installation.stages.find(id).map(drop).map_err(|problem| {
        let known: Vec<&str> = installation.stages.iter().map(Stage::as_str).collect();
        let near = nearest(&id.to_ascii_lowercase(), &known).and_then(|near| Stage::new(near).ok());
        (problem, near)
    })
}

/// A stack is named without its stage: the stage is part of the question.
fn stack(id: &str, installation: &Installation) -> Result<(), (String, Option<String>)> {
    let bare = installation.stages.iter().find_map(|stage| {
        let bare = id.strip_suffix(stage.as_str())?.strip_suffix('-')?;
        StackName::new(bare).ok()
    });
    match (StackName::new(id), bare) {
        (Err(error), _) => Err((error.to_string(), None)),
        (Ok(_), Some(bare)) => Err((
            "a stack is named without its stage, which a policy asks of `context.stage`".to_owned(),
            Some(bare.to_string()),
        )),
        (Ok(_), None) => Ok(()),
    }
}

/// Whether a path lies under this installation's namespace.
fn within(path: &str, installation: &Installation) -> Result<(), NameError> {
    let namespace = format!("/{}/", installation.namespace);
    if path.starts_with(&namespace) {
        return Ok(());
    }
    Err(NameError::new(format!(
        "no secret of this installation lies outside {namespace}"
    )))
}

/// The path that may have been meant: with its first slash, each slash once, in this installation's namespace.
fn secret_near(id: &str, installation: &Installation) -> Option<String> {
    let namespace = installation.namespace.as_str();
    let mut segments: Vec<&str> = id.split('/').filter(|segment| !segment.is_empty()).collect();
    let first = segments.first_mut()?;
    if first.eq_ignore_ascii_case(namespace) {
        *first = namespace;
    } else if !id.starts_with('/') {
        segments.insert(0, namespace);
    } else {
        return None;
    }
    Some(format!("/{}", segments.join("/")))
}

/// Every entity that the text writes down, with its line. Comments and other texts are passed over.
fn written(text: &str) -> Vec<(usize, EntityUid)> {
    let mut found = Vec::new();
    let mut path = String::new();
    let mut line = 1;
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        match c {
            '\n' => line += 1,
            '/' if rest.next_if(|(_, next)| *next == '/').is_some() => {
                while rest.next_if(|(_, next)| *next != '\n').is_some() {}
            }
            '"' => {
                let begun = line;
                let mut end = at + 1;
                while let Some((place, inner)) = rest.next() {
                    end = place + inner.len_utf8();
                    match inner {
                        '\\' => line += usize::from(rest.next().is_some_and(|(_, escaped)| escaped == '\n')),
                        '\n' => line += 1,
                        '"' => break,
                        _ => {}
                    }
                }
                let literal = path.ends_with("::").then(|| text.get(at..end)).flatten();
                let uid = literal.and_then(|literal| EntityUid::from_str(&format!("{path}{literal}")).ok());
                found.extend(uid.map(|uid| (begun, uid)));
                path.clear();
            }
            ':' if rest.next_if(|(_, next)| *next == ':').is_some() => path.push_str("::"),
            c if c.is_alphanumeric() || c == '_' => {
                // A word after another without `::` between them is the next one's beginning.
                if !path.ends_with("::") {
                    path.clear();
                }
                path.push(c);
                while let Some((_, next)) = rest.next_if(|(_, next)| next.is_alphanumeric() || *next == '_') {
                    path.push(next);
                }
            }
            c if c.is_whitespace() => {}
            _ => path.clear(),
        }
    }
    found
}

#[cfg(test)]
mod tests;
