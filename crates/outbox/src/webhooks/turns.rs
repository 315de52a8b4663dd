//! Who is next: endpoints take turns, so that one that is slow or dead costs the others nothing.

use std::collections::{BTreeSet, VecDeque};

use super::SubscriptionId;

/// How an endpoint stands with who delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndpointStanding {
    /// It answers: the last delivery arrived.
    Answers,
    /// None has arrived yet, as far as is known, and none failed.
    Unknown,
    /// The last delivery failed.
    Fails,
}

/// How many deliveries may be under way at once. Endpoints that fail, and those of which nothing is known yet, have one
/// place each and never all places together, however many they are: one that answers always has one.
#[derive(Debug, Clone)]
pub struct Places {
    all: usize,
    each: usize,
    /// None where every endpoint that does not fail is taken to answer.
    answered: Option<BTreeSet<SubscriptionId>>,
}

impl Places {
    /// As many places as are asked for, at most so many of one endpoint, each of which is taken to answer unless it fails.
    pub fn of_each(each: usize) -> Self {
        Self {
            all: usize::MAX,
            each,
            answered: None,
        }
    }

    /// So many places, at least 1, and at most so many of one endpoint. Nothing is known of any yet.
    pub fn among(all: usize, each: usize) -> Self {
        Self {
            all: all.max(1),
            each,
            answered: Some(BTreeSet::new()),
        }
    }

    /// Notes that a delivery arrived there.
    pub fn note_answer(&mut self, id: &SubscriptionId) {
        if let Some(answered) = &mut self.answered
            && !answered.contains(id)
        {
            answered.insert(id.clone());
        }
    }

    /// How an endpoint stands of which the store knows whether it fails.
    pub fn standing(&self, id: &SubscriptionId, failing: bool) -> EndpointStanding {
        match &self.answered {
            _ if failing => EndpointStanding::Fails,
            Some(answered) if !answered.contains(id) => EndpointStanding::Unknown,
            _ => EndpointStanding::Answers,
        }
    }

    /// How many deliveries may be begun to an endpoint that has `held` under way.
    pub fn room(&self, standing: EndpointStanding, held: usize) -> usize {
        let places = match standing {
            EndpointStanding::Answers => self.most_of_one(),
            EndpointStanding::Unknown | EndpointStanding::Fails => 1,
        };
        places.saturating_sub(held)
    }

    /// How many deliveries to one endpoint may be under way, whoever it is.
    pub fn most_of_one(&self) -> usize {
        self.each.max(1)
    }

    /// How many places those may have together that do not answer: a quarter of all is kept from them.
    fn of_the_doubtful(&self) -> usize {
        self.all.saturating_sub((self.all / 4).max(1)).max(1)
    }

    /// How many of these those may have together that fail.
    fn of_the_failing(&self) -> usize {
        (self.all / 2).max(1)
    }
}

/// What is due to one endpoint.
#[derive(Debug, Clone)]
pub struct Line<T> {
    /// How it stands.
    pub standing: EndpointStanding,
    /// How many of its deliveries are under way.
    pub held: usize,
    /// What is due, as much as there is room for, in its order.
    pub due: VecDeque<T>,
}

/// Takes at most `at_most`, one at a time from whoever has the fewest under way, and of those with
/// as many from whoever waits longest: the lowest first entry. The lines are those of all endpoints, also of those to which
/// nothing is due.
pub fn take_turns<T: Ord>(mut lines: Vec<Line<T>>, at_most: usize, places: &Places) -> Vec<T> {
    let mut taken = Vec::new();
    while taken.len() < at_most {
        let held_from = |least: EndpointStanding| -> usize {
            let those = lines.iter().filter(|line| line.standing >= least);
            those.map(|line| line.held).sum()
        };
        let doubtful_may = held_from(EndpointStanding::Unknown) < places.of_the_doubtful();
        let failing_may = doubtful_may && held_from(EndpointStanding::Fails) < places.of_the_failing();
        let may = |standing: EndpointStanding| match standing {
            EndpointStanding::Answers => true,
            EndpointStanding::Unknown => doubtful_may,
            EndpointStanding::Fails => failing_may,
        };
        let waiting = lines
            .iter_mut()
            .filter(|line| !line.due.is_empty() && may(line.standing));
        let next = waiting.min_by(|one, other| {
            let held = one.held.cmp(&other.held);
            held.then_with(|| one.due.front().cmp(&other.due.front()))
        });
        let Some(next) = next else { break };
        next.held += 1;
        taken.extend(next.due.pop_front());
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::EndpointStanding::{Answers, Fails, Unknown};
    use super::*;

    fn line(standing: EndpointStanding, held: usize, due: &[u32]) -> Line<u32> {
        Line {
            standing,
            held,
            due: due.iter().copied().collect(),
        }
    }

    #[test]
    fn whoever_has_the_fewest_under_way_is_next() {
        let places = Places::of_each(4);
        let lines = vec![
            line(Answers, 2, &[1, 2, 3]),
            line(Answers, 0, &[7, 8]),
            line(Answers, 1, &[4, 5]),
        ];
        assert_eq!(take_turns(lines.clone(), 4, &places), [7, 4, 8, 1]);
        assert_eq!(take_turns(lines, 100, &places).len(), 7);
        let two = vec![line(Answers, 0, &[5]), line(Answers, 0, &[4])];
        assert_eq!(take_turns(two, 1, &places), [4]);
        assert!(take_turns(Vec::<Line<u32>>::new(), 3, &places).is_empty());
    }

    #[test]
    fn an_endpoint_has_one_place_until_it_answers_and_when_it_fails() {
        let id = SubscriptionId("one".to_owned());
        let mut places = Places::among(16, 4);
        assert_eq!(places.standing(&id, false), Unknown);
        assert_eq!((places.room(Unknown, 0), places.room(Unknown, 1)), (1, 0));
        places.note_answer(&id);
        assert_eq!(places.standing(&id, false), Answers);
        assert_eq!(places.standing(&id, true), Fails);
        assert_eq!(
            (
                places.room(Answers, 0),
                places.room(Answers, 3),
                places.room(Answers, 9)
            ),
            (4, 1, 0)
        );
        assert_eq!((places.room(Fails, 0), places.room(Fails, 1)), (1, 0));
        let open = Places::of_each(0);
        assert_eq!((open.standing(&id, false), open.room(Answers, 0)), (Answers, 1));
    }

    #[test]
    fn those_that_do_not_answer_never_have_all_places_however_many_they_are() {
        for (all, doubtful, failing) in [(1, 1, 1), (2, 1, 1), (4, 3, 2), (16, 12, 8)] {
            let places = Places::among(all, 4);
            let many = |standing| -> Vec<Line<u32>> { (0..100).map(|number| line(standing, 0, &[number])).collect() };
            let taken = |lines: Vec<Line<u32>>| take_turns(lines, all, &places).len();
            assert_eq!((taken(many(Unknown)), taken(many(Fails))), (doubtful, failing));
            // Both kinds together, and one that answers behind them all.
            let mut lines = many(Fails);
            lines.extend(many(Unknown));
            assert_eq!(taken(lines.clone()), doubtful, "{all}");
            lines.push(line(Answers, 0, &[1_000, 1_001, 1_002, 1_003]));
            let told = take_turns(lines, all, &places);
            assert!(all == 1 || told.contains(&1_000), "{all}: {told:?}");
        }
    }
}
