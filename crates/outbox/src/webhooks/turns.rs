//! Who is next: endpoints take turns, so that one that is slow or dead costs the others nothing.

use std::collections::VecDeque;

/// What is due to one endpoint.
#[derive(Debug, Clone)]
pub struct Line<T> {
    /// How many of its deliveries are under way.
    pub held: usize,
    /// What is due, as much as there is room for, in its order.
    pub due: VecDeque<T>,
}

/// How many deliveries may be begun to an endpoint that has `held` under way. One that fails is
/// tried one delivery at a time, so that it does not fill the places of those that answer.
pub fn room(places: usize, held: usize, failing: bool) -> usize {
    let places = if failing { 1 } else { places.max(1) };
    places.saturating_sub(held)
}

/// Takes at most `at_most`, one at a time from whoever has the fewest under way, and of those with
/// as many from whoever waits longest: the lowest first entry.
pub fn take_turns<T: Ord>(mut lines: Vec<Line<T>>, at_most: usize) -> Vec<T> {
    let mut taken = Vec::new();
    while taken.len() < at_most {
        let waiting = lines.iter_mut().filter(|line| !line.due.is_empty());
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
    use super::*;

    fn line(held: usize, due: &[u32]) -> Line<u32> {
        Line {
            held,
            due: due.iter().copied().collect(),
        }
    }

    #[test]
    fn whoever_has_the_fewest_under_way_is_next() {
        let lines = vec![line(2, &[1, 2, 3]), line(0, &[7, 8]), line(1, &[4, 5])];
        assert_eq!(take_turns(lines.clone(), 4), [7, 4, 8, 1]);
        assert_eq!(take_turns(lines, 100).len(), 7);
        assert_eq!(take_turns(vec![line(0, &[5]), line(0, &[4])], 1), [4]);
        assert!(take_turns(Vec::<Line<u32>>::new(), 3).is_empty());
    }

    #[test]
    fn a_failing_endpoint_has_one_place() {
        assert_eq!((room(4, 0, false), room(4, 3, false), room(4, 9, false)), (4, 1, 0));
        assert_eq!((room(4, 0, true), room(4, 1, true), room(0, 0, false)), (1, 0, 1));
    }
}
