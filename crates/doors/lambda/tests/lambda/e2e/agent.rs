//! A whole agent against the deployed stack: the program of tests/wire, which runs against the embedded control plane's AWS door
//! unchanged.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::e2e::account::{AGENT, Account, listen, peers_folder, repository};

/// Goes its way from the heartbeat to the secret that it asked for.
pub(crate) async fn from_the_heartbeat_to_its_secret(account: &Account) {
    let pattern = json!({
        "source": ["devops.automation"],
        "detail-type": ["devops.completed"],
        "detail": {"requestedBy": [AGENT]},
    });
    listen(&account.clients, &format!("devops-completed-{AGENT}"), &pattern).await;
    let python = peers_folder().join("aws/bin/python");
    assert!(
        python.exists(),
        "{} is not installed: run `make peers` first",
        python.display()
    );
    let done = Command::new(python)
        .arg(repository().join("tests/wire/agent.py"))
        .arg(AGENT)
        .env_clear()
        .env("AWS_ENDPOINT_URL", account.url())
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "the agent ended with {}: {said}", done.status);
    let came_to: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(
        came_to,
        json!({
            "registered": true, "source": "devops.automation", "detailType": "devops.completed", "status": "success",
            "action": "created", "asked": "asked for", "made": "made by itself",
        })
    );
}
