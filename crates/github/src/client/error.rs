//! What can go wrong between us and GitHub, and what a person can do about it.

use cc_devops_kernel::ports::{PortError, PortErrorKind};
use cc_devops_repos::snapshot::{Fact, Gap};
use jiff::{SignedDuration, Timestamp};

/// The least version of GitHub Enterprise Server: the oldest whose published GraphQL schema has every field that is
/// asked for. Source: <https://docs.github.com/en/enterprise-server@3.18/graphql/overview/public-schema>.
pub const LEAST_SERVER: &str = "3.18";

/// A call of GitHub failed. No text of it holds a credential.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No credential is configured.
    #[error("there is no GitHub token: {0}")]
    NoToken(String),
    /// What is configured cannot be sent in a header.
    #[error("the GitHub token is not one: it has characters no token has; store it again")]
    NotAToken,
    /// The App's private key cannot sign.
    #[error("the GitHub App's private key cannot be used: store the PEM text that GitHub gave, unchanged")]
    NotAKey,
    /// The address of the API is no good.
    #[error(
        "the GitHub address must be an https URL, such as https://api.github.com or \
         https://github.example.com/api/v3 (http is for this machine): check github.api_url"
    )]
    Address,
    /// The HTTP client could not be made.
    #[error("the HTTP client for GitHub cannot be made")]
    Client(#[source] cc_devops_outbound::Error),
    /// GitHub does not know the credential.
    #[error(
        "GitHub does not accept the token: it is mistyped, expired or revoked; create a new one and store it with \
         `cc-devops put-secret`"
    )]
    WrongToken,
    /// An App is not installed for the owner.
    #[error("the GitHub App is not installed for {0}: install it there, for all repositories")]
    NotInstalled(String),
    /// The credential may not do this.
    #[error("the GitHub token may not {what}: {message}{}", missing(.permission.as_deref()))]
    Forbidden {
        /// What was to be done, as an infinitive.
        what: String,
        /// The permission that is missing, if GitHub named it.
        permission: Option<String>,
        /// GitHub's words.
        message: String,
    },
    /// The plan does not have it.
    #[error("GitHub does not offer it to {what} on this plan: {message} No permission helps")]
    Plan {
        /// What was to be done, as an infinitive.
        what: String,
        /// GitHub's words.
        message: String,
    },
    /// The organisation wants its members to sign in elsewhere first.
    #[error(
        "the organisation's single sign-on (SAML) lets this token not {what}: authorise the token for it {}",
        sign_on(.address.as_deref())
    )]
    SingleSignOn {
        /// What was to be done, as an infinitive.
        what: String,
        /// Where the token is authorised, if GitHub said it.
        address: Option<String>,
    },
    /// The organisation takes no token that lives so long.
    #[error("the organisation lets no token of this lifetime {what}: create one that expires sooner ({message})")]
    TokenLifetime {
        /// What was to be done, as an infinitive.
        what: String,
        /// GitHub's words.
        message: String,
    },
    /// The organisation takes no token of this kind.
    #[error("the organisation lets no token of this kind {what}: use one that it takes ({message})")]
    TokenKind {
        /// What was to be done, as an infinitive.
        what: String,
        /// GitHub's words.
        message: String,
    },
    /// The address of this machine is not on the organisation's list.
    #[error(
        "the organisation's IP allow list does not have the address of this machine, which may not {what}: have it added, \
         or ask from one that is on it"
    )]
    IpAllowList {
        /// What was to be done, as an infinitive.
        what: String,
    },
    /// Nothing can be written there.
    #[error("cannot {what}: the repository is archived, and so read-only")]
    ReadOnly {
        /// What was to be done, as an infinitive.
        what: String,
    },
    /// The server is older than what is asked of it.
    #[error(
        "this server is too old to {what}: it does not know {missing}; GitHub Enterprise Server {} or newer is needed",
        LEAST_SERVER
    )]
    OlderServer {
        /// What was to be done, as an infinitive.
        what: String,
        /// What it does not know, such as `Ref.rules`.
        missing: String,
    },
    /// There is no such thing, or the credential may not see it: GitHub answers both alike.
    #[error("GitHub has nothing to {what}: it does not exist, or the token may not see it")]
    NotFound {
        /// What was to be done, as an infinitive.
        what: String,
    },
    /// It is somewhere else now.
    #[error("what GitHub was asked to {what} has moved")]
    Moved {
        /// What was to be done, as an infinitive.
        what: String,
    },
    /// It was there, or is switched off.
    #[error("GitHub cannot {what} any more: {message}")]
    Gone {
        /// What was to be done, as an infinitive.
        what: String,
        /// GitHub's words.
        message: String,
    },
    /// The hour's requests are used up.
    #[error("GitHub lets in no more requests of this token until {}: try again then", minute(*.until))]
    RateLimited {
        /// When it begins anew.
        until: Timestamp,
        /// How long that is from now.
        wait: SignedDuration,
    },
    /// Too many requests at once, still, after waiting.
    #[error(
        "GitHub lets in no more requests of this token until {} ({message}): something else uses it too, try again then",
        minute(*.until)
    )]
    SecondaryLimit {
        /// GitHub's words.
        message: String,
        /// When the next may be made.
        until: Timestamp,
        /// How long that is from now.
        wait: SignedDuration,
    },
    /// No whole answer came, in several tries.
    #[error("GitHub cannot be reached to {what}: {reason}; check the network, then try again")]
    Network {
        /// What was to be done, as an infinitive.
        what: String,
        /// What went wrong.
        reason: String,
    },
    /// GitHub failed, in several tries.
    #[error("GitHub answers {status} when asked to {what} (request {request}): try again later")]
    Unavailable {
        /// What was to be done, as an infinitive.
        what: String,
        /// The HTTP status.
        status: u16,
        /// GitHub's id of the request, for its support.
        request: String,
    },
    /// GitHub did not finish in its own time limit.
    #[error("GitHub does not finish in time when asked to {what}: try again later")]
    TooSlow {
        /// What was to be done, as an infinitive.
        what: String,
    },
    /// What came is not what the API promises.
    #[error("GitHub's answer to {what} cannot be read: check github.api_url; if it is right, report this")]
    BadAnswer {
        /// What was to be done, as an infinitive.
        what: String,
        /// Where reading stopped.
        #[source]
        source: serde_json::Error,
    },
    /// An answer larger than any should be.
    #[error("GitHub's answer to {what} is larger than it can be: check github.api_url")]
    TooLarge {
        /// What was to be done, as an infinitive.
        what: String,
    },
    /// Something else stands there now.
    #[error("cannot {what}: it was changed meanwhile; look at it, then try again")]
    Changed {
        /// What was to be done, as an infinitive.
        what: String,
    },
    /// GitHub refused for another reason.
    #[error("GitHub refuses to {what} with {status} (request {request}): {message}")]
    Refused {
        /// What was to be done, as an infinitive.
        what: String,
        /// The HTTP status.
        status: u16,
        /// GitHub's words, at most 300 characters.
        message: String,
        /// GitHub's id of the request, for its support.
        request: String,
    },
}

/// A time as people read it: to the minute, the next one where seconds are left.
fn minute(time: Timestamp) -> String {
    let later = time.checked_add(SignedDuration::from_secs(59)).unwrap_or(time);
    later.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn sign_on(address: Option<&str>) -> String {
    match address {
        Some(address) => format!("at {address}"),
        None => "in the token's settings, under `Configure SSO`".to_owned(),
    }
}

fn missing(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!("; give it the permission `{name}`"))
}

impl Error {
    /// What a caller can do about it.
    pub fn kind(&self) -> PortErrorKind {
        match self {
            Self::NotAToken | Self::NotAKey | Self::WrongToken | Self::NotInstalled(_) => PortErrorKind::Key,
            Self::RateLimited { .. }
            | Self::SecondaryLimit { .. }
            | Self::Network { .. }
            | Self::TooSlow { .. }
            | Self::Unavailable { .. } => PortErrorKind::Unavailable,
            Self::NoToken(_) | Self::NotFound { .. } | Self::Gone { .. } | Self::Moved { .. } => {
                PortErrorKind::NotFound
            }
            Self::TooLarge { .. } => PortErrorKind::TooLarge,
            Self::Changed { .. } => PortErrorKind::Superseded,
            Self::Address
            | Self::Client(_)
            | Self::Forbidden { .. }
            | Self::Plan { .. }
            | Self::SingleSignOn { .. }
            | Self::TokenLifetime { .. }
            | Self::TokenKind { .. }
            | Self::IpAllowList { .. }
            | Self::ReadOnly { .. }
            | Self::OlderServer { .. }
            | Self::BadAnswer { .. }
            | Self::Refused { .. } => PortErrorKind::Refused,
        }
    }

    /// Whether the credential itself is refused, so that nothing else can be read with it either.
    pub(crate) fn refuses_credential(&self) -> bool {
        matches!(self, Self::WrongToken | Self::NotAKey | Self::NotInstalled(_))
    }

    /// What it leaves unknown of something that everybody may ask for who sees what it is part of: GitHub hides it from
    /// those who lack `permission`.
    pub(crate) fn gap(&self, permission: &str) -> Gap {
        match self {
            Self::NotFound { .. } | Self::Forbidden { .. } => Gap::Permission(permission.to_owned()),
            error => Gap::NotRead(error.to_string()),
        }
    }

    /// The same as a fact: what the plan does not have is not unknown.
    pub(crate) fn fact<T>(&self, permission: &str) -> Fact<T> {
        match self {
            Self::Plan { message, .. } => Fact::Unavailable(message.trim_end_matches('.').to_owned()),
            error => Fact::Unknown(error.gap(permission)),
        }
    }
}

impl From<Error> for PortError {
    fn from(error: Error) -> Self {
        let retry_after = match &error {
            Error::RateLimited { wait, .. } | Error::SecondaryLimit { wait, .. } => Some(*wait),
            _ => None,
        };
        let own = Self {
            retry_after,
            ..Self::new(error.kind(), error.to_string())
        };
        // What is underneath, where there is more than the sentence itself.
        match error {
            Error::BadAnswer { source, .. } => own.because(source),
            Error::Client(source) => own.because(source),
            _ => own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::refusal;

    #[test]
    fn a_licence_is_no_missing_permission() {
        let fact = |words: &str| {
            let forbidden = || Error::Forbidden {
                what: "read it".to_owned(),
                permission: None,
                message: words.to_owned(),
            };
            let error = refusal::known("read it", words, None).unwrap_or_else(forbidden);
            error.fact::<()>("Code scanning alerts: read")
        };
        for words in [
            "Code Security must be enabled for this repository to use code scanning.",
            "Upgrade to GitHub Pro or make this repository public to enable this feature.",
        ] {
            let told = words.trim_end_matches('.').to_owned();
            assert_eq!(fact(words), Fact::Unavailable(told));
        }
        assert!(matches!(
            fact("Resource not accessible by personal access token"),
            Fact::Unknown(Gap::Permission(_))
        ));
        assert!(matches!(
            fact("Repository was archived so is read-only."),
            Fact::Unknown(Gap::NotRead(_))
        ));
    }
}
