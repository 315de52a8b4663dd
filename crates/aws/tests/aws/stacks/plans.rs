//! Plans on the emulator's CloudFormation: what was planned runs, and nothing else.

use aws_sdk_cloudformation::types::{Capability, ChangeSetType, StackStatus};
use cc_devops_aws::{Backend, Clients, Resources};
use cc_devops_deploys::{Draft, DraftContent};
use cc_devops_kernel::outcome::{DeployAction, Reason};
use cc_devops_kernel::ports::{Clock as _, SystemClock};
use cc_devops_outbound::{HttpClient, HttpOptions, Method, Request, Url};
use cc_devops_requests::DeployLambda;
use cc_devops_requests::ports::{Planning, StackEnd, StackProgress, Stacks, WantedChange};
use cc_devops_testkit::{peers, sample};
use serde_json::Value;

use super::{BACKOFF, STACK, TEMPLATE, TWO, deploy, ended, kept, lease, planned, wanted, with_stack};
use crate::harness;
use std::sync::Arc;
use std::time::Duration;

fn creating<'a>(lease: &'a cc_devops_requests::record::StackLease, deploy: &'a DeployLambda) -> WantedChange<'a> {
    WantedChange {
        may_create: true,
        ..wanted(lease, deploy)
    }
}

async fn ready(stacks: &dyn Stacks, wanted: &WantedChange<'_>) -> Draft {
    match planned(stacks, wanted).await {
        Planning::Ready(draft) => *draft,
        other => panic!("it is ready: {other:?}"),
    }
}

async fn drafted(stacks: &dyn Stacks, id: &str, deploy: &DeployLambda) -> Draft {
    ready(stacks, &wanted(&lease(id, STACK), deploy)).await
}

async fn apply(stacks: &dyn Stacks, id: &str, handle: &str) -> StackProgress {
    stacks
        .apply(&lease(id, STACK), handle, SystemClock.now())
        .await
        .unwrap()
}

async fn end(stacks: &dyn Stacks, id: &str) -> StackEnd {
    let lease = lease(id, STACK);
    for _ in 0..200 {
        match stacks.progress(&lease.stack, &lease.request).await.unwrap() {
            StackProgress::Ended(end) => return end,
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    panic!("the change must end");
}

fn root(draft: &Draft) -> &Value {
    match &draft.content {
        DraftContent::ChangeSet(documents) => &documents.root,
        other => panic!("it is a change set: {other:?}"),
    }
}

async fn status(backend: &Backend) -> Option<StackStatus> {
    let call = backend
        .clients()
        .cloudformation()
        .describe_stacks()
        .stack_name("shop-dev");
    let stack = call.send().await.ok()?.stacks.unwrap_or_default().pop()?;
    stack.stack_status
}

/// Looks until the stack is gone.
async fn is_removed(backend: &Backend) {
    for _ in 0..200 {
        match status(backend).await {
            None | Some(StackStatus::DeleteComplete) => return,
            Some(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    panic!("the empty stack is to be removed");
}

async fn change_sets(backend: &Backend) -> usize {
    let call = backend
        .clients()
        .cloudformation()
        .list_change_sets()
        .stack_name("shop-dev");
    call.send().await.unwrap().summaries().len()
}

/// A change set of a name, made by somebody else.
async fn another(backend: &Backend, name: &str, template: &str) {
    let call = backend.clients().cloudformation().create_change_set();
    call.stack_name("shop-dev")
        .change_set_name(name)
        .change_set_type(ChangeSetType::Update)
        .template_body(template)
        .parameters(super::parameter("Value", "smuggled"))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn another_change_set_of_the_name_never_runs_in_the_place_of_the_one_that_was_planned() {
    let peer = peers::ministack().await;
    let backend = harness::bare(&peer);
    with_stack(&backend).await;
    let stacks = backend.stacks(BACKOFF);
    let draft = drafted(&*stacks, "r1", &deploy(None, &[("Value", "two")])).await;
    let name = root(&draft)["ChangeSetName"].as_str().unwrap().to_owned();
    let remove = backend.clients().cloudformation().delete_change_set();
    remove.change_set_name(&draft.handle).send().await.unwrap();
    another(&backend, &name, TWO).await;

    let StackProgress::Ended(end) = apply(&*stacks, "r1", &draft.handle).await else {
        panic!("what was planned is gone");
    };
    assert_eq!(end.outcome.unwrap_err().reason, Reason::StackInProgress);
    let seen = drafted(&*stacks, "r1", &deploy(None, &[("Value", "two")])).await;
    assert_ne!(seen.handle, draft.handle, "looked at again it is another");
    assert_ne!(seen.basis.template_digest, draft.basis.template_digest);
    let lease = lease("r1", STACK);
    let progress = stacks.progress(&lease.stack, &lease.request).await.unwrap();
    assert_eq!(progress, StackProgress::NotBegun);
    assert_eq!(kept(&backend).await, "one/kept", "nothing ran");
    assert_eq!(status(&backend).await, Some(StackStatus::CreateComplete));
}

#[tokio::test]
async fn of_two_plans_the_one_that_is_carried_out_ends_the_other() {
    let peer = peers::ministack().await;
    let backend = harness::bare(&peer);
    with_stack(&backend).await;
    let stacks = backend.stacks(BACKOFF);
    let older = drafted(&*stacks, "r1", &deploy(None, &[("Value", "older")])).await;
    let newer = drafted(&*stacks, "r2", &deploy(None, &[("Value", "newer")])).await;
    apply(&*stacks, "r2", &newer.handle).await;
    assert!(end(&*stacks, "r2").await.outcome.is_ok());
    let StackProgress::Ended(end) = apply(&*stacks, "r1", &older.handle).await else {
        panic!("it can never run");
    };
    assert_eq!(end.outcome.unwrap_err().reason, Reason::StackInProgress);
    stacks
        .discard(&lease("r1", STACK).stack, &sample::request_id("r1"), &older.handle)
        .await
        .unwrap();
    assert_eq!(kept(&backend).await, "newer/kept");
}

#[tokio::test]
async fn two_who_apply_at_one_instant_execute_once() {
    let peer = peers::ministack().await;
    let backend = harness::bare(&peer);
    with_stack(&backend).await;
    let (one, other) = (
        backend.stacks(BACKOFF),
        harness::on(peer.url(), backend.resources()).stacks(BACKOFF),
    );
    for number in 0..100 {
        let (id, value) = (format!("r{number}"), format!("value-{number}"));
        let draft = drafted(&*one, &id, &deploy(None, &[("Value", &value)])).await;
        let both = [apply(&*one, &id, &draft.handle), apply(&*other, &id, &draft.handle)];
        for progress in futures::future::join_all(both).await {
            let is_good = match &progress {
                StackProgress::Changing => true,
                StackProgress::Ended(end) => end.outcome.is_ok(),
                StackProgress::NotBegun => false,
            };
            assert!(is_good, "{progress:?}");
        }
        assert!(end(&*one, &id).await.outcome.is_ok());
        assert_eq!(kept(&backend).await, format!("{value}/kept"));
    }
    let call = backend.clients().cloudformation().describe_stack_events();
    let mut pages = call.stack_name("shop-dev").into_paginator().send();
    let mut begun = 0;
    while let Some(page) = pages.next().await {
        begun += page
            .unwrap()
            .stack_events()
            .iter()
            .filter(|event| event.logical_resource_id() == Some("shop-dev"))
            .filter(|event| {
                event
                    .resource_status()
                    .is_some_and(|status| status.as_str() == "UPDATE_IN_PROGRESS")
            })
            .count();
    }
    assert_eq!(begun, 100, "each was executed once");
}

#[tokio::test]
async fn a_first_creation_is_planned_denied_planned_again_and_carried_out() {
    let peer = peers::ministack().await;
    let backend = harness::bare(&peer);
    let stacks = backend.stacks(BACKOFF);
    let deploy = deploy(Some(TEMPLATE), &[("Value", "one")]);
    let (first, second) = (lease("r1", STACK), lease("r2", STACK));

    let draft = ready(&*stacks, &creating(&first, &deploy)).await;
    assert!(draft.first_creation);
    assert_eq!(draft.basis.status.as_deref(), Some("REVIEW_IN_PROGRESS"));
    assert_eq!(root(&draft)["Changes"][0]["ResourceChange"]["Action"], "Add");
    assert_eq!(status(&backend).await, Some(StackStatus::ReviewInProgress));
    for _ in 0..2 {
        stacks
            .discard(&first.stack, &first.request, &draft.handle)
            .await
            .unwrap();
        is_removed(&backend).await;
    }

    // One that somebody left behind is in nobody's way.
    let left = ready(&*stacks, &creating(&first, &deploy)).await;
    backend
        .clients()
        .cloudformation()
        .delete_change_set()
        .change_set_name(&left.handle)
        .send()
        .await
        .unwrap();
    assert_eq!(status(&backend).await, Some(StackStatus::ReviewInProgress));
    let refused = ended(&*stacks, "r3", &deploy).await.outcome.unwrap_err();
    assert!(
        refused.message.contains("delete-stack --stack-name shop-dev"),
        "{}",
        refused.message
    );
    let draft = ready(&*stacks, &creating(&second, &deploy)).await;
    apply(&*stacks, "r2", &draft.handle).await;
    let result = end(&*stacks, "r2").await.outcome.unwrap();
    assert_eq!(
        (result.action, result.current_status.as_str()),
        (DeployAction::Deployed, "CREATE_COMPLETE")
    );
    assert_eq!(kept(&backend).await, "one/other");
    assert_eq!(stacks.template(&second.stack).await.unwrap().as_deref(), Some(TEMPLATE));
    stacks
        .discard(&second.stack, &second.request, &draft.handle)
        .await
        .unwrap();
    assert_eq!(
        status(&backend).await,
        Some(StackStatus::CreateComplete),
        "a stack that stands is left"
    );
    assert_eq!(stacks.template(&sample::stack("none")).await.unwrap(), None);
}

fn table(key: &str) -> String {
    format!(
        r#"{{"Resources": {{"Orders": {{"Type": "AWS::DynamoDB::Table", "Properties": {{
            "TableName": "orders-{key}", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{{"AttributeName": "{key}", "AttributeType": "S"}}],
            "KeySchema": [{{"AttributeName": "{key}", "KeyType": "HASH"}}]}}}}}}}}"#
    )
}

#[tokio::test]
async fn a_replacement_is_seen_before_it_happens_and_sixty_plans_leave_nothing() {
    let peer = peers::ministack().await;
    let backend = harness::bare(&peer);
    let stacks = backend.stacks(BACKOFF);
    let first = lease("r1", STACK);
    let made = deploy(Some(&table("id")), &[]);
    let draft = ready(&*stacks, &creating(&first, &made)).await;
    apply(&*stacks, "r1", &draft.handle).await;
    end(&*stacks, "r1").await.outcome.unwrap();
    stacks
        .discard(&first.stack, &first.request, &draft.handle)
        .await
        .unwrap();

    for number in 0..60 {
        let id = format!("plan-{number}");
        let wants = deploy(Some(&table("pk")), &[]);
        let draft = drafted(&*stacks, &id, &wants).await;
        let change = &root(&draft)["Changes"][0]["ResourceChange"];
        assert_eq!(change["Replacement"], "True", "{change}");
        assert_eq!(change["PolicyAction"], "ReplaceAndDelete", "{change}");
        assert_eq!(change["ResourceType"], "AWS::DynamoDB::Table");
        // Every second one was broken off before anybody wrote down its handle.
        let handle = if number % 2 == 0 { draft.handle.as_str() } else { "" };
        stacks
            .discard(&first.stack, &sample::request_id(&id), handle)
            .await
            .unwrap();
    }
    assert_eq!(change_sets(&backend).await, 0);
}

#[tokio::test]
async fn a_stack_that_was_changed_by_hand_is_told_to_have_drifted() {
    let peer = peers::ministack().await;
    let mut resources = harness::bare(&peer).resources().clone();
    resources.drift_stages.insert(sample::stage());
    let backend = harness::on(peer.url(), &resources);
    with_stack(&backend).await;
    let stacks = backend.stacks(BACKOFF);
    let draft = drafted(&*stacks, "r1", &deploy(None, &[("Value", "two")])).await;
    assert_eq!(
        (root(&draft)["StackDriftStatus"].as_str(), draft.notes.len()),
        (Some("IN_SYNC"), 0)
    );

    let put = backend.clients().ssm().put_parameter().name("/kept").value("by hand");
    put.overwrite(true).send().await.unwrap();
    let draft = drafted(&*stacks, "r2", &deploy(None, &[("Value", "two")])).await;
    assert_eq!(root(&draft)["StackDriftStatus"], "DRIFTED");
    assert_eq!(root(&draft).get("Description"), None);
}

#[tokio::test]
async fn a_template_that_no_call_holds_goes_through_the_bucket_under_its_digest() {
    let peer = peers::ministack().await;
    let mut resources = harness::bare(&peer).resources().clone();
    resources.template_bucket = Some("templates".to_owned());
    let backend = harness::on(peer.url(), &resources);
    with_stack(&backend).await;
    let stacks = backend.stacks(BACKOFF);
    let note = format!("{{\"Metadata\": {{\"Note\": \"{}\"}},", "x".repeat(60_000));
    let large = TWO.replacen('{', &note, 1);
    let wants = deploy(Some(&large), &[]);
    let lease = lease("r1", STACK);
    let error = stacks.plan(&wanted(&lease, &wants)).await.unwrap_err();
    assert!(error.message.contains("bucket"), "there is none yet: {error}");

    let at = |path: &str| Url::parse(&format!("{}/templates{path}", peer.url())).unwrap();
    let http = HttpClient::configured(&at(""), HttpOptions::default()).unwrap();
    let (made, _) = http.send_for_head(Request::new(Method::PUT, at(""))).await.unwrap();
    assert!(made.is_success());
    let draft = drafted(&*stacks, "r1", &wants).await;
    let digest = draft.basis.template_digest.clone().unwrap();
    let lies = at(&format!("/cc-devops/templates/{digest}"));
    assert_eq!(http.send(Request::get(lies)).await.unwrap().body, large.as_bytes());
    apply(&*stacks, "r1", &draft.handle).await;
    assert!(end(&*stacks, "r1").await.outcome.is_ok());
    assert_eq!(kept(&backend).await, "one");
}

const ROLE: &str = r#"{"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "shop",
    "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
    "Principal": {"Service": "lambda.amazonaws.com"}}]}}}}}"#;

#[tokio::test]
async fn capabilities_that_the_request_does_not_name_are_asked_for() {
    let peer = peers::ministack_that_checks().await;
    let backend = Backend::new(
        Clients::of_emulator(peer.url()),
        Resources::of(&sample::installation(), sample::stage()),
        sample::installation(),
        Arc::new(SystemClock),
    );
    let stacks = backend.stacks(BACKOFF);
    let lease = lease("r1", STACK);
    let mut wants = deploy(Some(ROLE), &[]);
    let Planning::Ended(end) = planned(&*stacks, &creating(&lease, &wants)).await else {
        panic!("it is refused");
    };
    let refused = end.outcome.unwrap_err();
    assert_eq!(refused.reason, Reason::InvalidParameter);
    assert!(refused.message.contains("CAPABILITY_NAMED_IAM"), "{}", refused.message);
    assert_eq!(status(&backend).await, None, "and nothing is left");

    wants.capabilities = vec![Capability::CapabilityNamedIam.as_str().to_owned()];
    let draft = ready(&*stacks, &creating(&lease, &wants)).await;
    assert_eq!(
        root(&draft)["Capabilities"],
        serde_json::json!(["CAPABILITY_NAMED_IAM"])
    );
}
