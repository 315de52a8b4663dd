//! The tree of the default branch: its folders, and the files that some rule looks at.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Gap;
use crate::dependabot::{RENOVATE, ecosystems};
use crate::patterns::Ending;

/// What is known of a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// The files that some rule looks at ([`matters`]), from the root and without a leading `/`.
    pub paths: Vec<String>,
    /// Every folder, from the root, without a leading or trailing `/`: of a tree that is not complete, those that were
    /// read, in which the files lie among them. The root itself is not among them.
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

/// The patterns on files that matter, read once: a large tree has a hundred thousand files.
struct FilePatterns {
    names: HashSet<&'static str>,
    endings: Vec<Ending>,
    form: String,
}

static PATTERNS: LazyLock<FilePatterns> = LazyLock::new(|| {
    let manifests = ecosystems::ALL.iter().flat_map(|ecosystem| ecosystem.manifests);
    // Renovate's configuration lies at the root or in `.github`: its name decides.
    let renovate = RENOVATE.iter().filter_map(|path| path.rsplit('/').next());
    let all: BTreeSet<&'static str> = manifests.copied().chain(renovate).collect();
    // One that is the same in every build, for what is kept of trees outlives them.
    let mut form = Sha256::new();
    for pattern in &all {
        form.update(pattern.as_bytes());
        form.update(b"\n");
    }
    let plain = |pattern: &&&str| !pattern.contains(['/', '*', '?', '[']);
    FilePatterns {
        names: all.iter().filter(plain).copied().collect(),
        endings: (all.iter().filter(|pattern| !plain(pattern)))
            .filter_map(|pattern| Ending::new(pattern))
            .collect(),
        form: hex::encode(form.finalize()),
    }
});

/// Whether some rule looks at a file of this path, which has no leading `/`.
pub fn matters(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    PATTERNS.names.contains(name) || PATTERNS.endings.iter().any(|ending| ending.folder_of(path).is_some())
}

/// A name for which files matter: another one once the patterns change. Trees that were kept under another
/// name lack files.
pub fn form() -> &'static str {
    &PATTERNS.form
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
            "docs/CODEOWNERS",
            "SECURITY.md",
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

    /// With another form every tree that was kept is read anew: it changes with the patterns alone.
    #[test]
    fn what_matters_has_one_name_in_every_build() {
        assert_eq!(
            form(),
            "12408c26d4cec85b8d4913ebe6fe096c8f0cdbb34ab06584299ac391c0634c7e"
        );
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
