//! Real commands: what they see, what is kept of them, and what becomes of them when things stop.

mod bench;
mod crashing;
mod ending;
mod plan_crashing;
mod plan_files;
mod planning;
mod running;
