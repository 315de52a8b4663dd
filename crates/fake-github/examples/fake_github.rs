//! The fake GitHub as a program, for measurements, for trying the commands and for clients in other languages. The
//! first line it prints is JSON: `{"url", "token", "owner"}`. It ends when its standard input closes, and then
//! prints what was asked as JSON: how often each kind of request.

use std::collections::BTreeMap;
use std::time::Duration;

use cc_devops_fake_github::{FakeGitHub, Model, Protection, Ruleset, TOKEN};
use clap::Parser;
use serde_json::json;

const OWNER: &str = "acme";

#[derive(Parser)]
struct Arguments {
    /// How many repositories the owner has.
    #[arg(long, default_value_t = 20)]
    repositories: u32,
    /// How many workflows each has.
    #[arg(long, default_value_t = 1)]
    workflows: u32,
    /// How many of the repositories have a failing workflow.
    #[arg(long, default_value_t = 3)]
    failing: u32,
    /// Whether their trees are deeper than a list of repositories shows.
    #[arg(long)]
    deep: bool,
    /// How long every request takes, in milliseconds.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "what it prints is what it is for")]
async fn main() {
    let arguments = Arguments::parse();
    let github = FakeGitHub::start(model(&arguments)).await;
    github.latency(Duration::from_millis(arguments.latency_ms));
    println!("{}", json!({"url": github.url(), "token": TOKEN, "owner": OWNER}));
    let mut input = tokio::io::stdin();
    // A read error ends it as well as the end of the input does.
    drop(tokio::io::copy(&mut input, &mut tokio::io::sink()).await);
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for seen in github.requests() {
        *counts.entry(kind(&seen.key)).or_default() += 1;
    }
    println!("{}", json!({"requests": counts}));
}

/// A request without the names of what it is about.
fn kind(key: &str) -> String {
    let mut parts: Vec<&str> = key.split('/').collect();
    if parts.get(1) == Some(&"repos") {
        parts.splice(2..4, ["{owner}", "{repo}"]);
    }
    let number = |part: &&str| part.parse::<u64>().is_ok();
    let parts = parts.into_iter().map(|part| if number(&part) { "{id}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// An owner whose repositories are not all as they should be.
fn model(arguments: &Arguments) -> Model {
    let mut model = Model::now();
    model.org(OWNER);
    let paths: Vec<String> = (0..arguments.workflows)
        .map(|number| format!(".github/workflows/w{number}.yml"))
        .collect();
    let mut files = vec![("Cargo.toml", "[package]\n"), ("web/package.json", "{}\n")];
    if arguments.deep {
        files.push(("services/api/src/go.mod", "module api\n"));
    }
    files.extend(paths.iter().map(|path| (path.as_str(), "on: push\n")));
    model.many(OWNER, arguments.repositories, &files, |number, of| {
        of.vulnerability_alerts = number % 5 != 0;
        of.security_fixes = number % 3 != 0;
        of.archived = number % 50 == 49;
    });
    model.org_ruleset(
        OWNER,
        Ruleset::new("baseline")
            .repositories(&["*0", "*1"], &[])
            .pull_request(1),
    );
    for number in 0..arguments.repositories {
        let name = format!("{OWNER}/bulk-{number:05}");
        if number % 4 == 0 {
            model.protect(&name, Protection::of("main").reviews(1).checks(&["ci"]));
        }
        for (place, path) in paths.iter().enumerate() {
            let workflow = model.workflow(&name, path);
            let fails = place == 0 && number < arguments.failing;
            model.run(workflow, if fails { "failure" } else { "success" }, |_| ());
        }
    }
    model
}
