//! The rules on the Dependabot file.

use serde_json::json;

use super::{Case, Outcome};
use crate::dependabot;
use crate::dependabot::coverage::{Coverage, Uncovered};
use crate::dependabot::folders::Folders;
use crate::dependabot::{Config, Judged, Mistake, PATHS, RENOVATE, Reading};
use crate::policy::Dependabot;
use crate::report::FileStanding;
use crate::snapshot::{DefaultBranch, Fact, Repository, Tree};

/// What was read of the Dependabot file.
pub(super) struct Read {
    /// The file GitHub takes and what it says; `None` if there is none.
    file: Fact<Option<(String, Judged)>>,
    /// Whether there is a second file that says something else.
    differs: bool,
    tree: Fact<Tree>,
    /// What it leaves out of the tree, if both are known.
    coverage: Option<Coverage>,
    /// Renovate's configuration.
    pub(super) renovate: Option<String>,
}

/// Reads the Dependabot files of a repository. With both names, GitHub's order decides.
pub(super) fn read(repository: &Repository, branch: &DefaultBranch, demands: &Dependabot) -> Read {
    let files = match repository.files.as_ref() {
        Fact::Known(files) => files,
        Fact::Unknown(gap) => return Read::unread(Fact::Unknown(gap.clone()), Fact::Unknown(gap)),
        Fact::Unavailable(why) => return Read::unread(Fact::Unavailable(why.clone()), Fact::Unavailable(why)),
    };
    let tree = files.tree.known();
    let folders = tree.map(Folders::in_tree);
    let mut texts = PATHS
        .iter()
        .filter_map(|path| files.dependabot.iter().find(|file| file.path == *path));
    let first = texts.next();
    let second = texts.next();
    let judge = |text: &String| dependabot::judge(text, folders.as_ref());
    let file = match first {
        None => Fact::Known(None),
        Some(file) => file.text.as_ref().map(|text| Some((file.path.clone(), judge(text)))),
    };
    // What could not be read is not known to differ.
    let differs = match (file.known(), second.and_then(|second| second.text.known())) {
        (Some(Some((_, first))), Some(second)) => first.reading != judge(second).reading,
        _ => false,
    };
    let coverage = match (config(&file), tree, &folders) {
        (Some((_, config)), Some(tree), Some(folders)) => Some(dependabot::coverage::coverage(
            &tree.paths,
            folders,
            config,
            demands,
            &branch.name,
        )),
        _ => None,
    };
    let renovate = tree.and_then(|tree| {
        tree.paths
            .iter()
            .find(|path| RENOVATE.contains(&path.as_str()))
            .cloned()
    });
    Read {
        file,
        differs,
        tree: files.tree.clone(),
        coverage,
        renovate,
    }
}

fn config(file: &Fact<Option<(String, Judged)>>) -> Option<(&str, &Config)> {
    match file.known() {
        Some(Some((path, judged))) => match &judged.reading {
            Reading::Valid(config) => Some((path, config)),
            Reading::Empty | Reading::Version1 | Reading::Invalid(_) => None,
        },
        _ => None,
    }
}

impl Read {
    fn unread(file: Fact<Option<(String, Judged)>>, tree: Fact<Tree>) -> Self {
        Self {
            file,
            differs: false,
            tree,
            coverage: None,
            renovate: None,
        }
    }

    /// How the file stands; `None` if that is not known.
    pub(super) fn standing(&self) -> Option<FileStanding> {
        let whole = self
            .coverage
            .as_ref()
            .is_none_or(|coverage| coverage.missing.is_empty());
        self.file.known().map(|file| match file {
            None => FileStanding::Missing,
            Some(_) if config(&self.file).is_none() => FileStanding::Invalid,
            Some(_) if whole => FileStanding::Present,
            Some(_) => FileStanding::Incomplete,
        })
    }
}

pub(super) fn file(case: &Case<'_>) -> Outcome {
    let read = &case.dependabot;
    super::demanded("The Dependabot file", &read.file, |file| match file {
        None => match &read.renovate {
            Some(path) if case.settings.dependabot.renovate_counts => {
                Outcome::not_applicable(format!("Renovate looks after the dependencies (`{path}`)."))
            }
            _ => Outcome::fail(
                format!("There is neither `{}` nor `{}`.", PATHS[0], PATHS[1]),
                format!("Add `{}` with an entry for each package ecosystem.", PATHS[0]),
            ),
        },
        Some((path, judged)) => match &judged.reading {
            Reading::Valid(_) if read.differs => Outcome::fail(
                format!(
                    "There are `{}` and `{}`, and they differ; GitHub reads one of them.",
                    PATHS[0], PATHS[1]
                ),
                "Keep one of the two files.",
            ),
            Reading::Valid(config) => {
                let off = config.updates.iter().filter(|entry| entry.limit == Some(0)).count();
                let note = match off {
                    0 => String::new(),
                    off => format!(", {off} of them switched off on purpose (`open-pull-requests-limit: 0`)"),
                };
                let passed = format!("`{path}` has {} entries{note}.", config.updates.len());
                if judged.warnings.is_empty() {
                    return Outcome::pass(passed);
                }
                let warned = match judged.warnings.len() {
                    1 => "A warning".to_owned(),
                    more => format!("{more} warnings"),
                };
                Outcome::pass(format!("{passed} {warned}: {}.", told(&judged.warnings)))
                    .with(json!({"path": path, "warnings": judged.warnings}))
            }
            Reading::Empty => Outcome::fail(
                format!("`{path}` is empty."),
                "Write `version: 2` and an entry for each package ecosystem into it.",
            ),
            Reading::Version1 => Outcome::fail(
                format!("`{path}` is in the form of version 1, which GitHub does not read."),
                "Write it anew in the form of version 2.",
            ),
            Reading::Invalid(mistakes) => {
                let mut data = json!({"path": path, "mistakes": mistakes});
                if let (false, Some(data)) = (judged.warnings.is_empty(), data.as_object_mut()) {
                    data.insert("warnings".to_owned(), json!(judged.warnings));
                }
                Outcome::fail(
                    format!("GitHub refuses `{path}`: {}.", told(mistakes)),
                    format!("Correct `{path}`."),
                )
                .with(data)
            }
        },
    })
}

fn told(mistakes: &[Mistake]) -> String {
    let told: Vec<String> = mistakes
        .iter()
        .map(|mistake| format!("line {}: {}", mistake.line, mistake.message))
        .collect();
    told.join("; ")
}

fn listed(uncovered: &[&Uncovered]) -> String {
    let told: Vec<String> = uncovered
        .iter()
        .map(|one| format!("`{}` in `{}` (`{}`)", one.ecosystem, one.directory, one.manifest))
        .collect();
    told.join(", ")
}

pub(super) fn coverage(case: &Case<'_>) -> Outcome {
    let read = &case.dependabot;
    let file = match &read.file {
        Fact::Known(_) => config(&read.file),
        Fact::Unknown(gap) => return Outcome::unknown("The Dependabot file", gap),
        Fact::Unavailable(why) => return Outcome::unavailable(why),
    };
    let Some((path, _)) = file else {
        return Outcome::not_applicable("There is no Dependabot file that could cover anything.");
    };
    super::demanded("The tree", &read.tree, |tree| {
        let none = Coverage::default();
        let coverage = read.coverage.as_ref().unwrap_or(&none);
        let uncovered: Vec<&Uncovered> = coverage.missing.iter().map(|missing| &missing.uncovered).collect();
        let unknown: Vec<&Uncovered> = coverage.unknown.iter().collect();
        if !uncovered.is_empty() {
            let mut data = json!({"uncovered": uncovered});
            if let (false, Some(data)) = (unknown.is_empty(), data.as_object_mut()) {
                data.insert("unknown".to_owned(), json!(unknown));
            }
            return Outcome::fail(
                format!("`{path}` leaves out {}.", listed(&uncovered)),
                format!("Add entries to `{path}`, or name the ecosystems in `ignored_ecosystems` of the policy."),
            )
            .with(data);
        }
        if !tree.complete {
            return Outcome {
                fix: "Read the whole tree.".into(),
                ..Outcome::new(
                    super::Verdict::Unknown,
                    "Every manifest that was seen is covered, but the tree was not read as a whole.",
                )
            };
        }
        if unknown.is_empty() {
            return Outcome::pass(format!("`{path}` covers every package ecosystem in the tree."));
        }
        Outcome {
            fix: format!("Add those to `{path}` that no covered module uses as its source.").into(),
            ..Outcome::new(
                super::Verdict::Unknown,
                format!(
                    "Whether `{path}` covers {} is not known: a module of a covered folder is followed, and its source \
                     stands in the files, not in the tree.",
                    listed(&unknown)
                ),
            )
        }
        .with(json!({"unknown": unknown}))
    })
}
