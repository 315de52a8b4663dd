//! The API client: lists read side by side up to Stripe's limit and never over it.
//!
//! async-stripe (1.0.0-rc.10) is not used: its types are those of one API version where we read every
//! shape Stripe has sent, and its lists follow one cursor, 100 objects for every round trip.
//!
//! ```no_run
//! # use cc_devops_stripe::client::{Client, Listed, StripeSettings, Statuses, WithItems};
//! # use serde::de::DeserializeOwned;
//! # async fn example<S>(key: cc_devops_kernel::secret::SecretValue) -> Result<(), cc_devops_stripe::client::Error>
//! # where S: DeserializeOwned + WithItems + Send + 'static {
//! let client = Client::new(&key, &StripeSettings::default())?;
//! let mut subscriptions = client.subscriptions::<S>(Statuses::AllButCanceled, 1_795_392_000);
//! while let Some(page) = subscriptions.next_page().await? {
//!     println!("{} more", page.len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # LOGGING
//! Never logged or put into an error: the key. An address is taken out of network errors.

mod connection;
mod endpoint;
mod error;
mod invoices;
mod limiter;
mod listing;
mod ranges;
mod reads;
mod request;

pub use cc_devops_outbound::Retries;

pub use self::connection::{API_URL, API_VERSION, Client, Progress, StripeSettings};
pub use self::endpoint::Endpoint;
pub use self::error::Error;
pub use self::limiter::Limits;
pub use self::listing::{Listed, Listing};
pub use self::reads::{Statuses, Subscriptions, WithItems};
