//! Workflows, runs, jobs and secrets of GitHub Actions.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use crypto_box::SecretKey;
use serde_json::{Value, json};

use super::super::access::Permission;
use super::super::answer::Answer;
use super::super::ids;
use super::super::model::{Repository, Run, written};
use super::Ask;

/// The key that every repository's secrets are sealed with. It opens nothing else.
const SEALING: [u8; 32] = [7; 32];

fn barred(ask: &Ask<'_>) -> Option<Answer> {
    ask.barred(Permission::Read, "actions")
}

pub(super) fn workflows(ask: &Ask<'_>) -> Answer {
    if let Some(refused) = barred(ask) {
        return refused;
    }
    let all: Vec<Value> = ask
        .repository()
        .workflows()
        .iter()
        .filter(|workflow| workflow.state != "deleted")
        .map(|workflow| {
            json!({
                "id": workflow.id, "node_id": ids::node("W", workflow.id), "name": workflow.name,
                "path": workflow.path, "state": workflow.state,
            })
        })
        .collect();
    let total = all.len();
    Answer::ok(json!({"total_count": total, "workflows": ask.page(all)}))
}

pub(super) fn runs(ask: &Ask<'_>, id: &str) -> Answer {
    if let Some(refused) = barred(ask) {
        return refused;
    }
    let of = ask.repository();
    let Some(id) = id
        .parse::<u64>()
        .ok()
        .filter(|id| of.workflows().iter().any(|each| each.id == *id))
    else {
        return Answer::refused(404, "Not Found");
    };
    let branch = ask.parameter("branch");
    let mut all: Vec<&Run> = of
        .runs
        .iter()
        .filter(|run| run.workflow == id && branch.is_none_or(|branch| run.head_branch == branch))
        .collect();
    all.reverse();
    let total = all.len();
    let page: Value = ask.page(all).into_iter().map(|run| shown(ask, of, run)).collect();
    Answer::ok(json!({"total_count": total, "workflow_runs": page}))
}

fn shown(ask: &Ask<'_>, of: &Repository, run: &Run) -> Value {
    let head = run.head_repository.as_ref().map(|name| {
        let id = ask.model.find(name).map_or(0, Repository::id);
        json!({"id": id, "full_name": name})
    });
    json!({
        "id": run.id, "run_attempt": run.attempt, "event": run.event, "head_branch": run.head_branch,
        "head_repository": head, "status": run.status, "conclusion": run.conclusion,
        "created_at": written(run.created), "updated_at": written(run.updated),
        "html_url": format!("https://github.com/{}/actions/runs/{}", of.full_name(), run.id),
    })
}

pub(super) fn jobs(ask: &Ask<'_>, id: &str) -> Answer {
    if let Some(refused) = barred(ask) {
        return refused;
    }
    let of = ask.repository();
    let Some(run) = of.runs.iter().find(|run| Ok(run.id) == id.parse()) else {
        return Answer::refused(404, "Not Found");
    };
    let latest = run.jobs.iter().filter(|job| job.attempt == run.attempt);
    let jobs: Vec<Value> = latest
        .map(|job| {
            let steps: Value = job
                .steps
                .iter()
                .map(|(name, conclusion)| json!({"name": name, "conclusion": conclusion}))
                .collect();
            json!({
                "name": job.name, "conclusion": job.conclusion, "steps": steps,
                "html_url": format!("https://github.com/{}/actions/runs/{}/job/1", of.full_name(), run.id),
            })
        })
        .collect();
    Answer::ok(json!({"total_count": jobs.len(), "jobs": jobs}))
}

pub(super) fn public_key(ask: &Ask<'_>) -> Answer {
    if let Some(refused) = ask.barred(Permission::Admin, "secrets") {
        return refused;
    }
    let key = SecretKey::from(SEALING).public_key();
    Answer::ok(json!({"key_id": "568250167242549743", "key": BASE64_STANDARD.encode(key.as_bytes())}))
}

pub(super) fn set_secret(ask: &mut Ask<'_>, name: &str) -> Answer {
    if let Some(refused) = ask.barred(Permission::Admin, "secrets") {
        return refused;
    }
    let sealed = ask
        .text("encrypted_value")
        .and_then(|text| BASE64_STANDARD.decode(text).ok());
    let opened = sealed.and_then(|sealed| SecretKey::from(SEALING).unseal(&sealed).ok());
    let Some(value) = opened else {
        return Answer::refused(422, "The encrypted value could not be decrypted");
    };
    let full_name = ask.name.clone();
    let name = name.to_owned();
    let now = ask.model.seconds();
    ask.model.edit(&full_name, |of| {
        of.settings.secret_times.insert(name.clone(), now);
        of.secrets.insert(name, value);
    });
    Answer::new(201, json!({}))
}
