//! A crash at every port call of a request's life, and at every call of the recovery from it.

use cc_devops_testkit::crash::{
    MemoryBackend, Report, Scenario, enumerate, enumerate_acts, enumerate_consumers, enumerate_retention, subscriptions,
};

async fn every_crash(scenario: &Scenario) -> Report {
    let report = enumerate(async || MemoryBackend::fresh(), scenario).await;
    assert!(report.calls >= 8, "a request makes several port calls: {report:?}");
    assert!(
        report.runs >= 2 * report.calls,
        "each of them crashed before and after its effect: {report:?}"
    );
    report
}

#[tokio::test]
async fn put_secret_survives_a_crash_at_every_call() {
    every_crash(&Scenario::put_secret()).await;
}

#[tokio::test]
async fn a_put_secret_left_for_a_sweep_survives_a_crash_at_every_call() {
    every_crash(&Scenario::put_secret().left_for_a_sweep()).await;
}

#[tokio::test]
async fn a_put_secret_done_at_once_survives_a_crash_at_every_call() {
    let scenario = Scenario::put_secret();
    let report = enumerate(async || MemoryBackend::of_one_store(), &scenario).await;
    assert!(
        report.runs >= 2 * report.calls,
        "before and after its effect: {report:?}"
    );
    enumerate(async || MemoryBackend::of_one_store(), &scenario.crashing_twice()).await;
}

#[tokio::test]
async fn deploy_lambda_survives_a_crash_at_every_call() {
    every_crash(&Scenario::deploy_lambda()).await;
}

#[tokio::test]
async fn a_deploy_lambda_left_for_a_sweep_survives_a_crash_at_every_call() {
    every_crash(&Scenario::deploy_lambda().left_for_a_sweep()).await;
}

#[tokio::test]
async fn work_on_repositories_survives_a_crash_at_every_call() {
    let report = every_crash(&Scenario::repository_secrets()).await;
    assert!(report.calls >= 14, "three secrets are read and given: {report:?}");
    every_crash(&Scenario::repository_check()).await;
    every_crash(&Scenario::workflow_monitor().left_for_a_sweep()).await;
}

#[tokio::test]
async fn work_on_repositories_survives_a_crash_in_its_recovery() {
    every_crash(&Scenario::repository_secrets().crashing_twice()).await;
}

#[tokio::test]
async fn put_secret_survives_a_crash_in_its_recovery() {
    let scenario = Scenario::put_secret().crashing_twice();
    let report = every_crash(&scenario).await;
    assert!(
        report.runs > 10 * report.calls,
        "every crash of a recovery was tried: {report:?}"
    );
}

#[tokio::test]
async fn deploy_lambda_survives_a_crash_in_its_recovery() {
    let scenario = Scenario::deploy_lambda().crashing_twice();
    let report = every_crash(&scenario).await;
    assert!(
        report.runs > 10 * report.calls,
        "every crash of a recovery was tried: {report:?}"
    );
}

#[tokio::test]
async fn an_act_and_its_trail_survive_a_crash_at_every_call_together() {
    let report = enumerate_acts(async || MemoryBackend::fresh()).await;
    assert!(report.runs >= 2 * 4, "each act makes a call: {report:?}");
}

#[tokio::test]
async fn the_housekeeping_survives_a_crash_at_every_call() {
    let report = enumerate_retention(async || MemoryBackend::fresh()).await;
    assert!(
        report.runs == 2 * report.calls && report.calls > 8,
        "every call crashed before and after its effect: {report:?}"
    );
}

#[tokio::test]
async fn every_consumer_survives_a_crash_at_every_call() {
    let report = enumerate_consumers(async || MemoryBackend::fresh()).await;
    assert!(report.calls >= 15, "telling each of five takes three calls: {report:?}");
    assert!(
        report.runs >= 2 * report.calls,
        "before and after its effect: {report:?}"
    );
}

#[tokio::test]
async fn what_is_done_to_a_webhook_survives_a_crash_at_every_call() {
    let runs = subscriptions(async || MemoryBackend::fresh()).await;
    assert!(runs >= 10, "every act crashed before and after its effect: {runs}");
}
