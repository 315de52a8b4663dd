//! Looking through a list no further than a reach: what a page costs does not grow with the list.
//!
//! A list's places grow with time, as far as clocks do. So where times are bounded, the places between which to look are
//! found by halving.

use cc_devops_kernel::paging::{Cursor, Page};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Rows};

use crate::columns::nanos;
use crate::error::Fault;

/// By how many places rows may stand away from where their time says.
const ASTRAY: i64 = 256;

/// A list whose rows have a place, `seq`, and a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List {
    pub(crate) table: &'static str,
    /// The column of the time.
    pub(crate) time: &'static str,
}

/// From which place on to look, and before which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) from: i64,
    pub(crate) before: i64,
}

impl Stretch {
    /// Where the rows between two times stand, if they stand before a place.
    pub(crate) fn of(
        conn: &Connection,
        list: List,
        (since, until): (Option<Timestamp>, Option<Timestamp>),
        before: Option<Cursor>,
    ) -> rusqlite::Result<Self> {
        let mut stretch = Self {
            from: i64::MIN,
            before: before.map_or(i64::MAX, |Cursor(place)| place),
        };
        if let Some(since) = since {
            stretch.from = list.place_of(conn, since)?.saturating_sub(ASTRAY);
        }
        if let Some(until) = until {
            stretch.before = stretch.before.min(list.place_of(conn, until)?.saturating_add(ASTRAY));
        }
        Ok(stretch)
    }
}

impl List {
    /// The place of the first row of that time or later, or the place behind the last row.
    fn place_of(self, conn: &Connection, at: Timestamp) -> rusqlite::Result<i64> {
        let Self { table, time } = self;
        let ends = conn
            .prepare_cached(&format!(
                "SELECT (SELECT min(seq) FROM {table}), (SELECT max(seq) FROM {table})"
            ))?
            .query_row([], |row| {
                Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?))
            })?;
        let (Some(mut first), Some(last)) = ends else {
            return Ok(0);
        };
        let mut behind = last.saturating_add(1);
        let at = nanos(at);
        let mut look = conn.prepare_cached(&format!(
            "SELECT seq, {time} FROM {table} WHERE seq >= ?1 ORDER BY seq LIMIT 1"
        ))?;
        while first < behind {
            let middle = first + (behind - first) / 2;
            let found: Option<(i64, i64)> = look
                .query_row([middle], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            match found {
                Some((seq, time)) if time < at => first = seq.saturating_add(1),
                _ => behind = middle,
            }
        }
        Ok(first)
    }
}

/// Takes a page of `at_most` out of rows of a place and whether the row fits, newest first, and looks at `reach` of them.
/// `read` gives the item of a place; none, where it does not fit after all.
pub(crate) fn look<T>(
    rows: &mut Rows<'_>,
    reach: usize,
    at_most: usize,
    mut read: impl FnMut(i64) -> Result<Option<T>, Fault>,
) -> Result<Page<T>, Fault> {
    let (mut items, mut taken, mut looked) = (Vec::new(), None, (0, None));
    while let Some(row) = rows.next()? {
        let place: i64 = row.get(0)?;
        if looked.0 >= reach.max(1) {
            return Ok(Page { items, next: looked.1 });
        }
        looked = (looked.0 + 1, Some(Cursor(place)));
        if !row.get::<_, bool>(1)? {
            continue;
        }
        let Some(item) = read(place)? else { continue };
        if items.len() >= at_most {
            return Ok(Page { items, next: taken });
        }
        items.push(item);
        taken = Some(Cursor(place));
    }
    Ok(Page { items, next: None })
}

#[cfg(test)]
pub(crate) mod tests {
    use rusqlite::types::Value;

    use super::*;

    /// An empty database of the newest schema.
    pub(crate) fn schema() -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files.collect();
        files.sort();
        for file in files {
            conn.execute_batch(&std::fs::read_to_string(file).unwrap()).unwrap();
        }
        conn
    }

    /// How SQLite goes about a statement.
    pub(crate) fn plan(conn: &Connection, sql: &str, values: Vec<Value>) -> String {
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = statement
            .query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(3))
            .unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    const ROWS: List = List {
        table: "rows",
        time: "at",
    };

    fn rows(times: impl IntoIterator<Item = (i64, i64)>) -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE rows (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL)")
            .unwrap();
        for row in times {
            conn.execute("INSERT INTO rows VALUES (?1, ?2)", [row.0, row.1])
                .unwrap();
        }
        conn
    }

    fn at(nanos: i64) -> Timestamp {
        crate::columns::time(nanos)
    }

    #[test]
    fn a_time_is_found_by_halving_where_places_are_missing_too() {
        let conn = rows((1..=1_000).filter(|seq| seq % 7 != 0).map(|seq| (seq, seq * 10)));
        for seq in 1..=1_001_i64 {
            let place = ROWS.place_of(&conn, at(seq * 10)).unwrap();
            let after = conn.query_row(
                "SELECT count(*) FROM rows WHERE at >= ?1 AND seq < ?2",
                [seq * 10, place],
                |row| row.get(0),
            );
            let missed = conn.query_row(
                "SELECT count(*) FROM rows WHERE at < ?1 AND seq >= ?2",
                [seq * 10, place],
                |row| row.get(0),
            );
            assert_eq!((after, missed), (Ok(0), Ok(0)), "{seq}: {place}");
        }
        assert_eq!(ROWS.place_of(&rows([]), at(5)), Ok(0));
        let both = (Some(at(5_000)), Some(at(6_000)));
        let stretch = Stretch::of(&conn, ROWS, both, Some(Cursor(10_000))).unwrap();
        assert_eq!((stretch.from, stretch.before), (500 - ASTRAY, 600 + ASTRAY));
    }

    #[test]
    fn a_page_ends_at_its_size_or_at_its_reach() {
        let conn = rows((1..=20).map(|seq| (seq, seq % 5)));
        let page = |reach, at_most, before: i64| {
            let mut statement = conn
                .prepare("SELECT seq, at = 0 FROM rows WHERE seq < ?1 ORDER BY seq DESC")
                .unwrap();
            let mut rows = statement.query([before]).unwrap();
            let page = look(&mut rows, reach, at_most, |seq| Ok(Some(seq))).unwrap();
            (page.items, page.next.map(|Cursor(next)| next))
        };
        assert_eq!(page(100, 10, 100), (vec![20, 15, 10, 5], None));
        assert_eq!(page(100, 2, 100), (vec![20, 15], Some(15)));
        assert_eq!(page(100, 2, 15), (vec![10, 5], None));
        assert_eq!(
            page(4, 2, 100),
            (vec![20], Some(17)),
            "it goes on behind what was looked at"
        );
        assert_eq!(page(4, 2, 17), (vec![15], Some(13)));
        assert_eq!(page(20, 4, 100), (vec![20, 15, 10, 5], None));
    }
}
