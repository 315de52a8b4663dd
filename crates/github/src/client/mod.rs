//! The API client. Limits, tries and errors are here, because only GitHub's own words say which requests may be
//! made twice and when; the way there is `outbound`'s. An App proves itself with ring: the `rsa` crate has a timing
//! leak (RUSTSEC-2023-0071) that is not mended.
//!
//! # LOGGING
//! Never logged or put into an error: tokens, keys, secrets' values. Names of repositories are.

mod ask;
mod connection;
mod credential;
mod error;
mod graphql;
mod identity;
mod limiter;
mod refusal;
mod settings;
mod signing;
mod transport;

pub use cc_devops_outbound::Retries;

pub(crate) use self::ask::{Ask, delete, get, post, put};
pub(crate) use self::connection::{Client, Conditional};
pub use self::credential::{Credential, CredentialSource};
pub use self::error::{Error, LEAST_SERVER};
pub(crate) use self::graphql::{GraphError, Query};
pub use self::limiter::Limits;
pub use self::settings::{API_URL, API_VERSION, GithubSettings, Trouble, web_address};
