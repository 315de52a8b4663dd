#![doc = include_str!("../README.md")]

mod draft;
mod ids;
pub mod life;
mod record;
mod rows;

pub use draft::{Basis, ChangeSetDocuments, Draft, DraftContent};
pub use ids::{PlanDigest, PlanId};
pub use record::{Approval, Decided, Door, FreezeOverride, PlanRecord, PlanState};
pub use rows::{ChangeAction, PropertyChange, Replacement, Row, Summary};
