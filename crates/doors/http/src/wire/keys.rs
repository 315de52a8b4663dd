//! The shapes of access keys. What holds a secret is neither printed nor kept: it goes straight into the answer.

use cc_devops_fleet::aws_keys::ListedKey;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// An access key that was made just now.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewAccessKey {
    /// Whose it is.
    pub(crate) agent: String,
    /// Its id.
    #[schema(example = "AKIAIOSFODNN7EXAMPLE", pattern = "^AKIA[A-Z2-7]{16}$")]
    pub(crate) aws_access_key_id: String,
    /// Its secret.
    #[schema(min_length = 40, max_length = 40)]
    pub(crate) aws_secret_access_key: String,
}

/// An agent's access keys.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccessKeyList {
    /// The oldest first.
    pub(crate) keys: Vec<AccessKeyView>,
}

/// An access key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AccessKey)]
pub(crate) struct AccessKeyView {
    /// Its id.
    #[schema(example = "AKIAIOSFODNN7EXAMPLE", pattern = "^AKIA[A-Z2-7]{16}$")]
    aws_access_key_id: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it ends, because the agent has a newer token; absent where it is good until it is ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    ends_at: Option<Timestamp>,
}

impl From<ListedKey> for AccessKeyView {
    fn from(key: ListedKey) -> Self {
        Self {
            aws_access_key_id: key.id.to_string(),
            created_at: key.created_at,
            ends_at: key.ends_at,
        }
    }
}

/// A short-lived access key, in the form that AWS SDKs read in a container.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(as = ShortLivedAccessKey)]
pub(crate) struct ShortLivedKeyView {
    /// Its id.
    #[schema(pattern = "^ASIA[A-Z2-7]{16}$")]
    pub(crate) access_key_id: String,
    /// Its secret.
    #[schema(min_length = 40, max_length = 40)]
    pub(crate) secret_access_key: String,
    /// What is sent along with each signature, as `X-Amz-Security-Token`.
    pub(crate) token: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expiration: Timestamp,
}
