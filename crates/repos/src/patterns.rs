//! Patterns on names: GitHub's on refs, ours on repositories and paths.

use glob::{MatchOptions, Pattern, PatternError};

/// `*` and `?` stay within a segment, as with Ruby's `File::FNM_PATHNAME`.
pub(crate) const SEGMENTS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// GitHub folds the case of owners' and repositories' names.
const NAMES: MatchOptions = MatchOptions {
    case_sensitive: false,
    ..SEGMENTS
};

/// Whether a full ref fits a pattern of a ruleset or of a branch protection.
///
/// GitHub uses Ruby's `File.fnmatch` with `FNM_PATHNAME`, without backslashes and without alternatives
/// in braces: `**/` stands for any number of folders, any other `**` for `*`. A pattern that cannot be
/// read fits nothing.
/// Source: <https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/creating-rulesets-for-a-repository#using-fnmatch-syntax>.
pub fn fits_ref(pattern: &str, full_ref: &str) -> bool {
    Pattern::new(&as_fnmatch(pattern)).is_ok_and(|p| p.matches_with(full_ref, SEGMENTS))
}

/// The pattern as this library reads it: a `**` that is not a segment before others is a `*`.
fn as_fnmatch(pattern: &str) -> String {
    let mut segments = pattern.split('/').peekable();
    let mut read = String::with_capacity(pattern.len());
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        if segment == "**" && !last {
            read.push_str(segment);
        } else {
            let mut star = false;
            for c in segment.chars() {
                if !(star && c == '*') {
                    read.push(c);
                }
                star = c == '*';
            }
        }
        if !last {
            read.push('/');
        }
    }
    read
}

/// A pattern on the end of a path: a name, and the folders before it that the pattern names.
#[derive(Debug)]
pub(crate) struct Ending {
    pattern: Pattern,
    /// How many folders it names.
    folders: usize,
    /// What every name that fits begins and ends with: most paths are told apart by it.
    head: &'static str,
    tail: &'static str,
}

impl Ending {
    /// `None` if it is no pattern.
    pub(crate) fn new(text: &'static str) -> Option<Self> {
        let name = text.rsplit('/').next().unwrap_or(text);
        Some(Self {
            pattern: Pattern::new(text).ok()?,
            folders: text.matches('/').count(),
            head: name.split(['*', '?', '[']).next().unwrap_or_default(),
            tail: name.rsplit(['*', '?', ']']).next().unwrap_or_default(),
        })
    }

    /// As it was written.
    pub(crate) fn as_str(&self) -> &str {
        self.pattern.as_str()
    }

    /// The folder in which what fits lies, without a `/` at its end, if the path ends so.
    pub(crate) fn folder_of<'p>(&self, path: &'p str) -> Option<&'p str> {
        if !path.ends_with(self.tail) {
            return None;
        }
        let name = path
            .rfind('/')
            .map_or(path, |slash| path.get(slash + 1..).unwrap_or_default());
        if !name.starts_with(self.head) {
            return None;
        }
        let (folder, end) = match path.rmatch_indices('/').nth(self.folders) {
            Some((slash, _)) => (path.get(..slash)?, path.get(slash + 1..)?),
            None => ("", path),
        };
        self.pattern.matches_with(end, SEGMENTS).then_some(folder)
    }
}

/// A checked pattern of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Pattern);

impl Glob {
    /// Reads a pattern: `*` for any text within a segment, `?` for one character, `[ab]` for one of
    /// these, `**` for any number of segments.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        Pattern::new(text).map(Self)
    }

    /// Whether it fits this repository: its name, or `owner/name` if the pattern has a `/`. The case does
    /// not matter.
    pub fn fits_repository(&self, owner: &str, name: &str) -> bool {
        if self.0.as_str().contains('/') {
            self.0.matches_with(&format!("{owner}/{name}"), NAMES)
        } else {
            self.0.matches_with(name, NAMES)
        }
    }

    /// Whether it fits this path.
    pub fn fits_path(&self, path: &str) -> bool {
        self.0.matches_with(path, SEGMENTS)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of GitHub's documentation, and what Ruby's `File.fnmatch` answers.
    #[test]
    fn case_09_refs_fit_as_with_fnmatch() {
        for (pattern, name, fits) in [
            ("refs/heads/main", "main", true),
            ("refs/heads/main", "mainline", false),
            ("refs/heads/Main", "main", false),
            ("refs/heads/*", "main", true),
            ("refs/heads/*", "release/1", false),
            ("refs/heads/qa/*", "qa/foo", true),
            ("refs/heads/qa/*", "qa/foo/bar", false),
            ("refs/heads/qa/**/*", "qa/foo/bar/foobar/hello-world", true),
            ("refs/heads/qa/**/*", "qa/foo", true),
            ("refs/heads/qa**/**/*", "qa-old/foo/bar", true),
            ("refs/heads/qa/**", "qa/foo", true),
            ("refs/heads/qa/**", "qa/foo/bar", false),
            ("refs/heads/**/*", "a/b/c", true),
            ("refs/heads/*release*", "my-release-1", true),
            ("refs/heads/[mn]ain", "nain", true),
            ("refs/heads/v?", "v1", true),
            ("refs/heads/v?", "v/", false),
            ("refs/heads/{a,b}", "a", false),
            ("refs/heads/[", "[", false),
            ("refs/tags/main", "main", false),
        ] {
            assert_eq!(
                fits_ref(pattern, &format!("refs/heads/{name}")),
                fits,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn a_path_ends_as_a_pattern_says_and_lies_in_the_folder_before_it() {
        for (pattern, path, folder) in [
            ("Cargo.toml", "Cargo.toml", Some("")),
            ("Cargo.toml", "a/b/Cargo.toml", Some("a/b")),
            ("Cargo.toml", "a/My-Cargo.toml", None),
            ("Cargo.toml", "Cargo.toml/a", None),
            ("*.tf", "a/main.tf", Some("a")),
            ("*.tf", "a/.tf", Some("a")),
            ("compose[-.]*.yml", "compose.dev.yml", Some("")),
            ("compose[-.]*.yml", "compose.yml", None),
            ("v?.lock", "a/v1.lock", Some("a")),
            ("v?.lock", "a/v.lock", None),
            ("requirements/*.txt", "a/requirements/dev.txt", Some("a")),
            ("requirements/*.txt", "requirements/dev.txt", Some("")),
            ("requirements/*.txt", "dev.txt", None),
            ("requirements/*.txt", "my-requirements/dev.txt", None),
            (".github/workflows/*.yml", ".github/workflows/ci.yml", Some("")),
            (".github/workflows/*.yml", "workflows/ci.yml", None),
        ] {
            assert_eq!(
                Ending::new(pattern).unwrap().folder_of(path),
                folder,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn a_policy_names_repositories_in_any_case() {
        let fits = |pattern: &str| Glob::new(pattern).unwrap().fits_repository("DeepFoundAI", "Web-App");
        assert!(fits("web-*"));
        assert!(fits("deepfoundai/*"));
        assert!(!fits("other/*"));
        assert!(!fits("web"));
        assert!(Glob::new("***").is_err());
    }
}
