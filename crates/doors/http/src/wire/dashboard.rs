//! The shape of a link that signs in to the dashboard.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A link that signs its caller in to the dashboard.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SessionLink)]
pub(crate) struct SessionLinkView {
    /// The link, to be opened in a browser; as good as the token that asked for it, once.
    pub(crate) url: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expires_at: Timestamp,
}
