//! Which part of a list is read next. Pure: no request is made here.
//!
//! A list is cut into ranges of creation time that are read side by side, each from its newest end by
//! its own cursor. A range is cut only when a request could be made and no range waits for its turn,
//! and then it is the one with the most before it, so there are as many ranges as the connection's
//! latency calls for. A cut raises the old end of a range whose page may be on its way; what that page
//! brings from below the cut is left to the new range, so every object is taken exactly once.

use std::collections::BTreeMap;

/// Objects on a full page.
pub(super) const PAGE: usize = 100;

/// A range with fewer objects before it, as far as can be told, is not cut.
const WORTH_CUTTING: i128 = 250;

/// The place in a list where a page ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) id: String,
    pub(super) created: i64,
}

/// Seconds from `from` to `until`, both inclusive; an end that is `None` is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Option<i64>,
    pub(super) until: Option<i64>,
}

/// The next page to ask for.
#[derive(Debug)]
pub(super) struct Ask<W> {
    pub(super) range: u64,
    pub(super) span: Span,
    /// Where its last page ended, and what the reader keeps with it.
    pub(super) walk: W,
}

#[derive(Debug)]
struct Range<W> {
    span: Span,
    /// The second of the oldest object read.
    reached: Option<i64>,
    /// The second of the newest object read, and how many were read.
    newest: i64,
    read: usize,
    /// `None` while a page is on its way.
    walk: Option<W>,
}

impl<W> Range<W> {
    /// Objects still before it, if they lie as close as those behind it.
    fn left(&self) -> Option<i128> {
        let reached = i128::from(self.reached?);
        let covered = i128::from(self.newest) - reached + 1;
        let ahead = reached - i128::from(self.span.from.unwrap_or(0)) + 1;
        Some(i128::try_from(self.read).unwrap_or(i128::MAX).saturating_mul(ahead) / covered.max(1))
    }

    /// The last second of the part to cut off: the older half of what lies beyond the page on its way.
    fn cut(&self) -> Option<i64> {
        if self.left()? < WORTH_CUTTING {
            return None;
        }
        let reached = self.reached?;
        let from = self.span.from.unwrap_or(0);
        let covered = self.newest.saturating_sub(reached).saturating_add(1);
        let read = i64::try_from(self.read).unwrap_or(i64::MAX).max(1);
        let page = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let on_its_way = covered.saturating_mul(page) / read;
        let beyond = reached.saturating_sub(on_its_way).max(from);
        (from < reached).then_some(from + (beyond.min(reached - 1) - from).max(0) / 2)
    }
}

/// All the ranges of one list.
#[derive(Debug)]
pub(super) struct Plan<W> {
    ranges: BTreeMap<u64, Range<W>>,
    /// Read when all others have been.
    last: Option<Span>,
    next: u64,
    /// Whether ranges can be cut.
    ranged: bool,
}

impl<W: Default> Plan<W> {
    /// A list that is read by one cursor, from `walk` on.
    pub(super) fn one(walk: W) -> Self {
        let mut plan = Self {
            ranges: BTreeMap::new(),
            last: None,
            next: 0,
            ranged: false,
        };
        plan.add(
            Span {
                from: None,
                until: None,
            },
            Some(walk),
        );
        plan
    }

    /// A list of the objects created in `span`. Its newest second is read last, so that what is created
    /// in that very second while the list is read is not missed.
    pub(super) fn side_by_side(span: Span) -> Self {
        let mut plan = Self {
            ranged: true,
            ..Self::one(W::default())
        };
        plan.ranges.clear();
        let mut rest = span;
        if let Some(until) = span.until {
            rest.until = until.checked_sub(1);
            plan.last = span.from.is_none_or(|from| from <= until).then_some(Span {
                from: Some(until),
                until: Some(until),
            });
        }
        let from = rest.from.unwrap_or(i64::MIN);
        if rest.until.is_none_or(|until| from <= until) {
            plan.add(rest, Some(W::default()));
        }
        plan.begin_last();
        plan
    }

    /// Whether its ranges can be cut, so that their pages come in order of creation.
    pub(super) fn is_ranged(&self) -> bool {
        self.ranged
    }

    /// Whether everything was read.
    pub(super) fn is_done(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether [`Plan::ask`] would return something.
    pub(super) fn could_ask(&self) -> bool {
        let mut ranges = self.ranges.values();
        ranges.any(|range| range.walk.is_some() || (self.ranged && range.cut().is_some()))
    }

    /// The page to ask for now.
    pub(super) fn ask(&mut self) -> Option<Ask<W>> {
        let waiting = self.ranges.iter().filter(|(_, range)| range.walk.is_some());
        let longest = waiting.max_by_key(|(_, range)| range.left()).map(|(&number, _)| number);
        let number = longest.or_else(|| self.cut())?;
        let range = self.ranges.get_mut(&number)?;
        Some(Ask {
            range: number,
            span: range.span,
            walk: range.walk.take()?,
        })
    }

    /// A page came: the creation times of its objects, newest first. Returns the oldest second that is
    /// this range's own; older objects on the page belong to another.
    pub(super) fn came(&mut self, number: u64, walk: W, created: &[i64], has_more: bool) -> Option<i64> {
        let range = self.ranges.get_mut(&number)?;
        let from = range.span.from;
        if let (Some(&first), Some(&last)) = (created.first(), created.last()) {
            if range.reached.is_none() {
                range.newest = first;
            }
            range.read += created.len();
            range.reached = Some(last);
        }
        let below = from.is_some_and(|from| range.reached.is_some_and(|reached| reached < from));
        if has_more && !(self.ranged && below) {
            range.walk = Some(walk);
        } else {
            self.ranges.remove(&number);
            self.begin_last();
        }
        from
    }

    /// Cuts the range with the most before it in two and says which one is new.
    fn cut(&mut self) -> Option<u64> {
        if !self.ranged {
            return None;
        }
        let cuttable = self.ranges.values_mut().filter_map(|range| {
            let cut = range.cut()?;
            Some((range, cut))
        });
        let (longest, cut) = cuttable.max_by_key(|(range, _)| range.left())?;
        let older = Span {
            from: longest.span.from,
            until: Some(cut),
        };
        longest.span.from = Some(cut + 1);
        Some(self.add(older, Some(W::default())))
    }

    fn begin_last(&mut self) {
        if self.ranges.is_empty()
            && let Some(last) = self.last.take()
        {
            self.add(last, Some(W::default()));
        }
    }

    fn add(&mut self, span: Span, walk: Option<W>) -> u64 {
        let range = Range {
            span,
            reached: None,
            newest: 0,
            read: 0,
            walk,
        };
        let number = self.next;
        self.ranges.insert(number, range);
        self.next += 1;
        number
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A list in memory, newest first, answered as the API answers, in any order of arrival.
    struct Server(Vec<i64>);

    impl Server {
        /// The places of a page's objects, and whether there are more.
        fn page(&self, span: Span, after: Option<usize>) -> (Vec<usize>, bool) {
            let start = after.map_or(0, |place| place + 1);
            let mut found: Vec<usize> = (start..self.0.len())
                .filter(|&place| span.until.is_none_or(|until| self.0[place] <= until))
                .filter(|&place| span.from.is_none_or(|from| self.0[place] >= from))
                .take(PAGE + 1)
                .collect();
            let has_more = found.len() > PAGE;
            found.truncate(PAGE);
            (found, has_more)
        }
    }

    /// What a reading did.
    struct Read {
        taken: Vec<usize>,
        requests: usize,
    }

    /// Reads everything with `at_once` requests on their way; `order` says which one is answered next.
    fn read(server: &Server, span: Span, at_once: usize, order: &[usize]) -> Read {
        let mut plan = Plan::<Option<usize>>::side_by_side(span);
        let mut asked: Vec<(Ask<Option<usize>>, Vec<usize>, bool)> = Vec::new();
        let mut result = Read {
            taken: Vec::new(),
            requests: 0,
        };
        let mut order = order.iter().cycle();
        while !plan.is_done() {
            while asked.len() < at_once && plan.could_ask() {
                let ask = plan.ask().expect("could ask");
                let (found, has_more) = server.page(ask.span, ask.walk);
                result.requests += 1;
                asked.push((ask, found, has_more));
            }
            let next = order.next().map_or(0, |next| next % asked.len());
            let (ask, found, has_more) = asked.remove(next);
            let created: Vec<i64> = found.iter().map(|&place| server.0[place]).collect();
            let own = plan.came(ask.range, found.last().copied(), &created, has_more);
            let own = found
                .into_iter()
                .filter(|&place| own.is_none_or(|from| server.0[place] >= from));
            result.taken.extend(own);
        }
        result
    }

    fn everything() -> Span {
        Span {
            from: None,
            until: None,
        }
    }

    proptest! {
        #[test]
        fn every_object_is_taken_once(
            clusters in proptest::collection::vec((0_i64..2_000_000_000, 0_i64..100_000, 1_usize..400), 0..8),
            until in proptest::option::of(0_i64..2_000_000_000),
            from in proptest::option::of(0_i64..2_000_000_000),
            at_once in 1_usize..20,
            order in proptest::collection::vec(0_usize..20, 1..20),
        ) {
            let mut created: Vec<i64> = clusters
                .iter()
                .flat_map(|&(start, width, count)| {
                    (0..count).map(move |at| start + width * i64::try_from(at).unwrap_or(0) / 400)
                })
                .collect();
            created.sort_unstable_by(|one, other| other.cmp(one));
            let server = Server(created);
            let span = Span { from, until };
            let mut taken = read(&server, span, at_once, &order).taken;
            taken.sort_unstable();
            let wanted: Vec<usize> = (0..server.0.len())
                .filter(|&place| until.is_none_or(|until| server.0[place] <= until))
                .filter(|&place| from.is_none_or(|from| server.0[place] >= from))
                .collect();
            prop_assert_eq!(taken, wanted);
        }
    }

    /// 100,000 objects over five years, ten requests at once: few pages are not full.
    #[test]
    fn few_requests_are_wasted() {
        let now = 1_795_392_000;
        let even = (0..100_000).map(|number| now - number * 1577).collect();
        let growing = (0..100_000)
            .map(|number: i64| now - 157_680_000 + (100_000 - number).isqrt() * 498_000)
            .collect();
        for (name, created) in [("even", even), ("growing", growing)] {
            let requests = read(&Server(created), everything(), 10, &[0]).requests;
            assert!(requests <= 1050, "{name}: {requests} requests for 1000 pages");
        }
    }

    /// One object, and none: no search for more.
    #[test]
    fn a_small_list_costs_one_request() {
        for created in [vec![], vec![1_700_000_000], vec![1_700_000_000; 100]] {
            assert_eq!(read(&Server(created), everything(), 10, &[0]).requests, 1);
        }
    }

    /// A second cannot be cut: then nothing is asked for in vain for long.
    #[test]
    fn a_list_of_one_second_is_read_by_its_cursor() {
        let read = read(&Server(vec![1_700_000_000; 5000]), everything(), 10, &[0]);
        assert_eq!(read.taken.len(), 5000);
        assert!(read.requests <= 50 + 32, "{} requests", read.requests);
    }
}
