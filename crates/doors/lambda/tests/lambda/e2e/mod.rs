//! The whole way on the emulator: the template as users deploy it, with these very functions.

mod account;
mod agent;
mod mrr;

use cc_devops_requests::ports::Backlog;
use serde_json::{Value, json};

use account::{AGENT, account, deploy, put_secret};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(
    clippy::too_many_lines,
    reason = "one deployment serves every step; it takes most of the time"
)]
async fn the_whole_way() {
    let account = account().await;

    // The function answers, and says what it can do.
    let health = account.invoke(&json!({})).await;
    assert_eq!(health["statusCode"], 200, "{health}");
    let body: Value = serde_json::from_str(health["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["status"], "healthy", "{body}");
    account.invoke(&json!({"tick": "heartbeat"})).await;
    let enabled = account
        .clients
        .ssm()
        .get_parameter()
        .name("/contentcraft/agents/enabled")
        .send()
        .await
        .unwrap();
    assert_eq!(
        enabled.parameter.unwrap().value.unwrap(),
        format!("{AGENT},DevOpsAutomation")
    );

    // A secret, over the bus; the same event twice more changes nothing more.
    let mut first = Value::Null;
    for time in 1..=3 {
        account.ask(&put_secret("secret-1", "api-key")).await;
        let outcome = account.outcome("secret-1").await;
        let (status, action) = (&outcome["status"], &outcome["result"]["action"]);
        assert_eq!((status, action), (&json!("success"), &json!("created")), "{outcome}");
        if time == 1 {
            first = outcome;
        } else {
            assert_eq!(outcome, first, "a repeat gets the first outcome");
        }
    }
    assert_eq!(account.versions("api-key").await, 1, "it was written once");
    assert_eq!(
        account.rows("AUDIT#", Some("\"secret-1\"")).await,
        1,
        "and is on record once"
    );

    // A value that nobody on the bus can read: the key is where agents look for it.
    let (params, key_id) = account.sealed("sealed", "sesame, sealed").await;
    let request = json!({"requestId": "sealed-1", "action": "putSecret", "stage": "dev", "params": params});
    account.ask(&request).await;
    let outcome = account.outcome("sealed-1").await;
    assert_eq!(outcome["status"], "success", "{outcome}");
    assert_eq!(account.secret("sealed").await, "sesame, sealed");
    let mut stolen = request.clone();
    stolen["requestId"] = json!("sealed-2");
    stolen["params"]["name"] = json!("/contentcraft/contentorchestrator/elsewhere");
    account.ask(&stolen).await;
    assert_eq!(account.outcome("sealed-2").await["reason"], "security_violation");
    let shown = account.rows_that_hold("sesame, sealed").await;
    assert_eq!(shown, 0, "it stands nowhere in the ledger");
    assert!(account.rows("SEALING", None).await == 2 && !key_id.is_empty());

    // Nobody changes the control plane itself by asking it to.
    let own = json!({"requestId": "own-1", "action": "deployLambda",
        "params": {"stackName": "cc-agent-devops-automation", "templateBody": "{}"}});
    account.ask(&own).await;
    assert_eq!(account.outcome("own-1").await["reason"], "security_violation");

    // What cannot be read is answered too.
    account.ask(&json!({"action": "putSecret"})).await;
    let unreadable = account.outcome("unknown").await;
    assert_eq!(unreadable["reason"], "schema_validation_failed");

    // A poison message ends in the dead letters and does not stop what came with it.
    let queue = account
        .clients
        .sqs()
        .get_queue_url()
        .queue_name("devops-requests-dev")
        .send()
        .await
        .unwrap();
    let url = queue.queue_url.unwrap();
    let hurry = account.clients.sqs().set_queue_attributes().queue_url(&url);
    let visibility = aws_sdk_sqs::types::QueueAttributeName::VisibilityTimeout;
    hurry.attributes(visibility, "1").send().await.unwrap();
    let poison = account.clients.sqs().send_message().queue_url(&url);
    poison.message_body("{not json").send().await.unwrap();
    account.ask(&put_secret("secret-2", "beside-poison")).await;
    assert_eq!(account.outcome("secret-2").await["status"], "success");
    let given_up = async || account.waiting("devops-requests-dlq-dev").await == 1;
    account.until("the poison message is given up", given_up).await;
    assert_eq!(
        account.waiting("devops-requests-dev").await,
        0,
        "and nothing is left in the queue"
    );

    // Two at once on one request: one does it.
    let event = json!({"source": format!("agent.{AGENT}"), "detail-type": "devops.request", "detail": put_secret("secret-3", "twice")});
    let (one, two) = tokio::join!(account.invoke(&event), account.invoke(&event));
    for answer in [&one, &two] {
        assert!([200, 202].contains(&answer["statusCode"].as_u64().unwrap()), "{answer}");
    }
    account.outcomes(&[("secret-3", 1)]).await;
    assert_eq!(account.versions("twice").await, 1);
    assert_eq!(account.rows("AUDIT#", Some("\"secret-3\"")).await, 1);

    // A function that died after it had parked its deploy: what CloudFormation tells concludes it…
    account.park("deploy-2", "three").await;
    account.stack_status("UPDATE_COMPLETE").await;
    let outcome = account.outcome("deploy-2").await;
    assert_eq!(
        (&outcome["status"], &outcome["result"]["action"]),
        (&json!("success"), &json!("deployed")),
        "{outcome}"
    );
    // … and where that is lost, the sweep does.
    account.park("deploy-3", "four").await;
    account.invoke(&json!({"tick": "sweep"})).await;
    let outcome = account.outcome("deploy-3").await;
    assert_eq!(outcome["result"]["action"], "deployed", "{outcome}");
    assert_eq!(outcome["result"]["currentStatus"], "UPDATE_COMPLETE");

    // A deploy over the bus, concluded by what CloudFormation tells or by the sweep.
    account.ask(&deploy("deploy-1", "two")).await;
    let outcome = account.outcome("deploy-1").await;
    assert_eq!(
        (&outcome["status"], &outcome["result"]["action"]),
        (&json!("success"), &json!("deployed")),
        "{outcome}"
    );
    assert_eq!(outcome["result"]["changes"][0]["logicalId"], "Kept");
    // The same event twice more: the same change set's outcome, and nothing more on record.
    for _ in 0..2 {
        account.ask(&deploy("deploy-1", "two")).await;
        assert_eq!(account.outcome("deploy-1").await, outcome);
    }
    assert_eq!(
        account.rows("AUDIT#", Some("\"deploy-1\"")).await,
        3,
        "that it was planned, that it was begun, and how it ended, once each"
    );
    let kept = account
        .clients
        .ssm()
        .get_parameter()
        .name("/shop/kept")
        .send()
        .await
        .unwrap();
    assert_eq!(kept.parameter.unwrap().value.unwrap(), "two");

    mrr::from_the_first_key_to_the_second_run(&account).await;

    // An agent as one is written for AWS.
    agent::from_the_heartbeat_to_its_secret(&account).await;

    // What is on record holds, and nothing is left to do.
    account.invoke(&json!({"tick": "sweep"})).await;
    let ports = account.ports();
    let verification = ports.audit.verify().await.unwrap();
    assert_eq!(verification.breaks, vec![]);
    assert!(verification.rows >= 8, "{verification:?}");
    assert_eq!(ports.ledger.backlog().await.unwrap(), Backlog::default());
}
