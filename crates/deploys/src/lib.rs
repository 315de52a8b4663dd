#![doc = include_str!("../README.md")]

mod digest;
mod draft;
mod draft_review;
mod exact_values;
pub mod freeze;
mod ids;
pub mod life;
pub mod order;
mod plan_file;
mod record;
mod review;
mod rows;
mod settings;
pub mod shown;

pub use cc_devops_kernel::door::Door;
pub use digest::{DigestKey, digest};
pub use draft::{Basis, ChangeSetDocuments, Draft, DraftContent};
pub use draft_review::review;
pub use ids::{PlanDigest, PlanId};
pub use plan_file::{MAX_PLAN_FILE, is_plan_file, review_file};
pub use record::{Approval, Decided, FreezeOverride, PlanRecord, PlanState};
pub use review::masking::{HIDDEN, is_secret_parameter};
pub use review::{About, Parameter, Reviewed, Standing, StatefulTypes, is_change_set, nested_ids, review_documents};
pub use rows::{ChangeAction, PropertyChange, Replacement, Row, Summary};
pub use settings::{DeploySettings, RollbackTriggers};
