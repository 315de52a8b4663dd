//! How long it takes to read, digest and show a plan of 500 changes; decided it is in the program (`deploys review`).
//! Prints medians in milliseconds as JSON.

use std::collections::BTreeMap;
use std::time::Instant;

use cc_devops_deploys::shown::{View, tree};
use cc_devops_deploys::{ChangeSetDocuments, DigestKey, StatefulTypes, digest, review_documents};
use serde_json::{Value, json};

/// How often each is measured.
const ROUNDS: usize = 51;

fn change(number: usize) -> Value {
    let detail = |name: &str, path: String, before: &str, after: String| {
        json!({
            "Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": "Never", "Path": path,
                       "BeforeValue": before, "AfterValue": after, "AttributeChangeType": "Modify"},
            "Evaluation": "Static", "ChangeSource": "DirectModification",
        })
    };
    let context = json!({"Properties": {"MemorySize": number, "Environment": {"Variables": {"KEY": "value"}}}});
    json!({"Type": "Resource", "ResourceChange": {
        "Action": "Modify", "LogicalResourceId": format!("Fn{number}"), "ResourceType": "AWS::Lambda::Function",
        "PhysicalResourceId": format!("orders-Fn{number}"), "Replacement": "False", "Scope": ["Properties"],
        "Details": [
            detail("MemorySize", "/Properties/MemorySize".to_owned(), "128", number.to_string()),
            detail("Environment", format!("/Properties/Environment/Variables/V{number}"), "a", "b".to_owned()),
        ],
        "AfterContext": context.to_string(),
    }})
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "what it measures is its answer")]
fn main() {
    let documents = ChangeSetDocuments {
        root: json!({
            "ChangeSetId": "arn:aws:cloudformation:eu-central-1:123456789012:changeSet/s/1",
            "Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE",
            "Changes": (0..500).map(change).collect::<Vec<_>>(),
        }),
        nested: BTreeMap::new(),
    };
    let (stateful, key) = (StatefulTypes::default(), DigestKey::new([7; 32]));
    let mut times: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let reviewed = review_documents(&documents, &stateful);
        let read = begun.elapsed();
        let of = digest(&reviewed, &key);
        let digested = begun.elapsed();
        let shown = tree(&View::of(&reviewed));
        let whole = begun.elapsed();
        assert!(!of.as_str().is_empty() && shown.len() > 500, "nothing was done");
        let steps = [
            read,
            digested.saturating_sub(read),
            whole.saturating_sub(digested),
            whole,
        ];
        for (times, step) in times.iter_mut().zip(steps) {
            times.push(step.as_secs_f64() * 1000.0);
        }
    }
    let [read, digested, shown, whole] = times.map(median);
    let answer = json!({"changes": 500, "readMs": read, "digestMs": digested, "shownMs": shown, "wholeMs": whole});
    println!("{answer}");
}
