//! The services over a store: from conditions to messages, and what people do.

mod acting;
mod notifying;
mod publishing;
mod store;
