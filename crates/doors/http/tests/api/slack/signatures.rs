//! What is taken as a click: what Slack signed just now, with the secret that is kept here, and nothing else.

use axum::http::{Method, StatusCode};
use cc_devops_kernel::names::SecretName;
use cc_devops_notify::Value as Place;
use cc_devops_testkit::Memory;
use proptest::prelude::*;
use serde_json::json;

use super::{ACTIONS, ADMINS_ID, APPROVE, Chat, SECRET, Sent, clicks, form, signature};
use crate::deploys::plan;
use crate::description::{document, is_as_described};
use crate::harness::{As, Harness, OTHER_AGENT, request};

#[tokio::test]
async fn what_slack_did_not_sign_now_is_refused() {
    let chat = Chat::new().await;
    let body = form(&chat.click(ADMINS_ID, APPROVE));
    let at = |seconds: i64| (chat.now() + seconds).to_string();
    let by = |at: &str, secret: &str| signature(at, body.as_bytes(), secret);
    let (now, old, ahead) = (at(0), at(-301), at(301));
    let good = by(&now, SECRET);
    let cases = [
        ("no headers", None, None),
        ("no time", None, Some(good.clone())),
        ("no signature", Some(now.clone()), None),
        ("another secret", Some(now.clone()), Some(by(&now, "another"))),
        ("another version", Some(now.clone()), Some(good.replace("v0=", "v1="))),
        ("a signature cut short", Some(now.clone()), Some(good[..20].to_owned())),
        ("another time", Some(at(1)), Some(good.clone())),
        ("too old", Some(old.clone()), Some(by(&old, SECRET))),
        ("from the future", Some(ahead.clone()), Some(by(&ahead, SECRET))),
        ("a time that is none", Some("now".to_owned()), Some(good.clone())),
    ];
    let described = document().await;
    for (what, time, signature) in cases {
        let time = time.as_deref().map(|time| ("x-slack-request-timestamp", time));
        let signature = signature.as_deref().map(|signature| ("x-slack-signature", signature));
        let headers: Vec<(&str, &str)> = time.into_iter().chain(signature).collect();
        let refused = chat.post(&body, &headers).await;
        assert!(refused.is_problem(403), "{what}: {refused:?}");
        assert!(!refused.text.contains(SECRET), "{what}");
        is_as_described(&described, "post /v1/slack/actions", &refused);
    }
    assert!(chat.record().await.approvals.is_empty());
    assert_eq!((chat.decisions(), chat.sent.count()), (0, 0));
}

#[tokio::test]
async fn what_is_no_click_of_ours_is_taken_or_told() {
    let chat = Chat::new().await;
    for body in ["", "payload", "payload=%7B", "text=hello", "{\"payload\": {}}"] {
        let refused = chat.signed(body).await;
        assert!(refused.is_problem(400), "{body}: {refused:?}");
    }
    let mut other = chat.click(ADMINS_ID, APPROVE);
    other["actions"][0]["action_id"] = json!("somebody-elses");
    assert_eq!(chat.signed(&form(&other)).await.status, StatusCode::OK);
    assert_eq!((chat.decisions(), chat.sent.count()), (0, 0));
}

#[tokio::test]
async fn without_a_secret_nothing_is_taken() {
    let harness = Harness::new().await;
    let none = harness.send(Method::POST, ACTIONS, As::Nobody).await;
    assert!(none.is_problem(404) && none.text.contains("signing_secret"), "{none:?}");

    let (memory, sent) = (Memory::new(), Sent::default());
    let name = SecretName::new("/contentcraft/alerts/slack-signing").unwrap();
    let slack = clicks(&memory, Place::Secret(name), &sent);
    let harness = Harness::with_slack(memory, None, slack).await;
    let waiting = plan(&harness, "s1", "shop", OTHER_AGENT);
    let chat = Chat {
        plan: waiting,
        harness,
        sent,
    };
    let missing = chat.clicked(ADMINS_ID, APPROVE).await;
    assert!(
        missing.is_problem(404) && missing.text.contains("slack-signing"),
        "{missing:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever is changed of a signed body, it is not Slack's any more.
    #[test]
    fn a_body_that_was_changed_is_refused(place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let chat = Chat::new().await;
            let body = form(&chat.click(ADMINS_ID, APPROVE));
            let at = chat.now().to_string();
            let signature = signature(&at, body.as_bytes(), SECRET);
            let mut changed = body.clone().into_bytes();
            let place = place.index(changed.len());
            if cut {
                changed.truncate(place);
            } else {
                changed[place] = byte;
            }
            if changed == body.as_bytes() {
                return;
            }
            let request = request(Method::POST, ACTIONS, As::Nobody)
                .header("x-slack-request-timestamp", at)
                .header("x-slack-signature", signature);
            let answer = chat.harness.call(request.body(changed.into()).unwrap()).await;
            assert!(answer.is_problem(403), "{answer:?}");
            assert!(chat.record().await.approvals.is_empty());
        });
    }
}
