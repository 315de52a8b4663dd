//! What the spine says of conditions: what became of requests.

pub mod outcomes;
