#![doc = include_str!("../README.md")]

pub mod acting;
pub mod alert;
pub mod condition;
pub mod conditions;
pub mod decide;
pub mod delivery;
pub mod explain;
mod group;
pub mod limits;
pub mod maintenance_mode;
pub mod message;
mod plan_notice;
pub mod policy;
pub mod ports;
pub mod seen;
pub mod silence;
pub mod standing;
pub mod taking;
pub mod telling;
pub mod wording;

pub use acting::Alerts;
pub use alert::{Alert, AlertState};
pub use condition::{Condition, ConditionChange, ConditionKind, Severity};
pub use conditions::Conditions;
pub use decide::decide;
pub use delivery::Delivery;
pub use limits::ConditionLimits;
pub use message::{Message, MessageKind, Named};
pub use plan_notice::PlanNotice;
pub use policy::AlertPolicy;
pub use ports::{ConditionSink, LeftConditions};
pub use seen::{Page, Seen};
pub use silence::{Maintenance, Silence};
pub use standing::{OpenAlerts, ToldBy};
pub use telling::{Telling, Turn};
