//! Folders of a tree, and Dependabot's patterns on them.
//!
//! Dependabot expands a pattern in a checkout with Ruby's `Dir.glob` and `File::FNM_DOTMATCH`, and keeps what is a folder.
//! So `*` takes in hidden folders and the folder it starts from, `**` is any number of folders only before a `/`, and
//! braces are alternatives, but only in what is a pattern without them.
//! Sources: <https://github.com/dependabot/dependabot-core/blob/main/updater/lib/dependabot/file_fetcher_command.rb>,
//! <https://docs.ruby-lang.org/en/3.4/Dir.html#method-c-glob>; the tests hold what Ruby 3.1 answers.

use std::collections::{BTreeSet, HashMap};

use glob::Pattern;

pub use super::folder_paths::{normal, upwards};
use crate::patterns::SEGMENTS;
use crate::snapshot::Tree;

/// More steps than any pattern people write needs to have its braces expanded.
const MOST_BRACES: usize = 1_000;

/// Whether Dependabot takes this for a pattern.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?']) || (text.contains('[') && text.contains(']'))
}

/// A folder as `directories` takes it: one whose name looks like a pattern has its signs escaped.
pub fn escaped(folder: &str) -> String {
    if !is_pattern(folder) {
        return folder.to_owned();
    }
    let mut written = String::with_capacity(folder.len() + 2);
    for c in folder.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\') {
            written.push('\\');
        }
        written.push(c);
    }
    written
}

/// The folders of a tree, in the form of [`normal`]. A tree that was not read as a whole has fewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders(BTreeSet<String>);

impl Folders {
    /// The folders in which these files lie, and all above them. Git knows no others.
    #[cfg(test)]
    pub(crate) fn of(paths: &[String]) -> Self {
        Self::in_tree(&Tree::of(paths.to_vec(), true))
    }

    /// Those of a tree.
    pub fn in_tree(tree: &Tree) -> Self {
        let folders = tree.folders.iter().map(|folder| format!("/{folder}"));
        Self(std::iter::once("/".to_owned()).chain(folders).collect())
    }

    /// Those that a pattern reaches.
    pub fn reached(&self, pattern: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        for glob in Glob::all(pattern) {
            // Each folder goes on from the one above it, which comes before it.
            let mut ways: HashMap<&str, Ways> = HashMap::new();
            for folder in self.0.iter().map(String::as_str) {
                let way = match upwards(folder).nth(1) {
                    None => glob.start(),
                    Some(above) => match ways.get(above) {
                        Some(way) => glob.step(way, folder.rsplit('/').next().unwrap_or_default()),
                        None => continue,
                    },
                };
                if glob.fits(&way, folder) {
                    reached.insert(folder);
                }
                if !way.is_empty() {
                    ways.insert(folder, way);
                }
            }
        }
        reached
    }
}

/// Where in a pattern a folder may be, and how far the search has come by then.
type Ways = BTreeSet<(usize, Listing)>;

/// A pattern without braces.
struct Glob {
    segments: Vec<Segment>,
    /// It ends with `**/`.
    below: bool,
}

enum Segment {
    Literal(String),
    Magic(Pattern),
    /// `**` before a `/`.
    Deep,
}

/// How far Ruby's search has come: the first folder that it lists shows it `.` too, those below do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Listing {
    None,
    First,
    Further,
}

impl Glob {
    fn all(pattern: &str) -> Vec<Self> {
        // Dependabot takes one slash away. With one more it is a path of the machine.
        let text = pattern.strip_prefix('/').unwrap_or(pattern);
        alternatives(text).iter().filter_map(|text| Self::new(text)).collect()
    }

    /// `None` if it cannot reach anything.
    fn new(text: &str) -> Option<Self> {
        if text.starts_with('/') {
            return None;
        }
        let mut names = text.split('/').filter(|name| !matches!(*name, "" | ".")).peekable();
        let mut segments: Vec<Segment> = Vec::new();
        let mut below = false;
        while let Some(name) = names.next() {
            below = names.peek().is_none() && name == "**" && text.ends_with('/');
            if name == ".." {
                match segments.pop() {
                    Some(Segment::Literal(_)) => {}
                    _ => return None,
                }
            } else if name == "**" && (below || names.peek().is_some()) {
                if !matches!(segments.last(), Some(Segment::Deep)) {
                    segments.push(Segment::Deep);
                }
            } else {
                segments.push(Segment::new(name)?);
            }
        }
        Some(Self { segments, below })
    }

    fn start(&self) -> Ways {
        let mut ways = Ways::from([(0, Listing::None)]);
        self.without_a_step(&mut ways);
        ways
    }

    /// Into a folder of this name.
    fn step(&self, ways: &Ways, name: &str) -> Ways {
        let mut next: Ways = ways
            .iter()
            .filter_map(|(at, listing)| match self.segments.get(*at)? {
                Segment::Literal(literal) => (literal == name).then_some(match listing {
                    Listing::None => (at + 1, Listing::None),
                    Listing::First | Listing::Further => (at + 1, Listing::Further),
                }),
                Segment::Magic(pattern) => pattern
                    .matches_with(name, SEGMENTS)
                    .then_some((at + 1, Listing::Further)),
                Segment::Deep => Some((*at, Listing::Further)),
            })
            .collect();
        self.without_a_step(&mut next);
        next
    }

    fn fits(&self, ways: &Ways, folder: &str) -> bool {
        ways.iter().any(|(at, _)| *at == self.segments.len()) && !(self.below && folder == "/")
    }

    /// Adds what is reached without going into a folder: `**/` may stand for none, and what fits `.` for the folder that
    /// is listed.
    fn without_a_step(&self, ways: &mut Ways) {
        let mut open: Vec<_> = ways.iter().copied().collect();
        while let Some((at, listing)) = open.pop() {
            let next = match self.segments.get(at) {
                Some(Segment::Deep) => (at + 1, listing.max(Listing::First)),
                Some(Segment::Magic(pattern)) if listing != Listing::Further && pattern.matches_with(".", SEGMENTS) => {
                    (at + 1, Listing::Further)
                }
                _ => continue,
            };
            if ways.insert(next) {
                open.push(next);
            }
        }
    }
}

impl Segment {
    /// `None` for a bracket that is not closed: it fits nothing.
    fn new(name: &str) -> Option<Self> {
        let (mut literal, mut pattern) = (String::new(), String::new());
        let (mut magic, mut bracket) = (false, false);
        let mut chars = name.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' if !bracket => {
                    let c = chars.next()?;
                    literal.push(c);
                    pattern.push_str(&Pattern::escape(c.encode_utf8(&mut [0; 4])));
                    continue;
                }
                // The library refuses three and more, and gives two a meaning that they have not got here.
                '*' if !bracket && chars.peek() == Some(&'*') => continue,
                '*' | '?' => magic = true,
                '[' if !bracket => {
                    (magic, bracket) = (true, true);
                    pattern.push('[');
                    if chars.next_if_eq(&'^').is_some() {
                        pattern.push('!');
                    }
                    continue;
                }
                ']' => bracket = false,
                _ => {}
            }
            literal.push(c);
            pattern.push(c);
        }
        if magic {
            Pattern::new(&pattern).ok().map(Self::Magic)
        } else {
            Some(Self::Literal(literal))
        }
    }
}

/// A pattern's braces written out. A brace without its counterpart means itself.
fn alternatives(text: &str) -> Vec<String> {
    let mut open = vec![text.to_owned()];
    let mut done = Vec::new();
    for _ in 0..MOST_BRACES {
        let Some(text) = open.pop() else { return done };
        match first_braces(&text) {
            Some(written) => open.extend(written),
            None => done.push(text),
        }
    }
    done
}

/// The text once for each alternative of its first braces; `None` if it has none.
fn first_braces(text: &str) -> Option<Vec<String>> {
    let (mut depth, mut start, mut commas) = (0_usize, 0, Vec::new());
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if std::mem::take(&mut escaped) {
            continue;
        }
        match c {
            '\\' => escaped = true,
            '{' => {
                if depth == 0 {
                    start = at;
                }
                depth += 1;
            }
            ',' if depth == 1 => commas.push(at),
            '}' if depth == 1 => {
                let (before, after) = (text.get(..start)?, text.get(at + 1..)?);
                let ends = commas.iter().copied().chain([at]);
                let starts = [start].into_iter().chain(commas.iter().copied());
                return starts
                    .zip(ends)
                    .map(|(start, end)| Some([before, text.get(start + 1..end)?, after].concat()))
                    .collect();
            }
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders() -> Folders {
        let paths = ["f", "a/b/c/f", ".h/x/f", "a/.k/z/f", "ab/f", "[id]/q/f", "a{1}/f"];
        Folders::of(&paths.map(str::to_owned))
    }

    fn reached(pattern: &str) -> Vec<String> {
        folders().reached(pattern).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn a_tree_has_the_folders_of_its_files_and_those_above() {
        assert_eq!(
            folders().0.into_iter().collect::<Vec<_>>(),
            [
                "/", "/.h", "/.h/x", "/[id]", "/[id]/q", "/a", "/a/.k", "/a/.k/z", "/a/b", "/a/b/c", "/ab", "/a{1}"
            ]
        );
        assert_eq!(Folders::of(&[]).0.len(), 1, "the root is always there");
        let tree = Tree {
            paths: vec!["a/Cargo.toml".to_owned()],
            folders: vec!["a".to_owned(), "b/c".to_owned()],
            ..Tree::default()
        };
        assert_eq!(
            Folders::in_tree(&tree).0.into_iter().collect::<Vec<_>>(),
            ["/", "/a", "/b/c"]
        );
    }

    /// What `Dir.glob(pattern, File::FNM_DOTMATCH)` of Ruby 3.1.2 answers in this tree, folders only and cleaned.
    #[test]
    fn patterns_reach_what_ruby_reaches() {
        let all = [
            "/", "/.h", "/.h/x", "/[id]", "/[id]/q", "/a", "/a/.k", "/a/.k/z", "/a/b", "/a/b/c", "/ab", "/a{1}",
        ];
        let top = ["/", "/.h", "/[id]", "/a", "/ab", "/a{1}"];
        for pattern in ["**/*", "/**/*", "**/***", "**/*/"] {
            assert_eq!(reached(pattern), all, "{pattern}");
        }
        for pattern in ["*", "/*", "**", "***", "./*", "*/."] {
            assert_eq!(reached(pattern), top, "{pattern}");
        }
        assert_eq!(reached("**/"), all[1..]);
        let cases: [(&str, &[&str]); 39] = [
            ("?", &["/", "/a"]),
            ("[.]", &["/"]),
            (".*", &["/", "/.h"]),
            ("a/**/*", &["/a", "/a/.k", "/a/.k/z", "/a/b", "/a/b/c"]),
            ("a/**/", &["/a", "/a/.k", "/a/.k/z", "/a/b", "/a/b/c"]),
            ("a/**", &["/a", "/a/.k", "/a/b"]),
            ("a/*", &["/a", "/a/.k", "/a/b"]),
            ("a/*/", &["/a", "/a/.k", "/a/b"]),
            ("a/?", &["/a", "/a/b"]),
            (
                "*/*",
                &[
                    "/.h", "/.h/x", "/[id]", "/[id]/q", "/a", "/a/.k", "/a/b", "/ab", "/a{1}",
                ],
            ),
            ("*/*/*", &["/.h/x", "/[id]/q", "/a/.k", "/a/.k/z", "/a/b", "/a/b/c"]),
            ("**/b", &["/a/b"]),
            ("**/b/*", &["/a/b/c"]),
            ("**/a/*", &["/a/.k", "/a/b"]),
            ("*/b/*", &["/a/b/c"]),
            ("a/b/*", &["/a/b", "/a/b/c"]),
            ("a/**/c", &["/a/b/c"]),
            ("**/**/c", &["/a/b/c"]),
            ("{a,ab}/*", &["/a", "/a/.k", "/a/b", "/ab"]),
            ("{a*,.h}", &["/.h", "/a", "/ab", "/a{1}"]),
            ("**/{b,x}", &["/.h/x", "/a/b"]),
            ("{,a/}*", &["/", "/.h", "/[id]", "/a", "/a/.k", "/a/b", "/ab", "/a{1}"]),
            (
                "{a/{b,.k},.h}/*",
                &["/.h", "/.h/x", "/a/.k", "/a/.k/z", "/a/b", "/a/b/c"],
            ),
            ("{a,b*", &[]),
            ("[[]id]", &["/[id]"]),
            ("\\[id\\]", &["/[id]"]),
            ("\\[id\\]/*", &["/[id]", "/[id]/q"]),
            ("[id]/*", &[]),
            ("[i*", &[]),
            ("a\\{1\\}*", &["/a{1}"]),
            ("[^a]*", &["/", "/.h", "/[id]"]),
            ("[!a]*", &["/", "/.h", "/[id]"]),
            ("[a-b]", &["/a"]),
            ("A*", &[]),
            ("?b", &["/ab"]),
            ("a/../ab*", &["/ab"]),
            ("//a/*", &[]),
            ("a//b*", &["/a/b"]),
            ("../*", &[]),
        ];
        for (pattern, expected) in cases {
            assert_eq!(reached(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn one_form_for_each_folder() {
        for (path, expected) in [
            ("/", "/"),
            ("", "/"),
            (".", "/"),
            ("app/", "/app"),
            ("/app", "/app"),
            ("./app//web/.", "/app/web"),
            ("/app/../lib", "/lib"),
            ("/App", "/App"),
        ] {
            assert_eq!(normal(path), expected, "{path}");
        }
        assert_eq!(upwards("/a/b").collect::<Vec<_>>(), ["/a/b", "/a", "/"]);
        assert_eq!(upwards("/").collect::<Vec<_>>(), ["/"]);
    }

    #[test]
    fn a_folder_that_looks_like_a_pattern_can_be_written() {
        assert!(is_pattern("a*") && is_pattern("a?") && is_pattern("[ab]"));
        assert!(!is_pattern("/{{cookiecutter.slug}}") && !is_pattern("a[") && !is_pattern("/"));
        for folder in ["/[id]", "/a{1}", "/a/b"] {
            assert_eq!(normal(folder), folder);
            let written = escaped(folder);
            assert!(!is_pattern(&written) || reached(&written) == [folder], "{written}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends() {
        let folders = Folders::of(&[format!("{}f", "a/".repeat(500))]);
        for pattern in [
            "{a,b}".repeat(40) + "*",
            "{".repeat(50_000) + "*",
            "**/a/".repeat(400) + "*",
        ] {
            assert!(folders.reached(&pattern).len() <= 501);
        }
    }
}
