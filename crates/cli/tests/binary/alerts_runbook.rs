//! Every command of the runbook for alerts, where what it speaks of is the case: an agent that fails, a deploy that nobody
//! knows the fate of, plans that wait, a day's MRR, a repository without rules, a workflow that fails.

use cc_devops_fake_github::{FakeGitHub, Model as Repositories, TOKEN};
use cc_devops_fake_stripe::{FakeStripe, KEY, Model as Account};
use cc_devops_kernel::ports::{Clock, SystemClock};
use serde_json::json;

use crate::machine::{Machine, stop};
use crate::markdown::to_run;
use crate::process::{beside, until};
use crate::server::{parse, text_of};
use crate::sink::Sink;

/// What is not run, and why.
const NOT_RUN: [(&str, &str); 2] = [
    ("cc-devops serve", "it is the server that the others are run beside"),
    ("systemctl status cc-devops", "no service manager runs it here"),
];

/// Commands that end otherwise than with 0, by the table of docs/REPOS.md: there are findings, and a workflow fails.
const OTHERWISE: [(&str, i32); 2] = [
    ("cc-devops repos audit", 1),
    ("cc-devops workflows check --repo REPOSITORY --dry-run", 1),
];

/// A customer who pays by the month.
fn account(now: i64) -> Account {
    let mut account = Account::at(now);
    let price = account.price(json!({"unit_amount": 2_000}));
    let customer = account.customer(json!({}));
    account.subscription(&customer, &[(&price, 1)], json!({}));
    account
}

/// A repository without rules, whose workflow fails.
fn repositories(now: i64) -> Repositories {
    let mut repositories = Repositories::at(now);
    repositories.repo("acme/web", |_| ());
    let workflow = repositories.workflow("acme/web", ".github/workflows/ci.yml");
    repositories.run(workflow, "failure", |_| ());
    repositories
}

#[test]
fn every_command_of_the_runbook_for_alerts_works_as_it_says() {
    let now = SystemClock.now().as_second();
    let ((stripe, github), _threads) = beside(async {
        let stripe = FakeStripe::start(account(now)).await;
        (stripe, FakeGitHub::start(repositories(now)).await)
    });
    let people = Sink::new();
    let machine = Machine::new(&format!(
        "[stripe]\napi_url = \"{}\"\n[revenue]\nrates = \"fixed\"\nfixed_rates = {{ eur = \"1.25\" }}\n\
         [github]\nowner = \"acme\"\napi_url = \"{}\"\n\
         [[alerts.channels]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{}\"\n",
        stripe.url(),
        github.url(),
        people.url
    ));
    let server = machine.serve();
    for (secret, value) in [
        ("/contentcraft/stripe/reporting_api_key", KEY),
        ("/contentcraft/github/token", TOKEN),
    ] {
        machine.run(&format!("printf %s {value} | cc-devops put-secret {secret}"));
    }
    machine.run("cc-devops revenue report");
    machine.run("cc-devops agents add Ana --role admin");
    let endpoint = machine.subscribe();
    machine.lose_a_deploy("dev");
    let failed = parse(&machine.run("cc-devops requests list --status error --json"));
    let request = failed["requests"][0]["requestId"].as_str().unwrap();
    let (plan, digest) = machine.planned("shop");
    let (other_plan, _) = machine.planned("store");
    let job = parse(&machine.run("cc-devops agents add Job --json"));
    let ping = job["ping_url"].as_str().unwrap();
    machine.run(&format!("curl -fsS {ping}/fail"));
    let alert = until("Job's failure is no alert", || {
        let listed = parse(&machine.run("cc-devops alerts list --open --json"));
        let mut alerts = listed["alerts"].as_array()?.iter();
        let alert = alerts.find(|alert| alert["key"] == "agent/Job")?;
        Some(alert["id"].as_str()?.to_owned())
    });

    let told = |line: &str| {
        let has = |words: &str| line.contains(words);
        let (id, name) = if has(" requests ") {
            (request, "")
        } else if has(" webhooks ") {
            (endpoint.as_str(), "")
        } else if has(" alerts ") {
            (alert.as_str(), "hook")
        } else if has("--slack-user") {
            // Operators decide in Slack, and the agent is none.
            ("", "Ana")
        } else {
            ("", "Job")
        };
        let line = line
            .replace("PLAN PLAN", &format!("{plan} {other_plan}"))
            .replace("deny PLAN", &format!("deny {other_plan}"))
            .replace("PLAN", &plan)
            .replace("DIGEST", &digest)
            .replace("STACK", if has(" stacks ") { "cc-agent-x-dev" } else { "shop-dev" })
            .replace("REPOSITORY", "web")
            .replace("AGENT", "Job")
            .replace("NAME", name)
            .replace(" ID", &format!(" {id}"));
        format!("ID={alert} PING_URL={ping} NEW={KEY}\n{line}")
    };
    let runbook = text_of("docs/RUNBOOK-ALERTS.md");
    let shown = to_run(&runbook, &NOT_RUN, &OTHERWISE);
    assert!(shown.len() > 35, "only {} commands found", shown.len());
    let faults = shown
        .iter()
        .filter_map(|(line, code)| machine.fault_of(&told(line), *code));
    let faults: Vec<String> = faults.collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    stop(server);
}
