//! The names in the parameter's text, and how writes that crossed each other are put together.

use std::collections::BTreeSet;

/// A parameter's text as names: in their order, each once, without the spaces around them. What is
/// no agent's name stays: it is somebody else's.
pub(super) fn names(text: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    text.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty() && seen.insert(*name))
        .map(str::to_owned)
        .collect()
}

/// Names as the parameter's text. A parameter cannot be empty, so no names are a lone comma.
pub(super) fn text(names: &[String]) -> String {
    if names.is_empty() {
        ",".to_owned()
    } else {
        names.join(",")
    }
}

/// A change to the names.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change<'a> {
    /// The name is among them.
    Add(&'a str),
    /// The name is not.
    Remove(&'a str),
}

impl Change<'_> {
    /// Whether there is nothing to do.
    pub(super) fn is_made(self, names: &[String]) -> bool {
        match self {
            Self::Add(name) => names.iter().any(|known| known == name),
            Self::Remove(name) => names.iter().all(|known| known != name),
        }
    }

    /// Makes the change.
    pub(super) fn make(self, names: &mut Vec<String>) {
        match self {
            _ if self.is_made(names) => {}
            Self::Add(name) => names.push(name.to_owned()),
            Self::Remove(name) => names.retain(|known| known != name),
        }
    }
}

/// One version of the parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) number: i64,
    pub(super) names: Vec<String>,
    /// The version that its writer had read, where it says so: ours do.
    pub(super) base: Option<i64>,
}

/// How far back the list may be that another writer had read, in versions.
const LOOK_BACK: usize = 20;

/// What the names should be, from the versions as they follow each other, of which `first` is the
/// number of the one that was read first.
///
/// A write holds the whole list, so one that was made from an older list undoes what was written in
/// between, without meaning to. Here each write counts as the change it was: its difference to the
/// list its writer had read. The changes are then made one after the other. They begin at a version
/// across which no write reaches back: from then on, what was undone is seen to be done.
pub(super) fn merged(versions: &[Version], first: i64) -> Vec<String> {
    let bases: Vec<usize> = (0..versions.len()).map(|place| base(versions, place)).collect();
    let mut start = versions.iter().position(|version| version.number == first).unwrap_or(0);
    while let Some(back) = bases.iter().skip(start + 1).min().filter(|back| **back < start) {
        start = *back;
    }
    let names_at = |place: usize| versions.get(place).map_or(&[][..], |version| &version.names);
    let mut state = names_at(start).to_vec();
    for (place, base) in bases.iter().enumerate().skip(start + 1) {
        for change in difference(names_at(*base), names_at(place)) {
            change.make(&mut state);
        }
    }
    state
}

/// The place of the version that a version's writer had read.
fn base(versions: &[Version], place: usize) -> usize {
    let Some((version, before)) = versions.get(..=place).and_then(<[_]>::split_last) else {
        return 0;
    };
    let told = version
        .base
        .and_then(|base| before.iter().position(|version| version.number == base));
    let previous = before
        .last()
        .is_none_or(|previous| same(&previous.names, &version.names));
    if let Some(told) = told {
        return told;
    }
    let nearest = place.saturating_sub(1);
    if previous {
        // Written again as it was.
        return nearest;
    }
    // Of the possible changes the smallest, and of equals the one to the nearest. Nobody writes what
    // they have read; so the same list as further back is not that one written again but the taking
    // back of what came between.
    let candidates = before.iter().enumerate().rev().take(LOOK_BACK);
    candidates
        .map(|(place, base)| (difference(&base.names, &version.names).len(), place))
        .filter(|(changes, _)| *changes > 0)
        .min_by_key(|(changes, _)| *changes)
        .map_or(nearest, |(_, place)| place)
}

/// Whether two lists hold the same names.
pub(super) fn same(one: &[String], other: &[String]) -> bool {
    one.iter().collect::<BTreeSet<_>>() == other.iter().collect::<BTreeSet<_>>()
}

fn difference<'a>(from: &'a [String], to: &'a [String]) -> Vec<Change<'a>> {
    let added = to.iter().filter(|name| !from.contains(name));
    let removed = from.iter().filter(|name| !to.contains(name));
    removed
        .map(|name| Change::Remove(name))
        .chain(added.map(|name| Change::Add(name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Versions numbered from 1; `text@3` says that it was written from version 3.
    fn merge(texts: &[&str], first: i64) -> String {
        let version = |(number, text): (i64, &&str)| {
            let (text, base) = text.split_once('@').unwrap_or((text, ""));
            Version {
                number,
                names: names(text),
                base: base.parse().ok(),
            }
        };
        let versions: Vec<Version> = (1..).zip(texts).map(version).collect();
        merged(&versions, first).join(",")
    }

    #[test]
    fn a_text_written_by_anybody_is_read() {
        assert_eq!(names(" A, B ,,A,c d,"), ["A", "B", "c d"]);
        for nothing in ["", " ", ",", ", ,"] {
            assert!(names(nothing).is_empty(), "{nothing:?}");
        }
        assert_eq!(text(&names("A,B")), "A,B");
        assert_eq!(names(&text(&[])), Vec::<String>::new());
    }

    #[test]
    fn a_name_that_another_added_survives_our_write_over_it() {
        assert_eq!(merge(&["S", "S,B", "S,A@1"], 1), "S,B,A");
        assert_eq!(
            merge(&["S", "S,B", "S,A@1", "S,A,C"], 1),
            "S,B,A,C",
            "and so does one after ours"
        );
    }

    #[test]
    fn a_name_that_another_removed_stays_removed() {
        assert_eq!(merge(&["S,X", "S", "S,X,A@1"], 1), "S,A");
        assert_eq!(merge(&["S,X", "S,X,A@1", "S,A"], 1), "S,A", "also after ours");
        assert_eq!(merge(&["S", "S,X", "S", "S,A@1"], 1), "S,A", "and one just added");
    }

    #[test]
    fn a_late_write_from_the_first_list_takes_nothing_back() {
        assert_eq!(merge(&["S", "S,A@1", "S,B"], 1), "S,A,B");
        assert_eq!(merge(&["S,X", "S,X,A@1", "S"], 1), "S,A", "it removed X alone");
        assert_eq!(
            merge(&["S", "S,A@1", "S,B@1", "S,A,C@2"], 2),
            "S,A,B,C",
            "from before our first"
        );
    }

    #[test]
    fn a_removal_is_merged_like_an_addition() {
        assert_eq!(merge(&["S,X", "S,X,B", "S@1"], 1), "S,B");
        assert_eq!(
            merge(&["a,b", "a", "b", "a,b,c@1"], 1),
            "c",
            "two removals from one list"
        );
    }

    #[test]
    fn a_write_that_changed_nothing_counts_for_nothing() {
        assert_eq!(merge(&["S", "S,B", "S,B", "S,A@1"], 1), "S,B,A");
        assert_eq!(merge(&["S", "S,A@1", "S,A@1"], 1), "S,A", "our own, sent twice");
    }

    #[test]
    fn strange_names_and_their_order_stay() {
        assert_eq!(merge(&["z,?? ,a", "z,??,a,m@1"], 1), "z,??,a,m");
    }

    /// One of many writers: what it changes, and how far it has come with it.
    struct Writer {
        changes: Vec<(bool, String)>,
        read: Option<Version>,
        wants: Option<(Version, Vec<String>)>,
    }

    impl Writer {
        /// Takes one step: one call to the parameter store, as [`super::super::enabled`] makes them.
        fn step(&mut self, history: &mut Vec<Version>) {
            let Some((add, name)) = self.changes.last() else { return };
            let change = if *add { Change::Add(name) } else { Change::Remove(name) };
            let latest = history.last().unwrap().clone();
            let Some(first) = self.read.clone() else {
                let mut names = latest.names.clone();
                change.make(&mut names);
                self.wants = Some((latest.clone(), names));
                self.read = Some(latest);
                return;
            };
            let is_done = if let Some((base, names)) = self.wants.take() {
                history.push(Version {
                    number: latest.number + 1,
                    names,
                    base: Some(base.number),
                });
                latest.number == base.number
            } else {
                let names = merged(history, first.number);
                let is_done = same(&names, &latest.names);
                self.wants = (!is_done).then_some((latest, names));
                is_done
            };
            if is_done {
                self.changes.pop();
                self.read = None;
            }
        }
    }

    #[test]
    fn writers_at_once_lose_nothing_whatever_their_order() {
        let mut dice = 7_u64;
        let mut roll = |sides: usize| {
            // A linear congruential generator, Knuth's: any order will do, the same every time.
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(dice >> 33).unwrap() % sides
        };
        for round in 0..200 {
            let count = 2 + round % 4;
            let leaving: Vec<String> = (0..count * 3).map(|n| format!("leaving{n}")).collect();
            let mut history = vec![Version {
                number: 1,
                names: leaving.clone(),
                base: None,
            }];
            let mut writers: Vec<Writer> = (0..count)
                .map(|writer| {
                    let added = (0..4).map(|n| (true, format!("w{writer}n{n}")));
                    let removed = leaving
                        .iter()
                        .skip(writer * 3)
                        .take(3)
                        .map(|name| (false, name.clone()));
                    Writer {
                        changes: added.chain(removed).collect(),
                        read: None,
                        wants: None,
                    }
                })
                .collect();
            while writers.iter().any(|writer| !writer.changes.is_empty()) {
                let next = roll(count);
                writers[next].step(&mut history);
            }
            let mut found = history.pop().unwrap().names;
            found.sort();
            let mut expected: Vec<String> = (0..count)
                .flat_map(|writer| (0..4).map(move |n| format!("w{writer}n{n}")))
                .collect();
            expected.sort();
            assert_eq!(found, expected, "{count} writers, round {round}");
        }
    }
}
