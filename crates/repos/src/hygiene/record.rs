//! What an audit saw in one repository, rule by rule.

use serde::{Deserialize, Serialize};

use crate::fix::left_to_people;
use crate::keeping::read;
use crate::ports::{DocumentKind, RepositoryStore};
use crate::report::{RepositoryReport, Skipped, Verdict};
use crate::rules::{Rule, Severity};
use crate::settings::{Drift, SettingChange, UnknownSetting};
use crate::snapshot::RepositoryId;
use cc_devops_kernel::ports::PortResult;

/// The longest sentence that is kept, in bytes.
const SENTENCE: usize = 2_000;

/// How many bytes the changes of settings may have together, as JSON.
const SETTINGS: usize = 150_000;

/// What an audit saw in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryRecord {
    /// Its id.
    pub id: RepositoryId,
    /// Its name, without the owner; the owner's, where it is about the organisation.
    pub name: String,
    /// Its default branch; none if it has none.
    pub default_branch: Option<String>,
    /// Why it was not looked at; none if it was.
    pub skipped: Option<Skipped>,
    /// One for each rule.
    findings: Vec<Row>,
    /// The settings that are not as the policy names them.
    pub settings: Vec<SettingChange>,
    /// The settings that could not be compared.
    pub settings_unknown: Vec<UnknownSetting>,
    /// Whether there are more changes of settings than are kept.
    pub settings_cut: bool,
}

/// A finding. A rule of a later version is left out when it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    rule: String,
    severity: Severity,
    verdict: Verdict,
    evidence: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    fix: String,
}

/// What a rule came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptFinding<'r> {
    /// The rule.
    pub rule: Rule,
    /// How bad a breach of it is here.
    pub severity: Severity,
    /// What it came to.
    pub verdict: Verdict,
    /// What was seen, in a sentence.
    pub evidence: &'r str,
    /// What to do, in a sentence; empty if nothing.
    pub fix: &'r str,
}

/// Who puts a breach right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// `repos fix` plans it. Whether it refuses shows when it looks.
    Fix,
    /// `repos apply` brings settings to what the policy names.
    Apply,
    /// A person, and why.
    Person(&'static str),
}

impl Remedy {
    /// Who puts a breach of this rule right.
    pub fn of(rule: Rule) -> Self {
        match rule {
            Rule::SettingsDrift => Self::Apply,
            rule => left_to_people(rule).map_or(Self::Fix, Self::Person),
        }
    }
}

impl RepositoryRecord {
    pub(super) fn of(report: &RepositoryReport, drift: Option<&Drift>) -> Self {
        let findings = report.findings.iter().map(|finding| Row {
            rule: finding.rule.name().to_owned(),
            severity: finding.severity,
            verdict: finding.verdict,
            evidence: cut(&finding.evidence),
            fix: cut(&finding.fix),
        });
        let (changes, unknown): (&[SettingChange], &[UnknownSetting]) = match drift {
            Some(drift) => (&drift.changes, &drift.unknown),
            None => (&[], &[]),
        };
        let mut room = SETTINGS;
        let mut settings = Vec::new();
        for change in changes {
            let size = change.before.to_string().len() + change.after.to_string().len() + 200;
            let Some(rest) = room.checked_sub(size) else { break };
            room = rest;
            settings.push(change.clone());
        }
        Self {
            id: report.id,
            name: report.name.clone(),
            default_branch: report.default_branch.clone(),
            skipped: report.skipped,
            findings: findings.collect(),
            settings_cut: settings.len() < changes.len(),
            settings,
            settings_unknown: unknown.iter().take(100).cloned().collect(),
        }
    }

    pub(super) async fn read(store: &dyn RepositoryStore, owner: &str, id: RepositoryId) -> PortResult<Option<Self>> {
        let (kind, key) = (DocumentKind::Findings, id.to_string());
        let document = store.document(owner, kind, &key).await?;
        document.map(|document| read(kind, &key, document)).transpose()
    }

    /// What each rule came to, in the order of reports.
    pub fn findings(&self) -> impl Iterator<Item = KeptFinding<'_>> {
        self.findings.iter().filter_map(|row| {
            Some(KeptFinding {
                rule: Rule::named(&row.rule)?,
                severity: row.severity,
                verdict: row.verdict,
                evidence: &row.evidence,
                fix: &row.fix,
            })
        })
    }
}

/// The beginning of a text that is too long.
fn cut(text: &str) -> String {
    if text.len() <= SENTENCE {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(SENTENCE);
    format!("{}…", text.get(..end).unwrap_or_default())
}
