//! The watch over the fleet on the emulator: heartbeats in CloudWatch, agents in the parameter, people at a topic.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cloudwatch::types::MetricDatum;
use aws_sdk_sqs::types::QueueAttributeName;
use aws_sdk_ssm::types::ParameterType;
use aws_smithy_types::DateTime;
use cc_devops_app::settings::of_variables;
use cc_devops_app::{Capabilities, Program, aws};
use cc_devops_aws::{Backend, SyncedAgents};
use cc_devops_fleet::schedule::Schedule;
use cc_devops_fleet::watch::{Status, WatchSettings};
use cc_devops_fleet::watching::WatchedAgent;
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::ports::{Clock as _, SystemClock};
use cc_devops_lambda::{Watch, wiring};
use cc_devops_testkit::clock::ManualClock;
use cc_devops_testkit::peers::{self, Peer};
use cc_devops_testkit::sample::{self, agent_name};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness;
use crate::line::{Fault, Line};

/// Longer than nothing, shorter than the wait for more that a group begins with.
const AT_ONCE: Duration = Duration::from_secs(5);

/// An account with agents, and a queue that hears the topic.
struct Fleet {
    _peer: Peer,
    line: Line,
    home: Backend,
    topic: String,
    inbox: String,
    /// When the test begins: CloudWatch counts in minutes.
    begin: Timestamp,
    clock: ManualClock,
}

impl Fleet {
    async fn new(agents: &str) -> Self {
        let peer = peers::ministack().await;
        let home = harness::backend(&peer).await;
        let clients = home.clients();
        let put = clients.ssm().put_parameter().name(&home.resources().enabled_agents);
        put.r#type(ParameterType::String).value(agents).send().await.unwrap();
        let topic = clients.sns().create_topic().name("ops").send().await.unwrap();
        let topic = topic.topic_arn.unwrap();
        let queue = clients.sqs().create_queue().queue_name("inbox").send().await.unwrap();
        let inbox = queue.queue_url.unwrap();
        let arn = clients.sqs().get_queue_attributes().queue_url(&inbox);
        let arn = arn.attribute_names(QueueAttributeName::QueueArn).send().await.unwrap();
        let arn = arn.attributes.unwrap()[&QueueAttributeName::QueueArn].clone();
        let subscribe = clients.sns().subscribe().topic_arn(&topic).protocol("sqs");
        subscribe.endpoint(arn).send().await.unwrap();
        let begin = Timestamp::from_second(SystemClock.now().as_second() / 60 * 60).unwrap();
        Self {
            _peer: peer,
            line: Line::default(),
            home,
            topic,
            inbox,
            begin,
            clock: ManualClock::at(begin),
        }
    }

    /// The watch of a function that starts now, as it is wired.
    async fn function(&self) -> Watch {
        let resources = self.home.resources();
        let settings = of_variables(|name| {
            let value = match name {
                "STAGE" => "dev",
                "ALERT_TOPIC_ARN" => &self.topic,
                "LEDGER_TABLE" => &resources.ledger_table,
                "LEDGER_KEY_SECRET" => &resources.ledger_key,
                "ENABLED_AGENTS_PARAMETER" => &resources.enabled_agents,
                _ => return None,
            };
            Some(value.to_owned())
        })
        .unwrap();
        let named = aws::resources(&settings, settings.aws.as_ref().unwrap());
        let clock = Arc::new(self.clock.clone());
        let backend = Backend::new(self.line.clients(&self.home, 1), named, sample::installation(), clock);
        let capabilities: Capabilities = aws::capabilities(settings, Program::FUNCTION, backend.clone());
        let synced = Arc::new(SyncedAgents::default());
        wiring::watch(Arc::new(capabilities), backend, synced).await.unwrap()
    }

    /// A heartbeat as agents put it, so many minutes after the beginning.
    async fn beat(&self, agent: &str, minute: i64) {
        let at = self.after(minute).as_second();
        let datum = MetricDatum::builder()
            .metric_name("Heartbeat")
            .value(1.0)
            .timestamp(DateTime::from_secs(at));
        let put = self.home.clients().cloudwatch().put_metric_data();
        let put = put.namespace(format!("Agent/{agent}")).metric_data(datum.build());
        put.send().await.unwrap();
    }

    fn after(&self, minutes: i64) -> Timestamp {
        self.begin + SignedDuration::from_mins(minutes)
    }

    /// Everything that reached people until now, subject and text of each.
    async fn told(&self) -> Vec<(String, String)> {
        let mut told = Vec::new();
        loop {
            let receive = self.home.clients().sqs().receive_message().queue_url(&self.inbox);
            let answer = receive
                .max_number_of_messages(10)
                .visibility_timeout(3_600)
                .send()
                .await;
            let messages = answer.unwrap().messages.unwrap_or_default();
            if messages.is_empty() {
                return told;
            }
            for message in messages {
                let body: Value = serde_json::from_str(message.body().unwrap()).unwrap();
                let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
                told.push((text("Subject"), text("Message")));
            }
        }
    }
}

async fn watched(function: &Watch, name: &str) -> WatchedAgent {
    let found = function.watching.watched(&agent_name(name), function.clock.now()).await;
    found.unwrap().unwrap()
}

/// The sweeps of two functions in the same minute.
async fn both(fleet: &Fleet, functions: [&Watch; 2], minute: i64) {
    fleet.clock.set(fleet.after(minute));
    let [one, two] = functions;
    let (one, two) = tokio::join!(one.look(AT_ONCE), two.look(AT_ONCE));
    let failures: Vec<String> = one.iter().chain(&two).map(ToString::to_string).collect();
    assert_eq!(failures, [""; 0], "minute {minute}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_three_agents_one_falls_silent_and_people_are_told_once_and_of_its_return() {
    let fleet = Fleet::new("Writer,Editor,Reader").await;
    let (one, two) = (fleet.function().await, fleet.function().await);
    let functions = [&one, &two];
    let state = async |name: &str| watched(&one, name).await;
    for agent in ["Writer", "Editor", "Reader"] {
        fleet.beat(agent, 0).await;
    }
    // The others go on; the reader is silent from the first minute to the twentieth.
    let mut told = Vec::new();
    for minute in 1..=32 {
        if minute % 5 == 0 {
            fleet.beat("Writer", minute).await;
            fleet.beat("Editor", minute).await;
        }
        if minute >= 20 && minute % 5 == 0 {
            fleet.beat("Reader", minute).await;
        }
        both(&fleet, functions, minute).await;
        let now = fleet.told().await;
        if minute < 10 {
            assert!(now.is_empty(), "minute {minute}: {now:?}");
        }
        if minute == 15 {
            assert_eq!(told.len(), 1, "the one that is silent, once: {told:?}");
            let reader = state("Reader").await;
            assert_eq!(
                (reader.state.status, reader.state.since),
                (Status::Down, Some(fleet.after(10)))
            );
        }
        told.extend(now);
    }
    assert_eq!(told.len(), 2, "and that it is back, once: {told:?}");
    assert!(
        told.iter()
            .all(|(subject, text)| format!("{subject}{text}").contains("Reader")),
        "{told:?}"
    );
    assert!(told[0].0.contains("down") && told[1].0.contains("up"), "{told:?}");
    for name in ["Writer", "Editor", "Reader"] {
        assert_eq!(state(name).await.state.status, Status::Up, "{name}");
    }
    let history = one.watching.history(&agent_name("Writer"), None, 100).await.unwrap();
    assert_eq!(
        history.flips.len(),
        1,
        "who is in time never was late: {:?}",
        history.flips
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daily_job_is_down_an_hour_after_its_time_and_a_read_that_fails_flips_nobody() {
    let fleet = Fleet::new("Nightly").await;
    let function = fleet.function().await;
    let look = async |minute: i64| {
        fleet.clock.set(fleet.after(minute));
        function.look(AT_ONCE).await
    };
    fleet.beat("Nightly", 0).await;
    assert_eq!(look(1).await.len(), 0);
    let daily = WatchSettings {
        schedule: Schedule::Period(SignedDuration::from_secs(86_400)),
        grace: SignedDuration::from_secs(3_600),
        ..WatchSettings::default()
    };
    let nightly = agent_name("Nightly");
    let set = function.watching.set(&nightly, Some(daily), Actor::Operator);
    set.await.unwrap();
    fleet.line.all_calls();
    for minute in [2, 60, 1_439, 1_441, 1_499] {
        assert_eq!(look(minute).await.len(), 0);
        assert_ne!(
            watched(&function, "Nightly").await.state.status,
            Status::Down,
            "minute {minute}"
        );
    }
    let calls = fleet.line.all_calls();
    let of = |operation: &str| calls.iter().filter(|(called, _)| called == operation).count();
    assert_eq!(of("GetMetricData"), 0, "what has no deadline is not asked for");
    // docs/AWS.md counts with these.
    assert!(
        of("Query") <= 5 * 10 && of("PutItem") <= 5,
        "a quiet sweep costs little: {}",
        {
            let names: Vec<&str> = calls.iter().map(|(called, _)| called.as_str()).collect();
            names.join(" ")
        }
    );

    // CloudWatch is not there at the deadline: nobody is down for that, and nobody is told.
    fleet.line.fails(2, "GetMetricData", &Fault::Answered(503, json!({})));
    for minute in [1_500, 1_501] {
        assert_eq!(look(minute).await.len(), 1, "it is said");
        assert_ne!(
            watched(&function, "Nightly").await.state.status,
            Status::Down,
            "minute {minute}"
        );
    }
    assert_eq!(look(1_502).await.len(), 0);
    let state = watched(&function, "Nightly").await.state;
    let since = state.since.unwrap().duration_since(fleet.begin);
    assert_eq!((state.status, since), (Status::Down, SignedDuration::from_secs(90_000)));
    assert_eq!(look(1_503).await.len(), 0);
    assert_eq!(fleet.told().await.len(), 1);
}
