//! What every page is given beside its visitor.

use std::sync::Arc;

use axum::extract::FromRef;
use cc_devops_http::App;
use cc_devops_http::access::Entrance;

/// What the dashboard is told by whoever starts it.
#[derive(Debug, Clone, Default)]
pub struct Dashboard {
    /// The settings in force, secrets blotted: pairs of a section and its rows (key, value).
    pub settings: Vec<(String, Vec<(String, String)>)>,
    /// The policies in force: pairs of a file's name and its text.
    pub policies: Vec<(String, String)>,
}

/// What every page shares.
pub(crate) struct House {
    pub(crate) app: App,
    pub(crate) dashboard: Dashboard,
}

/// The state of a page whose visitor must be permitted a `P`.
pub(crate) struct Desk<P> {
    pub(crate) house: Arc<House>,
    pub(crate) entrance: Entrance<P>,
}

impl<P> Desk<P> {
    pub(crate) fn of(house: &Arc<House>) -> Self {
        Self {
            house: Arc::clone(house),
            entrance: Entrance::of(&house.app),
        }
    }
}

impl<P> Clone for Desk<P> {
    fn clone(&self) -> Self {
        Self::of(&self.house)
    }
}

impl<P> FromRef<Desk<P>> for Entrance<P> {
    fn from_ref(desk: &Desk<P>) -> Self {
        desk.entrance.clone()
    }
}
