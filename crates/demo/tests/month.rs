//! The demo's past, its last days alone: what it leaves is what a control plane leaves.
#![cfg(test)]

use std::path::Path;
use std::process::Command;

use cc_devops_app::embedded;
use cc_devops_app::settings::load;
use cc_devops_fleet::watch::Status;
use cc_devops_requests::record::RequestFilter;

#[tokio::test(flavor = "multi_thread")]
async fn the_last_days_of_the_month_leave_agents_requests_revenue_and_a_whole_trail() {
    let folder = tempfile::tempdir().unwrap();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/cc-devops.toml");
    let data = folder.path().join("data");
    let made = Command::new(env!("CARGO_BIN_EXE_demo-month"))
        .args([&data, &config])
        .arg("3")
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let settings = load(Some(&config), |_| ()).unwrap().settings;
    let opened = embedded::command(settings, &data, false).unwrap();
    let ports = &opened.ports;
    let requests = ports.ledger.list(&RequestFilter::default(), None, 50).await.unwrap();
    assert_eq!(requests.items.len(), 50, "three days have more requests than a page");
    assert!(requests.items.iter().all(|request| request.completed.is_some()));
    let counts = opened
        .watching()
        .await
        .unwrap()
        .counts(ports.clock.now())
        .await
        .unwrap();
    assert_eq!(counts[&Status::Down], 1, "one fell silent nine hours ago: {counts:?}");
    assert!(ports.revenue.latest().await.unwrap().is_some());
    let verified = ports.audit.verify().await.unwrap();
    assert!(verified.breaks.is_empty(), "{verified:?}");
}

#[test]
fn what_cannot_be_read_is_said() {
    let said = Command::new(env!("CARGO_BIN_EXE_demo-month"))
        .arg("only-one")
        .output()
        .unwrap();
    assert_eq!(said.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&said.stderr).starts_with("usage: demo-month"));
}
