//! Branches, commits and files. Commits hold whole snapshots, shared between the repositories that have
//! the same; trees are made from the paths.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// Every file of a snapshot by its path.
pub(crate) type Files = BTreeMap<String, Arc<Blob>>;

/// The content of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Blob {
    pub(crate) oid: String,
    pub(crate) bytes: Vec<u8>,
}

impl Blob {
    pub(crate) fn new(bytes: &[u8]) -> Arc<Self> {
        Arc::new(Self {
            oid: oid("blob", &[bytes]),
            bytes: bytes.to_vec(),
        })
    }

    /// `None` if it is not text.
    pub(crate) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }
}

/// One commit.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub(crate) oid: String,
    pub(crate) tree: String,
    /// Seconds since 1970.
    pub(crate) at: i64,
    pub(crate) files: Arc<Files>,
}

impl Commit {
    pub(crate) fn new(message: &str, at: i64, parent: Option<&str>, files: Arc<Files>) -> Arc<Self> {
        let tree = Tree::of(&files, "").map_or_else(|| oid("tree", &[]), |tree| tree.oid);
        let written = at.to_string();
        let parts = [
            tree.as_bytes(),
            message.as_bytes(),
            written.as_bytes(),
            parent.unwrap_or_default().as_bytes(),
        ];
        Arc::new(Self {
            oid: oid("commit", &parts),
            tree: tree.clone(),
            at,
            files,
        })
    }
}

/// What a folder holds.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    pub(crate) oid: String,
    pub(crate) entries: Vec<Entry>,
}

/// A file or a folder.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) oid: String,
    /// `None` is a folder.
    pub(crate) blob: Option<Arc<Blob>>,
}

impl Tree {
    /// The folder at `path`, `None` if nothing lies below it.
    pub(crate) fn of(files: &Files, path: &str) -> Option<Self> {
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let mut entries: Vec<Entry> = Vec::new();
        for (whole, blob) in files.range(prefix.clone()..) {
            let Some(rest) = whole.strip_prefix(&prefix) else { break };
            let (name, file) = rest.split_once('/').map_or((rest, true), |(name, _)| (name, false));
            if entries.last().is_some_and(|entry| entry.name == name) {
                continue;
            }
            let inner = format!("{prefix}{name}");
            let oid = if file {
                blob.oid.clone()
            } else {
                Self::of(files, &inner)?.oid
            };
            entries.push(Entry {
                name: name.to_owned(),
                path: inner,
                oid,
                blob: file.then(|| Arc::clone(blob)),
            });
        }
        if entries.is_empty() && !path.is_empty() {
            return None;
        }
        let listed: Vec<String> = entries
            .iter()
            .map(|entry| format!("{} {}", entry.name, entry.oid))
            .collect();
        Some(Self {
            oid: oid("tree", &[listed.join("\n").as_bytes()]),
            entries,
        })
    }
}

impl Tree {
    /// The path of the folder of this id, in `path` or below.
    fn find(files: &Files, path: &str, oid: &str) -> Option<String> {
        let tree = Self::of(files, path)?;
        if tree.oid == oid {
            return Some(path.to_owned());
        }
        let folders = tree.entries.iter().filter(|entry| entry.blob.is_none());
        folders
            .into_iter()
            .find_map(|entry| Self::find(files, &entry.path, oid))
    }
}

/// The branches, tags and commits of a repository.
#[derive(Debug, Clone, Default)]
pub(crate) struct Git {
    pub(crate) branches: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
    /// Branches that were renamed: the old name, the new one.
    pub(crate) moved: BTreeMap<String, String>,
    commits: BTreeMap<String, Arc<Commit>>,
}

impl Git {
    pub(crate) fn head(&self, branch: &str) -> Option<&Arc<Commit>> {
        self.branches.get(branch).and_then(|oid| self.commits.get(oid))
    }

    pub(crate) fn commit(&self, oid: &str) -> Option<&Arc<Commit>> {
        self.commits.get(oid)
    }

    /// The folder of this id in any commit: its commit, and its path.
    pub(crate) fn tree(&self, oid: &str) -> Option<(&Arc<Commit>, String)> {
        let newest = self.commits.values();
        newest
            .into_iter()
            .find_map(|commit| Some((commit, Tree::find(&commit.files, "", oid)?)))
    }

    /// The file of this id in any commit.
    pub(crate) fn blob(&self, oid: &str) -> Option<&Arc<Blob>> {
        let files = self.commits.values().flat_map(|commit| commit.files.values());
        files.into_iter().find(|blob| blob.oid == oid)
    }

    /// What a branch, a tag, a whole `refs/…` or a commit's id stands for.
    pub(crate) fn resolve(&self, revision: &str) -> Option<&Arc<Commit>> {
        let branch = revision.strip_prefix("refs/heads/").unwrap_or(revision);
        let tag = revision.strip_prefix("refs/tags/").unwrap_or(revision);
        let oid = self.branches.get(branch).or_else(|| self.tags.get(tag));
        self.commits.get(oid.map_or(revision, String::as_str))
    }

    pub(crate) fn add(&mut self, branch: &str, commit: Arc<Commit>) {
        self.branches.insert(branch.to_owned(), commit.oid.clone());
        self.commits.insert(commit.oid.clone(), commit);
    }

    /// Commits changes to a branch, which begins empty if it does not exist: `None` deletes a file.
    pub(crate) fn change(
        &mut self,
        branch: &str,
        changes: &[(&str, Option<&[u8]>)],
        message: &str,
        at: i64,
    ) -> Arc<Commit> {
        let head = self.head(branch).cloned();
        let mut files = head.as_ref().map_or_else(Files::new, |head| (*head.files).clone());
        for (path, content) in changes {
            match content {
                Some(bytes) => files.insert((*path).to_owned(), Blob::new(bytes)),
                None => files.remove(*path),
            };
        }
        let parent = head.as_ref().map(|head| head.oid.as_str());
        let commit = Commit::new(message, at, parent, Arc::new(files));
        self.add(branch, Arc::clone(&commit));
        commit
    }
}

/// 40 hexadecimal digits, as long as git's; the hash is another, which no client can tell.
fn oid(kind: &str, parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    hash.update(kind);
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hex::encode(&hash.finalize()[..20])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_from_paths_and_change_with_what_lies_below() {
        let mut git = Git::default();
        let files: [(&str, Option<&[u8]>); 4] = [
            (".github/workflows/ci.yml", Some(b"a")),
            (".github/workflows/nightly/x.yml", Some(b"b")),
            (".github-not", Some(b"c")),
            ("README.md", Some(b"d")),
        ];
        let first = git.change("main", &files, "begin", 1);
        let root = Tree::of(&first.files, "").expect("the root is there");
        let names: Vec<&str> = root.entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, [".github-not", ".github", "README.md"]);
        let workflows = Tree::of(&first.files, ".github/workflows").expect("the folder is there");
        assert_eq!(workflows.entries.len(), 2);
        assert!(Tree::of(&first.files, ".github/work").is_none());

        let second = git.change("main", &[("README.md", Some(b"e"))], "again", 2);
        let after = Tree::of(&second.files, ".github/workflows").expect("the folder is there");
        assert_eq!(after.oid, workflows.oid, "nothing below it changed");
        assert_ne!(Tree::of(&second.files, "").map(|tree| tree.oid), Some(root.oid));
    }
}
