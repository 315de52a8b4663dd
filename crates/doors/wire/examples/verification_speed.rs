//! How long it takes to find out whether a signature holds, of a request of 1 kB (or as many bytes as are said). Prints JSON.
//!
//! `cargo run --release -p cc-devops-wire --example verification_speed [BYTES]`

use std::error::Error;
use std::time::Instant;

use cc_devops_wire::verification;
use serde_json::json;

/// How often it is measured, and how many are one measurement.
const RUNS: usize = 201;
const EACH: u32 = 200;

#[expect(clippy::print_stdout, reason = "what was measured is the output")]
fn main() -> Result<(), Box<dyn Error>> {
    let bytes = std::env::args().nth(1).map_or(Ok(1_024), |text| text.parse())?;
    let verify = verification(bytes).ok_or("the request is none")?;
    let mut taken = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let begun = Instant::now();
        for _ in 0..EACH {
            if std::hint::black_box(verify()) {
                return Err("a wrong signature held".into());
            }
        }
        taken.push(begun.elapsed() / EACH);
    }
    taken.sort_unstable();
    let at = |place: usize| taken.get(place).map(|taken| taken.as_nanos());
    println!(
        "{}",
        json!({"bytes": bytes, "medianNs": at(RUNS / 2), "slowestNs": at(RUNS - 1)})
    );
    Ok(())
}
