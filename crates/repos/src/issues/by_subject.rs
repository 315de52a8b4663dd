//! Issues that were found, told apart by what they are about.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Issue, IssueRef, IssueStanding, Subject};
use crate::ports::FoundIssues;
use crate::snapshot::Fact;

/// Issues that were found, by what they are about and by where they are: every body is read once, however many subjects
/// there are.
pub(crate) struct IssuesBySubject<'f, S> {
    found: &'f FoundIssues,
    /// Places in the list of issues.
    about: BTreeMap<S, BTreeSet<usize>>,
    /// The same by number and repository, in lower case.
    at: HashMap<(u64, String), BTreeSet<usize>>,
}

impl<'f, S: Subject> IssuesBySubject<'f, S> {
    pub(crate) fn of(found: &'f FoundIssues) -> Self {
        let mut about: BTreeMap<S, BTreeSet<usize>> = BTreeMap::new();
        let mut at: HashMap<(u64, String), BTreeSet<usize>> = HashMap::new();
        for (place, issue) in found.issues.iter().enumerate() {
            for subject in S::told_by(&issue.body) {
                about.entry(subject).or_default().insert(place);
            }
            at.entry((issue.number, issue.repository.to_ascii_lowercase()))
                .or_default()
                .insert(place);
        }
        Self { found, about, at }
    }

    /// The issues about a subject: those with its mark, and the one that was kept. Not known where one of the places
    /// they may be in could not be read.
    pub(crate) fn about(
        &self,
        subject: S,
        target: Option<&str>,
        full_name: &str,
        kept: Option<&IssueRef>,
    ) -> Fact<Vec<Issue>> {
        let places = [Some(full_name), target, kept.map(|kept| kept.repository.as_str())];
        let mut places = places.into_iter().flatten();
        if let Some(gap) = places.find_map(|place| self.found.gap_of(place)) {
            return Fact::Unknown(gap.clone());
        }
        let kept = kept.and_then(|kept| self.at.get(&(kept.number, kept.repository.to_ascii_lowercase())));
        let meant: BTreeSet<usize> = self
            .about
            .get(&subject)
            .into_iter()
            .chain(kept)
            .flatten()
            .copied()
            .collect();
        let issues = meant.into_iter().filter_map(|place| self.found.issues.get(place));
        Fact::Known(issues.cloned().collect())
    }

    /// What open issues of ours tell of.
    pub(crate) fn told_of(&self) -> BTreeSet<S> {
        let is_open = |issue: &Issue| issue.ours && issue.standing == IssueStanding::Open;
        let open = |places: &BTreeSet<usize>| {
            let mut issues = places.iter().filter_map(|place| self.found.issues.get(*place));
            issues.any(is_open)
        };
        self.about
            .iter()
            .filter(|(_, places)| open(places))
            .map(|(subject, _)| *subject)
            .collect()
    }
}

#[cfg(test)]
mod tests;
