//! Workflows, runs, jobs and secrets of GitHub Actions.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use crypto_box::SecretKey;
use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::ids;
use super::super::model::{Repository, Run, Workflow, written};
use super::super::permission::Permission;
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
        .map(shown_workflow)
        .collect();
    let total = all.len();
    Answer::ok(json!({"total_count": total, "workflows": ask.page(all)}))
}

/// The workflow of this number, or in this file.
fn named<'m>(of: &'m Repository, id: &str) -> Option<&'m Workflow> {
    let file = |path: &str| path.rsplit('/').next() == Some(id);
    let all = of.workflows().iter().filter(|each| each.state != "deleted");
    all.into_iter()
        .find(|each| Ok(each.id) == id.parse() || file(&each.path))
}

fn shown_workflow(workflow: &Workflow) -> Value {
    json!({
        "id": workflow.id, "node_id": ids::node("W", workflow.id), "name": workflow.name,
        "path": workflow.path, "state": workflow.state,
        "created_at": written(workflow.created), "updated_at": written(workflow.updated),
    })
}

pub(super) fn workflow(ask: &Ask<'_>, id: &str) -> Answer {
    if let Some(refused) = barred(ask) {
        return refused;
    }
    match named(ask.repository(), id) {
        Some(found) => Answer::ok(shown_workflow(found)),
        None => Answer::refused(404, "Not Found"),
    }
}

/// How many runs a list has at most that is narrowed by a parameter.
/// <https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-workflow>
const NARROWED: usize = 1_000;

/// The runs of a workflow, or of the repository, newest first.
pub(super) fn runs(ask: &Ask<'_>, id: Option<&str>) -> Answer {
    if let Some(refused) = barred(ask) {
        return refused;
    }
    let of = ask.repository();
    let workflow = match id.map(|id| named(of, id)) {
        None => None,
        Some(Some(found)) => Some(found.id),
        Some(None) => return Answer::refused(404, "Not Found"),
    };
    let is = |name: &str, value: Option<&str>| ask.parameter(name).is_none_or(|wanted| value == Some(wanted));
    // A status or a conclusion; it knows no `startup_failure`.
    let status = |run: &Run| {
        let wanted = ask.parameter("status");
        wanted.is_none_or(|wanted| run.status == wanted || run.conclusion.as_deref() == Some(wanted))
    };
    let pulls = |run: &Run| {
        let foreign = run.head_repository.as_ref() != Some(&of.full_name());
        ask.parameter("exclude_pull_requests") != Some("true") || foreign || run.event != "pull_request"
    };
    let mut all: Vec<&Run> = of
        .runs
        .iter()
        .filter(|run| workflow.is_none_or(|id| run.workflow == id))
        .filter(|run| is("branch", Some(&run.head_branch)) && is("event", Some(&run.event)))
        .filter(|run| is("actor", Some(&run.actor)) && is("head_sha", Some(&run.head_sha)))
        .filter(|run| status(run) && created(ask.parameter("created"), run.created) && pulls(run))
        .collect();
    all.sort_by_key(|run| std::cmp::Reverse((run.created, run.id)));
    let total = all.len();
    if ["branch", "event", "actor", "head_sha", "status", "created"]
        .iter()
        .any(|name| ask.parameter(name).is_some())
    {
        all.truncate(NARROWED);
    }
    let page: Value = ask.page(all).into_iter().map(|run| shown(ask, of, run)).collect();
    Answer::ok(json!({"total_count": total, "workflow_runs": page}))
}

/// Whether a time is within what `created` says: `>=TIME`, `>TIME`, `<=TIME`, `<TIME`, `TIME..TIME` or a day.
fn created(wanted: Option<&str>, at: i64) -> bool {
    let Some(wanted) = wanted else { return true };
    let at = written(at);
    // A day is compared with as much of the time as it has.
    let cut = |than: &str| at.get(..than.len().min(at.len())).unwrap_or(&at).to_owned();
    if let Some((from, to)) = wanted.split_once("..") {
        return (from == "*" || *cut(from) >= *from) && (to == "*" || *cut(to) <= *to);
    }
    if let Some(than) = wanted.strip_prefix(">=") {
        return *cut(than) >= *than;
    }
    if let Some(than) = wanted.strip_prefix("<=") {
        return *cut(than) <= *than;
    }
    if let Some(than) = wanted.strip_prefix('>') {
        return *cut(than) > *than;
    }
    if let Some(than) = wanted.strip_prefix('<') {
        return *cut(than) < *than;
    }
    *cut(wanted) == *wanted
}

/// One run; an earlier attempt has the conclusion of its jobs.
pub(super) fn run(ask: &Ask<'_>, id: &str, attempt: Option<&str>) -> Answer {
    if let Some(refused) = barred(ask) {
        return refused;
    }
    let of = ask.repository();
    let attempt: Option<u32> = attempt.and_then(|attempt| attempt.parse().ok());
    let found = of.runs.iter().find(|run| Ok(run.id) == id.parse());
    let Some(run) = found.filter(|run| attempt.is_none_or(|attempt| attempt <= run.attempt)) else {
        return Answer::refused(404, "Not Found");
    };
    let mut one = shown(ask, of, run);
    if let Some(attempt) = attempt.filter(|attempt| *attempt < run.attempt) {
        let of_it = run.jobs.iter().find(|job| job.attempt == attempt);
        one["run_attempt"] = json!(attempt);
        one["conclusion"] = json!(of_it.and_then(|job| job.conclusion.as_ref()));
    }
    Answer::ok(one)
}

fn shown(ask: &Ask<'_>, of: &Repository, run: &Run) -> Value {
    let head = run.head_repository.as_ref().map(|name| {
        let id = ask.model.find(name).map_or(0, Repository::id);
        json!({"id": id, "full_name": name})
    });
    let named = of.workflows().iter().find(|each| each.id == run.workflow);
    json!({
        "id": run.id, "node_id": ids::node("WFR", run.id), "name": named.map(|each| &each.name), "workflow_id": run.workflow, "run_number": run.number,
        "path": named.map(|each| &each.path), "head_sha": run.head_sha,
        "run_attempt": run.attempt, "event": run.event, "head_branch": run.head_branch,
        "head_repository": head, "status": run.status, "conclusion": run.conclusion,
        "created_at": written(run.created), "updated_at": written(run.updated),
        "run_started_at": written(run.started), "actor": {"login": run.actor},
        "html_url": format!("https://github.com/{}/actions/runs/{}", of.full_name(), run.id),
    })
}

pub(super) fn jobs(ask: &Ask<'_>, id: &str, attempt: Option<&str>) -> Answer {
    if let Some(refused) = barred(ask) {
        return refused;
    }
    let of = ask.repository();
    let Some(run) = of.runs.iter().find(|run| Ok(run.id) == id.parse()) else {
        return Answer::refused(404, "Not Found");
    };
    let wanted: u32 = attempt.and_then(|attempt| attempt.parse().ok()).unwrap_or(run.attempt);
    let every = attempt.is_none() && ask.parameter("filter") == Some("all");
    let found = run.jobs.iter().filter(|job| every || job.attempt == wanted);
    let jobs: Vec<Value> = found
        .map(|job| {
            let steps: Value = job
                .steps
                .iter()
                .map(|(name, conclusion)| json!({"name": name, "conclusion": conclusion}))
                .collect();
            json!({
                "name": job.name, "status": job.status, "conclusion": job.conclusion, "steps": steps,
                "run_id": run.id, "run_attempt": job.attempt,
                "html_url": format!("https://github.com/{}/actions/runs/{}/job/1", of.full_name(), run.id),
            })
        })
        .collect();
    Answer::ok(json!({"total_count": jobs.len(), "jobs": ask.page(jobs)}))
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
