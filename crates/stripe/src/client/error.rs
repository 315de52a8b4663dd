//! What can go wrong between us and Stripe, and what a person can do about it.

use cc_devops_kernel::ports::{PortError, PortErrorKind};

use super::endpoint::Endpoint;

/// A read of Stripe failed. No text of it holds a key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No key is configured.
    #[error("no Stripe key: store a restricted key with read permissions, or set STRIPE_API_KEY")]
    MissingKey,
    /// What is configured is not a secret or restricted key.
    #[error("the Stripe key is not one: it begins with rk_live_, rk_test_, sk_live_ or sk_test_")]
    NotAKey,
    /// The address of the API is no good.
    #[error(
        "the Stripe address must be an https URL (http is for a sandbox key or this machine): check stripe.api_url"
    )]
    Address,
    /// The HTTP client could not be made.
    #[error("the HTTP client for Stripe cannot be made")]
    Client(#[source] cc_devops_outbound::Error),
    /// Stripe does not know the key.
    #[error("Stripe does not accept the key: it is mistyped, expired or deleted; create a restricted key and store it")]
    WrongKey,
    /// The key may not read this.
    #[error(
        "the Stripe key may not read {endpoint}: give it the permission `{permission}` \
         (Developers, API keys, edit the restricted key, {endpoint}: Read)"
    )]
    MissingPermission {
        /// What was to be read.
        endpoint: Endpoint,
        /// Stripe's name for the permission.
        permission: String,
    },
    /// Stripe still says there are too many requests, after waiting and trying again.
    #[error(
        "Stripe lets in no more requests for {endpoint} ({reason}): something else uses the account's limit; try again later"
    )]
    RateLimited {
        /// What was to be read.
        endpoint: Endpoint,
        /// Stripe's reason, such as `endpoint-rate`.
        reason: String,
    },
    /// No whole answer came, in several tries.
    #[error("Stripe cannot be reached for {endpoint}: check the network, then try again")]
    Network {
        /// What was to be read.
        endpoint: Endpoint,
        /// What was underneath, without the address.
        #[source]
        source: cc_devops_outbound::Error,
    },
    /// Stripe failed, in several tries.
    #[error("Stripe answers {status} for {endpoint} (request {request}): try again later")]
    Unavailable {
        /// What was to be read.
        endpoint: Endpoint,
        /// The HTTP status.
        status: u16,
        /// Stripe's id of the request, for its support.
        request: String,
    },
    /// What came is not what the API promises.
    #[error("the answer for {endpoint} cannot be read: check stripe.api_url; if it is right, report this")]
    BadAnswer {
        /// What was to be read.
        endpoint: Endpoint,
        /// Where reading stopped.
        #[source]
        source: serde_json::Error,
    },
    /// An answer larger than any page is.
    #[error("the answer for {endpoint} is larger than a page can be: check stripe.api_url")]
    TooLarge {
        /// What was to be read.
        endpoint: Endpoint,
    },
    /// A page came again, or out of its order, in several tries.
    #[error("Stripe's pages of {endpoint} repeat or are out of order: try again later")]
    PageRepeats {
        /// What was to be read.
        endpoint: Endpoint,
    },
    /// Stripe does not know the object a page is to start after, and none before it.
    #[error("Stripe lost the place in the list of {endpoint}: try again")]
    CursorGone {
        /// What was to be read.
        endpoint: Endpoint,
    },
    /// There is no such object, or not in this account.
    #[error(
        "Stripe has no such object among {endpoint}: check the id, and that the key is of the right account and mode"
    )]
    NotFound {
        /// What was to be read.
        endpoint: Endpoint,
    },
    /// Stripe refused for another reason.
    #[error("Stripe refuses the request for {endpoint} with {status} ({code}; request {request}): {message}")]
    Refused {
        /// What was to be read.
        endpoint: Endpoint,
        /// The HTTP status.
        status: u16,
        /// Stripe's code, or `no code`.
        code: String,
        /// Stripe's words, at most 300 characters.
        message: String,
        /// Stripe's id of the request, for its support.
        request: String,
    },
    /// The reader ended before the list did.
    #[error("reading {endpoint} was interrupted: try again")]
    Interrupted {
        /// What was to be read.
        endpoint: Endpoint,
    },
}

impl Error {
    /// What a caller can do about it.
    pub fn kind(&self) -> PortErrorKind {
        match self {
            Self::MissingKey | Self::NotAKey | Self::WrongKey | Self::MissingPermission { .. } => PortErrorKind::Key,
            Self::RateLimited { .. }
            | Self::Network { .. }
            | Self::Unavailable { .. }
            | Self::PageRepeats { .. }
            | Self::CursorGone { .. }
            | Self::Interrupted { .. } => PortErrorKind::Unavailable,
            Self::NotFound { .. } => PortErrorKind::NotFound,
            Self::Address | Self::Client(_) | Self::BadAnswer { .. } | Self::TooLarge { .. } | Self::Refused { .. } => {
                PortErrorKind::Refused
            }
        }
    }
}

impl From<Error> for PortError {
    fn from(error: Error) -> Self {
        Self::new(error.kind(), error.to_string()).because(error)
    }
}
