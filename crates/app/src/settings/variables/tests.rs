//! What the template tells the functions, as they read it.

use cc_devops_aws::Resources;
use cc_devops_requests::retention::Rules;
use {cc_devops_repos as repos, cc_devops_revenue as revenue};

use super::super::{RatesFrom, Settings};
use super::{BadVariables, of_variables_and_policy};

fn read(variables: &[(&str, &str)]) -> Result<Settings, BadVariables> {
    of_variables_and_policy(|name| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, text)| (*text).to_owned())
    })
}

/// The same, of the stage `dev` where none is named.
fn of_dev(variables: &[(&str, &str)]) -> Result<Settings, String> {
    read(&[variables, &[("STAGE", "dev")]].concat()).map_err(|error| error.to_string())
}

fn resources(settings: &Settings) -> Resources {
    crate::aws::resources(settings, settings.aws.as_ref().unwrap())
}

/// The variables that are named.
fn named(variables: &[(&str, &str)]) -> Vec<String> {
    let problems = read(variables).unwrap_err().0.into_iter();
    problems.map(|problem| problem.variable.unwrap()).collect()
}

#[test]
fn the_stage_alone_is_enough() {
    let settings = read(&[("STAGE", "prod"), ("STRIPE_API_URL", ""), ("REVENUE_RATES", "")]).unwrap();
    let called = resources(&settings);
    assert_eq!(called.ledger_table, "DevOpsLedger-prod");
    assert_eq!(called.billing_table, "BillingMetrics-prod");
    assert_eq!(called.enabled_agents, "/contentcraft/agents/enabled");
    assert_eq!(settings.requests.serves.unwrap().as_str(), "prod");
    assert_eq!(settings.requests.lease.as_secs(), 120);
    assert_eq!(settings.installation.stages.default_stage().as_str(), "dev");
    assert_eq!(settings.revenue.key.as_str(), "/contentcraft/stripe/reporting_api_key");
    assert_eq!(settings.revenue.policy, revenue::policy::Policy::default());
    assert_eq!(settings.revenue.cost_control.as_str(), "CostSentinel");
    assert_eq!(settings.revenue.api_url, cc_devops_stripe::client::API_URL);
    let bank = RatesFrom::Ecb(cc_devops_rates::ECB_URL.to_owned());
    assert_eq!(settings.revenue.rates, bank);
    assert_eq!(settings.repositories.token.as_str(), "/contentcraft/github/token");
    assert_eq!(settings.repositories.owner, None, "there is no owner of our own");
    assert_eq!(settings.repositories.api_url, cc_devops_github::client::API_URL);
    assert_eq!(settings.repositories.policy, repos::policy::Policy::default());
}

#[test]
fn the_secrets_that_the_functions_work_with_are_the_control_planes_own() {
    let own = |variables: &[(&str, &str)]| {
        let names = of_dev(variables).unwrap().installation.credentials;
        names.into_iter().map(String::from).collect::<Vec<_>>()
    };
    let defaults = ["/contentcraft/stripe/reporting_api_key", "/contentcraft/github/token"];
    assert_eq!(own(&[]), defaults);
    let said = [
        ("STRIPE_KEY_SECRET", "/contentcraft/billing/key"),
        ("GITHUB_TOKEN_SECRET", "hub/app"),
        ("LEDGER_KEY_SECRET", "/contentcraft/ledger/key"),
    ];
    let expected = [
        "/contentcraft/billing/key",
        "/contentcraft/hub/app",
        "/contentcraft/ledger/key",
    ];
    assert_eq!(own(&said), expected);
}

#[test]
fn a_bad_variable_is_named() {
    assert_eq!(named(&[]), ["STAGE"]);
    assert_eq!(named(&[("STAGE", "test")]), ["STAGE"]);
    assert_eq!(named(&[("STAGE", "dev"), ("AGENT_NAME", "9lives")]), ["AGENT_NAME"]);
    assert_eq!(
        named(&[("STAGE", "dev"), ("DEPLOY_TIMEOUT_SECONDS", "0")]),
        ["DEPLOY_TIMEOUT_SECONDS"]
    );
    assert_eq!(named(&[("STAGE", "dev"), ("MODE", "asleep")]), ["MODE"]);
    assert_eq!(named(&[("STAGE", "dev"), ("POLICY_SET", "none")]), ["POLICY_SET"]);
    assert_eq!(named(&[("STAGE", "dev"), ("AUDIT_DAYS", "0")]), ["AUDIT_DAYS"]);
    assert_eq!(named(&[("STAGE", "dev"), ("STAGES", "dev,DEV")]), ["STAGES"]);
    let days = [("STAGE", "dev"), ("REQUESTS_DAYS", "30"), ("EVENTS_DAYS", "31")];
    assert_eq!(
        named(&days),
        ["EVENTS_DAYS"],
        "an event is not kept longer than its request"
    );
    let both = [("STAGE", "dev"), ("MODE", "asleep"), ("AUDIT_DAYS", "many")];
    assert_eq!(
        read(&both).unwrap_err().to_string(),
        "the environment variable MODE: must be one of \"normal\", \"maintenance\"; the environment variable \
         AUDIT_DAYS: must be a whole number",
        "all are told at once"
    );
}

#[test]
fn a_bad_variable_of_the_report_is_named() {
    for (name, text, says) in [
        ("STAGE", "test", "STAGES"),
        ("REVENUE_POLICY", "mine", "stripe-default or transactions"),
        ("REVENUE_POLICY", "day_factor=30,transactions", "option=value"),
        ("REVENUE_RATES", "eur", "eur=1.08, not eur"),
        ("REVENUE_RATES", "eur=0", "not eur=0"),
        ("REVENUE_RATES", "eur=-1", "more than 0"),
        ("STRIPE_KEY_SECRET", "a b", ""),
        ("COST_CONTROL_AGENT", "9lives", ""),
    ] {
        let said = of_dev(&[(name, text)]).unwrap_err();
        assert!(
            said.contains(&format!("variable {name}")) && said.contains(says),
            "{said}"
        );
    }
    let both = of_dev(&[("REVENUE_RATES", "eur=1"), ("RATES_URL", "https://x")]).unwrap_err();
    assert!(both.contains("RATES_URL"), "{both}");
}

#[test]
fn a_policy_with_a_mistake_says_where() {
    let error = of_dev(&[("REPOSITORY_POLICY", "[defaults]\nincluded = []")]).unwrap_err();
    assert!(
        error.contains("REPOSITORY_POLICY") && error.contains("included"),
        "{error}"
    );
}

#[test]
fn what_is_kept_has_its_days() {
    let rules = |variables: &[(&str, &str)]| of_dev(variables).unwrap().retention.rules;
    assert_eq!(rules(&[]), Rules::default());
    let month = rules(&[("EVENTS_DAYS", "30")]);
    assert_eq!(month.dead_letters_days, 30, "what is not said follows");
    let rules = rules(&[
        ("REQUESTS_DAYS", "500"),
        ("EVENTS_DAYS", "90"),
        ("DEAD_LETTERS_DAYS", "60"),
        ("AUDIT_DAYS", "730"),
    ]);
    assert_eq!((rules.requests_days, rules.events_days), (500, 90));
    assert_eq!((rules.dead_letters_days, rules.audit_days), (60, Some(730)));
}

#[test]
fn what_is_said_of_the_report_counts() {
    let settings = of_dev(&[
        ("NAMESPACE", "acme"),
        ("BILLING_TABLE", "Mrr"),
        ("STRIPE_API_URL", "http://127.0.0.1:1"),
        (
            "REVENUE_POLICY",
            "transactions, day_factor = 30,churn_timing=period_end",
        ),
        ("REVENUE_RATES", "eur=1.25, JPY = 0.01"),
        ("COST_CONTROL_AGENT", "Frugal"),
    ])
    .unwrap();
    assert_eq!(resources(&settings).billing_table, "Mrr");
    let said = *settings.revenue;
    assert_eq!(said.key.as_str(), "/acme/stripe/reporting_api_key");
    assert_eq!(said.api_url, "http://127.0.0.1:1");
    let mut policy = revenue::policy::Policy::named("transactions").unwrap();
    policy.assign("day_factor=30").unwrap();
    policy.assign("churn_timing=period_end").unwrap();
    assert_eq!(said.policy, policy);
    let RatesFrom::Fixed(rates) = said.rates else {
        panic!("a table was given")
    };
    let worth: Vec<String> = rates.per_base().map(|(of, rate)| format!("{of} {rate}")).collect();
    assert_eq!(worth, ["eur 4/5", "jpy 100", "usd 1"]);
    assert_eq!(said.cost_control.as_str(), "Frugal");

    let key = |name| of_dev(&[("STRIPE_KEY_SECRET", name)]).unwrap().revenue.key;
    assert_eq!(key("/contentcraft/billing/key").as_str(), "/contentcraft/billing/key");
    assert_eq!(key("billing/key").as_str(), "/contentcraft/billing/key");
    let options = of_dev(&[("REVENUE_POLICY", "day_factor=30")]).unwrap().revenue.policy;
    assert_eq!(options.preset, revenue::policy::Policy::default().preset);
    assert_ne!(options, revenue::policy::Policy::default());
}

#[test]
fn the_stack_that_is_deployed_is_guarded_under_its_name() {
    let settings = of_dev(&[("STACK_NAME", "mine"), ("REPOSITORIES_FUNCTION", "hub")]).unwrap();
    assert_eq!(settings.aws.as_ref().unwrap().stack(), "mine");
    let called = resources(&settings);
    assert_eq!(
        (called.stack.as_str(), called.repositories_function.as_str()),
        ("mine", "hub")
    );
    let own = of_dev(&[
        ("AWS_LAMBDA_FUNCTION_NAME", "itself"),
        ("CONTROL_PLANE_FUNCTION", "other"),
    ])
    .unwrap();
    assert_eq!(resources(&own).function, "other");
}

#[test]
fn how_stacks_are_deployed_is_told_by_sections() {
    let settings = of_dev(&[
        ("DEPLOYS", r#"{"approval_timeout_seconds": 60, "require_plan": true}"#),
        ("STACKS", r#"{"shop": {"depends_on": ["network"]}}"#),
        ("TEMPLATE_BUCKET", "templates"),
    ]);
    let settings = settings.unwrap();
    let deploys = &settings.requests.deploys;
    assert_eq!(deploys.approval_timeout.as_secs(), 60);
    assert!(deploys.require_plan);
    let shop = "shop".parse().unwrap();
    let needed: Vec<String> = deploys.order.dependencies(&shop).map(ToString::to_string).collect();
    assert_eq!(needed, ["network"]);
    assert_eq!(
        settings.aws.unwrap().names.template_bucket.as_deref(),
        Some("templates")
    );

    let wrong = [
        ("STAGE", "dev"),
        (
            "DEPLOYS",
            r#"{"approval_timeout_seconds": 0, "freezes": [{"name": "night", "kind": "deny"}]}"#,
        ),
        ("STACKS", r#"{"a": {"depends_on": ["a"]}}"#),
    ];
    let said = read(&wrong).unwrap_err().to_string();
    for part in [
        "DEPLOYS: deploys.approval_timeout_seconds: must be at least 1",
        "DEPLOYS: deploys.freezes[0]: the key `cron` is required",
        "DEPLOYS: deploys.freezes[0]: the key `duration` is required",
        "STACKS: stacks.a.depends_on: these stacks depend on one another in a circle: a -> a",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert_eq!(named(&[("STAGE", "dev"), ("DEPLOYS", "{")]), ["DEPLOYS"]);
    assert_eq!(
        named(&[("STAGE", "dev"), ("DEPLOYS", r#"{"requires_plan": true}"#)]),
        ["DEPLOYS"]
    );
}
