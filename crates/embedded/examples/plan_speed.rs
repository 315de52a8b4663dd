//! How long it takes to read a change set from its JSON, show it as a tree, digest it, and ask the shipped policies about it
//! for prod. Prints JSON.
//!
//! `cargo run --release -p cc-devops-embedded --example plan_speed FILE`

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

use cc_devops_deploys::shown::{View, tree};
use cc_devops_deploys::{ChangeSetDocuments, DigestKey, StatefulTypes, digest, review_documents};
use cc_devops_kernel::names::{StackName, Stage};
use cc_devops_policy::{Policy, PolicySet};
use cc_devops_requests::actions::vocabulary;
use cc_devops_testkit::sample;
use serde_json::json;

/// How often it is measured.
const RUNS: usize = 201;

#[expect(clippy::print_stdout, reason = "what was measured is the output")]
fn main() -> Result<(), Box<dyn Error>> {
    let text = std::fs::read(std::env::args().nth(1).ok_or("say the file")?)?;
    let (stateful, key) = (StatefulTypes::default(), DigestKey::new([7; 32]));
    let policy = Policy::shipped(PolicySet::OwnPrefixes, &sample::installation(), vocabulary());
    let (agent, stack, stage) = (sample::agent("Ana").agent, StackName::new("shop")?, Stage::new("prod")?);
    let mut taken = Vec::with_capacity(RUNS);
    let mut changes = 0;
    for _ in 0..RUNS {
        let begun = Instant::now();
        let documents = ChangeSetDocuments {
            root: serde_json::from_slice(&text)?,
            nested: BTreeMap::new(),
        };
        let reviewed = review_documents(&documents, &stateful);
        let shown = tree(&View::of(&reviewed));
        let of = digest(&reviewed, &key);
        let verdict = policy.plan_verdict(&agent, &stack, &stage, &reviewed.summary.context());
        taken.push(begun.elapsed());
        changes = reviewed.rows.len();
        if shown.is_empty() || of.as_str().is_empty() || !verdict.errors.is_empty() {
            return Err("nothing was done".into());
        }
    }
    taken.sort();
    let millis = |at: usize| taken.get(at).map_or(0.0, |took| took.as_secs_f64() * 1e3);
    println!(
        "{}",
        json!({"changes": changes, "runs": RUNS, "p50_ms": millis(RUNS / 2), "p99_ms": millis(RUNS * 99 / 100)})
    );
    Ok(())
}
