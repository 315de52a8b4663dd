//! What a plan is called, and what stands for all that it says.

use std::fmt;

use cc_devops_kernel::names::RequestId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A plan's name: `plan-` and 24 hexadecimal digits. A request has one plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanId(String);

impl PlanId {
    /// The plan of a request.
    pub fn of(request: &RequestId) -> Self {
        let mut digits = hex::encode(Sha256::digest(request.as_str()));
        digits.truncate(24);
        Self(format!("plan-{digits}"))
    }

    /// A name as somebody gave it; none where no plan can be called so.
    pub fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("plan-")?;
        let fits = digits.len() == 24 && digits.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
        fits.then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The digest of a plan: SHA-256 as 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanDigest(String);

impl PlanDigest {
    /// Of 32 bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(hex::encode(bytes))
    }

    /// A digest as somebody gave it; none where it is none.
    pub fn read(text: &str) -> Option<Self> {
        let fits = text.len() == 64 && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
        fits.then(|| Self(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlanDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
