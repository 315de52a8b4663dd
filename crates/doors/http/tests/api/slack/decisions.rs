//! What a click decides, and what whoever clicked is answered.

use axum::http::StatusCode;
use cc_devops_deploys::PlanState;
use cc_devops_policy::Policy;
use cc_devops_requests::actions::vocabulary;
use cc_devops_testkit::sample;
use jiff::SignedDuration;
use serde_json::json;

use super::{ADMINS_ID, APPROVE, Chat, DENY, SECRET, form};
use crate::harness::ADMIN;

#[tokio::test]
async fn the_same_click_three_times_is_one_decision() {
    let chat = Chat::new().await;
    let body = form(&chat.click(ADMINS_ID, APPROVE));
    // The same request is taken once; three clicks are three requests.
    for _ in 0..3 {
        let taken = chat.signed(&body).await;
        assert_eq!((taken.status, taken.text.as_str()), (StatusCode::OK, ""));
    }
    for second in 1..3 {
        chat.harness.memory.clock().advance(SignedDuration::from_secs(1));
        assert_eq!(chat.signed(&body).await.status, StatusCode::OK, "{second}");
    }
    let record = chat.record().await;
    assert_eq!(record.approvals.len(), 1);
    assert_eq!(record.approvals[0].by.as_str(), ADMIN);
    assert_eq!(json!(record.approvals[0].door), "slack");
    assert_eq!(chat.decisions(), 1);
    let answer = chat.sent.answer(3).await;
    assert_eq!(chat.sent.count(), 3, "what was taken before is answered by itself");
    assert_eq!(answer["replace_original"], true);
    let said = answer["text"].as_str().unwrap();
    assert!(said.contains(&format!("was approved by {ADMIN}.")), "{said}");
    // Others may have to approve it too.
    let ids = answer["blocks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| &block["block_id"]);
    assert!(ids.into_iter().any(|id| *id == chat.plan.id.as_str()), "{answer}");
}

#[tokio::test]
async fn a_denial_takes_the_buttons_away_and_who_comes_later_is_told() {
    let chat = Chat::new().await;
    chat.operator(40, "Second", "U0SECOND").await;
    assert_eq!(chat.clicked(ADMINS_ID, DENY).await.status, StatusCode::OK);
    let record = chat.record().await;
    assert_eq!(record.state, PlanState::Denied);
    let decided = record.decided.unwrap();
    assert_eq!(decided.reason, format!("denied in Slack by {ADMIN}"));
    let answer = chat.sent.answer(1).await;
    let blocks = answer["blocks"].to_string();
    assert!(
        blocks.contains("Denied by Operator in Slack") && !blocks.contains("\"actions\""),
        "{blocks}"
    );

    chat.harness.memory.clock().advance(SignedDuration::from_secs(1));
    assert_eq!(chat.clicked(ADMINS_ID, DENY).await.status, StatusCode::OK);
    let again = chat.sent.answer(2).await;
    assert_eq!(again["text"], answer["text"], "the same click is the same decision");

    assert_eq!(chat.clicked("U0SECOND", APPROVE).await.status, StatusCode::OK);
    let late = chat.sent.answer(3).await;
    let said = late["text"].as_str().unwrap();
    assert!(said.contains("denied") && said.contains(ADMIN), "{said}");
    assert!(!late["blocks"].to_string().contains("\"actions\""), "{late}");
    assert_eq!(chat.decisions(), 1);
}

#[tokio::test]
async fn two_people_at_once_are_two_approvals() {
    let chat = Chat::new().await;
    chat.operator(40, "Second", "U0SECOND").await;
    let (one, two) = tokio::join!(chat.clicked(ADMINS_ID, APPROVE), chat.clicked("U0SECOND", APPROVE));
    assert_eq!((one.status, two.status), (StatusCode::OK, StatusCode::OK));
    let mut by: Vec<String> = chat
        .record()
        .await
        .approvals
        .into_iter()
        .map(|one| one.by.to_string())
        .collect();
    by.sort();
    assert_eq!(by, [ADMIN, "Second"]);
    assert_eq!(chat.decisions(), 2);
}

#[tokio::test]
async fn approved_and_denied_at_once_is_one_of_them_and_the_other_is_told() {
    let chat = Chat::new().await;
    chat.operator(40, "Second", "U0SECOND").await;
    let (one, two) = tokio::join!(chat.clicked(ADMINS_ID, DENY), chat.clicked("U0SECOND", DENY));
    assert_eq!((one.status, two.status), (StatusCode::OK, StatusCode::OK));
    assert_eq!(chat.record().await.state, PlanState::Denied);
    assert_eq!(chat.decisions(), 1);
    let (first, second) = (chat.sent.answer(1).await, chat.sent.answer(2).await);
    assert_ne!(first["text"], second["text"]);
}

#[tokio::test]
async fn who_may_not_decide_is_told_alone_and_decides_nothing() {
    let forbidding = [(
        "mine.cedar".to_owned(),
        "permit (principal, action == Action::\"applyPlan\", resource);".to_owned(),
    )];
    let policy = Policy::parse(&forbidding, &sample::installation(), vocabulary()).unwrap();
    let chat = Chat::by(Some(policy)).await;
    assert_eq!(chat.clicked(ADMINS_ID, APPROVE).await.status, StatusCode::OK);
    let denied = chat.sent.answer(1).await;
    assert_eq!(denied["response_type"], "ephemeral");
    assert!(
        denied["text"].as_str().unwrap().starts_with("Nothing was decided: "),
        "{denied}"
    );

    let chat = Chat::new().await;
    let mut guest = chat.click(ADMINS_ID, APPROVE);
    guest["user"]["team_id"] = json!("T0OTHER");
    let clicks = [
        (chat.click("U0NOBODY", APPROVE), "agents set NAME --slack-user U0NOBODY"),
        (chat.click("<!channel>", APPROVE), "does not say who you are"),
        (guest, "another workspace"),
    ];
    for (place, (click, part)) in clicks.into_iter().enumerate() {
        assert_eq!(chat.signed(&form(&click)).await.status, StatusCode::OK);
        let answer = chat.sent.answer(place + 1).await;
        assert_eq!(answer["response_type"], "ephemeral", "{answer}");
        assert_eq!(answer["replace_original"], false);
        assert!(answer["text"].as_str().unwrap().contains(part), "{answer}");
    }
    // An operator who was revoked is none any more.
    let agents = &chat.harness.control.ports().agents;
    let now = chat.harness.control.ports().clock.now();
    agents
        .revoke(&sample::agent_name(ADMIN), now, &sample::revoked())
        .await
        .unwrap();
    assert_eq!(chat.clicked(ADMINS_ID, APPROVE).await.status, StatusCode::OK);
    let revoked = chat.sent.answer(4).await;
    assert!(
        revoked["text"].as_str().unwrap().contains("not known here"),
        "{revoked}"
    );
    assert!(chat.record().await.approvals.is_empty());
    assert_eq!(chat.decisions(), 0);
}

#[tokio::test]
async fn a_button_of_another_plan_decides_nothing() {
    let chat = Chat::new().await;
    let value = |plan: &str, digest: &str| json!(format!("{plan} {digest}"));
    let (plan, digest) = (chat.plan.id.as_str(), chat.plan.digest.as_str());
    let values = [
        (value(plan, &"b".repeat(64)), digest),
        (value("plan-000000000000000000000000", digest), "no such plan"),
        (value(plan, "short"), "of no plan"),
        (value("../x", digest), "of no plan"),
    ];
    let mut number = 0;
    for action in [APPROVE, DENY] {
        for (value, part) in &values {
            let mut click = chat.click(ADMINS_ID, action);
            click["actions"][0]["value"] = value.clone();
            assert_eq!(chat.signed(&form(&click)).await.status, StatusCode::OK);
            number += 1;
            let answer = chat.sent.answer(number).await;
            assert_eq!(answer["response_type"], "ephemeral", "{answer}");
            assert!(answer["text"].as_str().unwrap().contains(part), "{answer}");
        }
    }
    let record = chat.record().await;
    assert_eq!((record.state, record.approvals.len()), (PlanState::Waiting, 0));
}

#[tokio::test]
async fn nothing_secret_of_a_click_is_kept_or_answered() {
    let chat = Chat::new().await;
    assert_eq!(chat.clicked(ADMINS_ID, APPROVE).await.status, StatusCode::OK);
    let answer = chat.sent.answer(1).await;
    let rows = format!("{:?}", chat.harness.rows());
    let record = json!(chat.record().await).to_string();
    for canary in [
        SECRET,
        "CANARYADDRESS",
        "9s8d9as89d8as9d8as989",
        "d8c1bb837935619ccad0f624c448ffb3",
    ] {
        for place in [&answer.to_string(), &rows, &record] {
            assert!(!place.contains(canary), "{canary} in {place}");
        }
    }
}
