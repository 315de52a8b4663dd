//! Who looks at a page.

use axum::http::Uri;
use cc_devops_kernel::agent::Agent;

/// Who has signed in.
pub(crate) struct SignedIn {
    pub(crate) agent: Agent,
    /// The newest change before the page was read.
    pub(crate) since: String,
    /// What the browser asked for.
    pub(crate) uri: Uri,
    /// Whether our own script asked, for what the page shows without the frame around it.
    pub(crate) is_fragment: bool,
}
