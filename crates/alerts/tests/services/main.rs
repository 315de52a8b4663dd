//! The services over a store: from conditions to messages, and what people do.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod acting;
mod notifying;
mod publishing;
mod store;
