//! The tree of the default branch: its folders, and the files that some rule looks at.

use std::collections::{BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use glob::{MatchOptions, Pattern};
use serde::{Deserialize, Serialize};

use super::Gap;
use crate::dependabot::ecosystems;

/// What is known of a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// The files that some rule looks at ([`matters`]), from the root and without a leading `/`.
    pub paths: Vec<String>,
    /// Every folder, from the root, without a leading or trailing `/`. The root itself is not among them.
    #[serde(default)]
    pub folders: Vec<String>,
    /// Whether these are all there are: GitHub cuts large trees off.
    pub complete: bool,
    /// Why it is not complete, where a read failed that may succeed the next time.
    #[serde(default)]
    pub unread: Option<Gap>,
}

impl Tree {
    /// A tree of these files and the folders they lie in.
    pub fn of(paths: Vec<String>, complete: bool) -> Self {
        let mut folders = BTreeSet::new();
        for path in &paths {
            let mut above = path.as_str();
            while let Some((folder, _)) = above.rsplit_once('/') {
                if !folders.insert(folder.to_owned()) {
                    break;
                }
                above = folder;
            }
        }
        Self {
            paths,
            folders: folders.into_iter().collect(),
            complete,
            unread: None,
        }
    }
}

/// Files that rules look at beside the manifests of package ecosystems: patterns on the ends of paths.
pub const ALSO: [&str; 12] = [
    "CODEOWNERS",
    "SECURITY",
    "SECURITY.*",
    "Security.md",
    "security.md",
    "renovate.json",
    "renovate.jsonc",
    "renovate.json5",
    ".renovaterc",
    ".renovaterc.json",
    ".renovaterc.jsonc",
    ".renovaterc.json5",
];

const SEGMENTS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// A pattern on the end of a path.
struct End {
    /// How many folders it names.
    folders: usize,
    /// The byte that fits begin with, and the one that they end with, where it says which.
    first: Option<u8>,
    last: Option<u8>,
    pattern: Pattern,
}

impl End {
    fn read(text: &str) -> Option<Self> {
        let literal = |byte: &u8| !matches!(byte, b'*' | b'?' | b'[' | b']');
        Some(Self {
            folders: text.matches('/').count(),
            first: text.as_bytes().first().copied().filter(literal),
            last: text.as_bytes().last().copied().filter(literal),
            pattern: Pattern::new(text).ok()?,
        })
    }

    fn fits(&self, path: &str) -> bool {
        let is = |wanted: Option<u8>, byte: Option<&u8>| wanted.is_none_or(|wanted| byte == Some(&wanted));
        if !is(self.last, path.as_bytes().last()) {
            return false;
        }
        let start = path.rmatch_indices('/').nth(self.folders);
        let end = start.and_then(|(slash, _)| path.get(slash + 1..)).unwrap_or(path);
        is(self.first, end.as_bytes().first()) && self.pattern.matches_with(end, SEGMENTS)
    }
}

/// The patterns on files that matter, read once: a large tree has a hundred thousand files.
struct Sieve {
    names: HashSet<&'static str>,
    ends: Vec<End>,
    form: String,
}

static SIEVE: LazyLock<Sieve> = LazyLock::new(|| {
    let manifests = ecosystems::ALL.iter().flat_map(|ecosystem| ecosystem.manifests);
    let all: BTreeSet<&'static str> = manifests.copied().chain(ALSO).collect();
    let mut hasher = DefaultHasher::new();
    all.hash(&mut hasher);
    let plain = |pattern: &&&str| !pattern.contains(['/', '*', '?', '[']);
    Sieve {
        names: all.iter().filter(plain).copied().collect(),
        ends: (all.iter().filter(|pattern| !plain(pattern)))
            .filter_map(|pattern| End::read(pattern))
            .collect(),
        form: format!("{:016x}", hasher.finish()),
    }
});

/// Whether some rule looks at a file of this path, which has no leading `/`.
pub fn matters(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    SIEVE.names.contains(name) || SIEVE.ends.iter().any(|end| end.fits(path))
}

/// A name for which files matter: another one once the patterns change. Trees that were kept under another
/// name lack files.
pub fn form() -> &'static str {
    &SIEVE.form
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_rule_looks_at_matters_at_any_depth() {
        for path in [
            "Cargo.toml",
            "a/b/c/d/package.json",
            ".github/workflows/ci.yml",
            "api/requirements/dev.txt",
            "src/App/App.csproj",
            "docs/CODEOWNERS",
            ".github/renovate.json",
            "deploy/docker-compose.prod.yml",
        ] {
            assert!(matters(path), "{path}");
        }
        for path in [
            "README.md",
            "src/main.rs",
            "workflows/ci.yml",
            "Cargo.toml.bak",
            "notes.txt",
        ] {
            assert!(!matters(path), "{path}");
        }
    }

    #[test]
    fn every_manifest_of_every_ecosystem_matters() {
        for ecosystem in ecosystems::ALL {
            for manifest in ecosystem.manifests {
                let example = format!("a/b/{}", manifest.replace("[-.]", ".").replace('*', "x"));
                assert!(matters(&example), "{example}");
            }
        }
    }

    #[test]
    fn files_make_their_folders() {
        let tree = Tree::of(
            vec!["a/b/c.txt".to_owned(), "a/d.txt".to_owned(), "e.txt".to_owned()],
            true,
        );
        assert_eq!(tree.folders, ["a", "a/b"]);
    }
}
