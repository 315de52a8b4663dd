//! How audits went, day by day: kept as one document, which an audit of all repositories adds to.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::score::Tally;
use crate::audit::{ScanGap, ScanReport};
use crate::keeping::{read, written};
use crate::ports::{DocumentKind, RepositoryStore};
use crate::report::Verdict;
use crate::rules::Rule;
use cc_devops_kernel::ports::PortResult;

/// How many days are kept.
pub const DAYS_KEPT: i32 = 400;

/// The most of what was not read that is kept by name.
const GAPS_KEPT: usize = 100;

const DAYS: &str = "days";
const GAPS: &str = "gaps";

/// The last audits of all repositories, one for each day, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditDays {
    /// The days.
    pub days: Vec<AuditDay>,
    /// What the last audit did not read.
    pub gaps: Gaps,
}

/// An audit of all repositories: the last of its day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditDay {
    /// The day, UTC.
    pub date: Date,
    /// When it was made.
    pub at: Timestamp,
    /// Whether everything was read that the credential may see.
    pub complete: bool,
    /// How many repositories were looked at.
    pub repositories: u64,
    /// From 0 to 100; none where nothing was demanded.
    pub score: Option<u8>,
    /// What rules came to; one that is neither broken nor unknown anywhere is left out.
    pub rules: BTreeMap<Rule, RuleDay>,
}

/// What a rule came to on a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleDay {
    /// In how many repositories it was broken.
    pub broken: u64,
    /// In how many nobody could say.
    pub unknown: u64,
}

/// What an audit did not read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gaps {
    /// How many things.
    pub count: u64,
    /// The first of them: a repository, where it is one's, and why, as a fragment.
    pub first: Vec<(Option<String>, String)>,
}

/// The document. Counts stand in the order of `rules`, those at the end that are 0 left out.
#[derive(Serialize, Deserialize)]
struct Document {
    rules: Vec<String>,
    days: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    date: Date,
    at: Timestamp,
    complete: bool,
    repositories: u64,
    score: Option<u8>,
    broken: Vec<u64>,
    unknown: Vec<u64>,
}

impl AuditDay {
    /// What an audit comes to.
    pub fn of(report: &ScanReport) -> Self {
        let mut rules = BTreeMap::<Rule, RuleDay>::new();
        let mut tally = Tally::default();
        for finding in report
            .organization
            .iter()
            .chain(&report.repositories)
            .flat_map(|of| &of.findings)
        {
            tally.count(finding);
            match finding.verdict {
                Verdict::Fail => rules.entry(finding.rule).or_default().broken += 1,
                Verdict::Unknown => rules.entry(finding.rule).or_default().unknown += 1,
                Verdict::Pass | Verdict::Unavailable | Verdict::NotApplicable | Verdict::Exempt => {}
            }
        }
        let looked_at = report.repositories.iter().filter(|of| of.skipped.is_none());
        Self {
            date: report.timestamp.to_zoned(TimeZone::UTC).date(),
            at: report.timestamp,
            complete: report.complete,
            repositories: looked_at.count() as u64,
            score: tally.score(),
            rules,
        }
    }

    /// In how many repositories a rule was broken, and in how many nobody could say.
    pub fn rule(&self, rule: Rule) -> RuleDay {
        self.rules.get(&rule).copied().unwrap_or_default()
    }

    /// How many breaches there were.
    pub fn broken(&self) -> u64 {
        self.rules.values().map(|rule| rule.broken).sum()
    }
}

impl AuditDays {
    pub(super) async fn read(store: &dyn RepositoryStore, owner: &str) -> PortResult<Self> {
        let mut documents = store.load(owner, DocumentKind::Audits).await?;
        let days = match documents.remove(DAYS) {
            Some(document) => Self::from_document(read(DocumentKind::Audits, DAYS, document)?),
            None => Vec::new(),
        };
        let gaps = match documents.remove(GAPS) {
            Some(document) => read(DocumentKind::Audits, GAPS, document)?,
            None => Gaps::default(),
        };
        Ok(Self { days, gaps })
    }

    /// The newest day.
    pub fn latest(&self) -> Option<&AuditDay> {
        self.days.last()
    }

    /// Each of the `count` days until `today`, and the audit of it, where one was made.
    pub fn line(&self, count: u16, today: Date) -> Vec<(Date, Option<&AuditDay>)> {
        let mut line = Vec::with_capacity(count.into());
        for back in (0..i32::from(count)).rev() {
            let date = today.saturating_sub(back.days());
            let at = self.days.binary_search_by_key(&date, |day| day.date);
            line.push((date, at.ok().and_then(|at| self.days.get(at))));
        }
        line
    }

    /// The newest day that is at least 30 days before the newest, within a week.
    pub fn month_before(&self) -> Option<&AuditDay> {
        let latest = self.latest()?.date;
        let (from, until) = (latest.saturating_sub(36.days()), latest.saturating_sub(30.days()));
        let mut days = self.days.iter().rev();
        days.find(|day| day.date <= until).filter(|day| day.date >= from)
    }

    /// The same with an audit, in the place of an earlier one of its day; what is too old goes.
    #[must_use]
    pub(super) fn with(mut self, day: AuditDay, gaps: &[ScanGap]) -> Self {
        let oldest = day.date.saturating_sub(DAYS_KEPT.days());
        self.days.retain(|kept| kept.date != day.date && kept.date > oldest);
        let place = self.days.partition_point(|kept| kept.date < day.date);
        self.days.insert(place, day);
        let first = gaps.iter().take(GAPS_KEPT);
        self.gaps = Gaps {
            count: gaps.len() as u64,
            first: first.map(|gap| (gap.repository.clone(), gap.why.clone())).collect(),
        };
        self
    }

    /// The documents to keep.
    pub(super) fn documents(&self) -> PortResult<BTreeMap<String, Option<Value>>> {
        let document = Document {
            rules: Rule::ALL.map(|rule| rule.name().to_owned()).into(),
            days: self.days.iter().map(Row::of).collect(),
        };
        let days = (DAYS.to_owned(), Some(written(&document)?));
        Ok(BTreeMap::from([days, (GAPS.to_owned(), Some(written(&self.gaps)?))]))
    }

    fn from_document(document: Document) -> Vec<AuditDay> {
        let rules: Vec<Option<Rule>> = document.rules.iter().map(|name| Rule::named(name)).collect();
        document.days.into_iter().map(|row| row.day(&rules)).collect()
    }
}

impl Row {
    fn of(day: &AuditDay) -> Self {
        let counts = |of: fn(RuleDay) -> u64| {
            let counts = Rule::ALL.map(|rule| of(day.rule(rule)));
            let used = counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
            counts.into_iter().take(used).collect()
        };
        Self {
            date: day.date,
            at: day.at,
            complete: day.complete,
            repositories: day.repositories,
            score: day.score,
            broken: counts(|rule| rule.broken),
            unknown: counts(|rule| rule.unknown),
        }
    }

    fn day(self, rules: &[Option<Rule>]) -> AuditDay {
        let mut counted = BTreeMap::<Rule, RuleDay>::new();
        for (rule, broken) in rules.iter().zip(&self.broken) {
            if let (Some(rule), 1..) = (rule, *broken) {
                counted.entry(*rule).or_default().broken = *broken;
            }
        }
        for (rule, unknown) in rules.iter().zip(&self.unknown) {
            if let (Some(rule), 1..) = (rule, *unknown) {
                counted.entry(*rule).or_default().unknown = *unknown;
            }
        }
        AuditDay {
            date: self.date,
            at: self.at,
            complete: self.complete,
            repositories: self.repositories,
            score: self.score,
            rules: counted,
        }
    }
}
