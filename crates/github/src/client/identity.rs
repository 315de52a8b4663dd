//! The token that goes with a request: the one that is configured, or the App's own of the hour.

use cc_devops_core::secret::SecretValue;
use http::{Method, Request};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use octocrab::secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::limiter::Load;
use super::request::{Answer, Failure};
use super::{Client, Credential, Error};

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
    token: Option<(SecretString, Timestamp)>,
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
}

impl App {
    /// The App's proof of itself.
    fn proof(&self) -> Result<SecretString, Failure> {
        let now = Timestamp::now().as_second();
        let claims = Claims {
            iss: self.id.to_string(),
            iat: now - 60,
            exp: now + 9 * 60,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.key)
            .map(SecretString::from)
            .map_err(|_| Failure::last(Error::NotAKey))
    }
}

impl Client {
    /// The token for a request.
    pub(super) async fn token(&self) -> Result<SecretString, Failure> {
        let app = match &self.inner.identity {
            Identity::Token(token) => return Ok(SecretString::from(token.expose())),
            Identity::App(app) => app,
        };
        let mut kept = app.kept.lock().await;
        if let Some((token, end)) = &kept.token
            && Timestamp::now() + BEFORE_ITS_END < *end
        {
            return Ok(token.clone());
        }
        let installation = match kept.installation {
            Some(installation) => installation,
            None => self.installation(app).await?,
        };
        kept.installation = Some(installation);
        let path = format!("/app/installations/{installation}/access_tokens");
        let what = "give the App a token";
        let made = self.as_app(app, Method::POST, &path, what).await?;
        let made: InstallationToken = read(&made, what)?;
        let token = SecretString::from(made.token);
        kept.token = Some((token.clone(), made.expires_at));
        Ok(token)
    }

    /// Forgets the App's token, which GitHub did not accept. Whether there is another to try with: others may
    /// have asked for one meanwhile, which is good.
    pub(super) async fn forget_token(&self, refused: &SecretString) -> bool {
        let Identity::App(app) = &self.inner.identity else {
            return false;
        };
        let mut kept = app.kept.lock().await;
        let same = |(token, _): &mut (SecretString, Timestamp)| token.expose_secret() == refused.expose_secret();
        kept.token.take_if(same);
        true
    }

    async fn installation(&self, app: &App) -> Result<u64, Failure> {
        let what = "look the App's installation up";
        let path = format!("/users/{}/installation", app.owner);
        let found = self.as_app(app, Method::GET, &path, what).await?;
        Ok(read::<Installation>(&found, what)?.id)
    }

    async fn as_app(&self, app: &App, method: Method, path: &str, what: &str) -> Result<Answer, Failure> {
        let request = Request::builder().method(method).uri(path);
        let answer = self
            .exchange(&self.inner.rest, app.proof()?, request, None, Load::Read, what, true)
            .await;
        answer.map_err(|failure| match failure.error {
            Error::NotFound { .. } => Failure::last(Error::NotInstalled(app.owner.clone())),
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
