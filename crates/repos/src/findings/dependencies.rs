//! The rules on the Dependabot file.

use serde_json::json;

use super::{Case, Outcome};
use crate::dependabot;
use crate::dependabot::coverage;
use crate::dependabot::coverage::Uncovered;
use crate::dependabot::{Config, PATHS, Reading};
use crate::policy::Dependabot;
use crate::report::FileStanding;
use crate::snapshot::{DefaultBranch, Fact, Repository, Tree};

/// Where Renovate looks for its configuration.
/// Source: <https://docs.renovatebot.com/configuration-options/>.
const RENOVATE: [&str; 10] = [
    "renovate.json",
    "renovate.jsonc",
    "renovate.json5",
    ".github/renovate.json",
    ".github/renovate.jsonc",
    ".github/renovate.json5",
    ".renovaterc",
    ".renovaterc.json",
    ".renovaterc.jsonc",
    ".renovaterc.json5",
];

/// What was read of the Dependabot file.
pub(super) struct Read {
    /// The file GitHub takes and what it says; `None` if there is none.
    file: Fact<Option<(String, Reading)>>,
    /// Whether there is a second file that says something else.
    differs: bool,
    tree: Fact<Tree>,
    /// Renovate's configuration.
    pub(super) renovate: Option<String>,
}

/// Reads the Dependabot files of a repository. With both names, GitHub's order decides.
pub(super) fn read(repository: &Repository) -> Read {
    let files = match repository.files.as_ref() {
        Fact::Known(files) => files,
        Fact::Unknown(gap) => {
            return Read {
                file: Fact::Unknown(gap.clone()),
                differs: false,
                tree: Fact::Unknown(gap),
                renovate: None,
            };
        }
        Fact::Unavailable(why) => {
            return Read {
                file: Fact::Unavailable(why.clone()),
                differs: false,
                tree: Fact::Unavailable(why),
                renovate: None,
            };
        }
    };
    let mut texts = PATHS
        .iter()
        .filter_map(|path| files.dependabot.iter().find(|file| file.path == *path));
    let first = texts.next();
    let second = texts.next();
    let file = match first {
        None => Fact::Known(None),
        Some(file) => file
            .text
            .as_ref()
            .map(|text| Some((file.path.clone(), dependabot::read(text)))),
    };
    let differs = match (first, second) {
        (Some(first), Some(second)) => {
            let of = |text: &Fact<String>| text.known().map(|text| dependabot::read(text));
            of(&first.text) != of(&second.text)
        }
        _ => false,
    };
    let renovate = files.tree.known().and_then(|tree| {
        tree.paths
            .iter()
            .find(|path| RENOVATE.contains(&path.as_str()))
            .cloned()
    });
    Read {
        file,
        differs,
        tree: files.tree.clone(),
        renovate,
    }
}

impl Read {
    fn config(&self) -> Option<(&str, &Config)> {
        match self.file.known() {
            Some(Some((path, Reading::Valid(config)))) => Some((path, config)),
            _ => None,
        }
    }

    fn uncovered(&self, branch: &DefaultBranch, demands: &Dependabot) -> Vec<Uncovered> {
        match (self.config(), self.tree.known()) {
            (Some((_, config)), Some(tree)) => coverage::uncovered(&tree.paths, config, demands, &branch.name),
            _ => Vec::new(),
        }
    }

    /// How the file stands; `None` if that is not known.
    pub(super) fn standing(&self, branch: &DefaultBranch, demands: &Dependabot) -> Option<FileStanding> {
        self.file.known().map(|file| match file {
            None => FileStanding::Missing,
            Some((_, Reading::Valid(_))) if self.uncovered(branch, demands).is_empty() => FileStanding::Present,
            Some((_, Reading::Valid(_))) => FileStanding::Incomplete,
            Some(_) => FileStanding::Invalid,
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
        Some((path, reading)) => match reading {
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
                Outcome::pass(format!("`{path}` has {} entries{note}.", config.updates.len()))
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
                let told: Vec<String> = mistakes
                    .iter()
                    .map(|mistake| format!("line {}: {}", mistake.line, mistake.message))
                    .collect();
                Outcome::fail(
                    format!("GitHub refuses `{path}`: {}.", told.join("; ")),
                    format!("Correct `{path}`."),
                )
                .with(json!({"path": path, "mistakes": mistakes}))
            }
        },
    })
}

pub(super) fn coverage(case: &Case<'_>) -> Outcome {
    let read = &case.dependabot;
    let file = match &read.file {
        Fact::Known(_) => read.config(),
        Fact::Unknown(gap) => return Outcome::unknown("The Dependabot file", gap),
        Fact::Unavailable(why) => return Outcome::unavailable(why),
    };
    let Some((path, _)) = file else {
        return Outcome::not_applicable("There is no Dependabot file that could cover anything.");
    };
    super::demanded("The tree", &read.tree, |tree| {
        let uncovered = read.uncovered(case.branch, &case.settings.dependabot);
        if !uncovered.is_empty() {
            let told: Vec<String> = uncovered
                .iter()
                .map(|missing| {
                    format!(
                        "`{}` in `{}` (`{}`)",
                        missing.ecosystem, missing.directory, missing.manifest
                    )
                })
                .collect();
            return Outcome::fail(
                format!("`{path}` leaves out {}.", told.join(", ")),
                format!("Add entries to `{path}`, or name the ecosystems in `ignored_ecosystems` of the policy."),
            )
            .with(json!({"uncovered": uncovered}));
        }
        if tree.complete {
            Outcome::pass(format!("`{path}` covers every package ecosystem in the tree."))
        } else {
            Outcome {
                fix: "Read the whole tree.".into(),
                ..Outcome::new(
                    super::Verdict::Unknown,
                    "Every manifest that was seen is covered, but the tree was not read as a whole.",
                )
            }
        }
    })
}
