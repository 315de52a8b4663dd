//! The services over a store: from conditions to messages, and what people do.

mod acting;
mod store;
mod telling;
