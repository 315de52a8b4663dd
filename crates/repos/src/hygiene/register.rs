//! A line for each repository: its score, and what each rule came to, in a letter. It is kept in documents of some hundred
//! lines, so that a list of ten thousand repositories is one read of less than a megabyte.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::score::Tally;
use crate::keeping::{read, written};
use crate::ports::{DocumentKind, RepositoryStore};
use crate::report::{Finding, RepositoryReport, Skipped, Verdict};
use crate::rules::{Rule, Severity};
use crate::snapshot::RepositoryId;
use cc_devops_kernel::ports::PortResult;

/// How many lines a document has.
const LINES: usize = 500;

/// Every repository that an audit looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Register {
    rows: BTreeMap<RepositoryId, RegisterRow>,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterRow {
    /// Its id; [`RepositoryId::ORGANIZATION`] for the organisation itself.
    pub id: RepositoryId,
    /// Its name, without the owner.
    pub name: String,
    /// Why it was not looked at; none if it was.
    pub skipped: Option<Skipped>,
    /// From 0 to 100; none where nothing is demanded of it.
    pub score: Option<u8>,
    /// In the order of [`Rule::ALL`].
    marks: Vec<Mark>,
    /// What its record was written as.
    pub(super) digest: String,
}

/// What a rule came to in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// It was not looked at.
    None,
    /// It holds.
    Held,
    /// It is broken, and so bad is that.
    Broken(Severity),
    /// Nobody can say.
    Unknown,
    /// It does not hold, and somebody answers for that.
    Waived,
    /// GitHub does not offer it, or it says nothing here.
    NotHere,
}

impl Mark {
    fn of(finding: &Finding) -> Self {
        match finding.verdict {
            Verdict::Pass => Self::Held,
            Verdict::Fail => Self::Broken(finding.severity),
            Verdict::Unknown => Self::Unknown,
            Verdict::Exempt => Self::Waived,
            Verdict::Unavailable | Verdict::NotApplicable => Self::NotHere,
        }
    }

    fn letter(self) -> char {
        match self {
            Self::None => ' ',
            Self::Held => '.',
            Self::Broken(Severity::Low) => 'l',
            Self::Broken(Severity::Medium) => 'm',
            Self::Broken(Severity::High) => 'h',
            Self::Broken(Severity::Critical) => 'c',
            Self::Unknown => '?',
            Self::Waived => 'x',
            Self::NotHere => '-',
        }
    }

    fn read(letter: char) -> Self {
        match letter {
            '.' => Self::Held,
            'l' => Self::Broken(Severity::Low),
            'm' => Self::Broken(Severity::Medium),
            'h' => Self::Broken(Severity::High),
            'c' => Self::Broken(Severity::Critical),
            '?' => Self::Unknown,
            'x' => Self::Waived,
            '-' => Self::NotHere,
            _ => Self::None,
        }
    }
}

/// In how many repositories a rule came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleCount {
    /// It holds.
    pub held: u64,
    /// It is broken.
    pub broken: u64,
    /// The worst of those; none where none is.
    pub worst: Option<Severity>,
    /// Nobody can say.
    pub unknown: u64,
    /// Somebody answers for that it does not hold.
    pub waived: u64,
}

/// Which repositories are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those in which this rule is broken, or, with `unknown`, not known.
    pub rule: Option<Rule>,
    /// Those with a breach of this severity: of the rule, where one is named.
    pub severity: Option<Severity>,
    /// Those of whose rules something is not known, instead of broken.
    pub unknown: bool,
    /// Those whose name has this in it; all where it is empty.
    pub name: String,
}

/// A page of a list of repositories: the worst first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterPage<'r> {
    /// How many there are on all pages.
    pub total: usize,
    /// The rows.
    pub rows: Vec<&'r RegisterRow>,
    /// Behind which repository the next page begins; none at the end.
    pub next: Option<RepositoryId>,
}

impl RegisterRow {
    pub(super) fn of(report: &RepositoryReport, digest: String) -> Self {
        let mut tally = Tally::default();
        let mut marks = vec![Mark::None; Rule::ALL.len()];
        for finding in &report.findings {
            tally.count(finding);
            if let Some(mark) = marks.get_mut(place(finding.rule)) {
                *mark = Mark::of(finding);
            }
        }
        Self {
            id: report.id,
            name: report.name.clone(),
            skipped: report.skipped,
            score: tally.score(),
            marks,
            digest,
        }
    }

    /// What each rule came to, those left out that were not looked at.
    pub fn marks(&self) -> impl Iterator<Item = (Rule, Mark)> {
        let marks = Rule::ALL.into_iter().zip(self.marks.iter().copied());
        marks.filter(|(_, mark)| *mark != Mark::None)
    }

    /// What is broken.
    pub fn broken(&self) -> impl Iterator<Item = (Rule, Severity)> {
        self.marks().filter_map(|(rule, mark)| match mark {
            Mark::Broken(severity) => Some((rule, severity)),
            _ => None,
        })
    }

    /// Of how many rules nobody can say what they come to.
    pub fn unknown(&self) -> usize {
        self.marks.iter().filter(|mark| **mark == Mark::Unknown).count()
    }

    /// How bad its worst breach is.
    pub fn worst(&self) -> Option<Severity> {
        self.broken().map(|(_, severity)| severity).max()
    }

    fn is_wanted(&self, filter: &Filter) -> bool {
        let named = filter.name.trim().to_lowercase();
        if !named.is_empty() && !self.name.to_lowercase().contains(&named) {
            return false;
        }
        if filter.rule.is_none() && filter.severity.is_none() && !filter.unknown {
            return true;
        }
        let wanted = |(rule, mark): (Rule, Mark)| {
            let this = filter.rule.is_none_or(|wanted| wanted == rule);
            let so = match mark {
                Mark::Broken(severity) => !filter.unknown && filter.severity.is_none_or(|wanted| wanted == severity),
                Mark::Unknown => filter.unknown,
                _ => false,
            };
            this && so
        };
        self.marks().any(wanted)
    }
}

fn place(rule: Rule) -> usize {
    let mut places = Rule::ALL.iter();
    places.position(|known| *known == rule).unwrap_or(usize::MAX)
}

/// A repository in a document: its id and name, why it was skipped, its score, its letters, and the digest of what was said.
type DocumentRow = (u64, String, Option<Skipped>, Option<u8>, String, String);

/// A document: letters stand in the order of `rules`.
#[derive(Serialize, Deserialize)]
struct Document {
    rules: Vec<String>,
    rows: Vec<DocumentRow>,
}

impl Register {
    pub(super) async fn read(store: &dyn RepositoryStore, owner: &str) -> PortResult<Self> {
        Self::from_documents(store.load(owner, DocumentKind::Register).await?)
    }

    /// The register, and the documents it stands in.
    pub(super) async fn load(store: &dyn RepositoryStore, owner: &str) -> PortResult<(Self, BTreeMap<String, Value>)> {
        let documents = store.load(owner, DocumentKind::Register).await?;
        Ok((Self::from_documents(documents.clone())?, documents))
    }

    fn from_documents(documents: BTreeMap<String, Value>) -> PortResult<Self> {
        let mut rows = BTreeMap::new();
        for (key, document) in documents {
            let document: Document = read(DocumentKind::Register, &key, document)?;
            let places: Vec<usize> = document
                .rules
                .iter()
                .map(|name| Rule::named(name).map_or(usize::MAX, place))
                .collect();
            for (id, name, skipped, score, letters, digest) in document.rows {
                let mut marks = vec![Mark::None; Rule::ALL.len()];
                for (letter, place) in letters.chars().zip(&places) {
                    if let Some(mark) = marks.get_mut(*place) {
                        *mark = Mark::read(letter);
                    }
                }
                let id = RepositoryId(id);
                let row = RegisterRow {
                    id,
                    name,
                    skipped,
                    score,
                    marks,
                    digest,
                };
                rows.insert(id, row);
            }
        }
        Ok(Self { rows })
    }

    pub(super) fn of(rows: BTreeMap<RepositoryId, RegisterRow>) -> Self {
        Self { rows }
    }

    pub(super) fn into_rows(self) -> BTreeMap<RepositoryId, RegisterRow> {
        self.rows
    }

    /// What is to be written, where `before` is what stands: only what differs.
    pub(super) fn changes(&self, before: &BTreeMap<String, Value>) -> PortResult<BTreeMap<String, Option<Value>>> {
        let rules: Vec<String> = Rule::ALL.map(|rule| rule.name().to_owned()).into();
        let rows: Vec<&RegisterRow> = self.rows.values().collect();
        let mut changes: BTreeMap<String, Option<Value>> = before.keys().map(|key| (key.clone(), None)).collect();
        for (number, rows) in rows.chunks(LINES).enumerate() {
            let rows = rows.iter().map(|row| {
                let letters: String = row.marks.iter().map(|mark| mark.letter()).collect();
                let RegisterRow { name, digest, .. } = row;
                (row.id.0, name.clone(), row.skipped, row.score, letters, digest.clone())
            });
            let document = Document {
                rules: rules.clone(),
                rows: rows.collect(),
            };
            let (key, document) = (format!("{number:04}"), written(&document)?);
            if before.get(&key) == Some(&document) {
                changes.remove(&key);
            } else {
                changes.insert(key, Some(document));
            }
        }
        Ok(changes)
    }

    /// Whether no audit wrote anything.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The repository of an id.
    pub fn row(&self, id: RepositoryId) -> Option<&RegisterRow> {
        self.rows.get(&id)
    }

    /// The repository of a name, in whatever case.
    pub fn named(&self, name: &str) -> Option<&RegisterRow> {
        let mut repositories = self.rows.values().filter(|row| row.id != RepositoryId::ORGANIZATION);
        repositories.find(|row| row.name.eq_ignore_ascii_case(name))
    }

    /// Every repository, by id.
    pub fn rows(&self) -> impl Iterator<Item = &RegisterRow> {
        self.rows.values()
    }

    /// What each rule came to; those are left out that were looked at nowhere.
    pub fn by_rule(&self) -> BTreeMap<Rule, RuleCount> {
        let mut counts = BTreeMap::<Rule, RuleCount>::new();
        for (rule, mark) in self.rows.values().flat_map(RegisterRow::marks) {
            let count = counts.entry(rule).or_default();
            match mark {
                Mark::Held => count.held += 1,
                Mark::Broken(severity) => {
                    count.broken += 1;
                    count.worst = count.worst.max(Some(severity));
                }
                Mark::Unknown => count.unknown += 1,
                Mark::Waived => count.waived += 1,
                Mark::None | Mark::NotHere => {}
            }
        }
        counts
    }

    /// A page of those that are wanted: the worst breach first, then the lowest score, then by name.
    pub fn page(&self, filter: &Filter, after: Option<RepositoryId>, limit: usize) -> RegisterPage<'_> {
        let mut rows: Vec<&RegisterRow> = self.rows.values().filter(|row| row.is_wanted(filter)).collect();
        rows.sort_by_cached_key(|row| {
            let score = row.score.unwrap_or(u8::MAX);
            (std::cmp::Reverse(row.worst()), score, row.name.to_lowercase(), row.id)
        });
        let total = rows.len();
        let at = after.and_then(|after| rows.iter().position(|row| row.id == after));
        let begin = at.map_or(0, |at| at + 1);
        let page: Vec<&RegisterRow> = rows.into_iter().skip(begin).take(limit).collect();
        let more = begin + page.len() < total;
        RegisterPage {
            total,
            next: page.last().filter(|_| more).map(|row| row.id),
            rows: page,
        }
    }
}
