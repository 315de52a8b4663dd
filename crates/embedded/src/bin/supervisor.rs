//! What stands beside a command in this crate's tests; `cc-devops` itself does otherwise.

use std::process::ExitCode;

fn main() -> ExitCode {
    cc_devops_embedded::stacks::take_part().unwrap_or(ExitCode::FAILURE)
}
