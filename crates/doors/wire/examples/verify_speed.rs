//! How long it takes to read and hold the signature of a request with a body of one kilobyte, and of 64. Prints JSON.
//!
//! `cargo run --release -p cc-devops-wire --example verify_speed`

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use serde_json::json;

/// How many are measured together, so that the clock is no part of it.
const TOGETHER: u32 = 100;

/// How often that is measured.
const RUNS: usize = 501;

/// Microseconds that one takes: the median and the 99th percentile of the runs.
fn measured(bytes: usize) -> Result<(f64, f64), Box<dyn Error>> {
    let verify = cc_devops_wire::verification(bytes).ok_or("there is nothing to verify")?;
    let mut taken = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let begun = Instant::now();
        for _ in 0..TOGETHER {
            black_box(verify());
        }
        taken.push(begun.elapsed().as_secs_f64() * 1e6 / f64::from(TOGETHER));
    }
    taken.sort_by(f64::total_cmp);
    let at = |place: usize| taken.get(place).copied().ok_or("nothing was measured");
    Ok((at(RUNS / 2)?, at(RUNS * 99 / 100)?))
}

#[expect(clippy::print_stdout, reason = "what was measured is the output")]
fn main() -> Result<(), Box<dyn Error>> {
    let (small, large) = (measured(1_024)?, measured(65_536)?);
    println!(
        "{}",
        json!({
            "kilobyte_p50_us": small.0, "kilobyte_p99_us": small.1, "large_p50_us": large.0, "large_p99_us": large.1,
        })
    );
    Ok(())
}
