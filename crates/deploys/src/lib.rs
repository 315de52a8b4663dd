#![doc = include_str!("../README.md")]

mod draft;
pub mod freeze;
mod ids;
pub mod life;
pub mod order;
mod record;
mod rows;
mod settings;

pub use draft::{Basis, ChangeSetDocuments, Draft, DraftContent};
pub use ids::{PlanDigest, PlanId};
pub use record::{Approval, Decided, Door, FreezeOverride, PlanRecord, PlanState};
pub use rows::{ChangeAction, PropertyChange, Replacement, Row, Summary};
pub use settings::{DeploySettings, RollbackTriggers};
