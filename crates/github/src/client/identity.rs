//! The token that goes with a request: the one that is configured, or the App's own of the hour.

use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbound::{Answer, Method};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::credential::Credential;
use super::error::Error;
use super::limiter::Load;
use super::transport::{Exchange, Failure, Meter, Transport};

/// How long before its end a token is not used any more.
const BEFORE_ITS_END: SignedDuration = SignedDuration::from_mins(1);

/// As whom a client asks.
pub(super) enum Identity {
    Token(SecretValue),
    App(Box<App>),
}

pub(super) struct App {
    id: u64,
    key: EncodingKey,
    /// For whom it is installed.
    owner: String,
    /// The installation and its token, while they are known.
    kept: Mutex<Kept>,
}

struct Kept {
    installation: Option<u64>,
    token: Option<(SecretValue, Timestamp)>,
}

/// What an App says of itself. It holds for ten minutes at most; a minute is for clocks that differ.
/// Source: <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app>.
#[derive(Serialize)]
struct Claims {
    iss: String,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
struct Installation {
    id: u64,
}

#[derive(Deserialize)]
struct InstallationToken {
    token: String,
    expires_at: Timestamp,
}

impl Identity {
    pub(super) fn new(credential: Credential, owner: &str) -> Self {
        match credential {
            Credential::Token(token) => Self::Token(token),
            Credential::App { id, key, installation } => Self::App(Box::new(App {
                id,
                key,
                owner: owner.to_owned(),
                kept: Mutex::new(Kept {
                    installation,
                    token: None,
                }),
            })),
        }
    }

    /// The token for a request. An App's is asked for where there is none that is good.
    pub(super) async fn token(&self, transport: &Transport, meter: &Meter) -> Result<SecretValue, Failure> {
        let app = match self {
            Self::Token(token) => return Ok(token.clone()),
            Self::App(app) => app,
        };
        let mut kept = app.kept.lock().await;
        if let Some((token, end)) = &kept.token
            && transport.now() + BEFORE_ITS_END < *end
        {
            return Ok(token.clone());
        }
        let installation = match kept.installation {
            Some(installation) => installation,
            None => app.installation(transport, meter).await?,
        };
        kept.installation = Some(installation);
        let path = format!("/app/installations/{installation}/access_tokens");
        let what = "give the App a token";
        let made = app.ask(transport, meter, Method::POST, &path, what).await?;
        let made: InstallationToken = read(&made, what)?;
        let token = SecretValue::new(made.token);
        kept.token = Some((token.clone(), made.expires_at));
        Ok(token)
    }

    /// Forgets the App's token, which GitHub did not accept. Whether there is another to try with: others may
    /// have asked for one meanwhile, which is good.
    pub(super) async fn forget_token(&self, refused: &SecretValue) -> bool {
        let Self::App(app) = self else {
            return false;
        };
        let mut kept = app.kept.lock().await;
        let same = |(token, _): &mut (SecretValue, Timestamp)| token.expose() == refused.expose();
        kept.token.take_if(same);
        true
    }
}

impl App {
    /// The App's proof of itself.
    fn proof(&self, now: Timestamp) -> Result<SecretValue, Failure> {
        let now = now.as_second();
        let claims = Claims {
            iss: self.id.to_string(),
            iat: now - 60,
            exp: now + 9 * 60,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.key)
            .map(SecretValue::new)
            .map_err(|_| Failure::last(Error::NotAKey))
    }

    async fn installation(&self, transport: &Transport, meter: &Meter) -> Result<u64, Failure> {
        let what = "look the App's installation up";
        let path = format!("/users/{}/installation", self.owner);
        let found = self.ask(transport, meter, Method::GET, &path, what).await?;
        Ok(read::<Installation>(&found, what)?.id)
    }

    /// Asks as the App itself.
    async fn ask(
        &self,
        transport: &Transport,
        meter: &Meter,
        method: Method,
        path: &str,
        what: &str,
    ) -> Result<Answer, Failure> {
        let asked = Exchange {
            method,
            url: transport.rest(path),
            body: None,
            load: Load::Read,
            what,
            again: true,
            etag: None,
        };
        let proof = self.proof(transport.now())?;
        let answer = transport.exchange(meter, &proof, asked).await;
        answer.map_err(|failure| match failure.error {
            Error::NotFound { .. } => Failure::last(Error::NotInstalled(self.owner.clone())),
            Error::WrongToken => Failure::last(Error::NotAKey),
            error => Failure { error, ..failure },
        })
    }
}

fn read<T: serde::de::DeserializeOwned>(answer: &Answer, what: &str) -> Result<T, Failure> {
    serde_json::from_slice(&answer.body).map_err(|source| {
        Failure::last(Error::BadAnswer {
            what: what.to_owned(),
            source,
        })
    })
}
