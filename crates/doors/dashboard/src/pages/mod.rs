//! The pages, a file or folder for each entry of the navigation.

pub(crate) mod agents;
pub(crate) mod alerts;
pub(crate) mod asked;
pub(crate) mod audit;
pub(crate) mod consumers;
pub(crate) mod deploys;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod overview;
pub(crate) mod policies;
pub(crate) mod repositories;
pub(crate) mod requests;
pub(crate) mod revenue;
pub(crate) mod searched;
pub(crate) mod secrets;
pub(crate) mod settings;
pub(crate) mod sign_in;
pub(crate) mod webhooks;
