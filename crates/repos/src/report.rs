//! What a scan is shown as: the JSON of a repository check.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::rules::{Rule, Severity};
use super::snapshot::{Repository, RepositoryId};

/// What a rule came to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// How bad a breach of it is here.
    pub severity: Severity,
    /// What it came to.
    pub verdict: Verdict,
    /// What was seen, in a sentence.
    pub evidence: Cow<'static, str>,
    /// What was seen, for programs; `null` if the sentence says all.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub data: Value,
    /// What to do, in a sentence; empty if nothing.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub fix: Cow<'static, str>,
}

/// A finding that stands once, however many repositories have it: of ten thousand most say the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SharedFinding(Arc<Finding>);

impl From<Finding> for SharedFinding {
    fn from(finding: Finding) -> Self {
        Self(Arc::new(finding))
    }
}

impl Deref for SharedFinding {
    type Target = Finding;

    fn deref(&self) -> &Finding {
        &self.0
    }
}

impl Serialize for SharedFinding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// What a rule came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// Nobody can say: something could not be read.
    Unknown,
    /// It cannot hold here: GitHub does not offer it.
    Unavailable,
    /// It says nothing about this repository.
    NotApplicable,
    /// It does not hold, and somebody answers for that.
    Exempt,
}

/// Why a repository was not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skipped {
    /// Archived: read-only.
    Archived,
    /// Switched off by GitHub.
    Disabled,
    /// Locked.
    Locked,
    /// Without a commit, and so without a default branch.
    Empty,
    /// A fork, and the policy leaves those out.
    Fork,
    /// A mirror, and the policy leaves those out.
    Mirror,
    /// A template, and the policy leaves those out.
    Template,
}

impl Skipped {
    /// What it is called in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Archived => "archived",
            Self::Disabled => "disabled",
            Self::Locked => "locked",
            Self::Empty => "empty",
            Self::Fork => "fork",
            Self::Mirror => "mirror",
            Self::Template => "template",
        }
    }
}

/// A repository in a report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RepositoryReport {
    /// Its id.
    pub id: RepositoryId,
    /// Its name, without the owner.
    pub name: String,
    /// Its default branch; `null` if it has none.
    pub default_branch: Option<String>,
    /// Why it was not looked at; `null` if it was.
    pub skipped: Option<Skipped>,
    /// What protects the default branch.
    pub protection: ProtectionReport,
    /// How its dependencies are looked after.
    pub dependabot: DependabotReport,
    /// One for each rule.
    pub findings: Vec<SharedFinding>,
}

/// What protects a default branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProtectionReport {
    /// Whether anything does.
    pub verdict: Standing,
    /// How many approvals a pull request needs at least; `null` if that is not known.
    pub reviews_required: Option<u32>,
    /// The names of the checks that must pass, as far as is known.
    pub required_checks: Vec<String>,
}

/// Whether a default branch is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is.
    Protected,
    /// It is not.
    Unprotected,
    /// Nobody can say.
    Unknown,
    /// GitHub does not offer it here.
    Unavailable,
    /// There is no default branch, or the repository was not looked at.
    NotApplicable,
}

impl Standing {
    /// Every standing, in the order of reports.
    pub const ALL: [Self; 5] = [
        Self::Protected,
        Self::Unprotected,
        Self::Unknown,
        Self::Unavailable,
        Self::NotApplicable,
    ];

    /// What it is called in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Protected => "protected",
            Self::Unprotected => "unprotected",
            Self::Unknown => "unknown",
            Self::Unavailable => "unavailable",
            Self::NotApplicable => "not applicable",
        }
    }
}

/// How a repository's dependencies are looked after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DependabotReport {
    /// The Dependabot file; `null` if that is not known.
    pub file: Option<FileStanding>,
    /// Whether there is a configuration of Renovate.
    pub renovate: bool,
    /// Whether alerts are on; `null` if that is not known.
    pub alerts: Option<bool>,
    /// Whether security updates are on and not paused; `null` if that is not known.
    pub security_updates: Option<bool>,
}

/// How a Dependabot file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileStanding {
    /// It is there, and covers what was seen.
    Present,
    /// There is none.
    Missing,
    /// GitHub does not read it.
    Invalid,
    /// It leaves ecosystems out.
    Incomplete,
}

impl RepositoryReport {
    /// What was found about an organisation itself, in the form of a repository, so that reports show it alike.
    pub fn of_the_organization(login: &str, findings: Vec<SharedFinding>) -> Self {
        Self {
            id: RepositoryId::ORGANIZATION,
            name: login.to_owned(),
            default_branch: None,
            skipped: None,
            protection: ProtectionReport::none(),
            dependabot: DependabotReport::none(),
            findings,
        }
    }

    /// Whether it is about the organisation itself.
    pub fn is_of_the_organization(&self) -> bool {
        self.id == RepositoryId::ORGANIZATION
    }

    /// `owner/name`; the login alone where it is about the organisation. It is its path on GitHub too.
    pub fn full_name(&self, owner: &str) -> String {
        if self.is_of_the_organization() {
            self.name.clone()
        } else {
            format!("{owner}/{}", self.name)
        }
    }

    /// One that was not looked at.
    pub fn skipped(repository: &Repository, why: Skipped) -> Self {
        Self {
            id: repository.id,
            name: repository.name.clone(),
            default_branch: repository.default_branch.as_ref().map(|branch| branch.name.clone()),
            skipped: Some(why),
            protection: ProtectionReport::none(),
            dependabot: DependabotReport::none(),
            findings: Vec::new(),
        }
    }
}

impl ProtectionReport {
    fn none() -> Self {
        Self {
            verdict: Standing::NotApplicable,
            reviews_required: None,
            required_checks: Vec::new(),
        }
    }
}

impl DependabotReport {
    fn none() -> Self {
        Self {
            file: None,
            renovate: false,
            alerts: None,
            security_updates: None,
        }
    }
}

/// The part of an organisation's report that says something: who it is and what was found.
#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
pub(crate) fn as_organization<S: serde::Serializer>(
    report: &Option<RepositoryReport>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Shown<'r> {
        login: &'r str,
        findings: &'r [SharedFinding],
    }
    let shown = report.as_ref().map(|report| Shown {
        login: &report.name,
        findings: &report.findings,
    });
    shown.serialize(serializer)
}

/// The answer to a check of one repository, as other systems read it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckAnswer<'a> {
    /// Its name.
    pub repository: &'a str,
    /// What was looked at. Rules go by their names; `dependabot_config` stands for those on the file.
    pub checks_performed: Vec<&'static str>,
    /// The breaches, in sentences.
    pub issues_found: Vec<&'a str>,
    /// When.
    pub timestamp: Timestamp,
    /// Everything that was found.
    pub findings: &'a [SharedFinding],
}

impl<'a> CheckAnswer<'a> {
    /// The answer for a repository.
    pub fn of(report: &'a RepositoryReport, timestamp: Timestamp) -> Self {
        let mut checks_performed: Vec<&str> = report.findings.iter().map(|finding| finding.rule.name()).collect();
        // A wire name older than the rules.
        if checks_performed.contains(&Rule::DependabotFile.name()) {
            checks_performed.push("dependabot_config");
        }
        Self {
            repository: &report.name,
            checks_performed,
            issues_found: report
                .findings
                .iter()
                .filter(|finding| finding.verdict == Verdict::Fail)
                .map(|finding| &*finding.evidence)
                .collect(),
            timestamp,
            findings: &report.findings,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::findings::check;
    use crate::policy::Policy;
    use crate::samples::unprotected;

    #[test]
    fn the_answer_keeps_its_older_names() {
        let report = check(&unprotected(), &Policy::default(), date(2026, 11, 24));
        let json = serde_json::to_value(CheckAnswer::of(&report, Timestamp::UNIX_EPOCH)).unwrap();
        let performed = json["checks_performed"].as_array().unwrap();
        for name in ["branch_protection", "dependabot_config", "security_updates"] {
            assert!(performed.contains(&name.into()), "{name}");
        }
        assert_eq!(json["repository"], "web");
        assert!(
            json["issues_found"][0]
                .as_str()
                .unwrap()
                .starts_with("Nothing protects `main`")
        );
        assert_eq!(json["issues_found"].as_array().unwrap().len(), 5);
        assert_eq!(json["timestamp"], "1970-01-01T00:00:00Z");
    }
}
