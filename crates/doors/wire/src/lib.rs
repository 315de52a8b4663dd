#![doc = include_str!("../README.md")]

mod answer;
mod asked;
mod bodies;
mod canonical;
mod cbor;
mod conform;
mod door;
mod epoch;
mod fault;
mod form;
mod model;
mod operation;
mod refusals;
mod service;
mod services;
mod signature;
mod xml;

use std::time::Duration;

use cc_devops_http::{Claims, Manners, Mount};
use cc_devops_kernel::door::Door;

/// The longest that a call waits for something, beside what every request may take: as SQS has it.
const LONG_POLL: Duration = Duration::from_secs(20);

/// The door, as the API's listener mounts it: below `/aws`, and wherever an SDK's signed requests are addressed.
pub fn door() -> Mount {
    Mount {
        routes: Box::new(door::below_its_path),
        claims: Some(Claims {
            takes: door::claims,
            routes: Box::new(door::anywhere),
        }),
        manners: Manners {
            door: Door::Aws,
            owns: door::owns,
            patience: LONG_POLL,
        },
    }
}
