//! The examples that the help of `revenue` shows work, word for word.

use std::collections::BTreeSet;

use serde_json::json;

use crate::process::{Run, finish};
use crate::revenue_report::{DAY, Harness, NOON, first_day};

/// The subcommands of `revenue`, as its help lists them.
fn commands(harness: &Harness) -> Vec<String> {
    let help = harness.run(&["revenue", "--help"]).exits(0).stdout;
    let (_, listed) = help.split_once("Commands:\n").unwrap();
    let names = listed.lines().take_while(|line| line.starts_with("  "));
    let names = names.filter_map(|line| line.split_whitespace().next().map(str::to_owned));
    names.filter(|name| name != "help").collect()
}

/// The examples of a command's help: each a line.
fn examples(harness: &Harness, command: &str) -> Vec<String> {
    let help = harness.run(&["revenue", command, "--help"]).exits(0).stdout;
    let (_, examples) = help
        .split_once("Examples:\n")
        .unwrap_or_else(|| panic!("{command} shows no example:\n{help}"));
    let lines = examples.lines().take_while(|line| line.starts_with("  "));
    lines.map(|line| line.trim().to_owned()).collect()
}

/// Runs a line as a shell would, with the key that the fake takes.
fn run(harness: &Harness, line: &str) -> Run {
    // What would be written to a file is looked at here.
    let line = line.split(" > ").next().unwrap_or_default();
    let words: Vec<&str> = line
        .split_whitespace()
        .skip_while(|word| word.contains("=rk_"))
        .collect();
    assert_eq!(words[0], "cc-devops", "{line}");
    let mut command = harness.place.command(&words[1..]);
    command.env("STRIPE_API_KEY", cc_devops_fake_stripe::KEY);
    command.current_dir(harness.place.path());
    finish(command, "")
}

/// An account with the ids that the examples name, files with the same, and days kept that they look at.
fn harness() -> Harness {
    let mut model = first_day();
    let price = model.price(json!({"unit_amount": 1_500, "product": "prod_pro"}));
    let customer = model.customer(json!({"id": "cus_QXg1o8vcGmoR32"}));
    let shown = model.subscription(&customer, &[(&price, 1)], json!({"id": "sub_1Pgc6xB7WZ01zgkW"}));
    let subscription = model.find_subscription(&shown).unwrap();
    let harness = Harness::new(model);
    harness
        .place
        .write("subscriptions.json", &json!([subscription]).to_string());
    harness.place.write("all.ndjson", &subscription.to_string());
    harness.place.write(
        "customers.json",
        &json!([{"id": customer, "object": "customer"}]).to_string(),
    );
    for day in [-300, -299, -260, -30, -1] {
        harness.report(NOON + day * DAY, &[]).exits(0);
    }
    harness
}

#[test]
fn every_example_of_revenue_works_word_for_word() {
    let harness = harness();
    let mut left: BTreeSet<String> = commands(&harness).into_iter().collect();
    // A report of today comes before what looks at it.
    let mut order = vec!["report".to_owned()];
    left.remove("report");
    order.extend(left);
    let mut ran = 0;
    for command in order {
        let mut of_it = 0;
        for line in examples(&harness, &command) {
            // What another program makes lies there already.
            if line.starts_with("stripe ") {
                assert!(line.ends_with("> subscriptions.json"), "{line}");
                continue;
            }
            let done = run(&harness, &line);
            assert_eq!(done.code, 0, "{line}\n{}{}", done.stdout, done.stderr);
            assert!(!done.stdout.trim().is_empty(), "{line} says nothing");
            of_it += 1;
        }
        assert!(of_it > 0, "{command} has no example");
        ran += of_it;
    }
    assert!(ran >= 15, "only {ran} examples");
}
