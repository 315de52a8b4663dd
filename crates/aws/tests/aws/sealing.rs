//! The key that values are sealed to, where agents find it that only know the bus; and how it is kept.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use cc_devops_aws::{Backend, Clients};
use cc_devops_kernel::acts::Author;
use cc_devops_kernel::installation::Stages;
use cc_devops_kernel::names::Stage;
use cc_devops_kernel::ports::{PortErrorKind, SystemClock};
use cc_devops_requests::ports::Ports;
use cc_devops_requests::sealed_values::keeping::SealingKeeper;
use cc_devops_testkit::{peers, sample};

use crate::harness;

/// What stands in a parameter.
async fn parameter(backend: &Backend, name: &str) -> Option<String> {
    let call = backend.clients().ssm().get_parameter().name(name);
    call.send().await.ok()?.parameter?.value
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_public_key_stands_in_the_parameter_store_and_is_written_once() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let (ports, name): (Ports, String) = (backend.ports(), backend.resources().sealing_key.clone());
    assert_eq!(backend.published_sealing_key().await.unwrap(), None);
    let keeper = SealingKeeper::new(&ports);
    keeper.keep().await.unwrap();
    let first = keeper.current().await.unwrap();
    assert_eq!(backend.published_sealing_key().await.unwrap(), Some(first.clone()));
    let own = parameter(&backend, &format!("{name}/dev")).await.unwrap();
    let without_a_stage = parameter(&backend, &name).await.unwrap();
    assert_eq!(own, without_a_stage, "dev is the stage of requests that name none");
    let document: serde_json::Value = serde_json::from_str(&own).unwrap();
    assert_eq!(document["publicKey"], first.public_key.as_str());
    assert_eq!(document["keyId"], first.key_id.as_str());
    assert_eq!(document["algorithm"], "crypto_box_seal");

    keeper.keep().await.unwrap();
    let second = keeper.rotate(&Author::operator()).await.unwrap();
    assert_eq!(backend.published_sealing_key().await.unwrap(), Some(second));
    let history = backend.clients().ssm().get_parameter_history().name(&name);
    assert_eq!(history.send().await.unwrap().parameters().len(), 2, "once for each key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_stage_publishes_its_key_beside_and_not_in_its_place() {
    let peer = peers::ministack().await;
    let dev = harness::backend(&peer).await;
    SealingKeeper::new(&dev.ports()).keep().await.unwrap();
    let plain = parameter(&dev, &dev.resources().sealing_key).await.unwrap();

    let mut resources = harness::backend(&peer).await.resources().clone();
    resources.stage = Stage::new("prod").unwrap();
    resources.sealing_key.clone_from(&dev.resources().sealing_key);
    let mut installation = sample::installation();
    installation.stages = Stages::new(Stage::new("dev").unwrap(), vec![Stage::new("prod").unwrap()]);
    let clients = Clients::of_emulator(peer.url());
    let prod = Backend::new(clients, resources, installation, Arc::new(SystemClock));
    SealingKeeper::new(&prod.ports()).keep().await.unwrap();
    let name = &dev.resources().sealing_key;
    assert_eq!(parameter(&dev, name).await.unwrap(), plain);
    assert_ne!(parameter(&dev, &format!("{name}/prod")).await.unwrap(), plain);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_key_is_sealed_in_the_table_and_one_that_was_changed_opens_nothing() {
    let peer = peers::ministack().await;
    let backend = harness::backend(&peer).await;
    let ports = backend.ports();
    SealingKeeper::new(&ports).current().await.unwrap();
    let pair = ports.sealing_keys.pairs().await.unwrap().remove(0);
    let dynamodb = backend.clients().dynamodb();
    let scan = dynamodb.scan().table_name(&backend.resources().ledger_table);
    let items = scan.send().await.unwrap().items.unwrap();
    let shown = format!("{items:?}");
    let hex = hex::encode(pair.secret());
    let bytes = format!("{:?}", pair.secret());
    assert!(!shown.contains(&hex) && !shown.contains(bytes.trim_matches(['[', ']'])));

    let mut pairs = items.into_iter().filter(|item| item["PK"].as_s().unwrap() == "SEALING");
    let mut changed = pairs.find(|item| item.contains_key("sealed")).unwrap();
    changed.insert("id".to_owned(), AttributeValue::S("0123456789abcdef".to_owned()));
    let put = dynamodb.put_item().table_name(&backend.resources().ledger_table);
    put.set_item(Some(changed)).send().await.unwrap();
    let Err(error) = ports.sealing_keys.pairs().await else {
        panic!("it is sealed as another's")
    };
    assert_eq!(error.kind, PortErrorKind::Corrupt);
}
