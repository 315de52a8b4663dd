//! The configuration as a person meets it: the example file, and what is said of a wrong one.

mod alerts;
mod deploys;

use std::collections::BTreeSet;
use std::path::Path;

#[cfg(feature = "aws")]
use cc_devops_aws::Account;
use serde_json::Value;

use super::file::{ConfigFile, StackSection};
use super::load::{finish, read};
use super::shape::schema;
use super::{Problem, Settings};
#[cfg(feature = "aws")]
use crate::aws;

const EXAMPLE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../cc-devops.example.toml"));

fn load(text: &str, environment: &[(&str, &str)]) -> Result<(ConfigFile, Settings), Vec<Problem>> {
    let environment: Vec<(String, String)> = environment
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    finish(read(text, &environment).unwrap(), Path::new(""))
}

fn problems(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    match load(text, environment) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

/// The example with every `# key = value` and `# [section]` taken as said.
fn uncommented() -> toml::Table {
    let said = |line: &str| {
        let inner = line.strip_prefix("# ")?;
        let key = inner.split_once(" = ").map(|(key, _)| key);
        let is_key = key.is_some_and(|key| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        let is_section = inner.starts_with('[') && inner.ends_with(']');
        (is_key || is_section).then(|| inner.to_owned())
    };
    let text: Vec<String> = EXAMPLE
        .lines()
        .map(|line| said(line).unwrap_or_else(|| line.to_owned()))
        .collect();
    toml::from_str(&text.join("\n")).unwrap()
}

/// Every key of a schema or a document, with the name of a stack or a stage left out.
fn keys_of_schema(schema: &Value, path: &str, keys: &mut BTreeSet<String>) {
    // What may be a word or a section has the section's keys.
    let alternatives = schema.get("anyOf").and_then(Value::as_array);
    let section = alternatives.and_then(|all| all.iter().find(|one| one.get("properties").is_some()));
    let schema = section.unwrap_or(schema);
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        // What maps names to plain values is one key; what maps them to sections is many.
        if let Some(inner) = schema
            .get("additionalProperties")
            .filter(|inner| inner.get("properties").is_some())
        {
            keys_of_schema(inner, &format!("{path}.*"), keys);
        } else {
            keys.insert(path.to_owned());
        }
        return;
    };
    for (key, inner) in properties {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        keys_of_schema(inner, &path, keys);
    }
}

fn keys_of_table(table: &toml::Table, path: &str, keys: &mut BTreeSet<String>) {
    for (key, value) in table {
        let is_named = matches!(path, "stacks" | "deploys.rollback_triggers");
        let key = if is_named { "*" } else { key };
        let path = if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        };
        match value {
            toml::Value::Table(inner) if !inner.is_empty() => keys_of_table(inner, &path, keys),
            _ => {
                keys.insert(path);
            }
        }
    }
}

#[test]
fn the_example_holds_every_key_and_no_other() {
    let (mut expected, mut found) = (BTreeSet::new(), BTreeSet::new());
    keys_of_schema(&schema(), "", &mut expected);
    keys_of_table(&uncommented(), "", &mut found);
    assert!(expected.contains("stacks.*.command"), "{expected:?}");
    assert_eq!(found, expected);
}

#[test]
fn the_example_as_it_is_gives_the_defaults() {
    let (file, _) = load(EXAMPLE, &[]).unwrap();
    assert_eq!(file, ConfigFile::default());
}

#[test]
fn the_defaults_in_the_examples_comments_are_the_codes() {
    let mut table = uncommented();
    let stacks = table.remove("stacks").unwrap();
    let conditions = table["alerts"]["conditions"].as_table_mut().unwrap();
    conditions.remove("secrets").unwrap();
    // What is not given there is what template.yaml says, and depends on the stage.
    table.remove("aws").unwrap();
    for (section, key) in [
        ("server", "public_url"),
        ("alerts", "heartbeat_url_secret"),
        ("alerts", "heartbeat_url_env"),
        ("alerts", "channels"),
        ("alerts", "routes"),
        ("alerts", "quiet_hours"),
        ("alerts", "silences"),
        ("server", "tls_cert"),
        ("server", "tls_key"),
        ("retention", "audit_days"),
        ("retention", "audit_export_dir"),
        ("policy", "dir"),
        ("stripe", "webhook_secret"),
        ("github", "owner"),
        ("github", "webhook_secret"),
        ("repos", "policy"),
        ("deploys", "user"),
        ("deploys", "freezes"),
        ("deploys", "rollback_triggers"),
    ] {
        let section = table.get_mut(section).and_then(toml::Value::as_table_mut).unwrap();
        section.remove(key).unwrap();
    }
    let file: ConfigFile = table.try_into().unwrap();
    assert_eq!(file, ConfigFile::default());

    let toml::Value::Table(mut stacks) = stacks else {
        panic!("stacks is a section")
    };
    let (_, written) = stacks.iter_mut().next().unwrap();
    let written = written.as_table_mut().unwrap();
    written.remove("working_dir").unwrap();
    written.remove("user").unwrap();
    written.remove("plan_command").unwrap();
    let command = written.get("command").cloned().unwrap();
    let bare: StackSection = toml::Table::from_iter([("command".to_owned(), command)])
        .try_into()
        .unwrap();
    let written: StackSection = written.clone().try_into().unwrap();
    assert_eq!(written, bare);
}

#[test]
fn the_servers_own_defaults_are_kept_but_for_the_port() {
    let (_, checked) = load("", &[]).unwrap();
    let own = cc_devops_http::config::ServerConfig::default();
    assert_eq!(checked.server.limits, own.limits);
    assert_eq!(checked.server.webhooks, own.webhooks);
    assert_eq!(checked.server.in_flight, own.in_flight);
    assert_eq!(checked.server.shutdown_grace, own.shutdown_grace);
    assert_eq!(checked.server.heartbeat_interval, own.heartbeat_interval);
    assert_eq!(checked.server.rate_limit, None);
    assert_eq!(
        checked.requests,
        cc_devops_requests::settings::RequestSettings::default()
    );
}

#[test]
fn every_problem_is_told_at_once_with_its_key() {
    let text = r#"
        mode = "sleepy"
        colour = "red"

        [installation]
        agent = "9lives"
        stages = ["dev", "DEV"]

        [server]
        listen = "0.0.0.0:8787"
        lisen = "127.0.0.1:1"
        in_flight = 0
        tls_cert = 7

        [requests]
        max_attempts = "five"

        [stacks.cc-agent-a]
        command = []
        env = ["TOKEN=abc"]

        [stacks.cc-agent-b]
        working_dir = "."

        [stacks.cc-agent-c]
        command = ["true"]
        working_dir = "nowhere"
        stages = ["qa"]
    "#;
    let mut found = problems(text, &[]);
    found.sort();
    let expected = [
        "colour: there is no such key",
        "installation.agent: the agent's name must start with a letter",
        "installation.stages[1]: the stage must be in lower case",
        "mode: must be one of \"normal\", \"maintenance\"",
        "requests.max_attempts: must be a whole number",
        "server.in_flight: must be at least 1",
        "server.lisen: there is no such key; did you mean `listen`?",
        "server.listen: 0.0.0.0:8787 can be reached from other machines: give server.tls_cert and server.tls_key, or \
         set server.allow_plaintext = true where something in front of it speaks TLS",
        "server.tls_cert: must be a text in quotes",
        "stacks.cc-agent-a.command: must have at least 1 entry",
        "stacks.cc-agent-a.env[0]: must be the name of an environment variable, without its value",
        "stacks.cc-agent-b: the key `command` is required",
        "stacks.cc-agent-c.stages[0]: there is no such stage; use one of: dev",
        "stacks.cc-agent-c.working_dir: there is no folder nowhere",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_network_that_is_none_is_named() {
    let text = "[egress]\nallow = [\"10.0.0.0/8\", \"10.0.0.1/8\", \"fd00::/8\", \"example.org\", \"192.168.1.7\"]";
    let expected = [
        "egress.allow[1]: \"10.0.0.1/8\" has bits beyond its prefix; write \"10.0.0.0/8\"",
        "egress.allow[3]: \"example.org\" is no network; write for example \"10.0.0.0/8\", \"fd00::/8\" or one address",
    ];
    assert_eq!(problems(text, &[]), expected);
}

#[test]
fn a_name_that_is_none_and_a_proxy_that_is_none_are_named() {
    let text = "[server]\nnames = [\"devops.example.org\", \"https://a.example\", \"::1\", \"a:1\"]\n\
                proxies = [\"127.0.0.1\", \"10.0.0.0/8\", \"proxy\"]";
    let expected = [
        "server.names[1]: \"https://a.example\" is no host name; write it without scheme, port or path, as in \
         \"devops.example.org\"",
        "server.names[3]: \"a:1\" is no host name; write it without scheme, port or path, as in \"devops.example.org\"",
        "server.proxies[2]: \"proxy\" is no network; write for example \"10.0.0.0/8\", \"fd00::/8\" or one address",
    ];
    assert_eq!(problems(text, &[]), expected);
}

#[test]
fn a_file_that_is_no_toml_is_one_problem_with_its_line() {
    let found = problems("[server]\nlisten = \n", &[]);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("line 2"), "{}", found[0]);
}

#[test]
fn the_environment_counts_more_than_the_file() {
    let text = "[server]\nlisten = \"127.0.0.1:1\"\n[stacks.Cc-Agent-X]\ncommand = [\"true\"]";
    let environment = [
        ("CC_DEVOPS__SERVER__LISTEN", "127.0.0.1:9000"),
        ("CC_DEVOPS__SERVER__ALLOW_PLAINTEXT", "true"),
        ("CC_DEVOPS__INSTALLATION__STAGES", "[\"one\", \"two\"]"),
        ("CC_DEVOPS__MODE", "maintenance"),
        ("CC_DEVOPS__STACKS__CC_AGENT_X__TIMEOUT_SECONDS", "7"),
        ("CC_DEVOPS_TOKEN", "not a key"),
    ];
    let (file, checked) = load(text, &environment).unwrap();
    assert_eq!(checked.server.listen.to_string(), "127.0.0.1:9000");
    assert!(file.server.allow_plaintext);
    assert_eq!(file.installation.stages, ["one", "two"]);
    assert_eq!(file.stacks["Cc-Agent-X"].timeout_seconds, 7);
}

#[cfg(feature = "aws")]
#[test]
fn on_aws_everything_is_called_as_the_template_calls_it_unless_it_is_said() {
    let (_, embedded) = load("[aws]\nregion = \"eu-west-1\"", &[]).unwrap();
    assert_eq!(embedded.aws, None, "the section alone is no choice");

    let target = |text: &str, environment: &[(&str, &str)]| {
        let settings = load(text, environment).unwrap().1;
        let named = settings.aws.as_ref().unwrap();
        (aws::account(named), aws::resources(&settings, named))
    };
    let (account, resources) = target("backend = \"aws\"", &[]);
    assert_eq!(account, Account::default());
    assert_eq!(resources.stage.as_str(), "dev", "the installation's first");
    assert_eq!(resources.ledger_table, "DevOpsLedger-dev");
    assert_eq!(resources.billing_table, "BillingMetrics-dev");
    assert_eq!(resources.ledger_key, "cc-devops/ledger-key-dev");
    assert_eq!(resources.enabled_agents, "/contentcraft/agents/enabled");
    assert_eq!(resources.event_bus, "default");
    assert_eq!(resources.function, "cc-agent-devops-automation-dev");
    assert_eq!(resources.request_queue, "devops-requests-dev");
    assert_eq!((resources.alert_topic_arn, resources.deploy_role_arn), (None, None));

    assert_eq!(resources.template_bucket, None);
    assert_eq!(resources.drift_stages.len(), 1, "prod, where there is one");

    let text = "[aws]\nstage = \"prod\"\ntemplate_bucket = \"templates\"\n[deploys]\ndetect_drift = [\"prod\"]\n\
                [deploys.rollback_triggers.prod]\n\
                alarms = [\"arn:aws:cloudwatch:us-east-1:123456789012:alarm:Errors\"]\nminutes = 15";
    let (_, deploying) = target(text, &[("CC_DEVOPS__BACKEND", "aws")]);
    assert_eq!(deploying.template_bucket.as_deref(), Some("templates"));
    assert!(deploying.drift_stages.contains(&deploying.stage));
    let triggers = deploying.rollback_triggers.get(&deploying.stage);
    assert_eq!(
        triggers.map(|triggers| (triggers.alarms.len(), triggers.minutes)),
        Some((1, 15))
    );

    let text = "[aws]\nstage = \"prod\"\nfunction = \"mine\"\nregion = \"eu-west-1\"\nalert_topic_arn = \"arn:x\"";
    let environment = [("CC_DEVOPS__BACKEND", "aws"), ("CC_DEVOPS__AWS__REGION", "eu-north-1")];
    let (account, own) = target(text, &environment);
    assert_eq!(account.region.as_deref(), Some("eu-north-1"));
    assert_eq!(own.ledger_table, "DevOpsLedger-prod");
    assert_eq!(own.function, "mine");
    assert_eq!(own.alert_topic_arn.as_deref(), Some("arn:x"));
}

#[test]
fn what_is_kept_is_not_kept_longer_than_what_it_refers_to() {
    let days = "[retention]\nrequests_days = 60\nevents_days = 61\ndead_letters_days = 62\noutputs_days = 63";
    assert_eq!(
        problems(days, &[]),
        [
            "retention.events_days: must not be more than requests_days, which is 60",
            "retention.outputs_days: must not be more than requests_days, which is 60",
            "retention.dead_letters_days: must not be more than events_days, which is 61",
        ]
    );
    assert_eq!(
        problems("[retention]\nrequests_days = 29\naudit_days = 0", &[]),
        [
            "retention.audit_days: must be at least 1",
            "retention.requests_days: must be at least 30",
        ]
    );
    assert_eq!(
        problems("[retention]\naudit_export_dir = \".\"", &[]),
        ["retention.audit_export_dir: is of no use without retention.audit_days: the audit trail is not cut"]
    );
    let (_, checked) = load("[retention]\naudit_days = 730\naudit_export_dir = \".\"", &[]).unwrap();
    assert_eq!(checked.retention.rules.audit_days, Some(730));
    assert!(checked.retention.export_dir.is_some());
    let (_, checked) = load("", &[]).unwrap();
    assert_eq!(checked.retention.rules, cc_devops_requests::retention::Rules::default());
}

#[test]
fn what_is_not_written_of_retention_follows_what_is() {
    let (file, checked) = load("[retention]\nevents_days = 30", &[]).unwrap();
    assert_eq!(checked.retention.rules.dead_letters_days, 30);
    assert_eq!(
        file.retention.dead_letters_days,
        Some(30),
        "`config show` shows what is in force"
    );
    let (file, checked) = load("", &[("CC_DEVOPS__RETENTION__REQUESTS_DAYS", "60")]).unwrap();
    assert_eq!(
        (file.retention.events_days, file.retention.outputs_days),
        (Some(60), Some(30))
    );
    assert_eq!(checked.retention.rules.dead_letters_days, 60);
    assert_eq!(
        problems("[retention]\nevents_days = 30\ndead_letters_days = 90", &[]),
        ["retention.dead_letters_days: must not be more than events_days, which is 30"]
    );
}

#[test]
fn the_secrets_that_the_control_plane_works_with_are_its_own() {
    let own = |text: &str| {
        let (_, checked) = load(text, &[]).unwrap();
        let names = checked.installation.credentials.into_iter();
        names.map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(
        own(""),
        ["/contentcraft/stripe/reporting_api_key", "/contentcraft/github/token"]
    );
    let text = "[installation]\nnamespace = \"acme\"\n[stripe]\nkey_secret = \"pay/key\"\nwebhook_secret = \
                \"pay/hook\"\n[github]\ntoken_secret = \"hub/app\"\nwebhook_secret = \"hub/hook\"";
    assert_eq!(
        own(text),
        ["/acme/pay/key", "/acme/pay/hook", "/acme/hub/app", "/acme/hub/hook"]
    );
}

#[test]
fn no_key_of_the_configuration_means_something_to_a_library() {
    let said = problems("\"$serde_json::private::RawValue\" = \"{}\"", &[]);
    assert!(said.len() == 1 && said[0].contains("keeps for itself"), "{said:?}");
}

#[test]
fn problems_are_told_in_the_same_order_each_time() {
    let keys = [
        "audit_days",
        "dead_letters_days",
        "events_days",
        "outputs_days",
        "requests_days",
    ];
    let text: Vec<String> = keys.iter().map(|key| format!("{key} = \"many\"")).collect();
    let text = format!("[retention]\n{}", text.join("\n"));
    let expected = keys.map(|key| format!("retention.{key}: must be a whole number"));
    for _ in 0..20 {
        assert_eq!(problems(&text, &[]), expected);
    }
}

#[test]
fn the_control_planes_stage_must_be_one_of_the_installations() {
    let expected = ["aws.stage: there is no such stage; use one of: dev, prod"];
    assert_eq!(problems("backend = \"aws\"\n[aws]\nstage = \"qa\"", &[]), expected);
    assert_eq!(
        problems("backend = \"azure\"", &[]),
        ["backend: must be one of \"embedded\", \"aws\""]
    );
}

#[test]
fn a_wrong_variable_is_named() {
    let found = problems(
        "",
        &[
            ("CC_DEVOPS__SERVR__LISTEN", "x"),
            ("CC_DEVOPS__SERVER__IN_FLIGHT", "many"),
        ],
    );
    assert_eq!(
        found,
        [
            "server.in_flight: must be a whole number (set by CC_DEVOPS__SERVER__IN_FLIGHT)",
            "servr: there is no such key; did you mean `server`? (set by CC_DEVOPS__SERVR__LISTEN)",
        ]
    );
}

#[test]
fn settings_are_shown_with_every_key_and_no_secret() {
    let text = "mode = \"maintenance\"\n[dashboard]\nenabled = false\n[stacks.shop]\ncommand = [\"deploy\", \"shop\"]\n\
                [[alerts.channels]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"https://hooks.example.org/T0/canary\"\n\
                [[alerts.routes]]\nchannels = [\"hook\"]";
    let (_, checked) = load(text, &[]).unwrap();
    assert!(!checked.dashboard && load("", &[]).unwrap().1.dashboard);
    let (_, closed) = load("[aws_door]\nenabled = false", &[]).unwrap();
    assert!(!closed.aws_door && checked.aws_door, "it is open unless it is said");
    let series = |text: &str| load(text, &[]).unwrap().1.server.metric_series;
    assert_eq!(
        (series(""), series("[aws_door]\nmetric_series = 0")),
        (1_000, 0),
        "as the server has it itself"
    );
    let value = |section: &str, key: &str| {
        let (_, rows) = checked.shown.iter().find(|(name, _)| name == section)?;
        rows.iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(value("general", "mode"), Some("maintenance"));
    assert_eq!(value("dashboard", "enabled"), Some("false"));
    assert_eq!(value("stacks", "shop.command"), Some("deploy, shop"));
    assert_eq!(value("server", "tls_cert"), Some(""), "not set");
    assert_eq!(value("installation", "stages"), Some("dev, prod"));
    assert_eq!(
        value("alerts", "channels[0].url"),
        Some("https://hooks.example.org/\u{2026}")
    );
    assert!(!format!("{:?}", checked.shown).contains("canary"));
}
