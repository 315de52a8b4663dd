//! A deploy's life: planned, decided, approved or denied, applied, undone.
//!
//! ```text
//! deployLambda ──plan──▶ planning ──▶ waiting ──permit──▶ applying ──▶ applied, failed
//!                                        └──▶ denied, expired, superseded, moved
//! ```
//!
//! What follows for a plan is decided by [`cc_devops_deploys::life`] alone. Each step is one compare-and-set of the plan's
//! record with its audit row. A record is due while something is left to be done for it, and whoever looks does that: so
//! a crash between two steps is made good by the next look, and a plan that waits costs nothing.

mod again;
mod applying;
mod deciding;
mod dependencies;
mod described;
mod ending;
mod kept;
mod looking;
mod notifying;
mod outlook;
mod parts;
mod planning;
mod reviewing;
mod seen;

pub use deciding::DecideError;
pub(crate) use dependencies::is_plan_alone;
pub use described::{DescribedPage, DescribedStack, MOST_DESCRIBED, StackStanding};
pub use kept::Deployed;
pub(crate) use looking::Looking;
pub use outlook::Outlook;
pub use seen::{OpenPlans, Plan, PlanFilter, PlanPage, PlanPlace, plan_of};
