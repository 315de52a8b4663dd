//! As whom GitHub is asked: a token, or an App.

use std::fmt;
use std::sync::Arc;

use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::ports::{PortResult, SecretStore, SecretVersion};
use cc_devops_kernel::secret::SecretValue;
use jsonwebtoken::EncodingKey;
use serde::Deserialize;

use super::error::Error;
use super::signing;

/// Where the credential comes from.
#[derive(Clone)]
pub enum CredentialSource {
    /// It was given.
    Given(SecretValue),
    /// It is a secret: a token as it is, JSON with `token`, or JSON with `app_id`, `private_key` and, if it
    /// is known, `installation_id` of a GitHub App.
    Kept {
        /// Where secrets are kept.
        secrets: Arc<dyn SecretStore>,
        /// Which one.
        name: SecretName,
    },
}

impl CredentialSource {
    /// The text of the credential as it is now.
    ///
    /// # Errors
    /// `NotFound` where there is none; what the secret store says.
    pub(crate) async fn read(&self) -> PortResult<SecretValue> {
        match self {
            Self::Given(value) => Ok(value.clone()),
            Self::Kept { secrets, name } => match secrets.read(name, SecretVersion::Current).await? {
                Some(read) => Ok(read.value),
                None => Err(Error::NoToken(format!(
                    "put one under {name} with `cc-devops put-secret`; commands also take it from GITHUB_TOKEN"
                ))
                .into()),
            },
        }
    }
}

/// As whom GitHub is asked.
#[derive(Clone)]
pub enum Credential {
    /// As the person or the installation whose token this is.
    Token(SecretValue),
    /// As an App. Its installation token is asked for when it is needed, and kept until shortly before it
    /// expires.
    App {
        /// The App's id.
        id: u64,
        /// Its private key.
        key: EncodingKey,
        /// Its installation for the owner; looked up where it is not given.
        installation: Option<u64>,
    },
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(_) => f.write_str("Token"),
            Self::App { id, .. } => write!(f, "App({id})"),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Token {
        token: String,
    },
    App {
        app_id: u64,
        private_key: String,
        #[serde(default)]
        installation_id: Option<u64>,
    },
}

impl Credential {
    /// Reads what was stored.
    ///
    /// # Errors
    /// Nothing, or something that is no token and no App.
    pub fn read(text: &SecretValue) -> Result<Self, Error> {
        let text = text.expose().trim();
        if text.is_empty() {
            return Err(Error::NoToken("what is stored is empty".to_owned()));
        }
        let token = match serde_json::from_str::<Written>(text) {
            Ok(Written::App {
                app_id,
                private_key,
                installation_id,
            }) => {
                let key = EncodingKey::from_rsa_pem(private_key.as_bytes()).map_err(|_| Error::NotAKey)?;
                if !signing::can_sign(&key) {
                    return Err(Error::NotAKey);
                }
                signing::install();
                return Ok(Self::App {
                    id: app_id,
                    key,
                    installation: installation_id,
                });
            }
            Ok(Written::Token { token }) => token,
            Err(_) => text.to_owned(),
        };
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::NotAToken);
        }
        Ok(Self::Token(SecretValue::new(token)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Credential, Error> {
        Credential::read(&SecretValue::new(text.to_owned()))
    }

    #[test]
    fn a_token_may_be_kept_bare_or_as_json() {
        for text in ["ghp_x\n", r#"{"token": "ghp_x"}"#] {
            match read(text).unwrap() {
                Credential::Token(token) => assert_eq!(token.expose(), "ghp_x"),
                app @ Credential::App { .. } => panic!("{app:?}"),
            }
        }
        assert!(matches!(read(" \n"), Err(Error::NoToken(_))));
        assert!(matches!(read("two words"), Err(Error::NotAToken)));
    }

    #[test]
    fn an_app_needs_a_key_that_signs() {
        let text = r#"{"app_id": 7, "private_key": "-----BEGIN"}"#;
        assert!(matches!(read(text), Err(Error::NotAKey)));
    }
}
