//! What `repos fix`, `repos plan`, `repos apply` and `repos export` have in common: plans, words and files.

use std::io::Write;
use std::path::{Path, PathBuf};

use cc_devops_app::repositories::RepositoryTools;
use cc_devops_files::NewFile;
use cc_devops_kernel::text::counted;
use cc_devops_repos::fixing::Applied;
use cc_devops_repos::settings::reconciling::Planned;
use cc_devops_repos::settings::saved::SettingsPlan;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::output::visible;

/// Compares the settings of these repositories, all of the owner's where none is named, with what the policy wants.
pub(super) async fn compared(
    context: &Context,
    hygiene: &RepositoryTools,
    names: &[String],
) -> Result<Planned, CliError> {
    if !hygiene.reconciler.wants_settings() {
        return Err(no_settings());
    }
    let mut progress = context.output.progress("repositories compared:");
    progress.start();
    let planned = hygiene
        .reconciler
        .plan(names, &mut |done, total| progress.of(done, total))
        .await;
    drop(progress);
    planned.map_err(|error| CliError::of_named(error, names))
}

/// A file that must not be there yet, begun before anything is read, so that nothing is read in vain.
pub(super) struct Out {
    path: PathBuf,
    file: NewFile,
}

impl Out {
    /// Begins the file where one was named. Dropped before [`Out::finish`], it leaves nothing.
    pub(super) fn begin(path: Option<PathBuf>) -> Result<Option<Self>, CliError> {
        let Some(path) = path else { return Ok(None) };
        let file = NewFile::create(&path).map_err(|error| cannot_write(&path, error))?;
        Ok(Some(Self { path, file }))
    }

    /// Puts the file in its place with this text; returns where that is.
    pub(super) fn finish(mut self, text: &str) -> Result<String, CliError> {
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.finish());
        written.map_err(|error| cannot_write(&self.path, error))?;
        Ok(self.path.display().to_string())
    }
}

fn cannot_write(path: &Path, error: std::io::Error) -> CliError {
    CliError::write(format!("cannot write {}; name a new file", path.display()), error)
}

/// Whether a file is taken for a saved plan, by its name.
pub(super) fn is_plan_file(path: &Path) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json"))
}

/// A plan for programs, each change with its diff.
pub(super) fn document(plan: &SettingsPlan) -> Value {
    let changes: Vec<Value> = plan
        .drift
        .changes
        .iter()
        .map(|change| {
            json!({
                "section": change.section, "item": change.item, "before": change.before, "after": change.after,
                "diff": change.diff(),
            })
        })
        .collect();
    json!({
        "id": plan.id, "repository": plan.repository, "changes": changes, "unknown": plan.drift.unknown,
    })
}

/// A plan for people: its diff, and what could not be compared.
pub(super) fn shown(plan: &SettingsPlan) -> String {
    let mut lines = vec![plan.repository.clone(), plan.diff().trim_end().to_owned()];
    lines.extend(unknown(plan));
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

/// What of a plan could not be compared.
fn unknown(plan: &SettingsPlan) -> impl Iterator<Item = String> {
    let said = plan.drift.unknown.iter();
    said.map(|unknown| {
        format!(
            "  not compared: {}: {}",
            visible(&unknown.setting),
            visible(&unknown.why)
        )
    })
}

/// What became of a plan.
pub(super) fn carried_out(plan: &SettingsPlan, applied: &[Applied]) -> String {
    let mut lines = vec![plan.repository.clone()];
    lines.extend(outcomes(&plan.repository, applied));
    lines.extend(unknown(plan));
    lines.join("\n")
}

/// What became of a repository's changes, a line each.
pub(super) fn outcomes(repository: &str, applied: &[Applied]) -> impl Iterator<Item = String> {
    let own = applied.iter().filter(move |applied| applied.repository == repository);
    own.map(|applied| {
        let mark = if applied.done { "done" } else { "FAILED" };
        format!("  {mark}: {}", visible(&applied.outcome))
    })
}

/// What was not read.
pub(super) fn not_read(missing: &[(String, String)]) -> Vec<String> {
    let said = missing.iter().map(|(name, why)| {
        let name = if name.is_empty() {
            "the list of repositories"
        } else {
            name
        };
        format!("{} was not read: {}", visible(name), visible(why))
    });
    said.collect()
}

/// The most repositories that are named among those left alone.
const NAMED: usize = 5;

/// Which repositories are left alone, and why.
pub(super) fn left_alone(left_alone: &[(String, String)]) -> Option<String> {
    let named: Vec<String> = left_alone
        .iter()
        .take(NAMED)
        .map(|(name, why)| format!("{} ({})", visible(name), visible(why)))
        .collect();
    let more = left_alone.len().saturating_sub(NAMED);
    let more = if more > 0 {
        format!(", and {more} more")
    } else {
        String::new()
    };
    (!named.is_empty()).then(|| format!("Left alone: {}{more}.", named.join(", ")))
}

/// How many repositories.
pub(super) fn repositories(number: usize) -> String {
    counted(number as u64, "repository", "repositories")
}

/// How many changes.
pub(super) fn changes(number: usize) -> String {
    counted(number as u64, "change", "changes")
}

/// How many changes there are, in how many repositories.
pub(super) fn planned_changes(plans: &[SettingsPlan]) -> (usize, usize) {
    let changed = plans.iter().filter(|plan| !plan.drift.changes.is_empty());
    (plans.iter().map(|plan| plan.drift.changes.len()).sum(), changed.count())
}

/// Whether something could not be compared.
pub(super) fn is_in_part(planned: &Planned) -> bool {
    !planned.missing.is_empty() || planned.plans.iter().any(|plan| !plan.drift.unknown.is_empty())
}

/// A policy without settings: there is nothing to compare with.
fn no_settings() -> CliError {
    CliError::Usage(
        "the policy names no settings: write them under [defaults.settings], as docs/REPOS.md shows, or begin with what \
         is: cc-devops repos export"
            .to_owned(),
    )
}
