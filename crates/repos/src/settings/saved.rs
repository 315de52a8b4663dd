//! A plan that is kept in a file, so that exactly what was looked at is carried out.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Drift, SettingChange};
use crate::snapshot::RepositoryId;
use cc_devops_kernel::canonical::canonical;
use cc_devops_kernel::input::{self, InputError};

/// What a file with a plan says that it is.
const KIND: &str = "cc-devops.repos.plan";

/// The form of the file that is written.
const VERSION: u32 = 1;

/// What is to be changed in a repository's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsPlan {
    /// Its id, which stays when it is renamed.
    pub id: RepositoryId,
    /// `owner/name`.
    pub repository: String,
    /// The changes, and what could not be compared.
    #[serde(flatten)]
    pub drift: Drift,
}

impl SettingsPlan {
    /// The differences, one after the other.
    pub fn diff(&self) -> String {
        self.drift.changes.iter().map(SettingChange::diff).collect()
    }
}

/// A plan in a file. It holds no secret's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    kind: String,
    version: u32,
    /// The owner of the repositories.
    pub owner: String,
    /// Where the code host's API answers.
    pub server: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Who made it, as the machine calls them.
    pub made_by: String,
    /// What is to be changed.
    pub plans: Vec<SettingsPlan>,
    sha256: String,
}

/// Why a saved plan is not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SavedPlanError {
    /// It is no plan.
    #[error("it is no plan of `repos plan --out`: {0}")]
    NoPlan(String),
    /// It was made by a later program.
    #[error(
        "it is a plan of version {0}, and this program knows version {VERSION}: use the program that made it, or plan anew"
    )]
    Version(u32),
    /// It says something else than when it was made.
    #[error("it was changed since it was made: plan anew, and change the policy where the plan is not what you want")]
    Edited,
    /// It is for other repositories.
    #[error("it is for the repositories of {0}, not of {1}: say --owner {0}, or plan anew")]
    OtherOwner(String, String),
    /// It is for another server.
    #[error("it is for {0}, and github.api_url is {1}: plan anew")]
    OtherServer(String, String),
}

/// The same address, written in one way.
fn address(url: &str) -> &str {
    url.trim_end_matches('/')
}

impl SavedPlan {
    /// A plan to be kept.
    pub fn new(owner: &str, server: &str, plans: Vec<SettingsPlan>, made_at: Timestamp, made_by: &str) -> Self {
        let mut plan = Self {
            kind: KIND.to_owned(),
            version: VERSION,
            owner: owner.to_owned(),
            server: address(server).to_owned(),
            made_at,
            made_by: made_by.to_owned(),
            plans,
            sha256: String::new(),
        };
        plan.sha256 = plan.digest().unwrap_or_default();
        plan
    }

    /// Reads a plan that is to be carried out for this owner at this server.
    ///
    /// # Errors
    /// [`SavedPlanError`].
    pub fn read(text: &str, owner: &str, server: &str) -> Result<Self, SavedPlanError> {
        #[derive(Deserialize)]
        struct Head {
            kind: String,
            version: u32,
        }
        let no_plan = |error: InputError| SavedPlanError::NoPlan(error.to_string());
        let head: Head = input::typed(text.as_bytes()).map_err(no_plan)?;
        if head.kind != KIND {
            return Err(SavedPlanError::NoPlan(format!("its kind is `{}`", head.kind)));
        }
        if head.version != VERSION {
            return Err(SavedPlanError::Version(head.version));
        }
        let plan: Self = input::typed(text.as_bytes()).map_err(no_plan)?;
        if plan.digest().as_ref() != Some(&plan.sha256) {
            return Err(SavedPlanError::Edited);
        }
        if !plan.owner.eq_ignore_ascii_case(owner) {
            return Err(SavedPlanError::OtherOwner(plan.owner, owner.to_owned()));
        }
        if plan.server != address(server) {
            return Err(SavedPlanError::OtherServer(plan.server, address(server).to_owned()));
        }
        Ok(plan)
    }

    /// The SHA-256 of everything else in it, as 64 hexadecimal digits.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Of its canonical form (RFC 8785), so that the order of keys is for nothing; none where it cannot be written as
    /// JSON, and then no digest is right.
    fn digest(&self) -> Option<String> {
        let whole = Self {
            sha256: String::new(),
            ..self.clone()
        };
        let whole = serde_json::to_value(&whole).ok()?;
        Some(hex::encode(Sha256::digest(canonical(&whole))))
    }
}
