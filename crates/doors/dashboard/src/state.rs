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
pub(crate) struct DashboardState {
    pub(crate) app: App,
    pub(crate) dashboard: Dashboard,
}

/// The state of a page whose visitor must be permitted a `P`.
pub(crate) struct PageState<P> {
    pub(crate) shared: Arc<DashboardState>,
    pub(crate) entrance: Entrance<P>,
}

impl<P> PageState<P> {
    pub(crate) fn of(shared: &Arc<DashboardState>) -> Self {
        Self {
            shared: Arc::clone(shared),
            entrance: Entrance::of(&shared.app),
        }
    }
}

impl<P> Clone for PageState<P> {
    fn clone(&self) -> Self {
        Self::of(&self.shared)
    }
}

impl<P> FromRef<PageState<P>> for Entrance<P> {
    fn from_ref(page_state: &PageState<P>) -> Self {
        page_state.entrance.clone()
    }
}
