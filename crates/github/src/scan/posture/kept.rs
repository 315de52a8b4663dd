//! What GitHub tells one repository at a time, kept between two looks, and what of it is due to be read again.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cc_devops_kernel::ports::PortResult;
use cc_devops_repos::ports::{DocumentKind, RepositoryStore};
use cc_devops_repos::snapshot::Fact;
use jiff::civil::Date;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Taken;
use super::asked::Topic;
use crate::scan::kept_documents::KeptDocuments;

/// The requests that a daily look at unchanged repositories may take, by what was measured: those for each hundred
/// repositories, and what is left for facts that are read again in turn.
const REQUESTS: usize = 52;
const FOR_EACH_HUNDRED: usize = 4;

/// How many facts are read again in turn however many repositories there are.
const LEAST_AGAIN: usize = 12;

/// What is kept of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The repository's name when it was read.
    #[serde(default)]
    name: String,
    /// What moves when the repository does.
    #[serde(default)]
    pub(super) stamp: String,
    #[serde(default)]
    pub(super) facts: BTreeMap<Topic, KeptFact>,
}

/// A fact that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptFact {
    /// The day in UTC it was read.
    pub(super) on: Date,
    /// What GitHub calls this answer; asked for again under this name, it need not be sent.
    #[serde(default)]
    pub(super) etag: Option<String>,
    /// Whether a rule may be broken by it. Such facts are read again first, so that what is mended is seen.
    #[serde(default)]
    pub(super) weak: bool,
    /// The fact, as JSON: a text takes less room than a value.
    fact: String,
}

impl KeptFact {
    /// A fact to keep; `None` if it was not read.
    pub(super) fn new<T: Serialize>(fact: &Fact<T>, on: Date, etag: Option<String>, weak: bool) -> Option<Self> {
        if matches!(fact, Fact::Unknown(cc_devops_repos::snapshot::Gap::NotRead(_))) {
            return None;
        }
        Some(Self {
            on,
            etag,
            weak,
            fact: serde_json::to_string(fact).ok()?,
        })
    }

    /// The fact; `None` if it is in a form that is not known any more.
    pub(super) fn fact<T: DeserializeOwned>(&self) -> Option<Fact<T>> {
        serde_json::from_str(&self.fact).ok()
    }
}

/// What is kept of all of an owner's repositories.
pub(super) struct KeptFacts {
    documents: KeptDocuments<Kept>,
    due: BTreeSet<(u64, Topic)>,
}

impl KeptFacts {
    /// Nothing is kept.
    pub(super) fn none() -> Self {
        Self {
            documents: KeptDocuments::empty(DocumentKind::Posture),
            due: BTreeSet::new(),
        }
    }

    /// What was kept. Of what is older than `today`, the oldest and those that may break a rule are due, as many as a
    /// look at the owner's repositories can bear.
    pub(super) async fn load(store: &dyn RepositoryStore, owner: &str, today: Date) -> PortResult<Self> {
        let documents = KeptDocuments::load(store, owner, DocumentKind::Posture).await?;
        let due = due(documents.all(), today);
        Ok(Self { documents, due })
    }

    /// What is kept of a repository.
    pub(super) fn of(&self, repository: u64) -> Option<&Kept> {
        self.documents.get(repository)
    }

    /// Whether a kept fact is to be read again in this look.
    pub(super) fn is_due(&self, repository: u64, topic: Topic) -> bool {
        self.due.contains(&(repository, topic))
    }

    /// Keeps what one turn came to, and nothing that was not asked in it: that would stay the oldest, and be due before
    /// all others for ever. `stamp` is what moves when the repository does; an empty one, of a repository that was not
    /// looked up, leaves the one before.
    pub(super) fn keep(&mut self, taken: Taken, name: &str, stamp: &str) {
        let Taken { id, read, asked } = taken;
        let before = self.documents.get(id);
        let mut kept = before.cloned().unwrap_or_default();
        for (topic, fact) in read {
            match fact {
                Some(fact) => kept.facts.insert(topic, fact),
                None => kept.facts.remove(&topic),
            };
        }
        kept.facts.retain(|topic, _| asked.contains(topic));
        name.clone_into(&mut kept.name);
        if !stamp.is_empty() {
            stamp.clone_into(&mut kept.stamp);
        }
        if before != Some(&kept) {
            self.documents.put(id, Some(kept).filter(|kept| !kept.facts.is_empty()));
        }
    }

    /// Keeps nothing of a repository.
    pub(super) fn forget(&mut self, repository: u64) {
        self.documents.put(repository, None);
    }

    /// Keeps nothing of repositories that are not among these.
    pub(super) fn retain(&mut self, repositories: &HashSet<u64>) {
        self.documents.retain(|id, _| repositories.contains(&id));
    }

    /// Keeps what changed.
    pub(super) async fn save(&mut self, store: &dyn RepositoryStore, owner: &str) -> PortResult<()> {
        self.documents.save(store, owner).await
    }
}

/// Forgets what is kept of a repository, which was changed.
pub(crate) async fn forget(store: &dyn RepositoryStore, owner: &str, name: &str) -> PortResult<()> {
    let mut documents = KeptDocuments::<Kept>::load(store, owner, DocumentKind::Posture).await?;
    documents.retain(|_, kept| !kept.name.eq_ignore_ascii_case(name));
    documents.save(store, owner).await
}

/// The facts to be read again: those that may break a rule, even if they are of today, but no more than half, so that
/// each of the others has its turn; then the oldest.
fn due(kept: &HashMap<u64, Kept>, today: Date) -> BTreeSet<(u64, Topic)> {
    let most = REQUESTS
        .saturating_sub(FOR_EACH_HUNDRED * kept.len().div_ceil(100))
        .max(LEAST_AGAIN);
    let facts = kept.iter().flat_map(|(id, kept)| {
        let facts = kept.facts.iter();
        facts.map(move |(topic, fact)| (fact.on, *id, *topic, fact.weak))
    });
    let mut oldest: Vec<(Date, u64, Topic, bool)> = facts.collect();
    oldest.sort_unstable();
    let weak = oldest.iter().filter(|(.., weak)| *weak);
    let place = |(_, id, topic, _): &(Date, u64, Topic, bool)| (*id, *topic);
    let mut due: BTreeSet<(u64, Topic)> = weak.take(most / 2).map(place).collect();
    for place in oldest.iter().filter(|(on, ..)| *on < today).map(place) {
        if due.len() == most {
            break;
        }
        due.insert(place);
    }
    due
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const TODAY: Date = date(2026, 11, 26);

    fn fact(on: Date, weak: bool) -> KeptFact {
        KeptFact::new(&Fact::Known(true), on, None, weak).unwrap()
    }

    fn of(facts: impl IntoIterator<Item = (u64, Date, bool)>) -> BTreeSet<(u64, Topic)> {
        let kept = facts.into_iter().map(|(id, on, weak)| {
            let facts = BTreeMap::from([(Topic::Webhooks, fact(on, weak))]);
            (
                id,
                Kept {
                    facts,
                    ..Kept::default()
                },
            )
        });
        due(&kept.collect(), TODAY)
    }

    #[test]
    fn a_thousand_repositories_are_read_again_in_turn_a_few_at_a_time() {
        let facts = (0..1_000).map(|id| {
            let on = if id < 3 { date(2026, 11, 1) } else { date(2026, 11, 20) };
            (id, on, id == 900)
        });
        let due = of(facts);
        assert_eq!(due.len(), LEAST_AGAIN);
        for id in [0, 1, 2, 900] {
            assert!(due.contains(&(id, Topic::Webhooks)), "{id}");
        }
    }

    #[test]
    fn what_breaks_a_rule_leaves_the_others_their_turn() {
        let facts = (0..1_000).map(|id| {
            let weak = id >= 100;
            (id, if weak { TODAY } else { date(2026, 11, 20) }, weak)
        });
        let due = of(facts);
        let sound = due.iter().filter(|(id, _)| *id < 100).count();
        assert_eq!((due.len(), sound), (LEAST_AGAIN, LEAST_AGAIN / 2));
    }

    #[test]
    fn few_repositories_are_all_read_again_and_those_of_today_are_not() {
        assert_eq!(of((0..40).map(|id| (id, date(2026, 11, 25), false))).len(), 40);
        assert!(of((0..40).map(|id| (id, TODAY, false))).is_empty());
        assert_eq!(
            of([(1, TODAY, true)]).len(),
            1,
            "what a person mends is seen the same day"
        );
    }

    #[test]
    fn what_was_not_read_is_not_kept() {
        use cc_devops_repos::snapshot::Gap;
        let gap = |gap| KeptFact::new(&Fact::<bool>::Unknown(gap), TODAY, None, false);
        assert!(gap(Gap::NotRead("502".to_owned())).is_none());
        let kept = gap(Gap::Permission("Webhooks: read".to_owned())).unwrap();
        assert!(matches!(kept.fact::<bool>(), Some(Fact::Unknown(_))));
        assert_eq!(kept.fact::<String>(), kept.fact::<String>());
    }
}
