//! Whatever bytes come in, the control plane's readers answer and do not panic.

use cc_devops_alerts::AlertPolicy;
use cc_devops_alerts::policy::AlertsFile;
use cc_devops_deploys::shown::{self, View};
use cc_devops_deploys::{MAX_PLAN_FILE, StatefulTypes, review_file};
use cc_devops_fleet::simulate::{self, Outcome};
use cc_devops_kernel::agent::{Principal, Role};
use cc_devops_kernel::input;
use cc_devops_kernel::input::{InputError, MAX_DEPTH};
use cc_devops_kernel::text;
use cc_devops_policy::Policy;
use cc_devops_repos::dependabot;
use cc_devops_repos::dependabot::Reading;
use cc_devops_repos::policy::Policy as RepositoryPolicy;
use cc_devops_repos::workflows::uses::{is_fixed, repository_of, used_actions};
use cc_devops_requests::actions::{Action, Registry, vocabulary};
use cc_devops_requests::admission::admit;
use cc_devops_requests::bus::{Signal, asked_stage};
use cc_devops_requests::envelope::Envelope;
use cc_devops_requests::fingerprint::FingerprintKey;
use cc_devops_requests::task::Task;
use cc_devops_schedule::Schedule;
use cc_devops_testkit::fuzz::Fuzz;
use cc_devops_testkit::sample;
use futures::FutureExt;
use jiff::Timestamp;
use serde_json::Value;

const PUT: &[u8] = include_bytes!("../../../tests/events/devops_put_secret.json");
const DEPLOY: &[u8] = include_bytes!("../../../tests/events/devops_deploy_lambda.json");
const CHECK: &[u8] = include_bytes!("../../../tests/events/github_repo_check.json");
const STACK: &[u8] = br#"{"source": "aws.cloudformation", "detail-type": "CloudFormation Stack Status Change",
    "detail": {"stack-id": "arn:aws:cloudformation:us-east-1:123456789012:stack/shop-dev/0d6c"}}"#;
const SECRETS: &[u8] = br#"[{"source": "agent.A", "detail-type": "devops.request", "detail": {"requestId": "r",
    "action": "bootstrapRepoSecrets", "params": {"repository": "web", "secrets": {"NPM_TOKEN": "/contentcraft/a/b"}}}}]"#;

/// How deep a value is nested.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or_default(),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

#[test]
fn an_envelope_of_any_bytes_is_admitted_or_refused() {
    let (installation, key) = (sample::installation(), FingerprintKey::new([7; 32]));
    let principals = [Role::Agent, Role::Admin].map(|role| Principal {
        agent: sample::agent_name("ContentOrchestrator"),
        role,
    });
    let read = |event: &Value| {
        let Ok(envelope) = Envelope::read(event.clone()) else {
            return;
        };
        for principal in &principals {
            let admitted = admit(
                &envelope,
                principal,
                (&installation, Registry::shipped()),
                &key,
                Timestamp::UNIX_EPOCH,
            );
            let shown = [&admitted.head.action, &admitted.head.stage];
            assert!(shown.iter().all(|text| !text.contains(text::is_hidden)));
            if let Err(failure) = admitted.verdict {
                assert!(!failure.message.is_empty());
            }
        }
    };
    Fuzz::new().run(&[PUT, DEPLOY, CHECK, SECRETS], |bytes| match input::documents(bytes) {
        Ok(Value::Array(events)) => {
            assert!(events.iter().all(|event| depth(event) <= MAX_DEPTH));
            events.iter().for_each(read);
        }
        Ok(event) => {
            assert!(depth(&event) <= MAX_DEPTH);
            // Stored and read again, it is what it was.
            assert_eq!(
                input::document(event.to_string().as_bytes()).expect("it was taken"),
                event
            );
            read(&event);
        }
        Err(InputError::NotJson(_) | InputError::Refused(_)) => {}
    });
}

#[test]
fn an_event_of_any_bytes_is_a_signal_or_is_refused() {
    let installation = sample::installation();
    Fuzz::new().run(&[PUT, DEPLOY, STACK], |bytes| {
        let body = String::from_utf8_lossy(bytes);
        match Signal::parse(&body) {
            Ok(Signal::Request(event)) => {
                let stage = asked_stage(&event, &installation);
                assert!(installation.stages.iter().any(|known| *known == stage));
            }
            Ok(Signal::StackChanged(name)) => assert!(!name.as_str().is_empty()),
            Ok(Signal::Refused(failure)) | Err(failure) => assert!(!failure.message.is_empty()),
        }
    });
}

#[test]
fn a_task_of_any_bytes_is_one_that_exists_or_none() {
    Fuzz::new().run(
        &[CHECK, br#"{"task_type": "workflow_monitor", "workflow": "ci.yml"}"#],
        |bytes| {
            let Ok(payload) = input::document(bytes) else { return };
            let task = Task::of(&payload);
            if let Ok(Some(work)) = task.work(&payload, Some("acme")) {
                assert_eq!(Action::for_work(&work).as_str(), task.as_str());
            }
        },
    );
}

#[test]
fn a_dependabot_file_of_any_bytes_is_read_or_its_mistakes_are_told() {
    let plain = b"version: 2\nupdates:\n  - package-ecosystem: cargo\n    directory: /\n    schedule:\n      interval: weekly\n";
    let groups: &[u8] = b"version: 2\nregistries: {a: {type: x}}\nupdates:\n- package-ecosystem: \"npm\"\n  directories: \
                          [\"/**/a\", '/b']\n  open-pull-requests-limit: 0\n  target-branch: main\n  schedule: {interval: \
                          cron, cronjob: \"0 9 * * *\"}\n";
    Fuzz::new().run(&[plain, groups], |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Reading::Invalid(mistakes) = dependabot::read(&text) {
            assert!(mistakes.iter().all(|mistake| mistake.line > 0));
        }
    });
}

#[test]
fn a_workflow_of_any_bytes_is_read_or_says_why_not() {
    let plain: &[u8] =
        b"on: push\njobs:\n  build:\n    steps:\n      - uses: actions/checkout@v4\n        with: {a: b}\n  \
                         call:\n    uses: acme/shared/.github/workflows/ci.yml@main\n";
    let anchored: &[u8] = b"jobs: {a: {steps: &s [&c {uses: 'a/b@v1'}, *c]}, b: {steps: *s}}\n";
    Fuzz::new().run(&[plain, anchored], |bytes| {
        match used_actions(&String::from_utf8_lossy(bytes)) {
            Ok(used) => {
                for action in used {
                    assert!(action.line > 0 && !action.uses.is_empty());
                    let repository = repository_of(&action.uses);
                    assert!(is_fixed(&action.uses) || repository.is_none_or(|name| name.contains('/')));
                }
            }
            Err(why) => assert!(!why.is_empty()),
        }
    });
}

#[test]
fn an_alert_policy_of_any_bytes_is_one_or_its_problems_are_told() {
    let whole: &[u8] = br#"{"group_by": ["kind", "agent"], "group_wait": "30s", "remind": "4h", "failures": 2,
        "flap": {"flips": 6, "within": "30m", "calm": "30m"}, "routes": [{"match": {"severity": ["critical"]},
        "channels": ["ops"], "continue": true, "escalate": [{"after": "15m", "channels": ["ops"]}]}],
        "quiet_hours": [{"from": "22:00", "to": "07:00", "timezone": "Europe/Berlin", "days": ["sat"]}],
        "silences": [{"match": {"agent": "A"}, "daily": "03:00", "duration": "1h", "timezone": "UTC",
        "days_of_month": [1, -1]}]}"#;
    let channels = ["ops".to_owned()];
    Fuzz::new().run(&[whole], |bytes| {
        let Ok(file) = input::typed::<AlertsFile<Value>>(bytes) else {
            return;
        };
        if let Err(problems) = AlertPolicy::of(&file, &channels) {
            assert!(problems.iter().all(|problem| !problem.to_string().is_empty()) && !problems.is_empty());
        }
    });
}

#[test]
fn a_case_of_any_bytes_is_played_or_says_what_is_wrong() {
    let period: &[u8] = br#"[{"id": "P", "kind": "period", "period_s": 300, "grace_s": 60, "max_runtime_s": 900, "timezone":
        "UTC", "sticky_pause": true, "created": "2026-06-01T10:00:00Z", "events": [{"at": "2026-06-01T10:00:00Z", "do":
        "start", "rid": "r"}, {"at": "2026-06-01T10:20:00Z", "do": "exit", "code": 7}, {"at": "2026-06-01T10:30:00Z", "do":
        "pause", "by": "a"}], "observe_until": "2026-06-01T12:00:00Z"}]"#;
    let schedule: &[u8] = br#"{"cases": [{"id": 1, "class": "alerting", "config": {"schedule": "0 6 * * 1-5", "timezone":
        "Europe/Berlin", "grace": "5m", "agents": ["a", "b"], "tags": {"a": {"team": "web"}}, "quiet": {"from": "22:00",
        "to": "07:00", "timezone": "UTC"}}, "events": [{"at": "2026-03-29T00:28:00Z", "do": "fail", "agent": "a"}, {"at":
        "2026-03-29T01:00:00Z", "do": "server_down"}, {"at": "2026-03-29T02:00:00Z", "do": "server_up"}],
        "observe_until": "2026-03-31T07:00:00Z"}]}"#;
    Fuzz::new().run(&[period, schedule], |bytes| {
        let text = String::from_utf8_lossy(bytes);
        match simulate::read(&text) {
            Err(why) => assert!(!why.is_empty()),
            Ok(cases) => {
                let answers = simulate::simulate(&cases)
                    .now_or_never()
                    .expect("its store is in memory");
                for answer in answers {
                    match answer.outcome {
                        Outcome::Refused { error } => assert!(error.contains(": "), "{error}"),
                        Outcome::Played(played) => assert!(played.transitions.is_sorted_by_key(|one| one.at)),
                    }
                }
            }
        }
    });
}

#[test]
fn policies_of_any_bytes_are_valid_or_their_problems_are_told() {
    let own: &[u8] = br#"// all
        @id("x") forbid (principal == Agent::"A", action == Action::"putSecret", resource in SecretPrefix::"/contentcraft/a/")
        when { context.stage == Stage::"prod" && resource.name like "*\"" };"#;
    let installation = sample::installation();
    Fuzz::new().run(&[own], |bytes| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let lines = text.lines().count();
        if let Err(problems) = Policy::parse(&[("own.cedar".to_owned(), text)], &installation, vocabulary()) {
            assert!(
                problems
                    .iter()
                    .all(|problem| problem.line.is_none_or(|line| line <= lines + 1))
            );
        }
    });
    let table: &[u8] = b"[defaults]\nrequired_approvals = 2\n[[override]]\nrepositories = [\"a*\"]\n";
    Fuzz::new().run(&[table], |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Err(errors) = RepositoryPolicy::from_toml(&text) {
            assert!(!errors.0.is_empty());
        }
    });
}

#[test]
fn a_plan_file_of_any_bytes_is_reviewed_and_what_is_shown_of_it_hides_nothing() {
    let rows: &[u8] = br#"{"changes": [{"path": "orders", "action": "Modify", "resourceType": "AWS::DynamoDB::Table",
        "replacement": "yes", "properties": [{"path": "/Properties/Key", "before": "a", "after": "{\"b\": [1]}"}]}]}"#;
    let other: &[u8] = b"~ size = 1 -> 2\n+ name: web\n";
    let stateful = StatefulTypes::default();
    Fuzz::new().run(&[rows, other], |bytes| {
        assert!(bytes.len() <= MAX_PLAN_FILE);
        let reviewed = review_file(bytes, &stateful);
        let told = shown::tree(&View::of(&reviewed));
        assert!(
            !told.contains(|c| text::is_hidden(c) && !matches!(c, '\n' | '\t')),
            "{told:?}"
        );
    });
}

#[test]
fn a_schedule_of_any_bytes_has_a_next_time_and_words_or_is_refused() {
    let now = sample::START;
    let examples: &[&[u8]] = &[
        b"5m",
        b"0 6 * * 1-5",
        b"@daily",
        b"Mon..Fri *-*-1/2 06:00:00 Europe/Berlin",
    ];
    Fuzz::new().run(examples, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(schedule) = Schedule::read(&text, "Europe/Berlin", now) {
            assert!(schedule.next_after(now).is_some_and(|next| next > now), "{text}");
            assert!(!schedule.in_words().is_empty(), "{text}");
        }
    });
}

#[test]
fn no_text_keeps_anything_hidden() {
    Fuzz::new().run(&["a\n\u{202e}b\u{1b}[2J\u{2066}".as_bytes(), PUT], |bytes| {
        let text = String::from_utf8_lossy(bytes);
        assert!(!text::line(&text).contains(text::is_hidden));
        assert!(!text::cleaned(&text).contains(text::is_hidden));
        assert!(!text::lines(&text).contains(|c| text::is_hidden(c) && !matches!(c, '\n' | '\t')));
        if let Ok(value) = input::document(text.as_bytes()) {
            let shown = text::json(&value.to_string()).into_owned();
            assert!(!shown.contains(text::is_hidden));
            assert_eq!(input::document(shown.as_bytes()).expect("it is JSON"), value);
        }
    });
}
