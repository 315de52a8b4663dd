//! Who is next: endpoints take turns, so that one that is slow or dead costs the others little.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::SubscriptionId;

/// How an endpoint stands with who delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndpointStanding {
    /// It answers: the last delivery arrived.
    Answers,
    /// None has arrived yet, as far as this process knows, and none failed.
    Unknown,
    /// The last delivery failed.
    Fails,
}

/// How many deliveries a process may have under way at once. Endpoints that fail, and those of which it knows nothing
/// yet, have one place each and never the last quarter of all places together, however many they are. Once the rest is
/// taken, one that answers begins another delivery only if it has none under way. One that answered and hangs counts as
/// one that answers until its delivery has timed out: many such can cost the others that time.
///
/// Others may deliver from the same store, and may have died with deliveries under way: what is theirs counts for how
/// many one endpoint may have, and takes no place here.
#[derive(Debug, Clone)]
pub struct Places {
    all: usize,
    each: usize,
    /// None where every endpoint that does not fail is taken to answer, and nobody counts.
    known: Option<Known>,
}

/// What a process knows of its own deliveries.
#[derive(Debug, Clone, Default)]
struct Known {
    answered: BTreeSet<SubscriptionId>,
    under_way: BTreeMap<SubscriptionId, usize>,
}

impl Places {
    /// As many places as are asked for, at most so many of one endpoint, each of which is taken to answer unless it fails.
    pub fn of_each(each: usize) -> Self {
        Self {
            all: usize::MAX,
            each,
            known: None,
        }
    }

    /// So many places, at least 1, and at most so many of one endpoint. Nothing is known of any yet.
    pub fn among(all: usize, each: usize) -> Self {
        Self {
            all: all.max(1),
            each,
            known: Some(Known::default()),
        }
    }

    /// Notes that this process began a delivery there.
    pub fn note_begun(&mut self, id: &SubscriptionId) {
        if let Some(known) = &mut self.known {
            *known.under_way.entry(id.clone()).or_default() += 1;
        }
    }

    /// Notes that a delivery has ended that was noted as begun, however it ended.
    pub fn note_ended(&mut self, id: &SubscriptionId) {
        if let Some(known) = &mut self.known
            && let Some(own) = known.under_way.get_mut(id)
        {
            *own = own.saturating_sub(1);
            if *own == 0 {
                known.under_way.remove(id);
            }
        }
    }

    /// Notes that a delivery arrived there; whether it is the first as far as is known.
    pub fn note_answer(&mut self, id: &SubscriptionId) -> bool {
        let known = self.known.as_mut();
        known.is_some_and(|known| !known.answered.contains(id) && known.answered.insert(id.clone()))
    }

    /// Forgets who answered but those, which are all that are subscribed.
    pub fn forget_all_but(&mut self, subscribed: &BTreeSet<SubscriptionId>) {
        if let Some(known) = &mut self.known {
            known.answered.retain(|id| subscribed.contains(id));
        }
    }

    /// How an endpoint stands of which the store knows whether it fails.
    pub fn standing(&self, id: &SubscriptionId, failing: bool) -> EndpointStanding {
        match &self.known {
            _ if failing => EndpointStanding::Fails,
            Some(known) if !known.answered.contains(id) => EndpointStanding::Unknown,
            _ => EndpointStanding::Answers,
        }
    }

    /// How many deliveries to an endpoint this process has under way.
    pub fn own(&self, id: &SubscriptionId) -> usize {
        let known = self.known.as_ref();
        let own = known.and_then(|known| known.under_way.get(id));
        own.copied().unwrap_or_default()
    }

    /// How many deliveries may be begun to an endpoint that has `held` under way, as the store says, and `own` of this
    /// process. Of which nothing is known has one place of each process.
    pub fn room(&self, standing: EndpointStanding, held: usize, own: usize) -> usize {
        // The store may lag.
        let held = held.max(own);
        let most = self.most_of_one();
        match standing {
            EndpointStanding::Answers => most.saturating_sub(held),
            EndpointStanding::Unknown => most.saturating_sub(held).min(1_usize.saturating_sub(own)),
            EndpointStanding::Fails => 1_usize.saturating_sub(held),
        }
    }

    /// How many deliveries to one endpoint may be under way, whoever it is.
    pub fn most_of_one(&self) -> usize {
        self.each.max(1)
    }

    /// How many places there are without the last quarter.
    fn without_the_last(&self) -> usize {
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
    /// How many of its deliveries are under way, whoever began them.
    pub held: usize,
    /// How many of its deliveries the process that asks has under way.
    pub own: usize,
    /// What is due, as much as there is room for, in its order.
    pub due: VecDeque<T>,
}

/// Takes at most `at_most`, one at a time from whoever has the fewest under way, and of those with
/// as many from whoever waits longest: the lowest first entry. The lines are those of all endpoints, also of those to which
/// nothing is due.
pub fn take_turns<T: Ord>(mut lines: Vec<Line<T>>, at_most: usize, places: &Places) -> Vec<T> {
    let mut taken = Vec::new();
    while taken.len() < at_most {
        let own_from = |least: EndpointStanding| -> usize {
            let those = lines.iter().filter(|line| line.standing >= least);
            those.map(|line| line.own).sum()
        };
        let another_may = own_from(EndpointStanding::Answers) < places.without_the_last();
        let doubtful_may = own_from(EndpointStanding::Unknown) < places.without_the_last();
        let failing_may = doubtful_may && own_from(EndpointStanding::Fails) < places.of_the_failing();
        let waiting = lines.iter_mut().filter(|line| {
            let may = match line.standing {
                EndpointStanding::Answers => line.own == 0 || another_may,
                EndpointStanding::Unknown => doubtful_may,
                EndpointStanding::Fails => failing_may,
            };
            may && !line.due.is_empty()
        });
        let next = waiting.min_by(|one, other| {
            let held = one.held.cmp(&other.held);
            held.then_with(|| one.due.front().cmp(&other.due.front()))
        });
        let Some(next) = next else { break };
        next.held += 1;
        next.own += 1;
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
            own: held,
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
        assert_eq!((places.room(Unknown, 0, 0), places.room(Unknown, 1, 1)), (1, 0));
        assert!(places.note_answer(&id));
        assert!(!places.note_answer(&id), "not the first");
        assert_eq!(places.standing(&id, false), Answers);
        assert_eq!(places.standing(&id, true), Fails);
        assert_eq!(
            (
                places.room(Answers, 0, 0),
                places.room(Answers, 3, 1),
                places.room(Answers, 9, 0)
            ),
            (4, 1, 0)
        );
        assert_eq!(places.room(Answers, 0, 3), 1, "its own count, where the store lags");
        assert_eq!((places.room(Fails, 0, 0), places.room(Fails, 1, 0)), (1, 0));
        let open = Places::of_each(0);
        assert_eq!((open.standing(&id, false), open.room(Answers, 0, 0)), (Answers, 1));
    }

    #[test]
    fn what_is_begun_is_counted_until_it_ends_and_who_is_not_subscribed_is_forgotten() {
        let ids = ["one", "two"].map(|id| SubscriptionId(id.to_owned()));
        let mut places = Places::among(16, 4);
        for id in &ids {
            places.note_begun(id);
            places.note_begun(id);
            places.note_answer(id);
        }
        places.note_ended(&ids[0]);
        assert_eq!((places.own(&ids[0]), places.own(&ids[1])), (1, 2));
        for _ in 0..3 {
            places.note_ended(&ids[0]);
        }
        assert_eq!((places.own(&ids[0]), places.own(&ids[1])), (0, 2));
        places.forget_all_but(&BTreeSet::from([ids[1].clone()]));
        let stands = ids.each_ref().map(|id| places.standing(id, false));
        assert_eq!(stands, [Unknown, Answers]);
        assert_eq!(places.own(&ids[1]), 2, "what is under way has its place all the same");
    }

    #[test]
    fn what_another_process_delivers_takes_no_place_of_one_that_knows_nothing_yet() {
        let places = Places::among(16, 4);
        for held in [1, 3] {
            let lines: Vec<Line<u32>> = (0..20)
                .map(|number| Line {
                    own: 0,
                    ..line(Unknown, held, &[number])
                })
                .collect();
            assert_eq!(places.room(Unknown, held, 0), 1);
            assert_eq!(take_turns(lines, 16, &places).len(), 12);
        }
        assert_eq!(
            places.room(Unknown, 4, 0),
            0,
            "one endpoint never has more than its places"
        );
    }

    #[test]
    fn what_an_ended_process_left_under_way_takes_no_place_of_the_next() {
        let places = Places::among(16, 4);
        let left = |standing, held| Line {
            own: 0,
            ..line(standing, held, &[])
        };
        let mut lines: Vec<Line<u32>> = (0..12).map(|_| left(Fails, 1)).collect();
        lines.extend((0..12).map(|_| left(Unknown, 4)));
        lines.extend([line(Unknown, 0, &[1]), line(Fails, 0, &[2])]);
        assert_eq!(take_turns(lines, 16, &places), [1, 2]);
    }

    #[test]
    fn those_that_answered_and_hang_leave_the_last_places_to_whoever_has_none() {
        let places = Places::among(16, 4);
        let hanging: Vec<Line<u32>> = (0..4)
            .map(|number| line(Answers, 0, &[number, number + 10, number + 20, number + 30]))
            .collect();
        assert_eq!(take_turns(hanging, 16, &places).len(), 12);
        let mut lines: Vec<Line<u32>> = (0..4).map(|number| line(Answers, 3, &[number])).collect();
        lines.push(line(Answers, 0, &[1_000, 1_001]));
        assert_eq!(take_turns(lines, 4, &places), [1_000]);
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
