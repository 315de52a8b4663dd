//! The agents: who is enabled stands in a parameter that others write too, what each may do and how
//! it proves itself in the ledger's table.

mod enabled;
mod register;

pub(crate) use register::{AgentRow, stranger};
