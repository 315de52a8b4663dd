//! Which actions and reusable workflows a workflow file uses.

use saphyr_parser::{Event, Parser};

use crate::snapshot::UsedAction;

/// What is nested deeper is no workflow.
const DEEPEST: usize = 64;

/// Where the reader stands within one mapping or sequence.
enum Level {
    /// In a mapping: the key whose value comes next; `None` before a key.
    Mapping(Option<String>),
    Sequence,
}

/// Everything behind `uses:` of a job or a step. A part that is repeated by an alias counts where it is written.
///
/// # Errors
/// Why the text is no workflow, as a sentence's end.
/// Source: <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsuses>.
pub fn used_actions(text: &str) -> Result<Vec<UsedAction>, String> {
    let mut levels: Vec<Level> = Vec::new();
    let mut used = Vec::new();
    for event in Parser::new_from_str(text.trim_start_matches('\u{feff}')) {
        let (event, span) = event.map_err(|error| {
            let line = error.marker().line().max(1);
            format!("line {line}: this is not YAML: {}", error.info())
        })?;
        match event {
            Event::MappingStart(..) => {
                enter(&mut levels, Level::Mapping(None))?;
            }
            Event::SequenceStart(..) => {
                enter(&mut levels, Level::Sequence)?;
            }
            Event::MappingEnd | Event::SequenceEnd => {
                levels.pop();
                ended(&mut levels);
            }
            Event::Alias(_) => ended(&mut levels),
            Event::Scalar(value, ..) => {
                if let Some(Level::Mapping(key @ None)) = levels.last_mut() {
                    *key = Some(value.into_owned());
                    continue;
                }
                if is_use(&levels) && !value.trim().is_empty() {
                    used.push(UsedAction {
                        uses: value.trim().to_owned(),
                        line: span.start.line().max(1),
                    });
                }
                ended(&mut levels);
            }
            _ => {}
        }
    }
    Ok(used)
}

fn enter(levels: &mut Vec<Level>, level: Level) -> Result<(), String> {
    levels.push(level);
    if levels.len() > DEEPEST {
        return Err(format!("it is nested deeper than {DEEPEST} levels"));
    }
    Ok(())
}

/// A node has ended: after a key its value comes, after a value the next key.
fn ended(levels: &mut [Level]) {
    if let Some(Level::Mapping(key)) = levels.last_mut() {
        *key = match key {
            None => Some(String::new()),
            Some(_) => None,
        };
    }
}

/// Whether the value that comes is what a job or a step uses.
fn is_use(levels: &[Level]) -> bool {
    let key = |level: &Level| match level {
        Level::Mapping(key) => key.clone(),
        Level::Sequence => None,
    };
    let named = |level: &Level, name: &str| key(level).as_deref() == Some(name);
    match levels {
        // jobs: NAME: uses:
        [top, _, job] => named(top, "jobs") && named(job, "uses"),
        // jobs: NAME: steps: - uses:
        [top, _, job, Level::Sequence, step] => named(top, "jobs") && named(job, "steps") && named(step, "uses"),
        _ => false,
    }
}

/// Whether what is used cannot change: it is of the repository itself, or named by a commit or a digest.
pub fn is_fixed(uses: &str) -> bool {
    if uses.starts_with("./") || uses.starts_with(".\\") {
        return true;
    }
    if let Some(image) = uses.strip_prefix("docker://") {
        return image.contains("@sha256:");
    }
    let Some((_, reference)) = uses.rsplit_once('@') else {
        return false;
    };
    matches!(reference.len(), 40 | 64) && reference.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The repository, `owner/name`, that is used; `None` for what is in none, such as an image.
pub fn repository_of(uses: &str) -> Option<String> {
    if uses.starts_with("docker://") || uses.starts_with('.') {
        return None;
    }
    let mut parts = uses.split('@').next()?.split('/');
    let (owner, name) = (parts.next()?, parts.next()?);
    Some(format!("{owner}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(text: &str) -> Vec<(usize, String)> {
        let used = used_actions(text).unwrap();
        used.into_iter().map(|used| (used.line, used.uses)).collect()
    }

    #[test]
    fn jobs_and_steps_are_read_with_their_lines_and_nothing_else_is() {
        let text = "\
on: {push: {branches: [main]}}
env: {uses: not/this@v1}
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - name: other
        with: {uses: not/that@v1}
        'uses': \"docker://alpine:3\"
      - run: |
          uses: not/either@v1
  call:
    uses: acme/shared/.github/workflows/ci.yml@main
    with:
      steps: [{uses: not/those@v1}]
";
        assert_eq!(
            uses(text),
            [
                (7, "actions/checkout@v4".to_owned()),
                (10, "docker://alpine:3".to_owned()),
                (14, "acme/shared/.github/workflows/ci.yml@main".to_owned()),
            ]
        );
    }

    #[test]
    fn anchors_count_once_and_what_is_no_yaml_says_so() {
        let text = "jobs:\n  a:\n    steps: &s\n      - &c {uses: a/b@v1}\n      - *c\n  b:\n    steps: *s\n  c: {steps: [{uses: c/d@v2}]}\n";
        assert_eq!(uses(text), [(4, "a/b@v1".to_owned()), (8, "c/d@v2".to_owned())]);
        assert!(used_actions("jobs: [").unwrap_err().contains("not YAML"));
        assert!(used_actions(&"[".repeat(200)).is_err());
        assert_eq!(uses(""), []);
        assert_eq!(
            uses("? [a, b]\n: c\njobs: {x: {uses: a/b@v1}}\n"),
            [(3, "a/b@v1".to_owned())]
        );
    }

    #[test]
    fn what_is_fixed_is_a_commit_a_digest_or_ones_own() {
        let commit = "11bd71901bbe5b1630ceea73d27597364c9af683";
        for (uses, fixed) in [
            (format!("actions/checkout@{commit}"), true),
            (format!("a/b/.github/workflows/x.yml@{commit}"), true),
            ("actions/checkout@v4".to_owned(), false),
            ("actions/checkout@11bd719".to_owned(), false),
            ("actions/checkout".to_owned(), false),
            ("./.github/actions/x".to_owned(), true),
            ("docker://alpine@sha256:abc".to_owned(), true),
            ("docker://alpine:3".to_owned(), false),
        ] {
            assert_eq!(is_fixed(&uses), fixed, "{uses}");
        }
        assert_eq!(repository_of("a/b/c@v1").as_deref(), Some("a/b"));
        assert_eq!(repository_of("docker://a/b"), None);
        assert_eq!(repository_of("./x/y"), None);
    }
}
