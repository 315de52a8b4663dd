//! The trees of default branches. A page of repositories has the two uppermost levels of each; where there
//! is more below, the whole is read once and kept as long as the branch's tree is the same.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;
use std::io::{Read, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cc_devops_kernel::ports::PortResult;
use cc_devops_repos::ports::{DocumentKind, RepositoryStore};
use cc_devops_repos::snapshot::tree::{form, matters};
use cc_devops_repos::snapshot::{Gap, Tree};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use futures::stream::{self, StreamExt};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::kept_documents::KeptDocuments;
use super::wire;
use crate::client::{Ask, Client, Error, get};

/// How many trees are read at the same time. An answer may have 7 MB.
const AT_ONCE: usize = 10;

/// How many requests are made for one tree that GitHub cuts off.
const MOST_FOLDERS: usize = 100;

/// The largest tree that is kept, in bytes after packing; the store takes 300,000 in a document.
const LARGEST: usize = 250_000;

/// What a packed tree may come to, in bytes.
const LARGEST_UNPACKED: u64 = 64 * 1024 * 1024;

/// A tree as it is kept: the id of its content, which files matter ([`form`]), whether it is complete, and the
/// folders with their files, packed.
#[derive(Debug, Serialize, Deserialize)]
struct Kept(String, String, bool, String);

/// The trees that were kept, and those that are new.
pub(super) struct Trees {
    documents: KeptDocuments<Kept>,
    /// Why no more are read in this look: the hour's requests are used up.
    over: Option<Gap>,
}

/// A tree as a page of repositories has it.
pub(super) struct Listed {
    /// The id of its content.
    pub(super) oid: Option<String>,
    pub(super) tree: Tree,
}

/// A repository whose whole tree is wanted.
pub(super) struct Wanted<'r> {
    pub(super) id: u64,
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) oid: String,
    /// What is known of it; what is read takes its place.
    pub(super) tree: &'r mut Tree,
}

impl Trees {
    /// None is kept.
    pub(super) fn none() -> Self {
        Self {
            documents: KeptDocuments::empty(DocumentKind::Trees),
            over: None,
        }
    }

    /// Those that were kept.
    pub(super) async fn load(store: &dyn RepositoryStore, owner: &str) -> PortResult<Self> {
        Ok(Self {
            documents: KeptDocuments::load(store, owner, DocumentKind::Trees).await?,
            over: None,
        })
    }

    /// Keeps none of repositories that are not among these.
    pub(super) fn retain(&mut self, repositories: &HashSet<u64>) {
        self.documents.retain(|id, _| repositories.contains(&id));
    }

    /// Keeps what is new.
    pub(super) async fn save(&mut self, store: &dyn RepositoryStore, owner: &str) -> PortResult<()> {
        self.documents.save(store, owner).await
    }

    /// Fills in whole trees: kept ones, and others as GitHub has them.
    pub(super) async fn fill(&mut self, client: &Client, wanted: Vec<Wanted<'_>>) -> Result<(), Error> {
        let mut reads = Vec::new();
        for each in wanted {
            match self.documents.get(each.id).and_then(|kept| kept.tree(&each.oid)) {
                Some(tree) => *each.tree = tree,
                None => reads.push(each),
            }
        }
        let mut reads = reads.into_iter().peekable();
        while self.over.is_none() && reads.peek().is_some() {
            let mut batch = Vec::with_capacity(AT_ONCE);
            for each in reads.by_ref().take(AT_ONCE) {
                batch.push(read(client, each));
            }
            let mut batch = stream::iter(batch).buffer_unordered(AT_ONCE);
            while let Some((each, answer)) = batch.next().await {
                match answer {
                    Ok(tree) => {
                        self.keep(&each, &tree);
                        *each.tree = tree;
                    }
                    Err(error) if error.refuses_credential() => return Err(error),
                    Err(error) => {
                        let gap = Gap::NotRead(error.to_string());
                        if matches!(error, Error::RateLimited { .. }) {
                            self.over = Some(gap.clone());
                        }
                        each.tree.unread = Some(gap);
                    }
                }
            }
        }
        for left in reads {
            left.tree.unread.clone_from(&self.over);
        }
        Ok(())
    }

    fn keep(&mut self, of: &Wanted<'_>, tree: &Tree) {
        let kept = pack(tree).filter(|packed| packed.len() <= LARGEST);
        let kept = kept.map(|packed| Kept(of.oid.clone(), form().to_owned(), tree.complete, packed));
        self.documents.put(of.id, kept);
    }
}

impl Kept {
    /// The tree, if it is this one and has every file that matters.
    fn tree(&self, oid: &str) -> Option<Tree> {
        let Self(of, files, complete, packed) = self;
        if of != oid || files != form() {
            return None;
        }
        Some(Tree {
            complete: *complete,
            ..unpack(packed)?
        })
    }
}

/// A folder's content by name. A file is `null`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Folder(BTreeMap<String, Option<Folder>>);

impl Folder {
    /// The folder at this path, made where it is not there.
    fn at(&mut self, path: &str) -> &mut Self {
        let mut folder = self;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let entry = folder.0.entry(name.to_owned()).or_default();
            folder = entry.get_or_insert_default();
        }
        folder
    }

    fn add_to(&self, path: &str, tree: &mut Tree) {
        for (name, below) in &self.0 {
            let path = join(path, name);
            match below {
                None => tree.paths.push(path),
                Some(folder) => {
                    folder.add_to(&path, tree);
                    tree.folders.push(path);
                }
            }
        }
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

fn pack(tree: &Tree) -> Option<String> {
    let mut root = Folder::default();
    for folder in &tree.folders {
        root.at(folder);
    }
    for path in &tree.paths {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        root.at(folder).0.entry(name.to_owned()).or_default();
    }
    let text = serde_json::to_vec(&root).ok()?;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&text).ok()?;
    Some(BASE64_STANDARD.encode(encoder.finish().ok()?))
}

fn unpack(packed: &str) -> Option<Tree> {
    let packed = BASE64_STANDARD.decode(packed).ok()?;
    let mut text = Vec::new();
    let mut decoder = DeflateDecoder::new(packed.as_slice()).take(LARGEST_UNPACKED);
    decoder.read_to_end(&mut text).ok()?;
    let root: Folder = serde_json::from_slice(&text).ok()?;
    let mut tree = Tree::default();
    root.add_to("", &mut tree);
    tree.paths.sort_unstable();
    tree.folders.sort_unstable();
    Some(tree)
}

#[derive(Debug, Deserialize)]
struct Answer {
    tree: Entries,
    truncated: bool,
}

#[derive(Debug, Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    path: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    sha: Option<Cow<'a, str>>,
}

/// The entries of a tree. Files that cannot matter are dropped as they come: there may be a hundred thousand.
#[derive(Debug, Default)]
struct Entries {
    paths: Vec<String>,
    /// Paths and ids.
    folders: Vec<(String, String)>,
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;
        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the entries of a tree")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Entries, A::Error> {
                let mut entries = Entries::default();
                while let Some(entry) = seq.next_element::<Entry<'de>>()? {
                    match &*entry.kind {
                        "tree" => {
                            let sha = entry.sha.unwrap_or_default().into_owned();
                            entries.folders.push((entry.path.into_owned(), sha));
                        }
                        // In a folder that is read alone, what lies above decides too.
                        "blob" if matters(&entry.path) || entry.path.matches('/').count() < 2 => {
                            entries.paths.push(entry.path.into_owned());
                        }
                        // Submodules too.
                        _ => {}
                    }
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_seq(EntriesVisitor)
    }
}

async fn read<'r>(client: &Client, wanted: Wanted<'r>) -> (Wanted<'r>, Result<Tree, Error>) {
    let read = whole(client, &wanted.owner, &wanted.name, &wanted.oid).await;
    (wanted, read)
}

/// A tree to its leaves. Where GitHub cuts it off, its folders are read one by one, those of a folder that is
/// cut off too, up to [`MOST_FOLDERS`].
async fn whole(client: &Client, owner: &str, name: &str, oid: &str) -> Result<Tree, Error> {
    let what = format!("read the tree of {owner}/{name}");
    let path = |oid: &str| get(&["repos", owner, name, "git", "trees", oid]);
    let all = |oid: &str| Ask::new(path(oid), what.clone()).with("recursive", 1);
    let mut tree = Tree {
        complete: true,
        ..Tree::default()
    };
    let mut cut = VecDeque::new();
    let mut asked = 1;
    let root: Answer = client.json(&all(oid)).await?;
    if root.truncated {
        cut.push_back((String::new(), oid.to_owned()));
    } else {
        add(&mut tree, "", root.tree);
    }
    while let Some((above, oid)) = cut.pop_front() {
        if asked >= MOST_FOLDERS {
            tree.complete = false;
            break;
        }
        asked += 1;
        let level: Answer = client.json(&Ask::new(path(&oid), what.clone())).await?;
        tree.complete &= !level.truncated;
        let folders = level.tree.folders.clone();
        add(&mut tree, &above, level.tree);
        for (folder, oid) in folders {
            if asked >= MOST_FOLDERS {
                tree.complete = false;
                break;
            }
            asked += 1;
            let below: Answer = client.json(&all(&oid)).await?;
            let folder = join(&above, &folder);
            if below.truncated {
                cut.push_back((folder, oid));
            } else {
                add(&mut tree, &folder, below.tree);
            }
        }
    }
    tree.paths.sort_unstable();
    tree.folders.sort_unstable();
    Ok(tree)
}

fn add(tree: &mut Tree, above: &str, entries: Entries) {
    let paths = entries.paths.into_iter().map(|path| join(above, &path));
    tree.paths.extend(paths.filter(|path| matters(path)));
    let folders = entries.folders.into_iter();
    tree.folders.extend(folders.map(|(path, _)| join(above, &path)));
}

/// What a page has of a tree: the files of the root, of the folders in it, and workflows.
pub(super) fn listed(tree: Option<wire::Tree>, workflows: Option<&wire::Tree>) -> Listed {
    let oid = tree.as_ref().and_then(|tree| tree.oid.clone());
    let mut read = Tree {
        complete: true,
        ..Tree::default()
    };
    let mut take = |path: String, kind: &str| match kind {
        "tree" => read.folders.push(path),
        "blob" if matters(&path) => read.paths.push(path),
        _ => {}
    };
    let mut deeper = Vec::new();
    let mut complete = true;
    for entry in tree.and_then(|tree| tree.entries).unwrap_or_default() {
        take(entry.name.clone(), &entry.kind);
        if entry.kind != "tree" {
            continue;
        }
        let Some(below) = entry.object.and_then(|object| object.entries) else {
            complete = false;
            continue;
        };
        for each in below {
            let path = format!("{}/{}", entry.name, each.name);
            if each.kind == "tree" {
                deeper.push(path.clone());
            }
            take(path, &each.kind);
        }
    }
    for path in deeper {
        let entries = workflows.filter(|_| path == WORKFLOWS);
        let Some(entries) = entries.and_then(|tree| tree.entries.as_ref()) else {
            complete = false;
            continue;
        };
        for each in entries {
            complete &= each.kind != "tree";
            take(format!("{WORKFLOWS}/{}", each.name), &each.kind);
        }
    }
    read.complete = complete;
    read.paths.sort_unstable();
    read.folders.sort_unstable();
    Listed { oid, tree: read }
}

const WORKFLOWS: &str = ".github/workflows";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_kept_as_it_was_read() {
        let mut tree = Tree::of(
            [
                "Cargo.toml",
                "a/b/c/package.json",
                ".github/workflows/ci.yml",
                "a/go.mod",
            ]
            .map(ToOwned::to_owned)
            .to_vec(),
            true,
        );
        tree.folders.extend(["docs".to_owned(), "docs/\n odd".to_owned()]);
        tree.paths.sort_unstable();
        tree.folders.sort_unstable();
        let kept = Kept("1a".to_owned(), form().to_owned(), true, pack(&tree).unwrap());
        assert_eq!(kept.tree("1a"), Some(tree));
        assert_eq!(kept.tree("2b"), None, "something was pushed");
        let older = Kept(kept.0, "other files".to_owned(), true, kept.3);
        assert_eq!(older.tree("1a"), None, "it lacks files that matter now");
        assert_eq!(unpack("AAAA"), None);
    }
}
