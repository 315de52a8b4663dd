//! A repository's breaches as the subject of one issue, where the policy wants them told so.
//!
//! One issue lists everything that is broken: whoever looks after a repository has one place to look at, and a thousand
//! repositories are told in a thousand issues. A rule is left out of it while a person has put the breach away: they
//! closed an issue that told of it, and it has been broken ever since.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::life::{self, Draft, Look, Standing, Words};
use super::marks::Marks;
use super::text::{code, link, minute, prose};
use super::{Action, CloseReason, Issue, IssueStanding, Memory, Subject};
use crate::policy::IssueSettings;
use crate::rules::{Rule, Severity};
use crate::snapshot::{Fact, RepositoryId};
use cc_devops_kernel::health::Mode;

/// The marks of issues about breaches.
pub const MARKS: Marks = Marks {
    begin: "<!-- cc-devops:breaches ",
    end: "<!-- /cc-devops:breaches -->",
};

/// The version this program writes. It reads later ones too, so that an old process next to a new one still finds the
/// issue.
const VERSION: u32 = 1;

/// The most characters of what was seen of one breach. GitHub takes 65,536 in a body.
const SEEN: usize = 600;

/// The breaches of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Breaches(pub(crate) RepositoryId);

/// What a marker says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    version: u32,
    repository: RepositoryId,
    /// The scan that the issue tells of.
    told: Timestamp,
    /// The rules that it lists.
    #[serde(default)]
    rules: BTreeSet<String>,
}

impl Breaches {
    fn marker(self, body: &str) -> Option<Marker> {
        MARKS.find(body, |marker: &Marker| {
            marker.version >= 1 && marker.repository == self.0
        })
    }
}

impl Subject for Breaches {
    type LastTold = Timestamp;

    fn told(&self, body: &str) -> Option<Timestamp> {
        self.marker(body).map(|marker| marker.told)
    }

    fn told_by(body: &str) -> Vec<Self> {
        let markers = MARKS.all(body).filter(|marker: &Marker| marker.version >= 1);
        markers.map(|marker| Self(marker.repository)).collect()
    }

    fn marks(&self) -> Marks {
        MARKS
    }

    fn record(&self) -> Map<String, Value> {
        Map::from_iter([
            ("repositoryId".to_owned(), json!(self.0)),
            ("about".to_owned(), json!("breaches")),
        ])
    }

    fn duplicate(&self, number: Option<u64>) -> String {
        match number {
            Some(number) => format!("Another issue is about the same repository: #{number}."),
            None => "Another issue is about the same repository.".to_owned(),
        }
    }
}

const WORDS: Words = Words {
    wrong: "the policy is not held, and no issue says so",
    later: "what is not held has changed",
    told: "the issue says what is not held",
    told_before: "the last issue told of this already",
    right: "the policy is held again",
    older: "the scan is older than what the issue tells of",
    gone: "the policy asks for no issue any more",
    put_away: "nothing else is broken since",
};

/// What is kept of a repository's issue between two audits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The issue.
    #[serde(flatten)]
    pub memory: Memory<Timestamp>,
    /// The rules that it lists.
    #[serde(default)]
    pub rules: BTreeSet<String>,
    /// The rules whose breach a person has put away, and since when each was broken then.
    #[serde(default)]
    pub away: BTreeMap<String, Timestamp>,
}

impl Watch {
    /// Whether there is anything to remember.
    pub fn is_worth_keeping(&self) -> bool {
        self.memory.is_open() || self.memory.closed.is_some() || !self.away.is_empty()
    }
}

/// Where a repository is and what an issue about it needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// `owner/name`.
    pub(crate) full_name: String,
    /// Whether it has issues.
    pub(crate) issues_enabled: bool,
    /// Whether everybody sees them.
    pub(crate) public: bool,
    /// Whether anything may be written to it.
    pub(crate) writable: bool,
}

impl Place {
    /// Where an issue about it is written; none if nowhere.
    pub(crate) fn target(&self, settings: &IssueSettings) -> Option<String> {
        let fallback = settings.fallback_repository.as_ref();
        super::target(self.issues_enabled, &self.full_name, fallback)
    }
}

/// A breach that is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken<'a> {
    pub(crate) severity: Severity,
    /// The first scan that saw it.
    pub(crate) since: Timestamp,
    /// What was seen, and what to do; empty where the last scan could not tell.
    pub(crate) evidence: &'a str,
    pub(crate) fix: &'a str,
}

/// What is decided about.
pub(crate) struct Situation<'a> {
    pub(crate) id: RepositoryId,
    pub(crate) place: &'a Place,
    /// The breaches that the policy wants told in an issue.
    pub(crate) broken: BTreeMap<Rule, Broken<'a>>,
    /// Whether it wants any told so.
    pub(crate) wanted: bool,
    pub(crate) issues: &'a Fact<Vec<Issue>>,
    pub(crate) watch: Option<&'a Watch>,
    pub(crate) settings: &'a IssueSettings,
    pub(crate) mode: Mode,
    /// When the scan was.
    pub(crate) now: Timestamp,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) actions: Vec<Action<Timestamp>>,
    /// What would be done, were the control plane not in maintenance.
    pub(crate) withheld: Vec<Action<Timestamp>>,
    pub(crate) why: String,
    /// What to keep once the actions are done.
    pub(crate) watch: Watch,
}

/// Decides what is to be done about the issue of a repository's breaches.
pub(crate) fn decide(situation: &Situation<'_>) -> Decision {
    let subject = Breaches(situation.id);
    let mut watch = situation.watch.cloned().unwrap_or_default();
    if !situation.place.writable {
        return Decision {
            actions: Vec::new(),
            withheld: Vec::new(),
            why: "the repository is archived, disabled or locked".to_owned(),
            watch,
        };
    }
    if let Fact::Known(issues) = situation.issues {
        watch.away = put_away(subject, &situation.broken, issues, &watch);
    }
    let told: BTreeMap<Rule, &Broken<'_>> = situation
        .broken
        .iter()
        .filter(|(rule, _)| !watch.away.contains_key(rule.name()))
        .map(|(rule, broken)| (*rule, broken))
        .collect();
    let target = situation.place.target(situation.settings);
    let draft = || draft(situation, subject, &told);
    let look = Look {
        subject,
        standing: if !situation.wanted {
            Standing::Gone
        } else if told.is_empty() {
            Standing::Right(situation.now)
        } else {
            Standing::Wrong(situation.now)
        },
        issues: situation.issues,
        target,
        words: &WORDS,
        draft: &draft,
        says_it: &|issue| part(&issue.body) == part(&draft().text),
        // What was put away is not among it.
        is_news: &|_, _| true,
        farewell: &|reason| match reason {
            CloseReason::NotPlanned => "The policy asks for no issue about this repository any more.".to_owned(),
            _ => format!(
                "The audit of {} found nothing of it any more: all of it is put right, exempt, or not demanded.",
                minute(situation.now)
            ),
        },
    };
    let outcome = life::follow(&look, &mut watch.memory);
    if matches!(look.standing, Standing::Wrong(_)) {
        watch.rules = told.keys().map(|rule| rule.name().to_owned()).collect();
    }
    let (actions, withheld) = match situation.mode {
        Mode::Normal => (outcome.actions, Vec::new()),
        Mode::Maintenance => (Vec::new(), outcome.actions),
    };
    if !withheld.is_empty() {
        // What was not told must be told later.
        watch.memory = situation.watch.map(|watch| watch.memory.clone()).unwrap_or_default();
        watch.rules = situation.watch.map(|watch| watch.rules.clone()).unwrap_or_default();
    }
    Decision {
        actions,
        withheld,
        why: outcome.why,
        watch,
    }
}

/// The rules whose breach a person has put away: they closed, moved or deleted an issue that told of it, and it has been
/// broken ever since. One that an open issue tells of is not.
fn put_away(
    subject: Breaches,
    broken: &BTreeMap<Rule, Broken<'_>>,
    issues: &[Issue],
    watch: &Watch,
) -> BTreeMap<String, Timestamp> {
    let memory = &watch.memory;
    let mut away = watch.away.clone();
    let mut listed_now: BTreeSet<String> = BTreeSet::new();
    for issue in life::ours(issues, memory) {
        let kept = memory.issue.as_ref().is_some_and(|kept| kept.is(issue));
        let listed = match subject.marker(&issue.body) {
            Some(marker) => marker.rules,
            None if kept => watch.rules.clone(),
            None => continue,
        };
        if issue.standing == IssueStanding::Open {
            listed_now.extend(listed);
            continue;
        }
        let put = !life::is_duplicate(issue) && !life::closed_by_us(subject, issue, memory);
        let Some(told) = life::told(subject, issue, memory).filter(|_| put) else {
            continue;
        };
        let meant = |(rule, broken): &(&Rule, &Broken<'_>)| broken.since <= told && listed.contains(rule.name());
        away.extend(
            broken
                .iter()
                .filter(meant)
                .map(|(rule, broken)| (rule.name().to_owned(), broken.since)),
        );
    }
    // Put right in between, it is another breach.
    away.retain(|name, since| {
        let still = broken
            .iter()
            .any(|(rule, broken)| rule.name() == name && broken.since == *since);
        still && !listed_now.contains(name)
    });
    away
}

/// Our part of a body, without the marker.
fn part(body: &str) -> Option<&str> {
    let (_, from) = body.split_once(MARKS.begin)?;
    let (_, from) = from.split_once("-->")?;
    from.split_once(MARKS.end).map(|(ours, _)| ours.trim())
}

fn draft(situation: &Situation<'_>, subject: Breaches, told: &BTreeMap<Rule, &Broken<'_>>) -> Draft {
    let place = situation.place;
    let repository = code(&place.full_name);
    let marker = Marker {
        version: VERSION,
        repository: subject.0,
        told: situation.now,
        rules: told.keys().map(|rule| rule.name().to_owned()).collect(),
    };
    let mut lines = vec![
        MARKS.render(&marker),
        format!("The repository policy asks more of {repository} than it holds:"),
        String::new(),
    ];
    let mut listed: Vec<(&Rule, &&Broken<'_>)> = told.iter().collect();
    listed.sort_by(|(a, one), (b, other)| (other.severity, a).cmp(&(one.severity, b)));
    // What is weak is for those who may put it right, not for everybody who can read.
    let closed = place.issues_enabled && !place.public;
    for (rule, broken) in listed {
        lines.push(format!(
            "- **{}**: {} ({}, since {}; {})",
            broken.severity,
            rule.demand(),
            code(rule.name()),
            minute(broken.since),
            link("GitHub's documentation", rule.source())
        ));
        for text in [broken.evidence, broken.fix] {
            if closed && !text.is_empty() {
                lines.push(format!("  {}  ", prose(text, SEEN)));
            }
        }
    }
    let name = place.full_name.rsplit('/').next().unwrap_or_default();
    lines.extend([
        String::new(),
        format!(
            "{} shows what was seen, and {} what would put it right.",
            code(&format!("cc-devops repos explain {name}")),
            code(&format!("cc-devops repos fix {name}"))
        ),
        String::new(),
        "The daily audit keeps this list and closes the issue when all of it is put right. If you close it before, \
         nothing of it is told again until it was put right and is broken again. What is to stay as it is belongs into \
         the policy, as an exemption with a day."
            .to_owned(),
        MARKS.end.to_owned(),
    ]);
    Draft {
        title: format!("The repository policy is not held in {repository}"),
        text: lines.join("\n"),
        labels: situation.settings.labels.clone(),
    }
}

#[cfg(test)]
mod tests;
