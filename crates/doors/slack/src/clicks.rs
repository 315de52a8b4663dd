//! Whether Slack sent it, and what follows.

use std::sync::Arc;
use std::time::Duration;

use cc_devops_kernel::ports::{Clock, PortError, PortErrorKind, PortResult, SecretStore};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_kernel::signing::SigningSecrets;
use cc_devops_notify::slack_click::{self, Click, NoInteraction};
use cc_devops_notify::slack_request::{NotSlack, SlackRequests};
use cc_devops_notify::{Channel, Value, Variables};
use cc_devops_requests::engine::ControlPlane;

use crate::answers::{Answer, Answers};
use crate::deciding::decide;

/// The header that says when a request was signed, in lower case.
pub const TIMESTAMP_HEADER: &str = "x-slack-request-timestamp";

/// The header that holds the signature, in lower case.
pub const SIGNATURE_HEADER: &str = "x-slack-signature";

/// How long a decision may take: Slack waits for 3 seconds, and the answer takes its part of it.
const LONGEST: Duration = Duration::from_millis(1_300);

/// Where signing secrets are read.
pub struct SigningParts {
    /// The vault.
    pub secrets: Arc<dyn SecretStore>,
    /// The environment.
    pub variables: Variables,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// A Slack app's signing secret.
enum Signing {
    /// In the vault; the one before counts too, so that it can be replaced without losing a click.
    Kept(SigningSecrets),
    /// In an environment variable.
    Given(String),
}

/// Takes clicks.
pub struct SlackClicks {
    signing: Vec<Signing>,
    variables: Variables,
    clock: Arc<dyn Clock>,
    requests: SlackRequests,
    answers: Arc<dyn Answers>,
}

/// Why a request is not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// Slack did not send it, or nobody can tell.
    #[error(transparent)]
    NotSlack(#[from] NotSlack),
    /// Slack sent it, and it is no interaction.
    #[error(transparent)]
    NoInteraction(#[from] NoInteraction),
    /// `NotFound` where the signing secret is missing, `Timeout` where Slack would not wait for the decision, and what
    /// another port says.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What the signatures say.
enum Proven {
    /// Slack sent it.
    New,
    /// It was taken before.
    Again,
}

impl SlackClicks {
    /// For the channels that have buttons; none where none has. Nothing is read yet.
    pub fn of(channels: &[Channel], parts: SigningParts, answers: Arc<dyn Answers>) -> Option<Self> {
        let SigningParts {
            secrets,
            variables,
            clock,
        } = parts;
        let mut named: Vec<&Value> = Vec::new();
        for value in channels.iter().filter_map(Channel::clicks_signed_with) {
            if !named.contains(&value) {
                named.push(value);
            }
        }
        let signing: Vec<Signing> = named
            .into_iter()
            .filter_map(|value| match value {
                Value::Secret(name) => Some(Signing::Kept(SigningSecrets::new(
                    Arc::clone(&secrets),
                    name.clone(),
                    Arc::clone(&clock),
                ))),
                Value::Env(variable) => Some(Signing::Given(variable.clone())),
                // A channel's settings take none in the file.
                Value::Plain(_) => None,
            })
            .collect();
        (!signing.is_empty()).then_some(Self {
            signing,
            variables,
            clock,
            requests: SlackRequests::default(),
            answers,
        })
    }

    /// Whether the headers could be Slack's, so that it is worth the while to read the body.
    ///
    /// # Errors
    /// They are not.
    pub fn admits(&self, timestamp: Option<&str>, signature: Option<&str>) -> Result<(), NotTaken> {
        let good = timestamp.is_some_and(|at| at.parse::<i64>().is_ok())
            && signature.is_some_and(|signature| signature.starts_with("v0="));
        if good { Ok(()) } else { Err(NotSlack::Form.into()) }
    }

    /// Takes a request: its two headers, and its body as it came. What is to be answered, by [`SlackClicks::answer`]; none
    /// where it is of no button of ours, or was taken before. Nothing is carried out.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub async fn take(
        &self,
        plane: &ControlPlane,
        headers: (&str, &str),
        body: &[u8],
    ) -> Result<Option<Answer>, NotTaken> {
        let taken = tokio::time::timeout(LONGEST, self.taken(plane, headers, body)).await;
        taken.unwrap_or_else(|_| {
            let message = "the decision took longer than Slack waits; look at the plan, and click again";
            Err(NotTaken::Port(PortError::new(PortErrorKind::Timeout, message)))
        })
    }

    async fn taken(
        &self,
        plane: &ControlPlane,
        headers: (&str, &str),
        body: &[u8],
    ) -> Result<Option<Answer>, NotTaken> {
        match self.prove(headers, body).await? {
            Proven::New => {}
            Proven::Again => return Ok(None),
        }
        match slack_click::read(body)? {
            Some(click) => Ok(self.decided(plane, &click).await?),
            None => Ok(None),
        }
    }

    /// Sends an answer.
    pub async fn answer(&self, answer: Answer) {
        self.answers.send(answer).await;
    }

    async fn decided(&self, plane: &ControlPlane, click: &Click) -> PortResult<Option<Answer>> {
        let said = decide(plane, click).await?;
        Ok(click.answer_to.as_ref().map(|to| Answer {
            to: to.clone(),
            body: said.body(&click.blocks, &click.plan),
        }))
    }

    async fn prove(&self, headers: (&str, &str), body: &[u8]) -> Result<Proven, NotTaken> {
        let now = self.clock.now();
        let proof = |secrets: &[SecretValue]| {
            let mut last = None;
            for secret in secrets {
                match self.requests.take(secret, headers, body, now) {
                    Err(NotSlack::Signature) => last = Some(NotSlack::Signature),
                    Ok(()) => return Ok(Proven::New),
                    Err(NotSlack::Again) => return Ok(Proven::Again),
                    Err(error) => return Err(Some(error)),
                }
            }
            Err(last)
        };
        let mut unproven = None;
        for signing in &self.signing {
            let proven = match signing {
                Signing::Kept(secrets) => secrets.prove(proof).await?,
                Signing::Given(variable) => {
                    let value = (self.variables)(variable).filter(|text| !text.trim().is_empty());
                    let value = value.map(|text| SecretValue::new(text.trim().to_owned()));
                    proof(value.as_slice())
                }
            };
            match proven {
                Ok(proven) => return Ok(proven),
                Err(error) => unproven = unproven.or(error),
            }
        }
        Err(unproven.map_or_else(|| self.missing().into(), NotTaken::from))
    }

    /// No secret is there at all.
    fn missing(&self) -> PortError {
        let places: Vec<String> = self
            .signing
            .iter()
            .map(|signing| match signing {
                Signing::Kept(secrets) => format!("the secret {}", secrets.name()),
                Signing::Given(variable) => format!("the environment variable {variable}"),
            })
            .collect();
        let message = format!(
            "the signing secret of the Slack app is missing: put it into {}",
            places.join(" or ")
        );
        PortError::new(PortErrorKind::NotFound, message)
    }
}
