//! Walks chains and says where they are broken.

use serde::Serialize;

use super::canonical::link;
use super::entry::AuditRow;
use super::hash::ChainHash;

/// Where the chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Break {
    /// The chain, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// The row at which it shows; zero where it is none of the trail's.
    pub seq: i64,
    /// What is wrong, in words.
    pub problem: String,
}

/// Walks a chain row by row in its order and collects the breaks.
///
/// Where the chain was cut, rows up to the cut may be gone already or still stand. Those that stand must lead
/// to the cut's hash, row by row, so none of them can be changed unseen either.
#[derive(Debug)]
pub struct Verifier {
    chain: Option<String>,
    start: Start,
    last: Option<(i64, ChainHash)>,
    /// Rows before the cut may have gone since the last one was taken.
    moved: bool,
    breaks: Vec<Break>,
    rows: u64,
}

/// Where a chain begins.
#[derive(Debug, Clone, Copy)]
enum Start {
    /// At its first row.
    First,
    /// Behind the row of that place and hash, or before it.
    Behind(i64, ChainHash),
    /// Wherever the first row says that it does.
    Anywhere,
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new()
    }
}

impl Verifier {
    /// Starts before the first row of the only chain.
    pub fn new() -> Self {
        Self::of_chain(None)
    }

    /// Starts before the first row of a chain.
    pub fn of_chain(chain: Option<String>) -> Self {
        Self {
            chain,
            start: Start::First,
            last: None,
            moved: false,
            breaks: Vec::new(),
            rows: 0,
        }
    }

    /// Starts wherever the first row says that it stands: for a part of a chain on its own.
    pub fn of_part(chain: Option<String>) -> Self {
        Self {
            start: Start::Anywhere,
            ..Self::of_chain(chain)
        }
    }

    /// The chain is cut behind that row, at the start or since the last row was taken.
    pub fn cut_at(&mut self, seq: i64, hash: ChainHash) {
        self.start = Start::Behind(seq, hash);
        self.moved = true;
    }

    /// What the next row has to say of its place and of the hash before it.
    fn expected(&self, row: &AuditRow) -> (i64, ChainHash) {
        let follows = self.last.map(|(seq, hash)| (seq + 1, hash));
        match (follows, self.start) {
            (Some((seq, hash)), Start::Behind(cut, _)) if !self.moved || seq > cut || row.seq == seq => (seq, hash),
            (Some(follows), Start::First | Start::Anywhere) => follows,
            (_, Start::Behind(cut, _)) if (1..=cut).contains(&row.seq) => (row.seq, row.prev_hash),
            (_, Start::Behind(cut, hash)) => (cut + 1, hash),
            (None, Start::First) => (1, ChainHash::start_of(self.chain.as_deref())),
            (None, Start::Anywhere) => (row.seq, row.prev_hash),
        }
    }

    /// Takes the next row. A broken row is reported once: the walk goes on from what the row says
    /// of itself, so that one change does not condemn every row after it.
    pub fn take(&mut self, row: &AuditRow) {
        self.rows += 1;
        let (expected_seq, expected_prev) = self.expected(row);
        self.moved = false;
        if row.seq != expected_seq {
            let problem = if row.seq > expected_seq {
                format!(
                    "rows {expected_seq} to {} are missing before row {}",
                    row.seq - 1,
                    row.seq
                )
            } else {
                format!(
                    "row {} stands out of order, where row {expected_seq} was expected",
                    row.seq
                )
            };
            self.fail(row.seq, problem);
        } else if row.prev_hash != expected_prev {
            self.fail(
                row.seq,
                format!("row {} does not follow from the row before it", row.seq),
            );
        }
        if link(row.prev_hash, row.seq, &row.entry) != row.hash {
            self.fail(
                row.seq,
                format!("row {} was changed: its contents do not match its hash", row.seq),
            );
        }
        if let Start::Behind(seq, hash) = self.start
            && seq == row.seq
            && hash != row.hash
        {
            self.fail(
                row.seq,
                format!("row {} is not the one that the trail was cut behind", row.seq),
            );
        }
        self.last = Some((row.seq, row.hash));
    }

    /// Reports a row that could not be read at all.
    pub fn fail(&mut self, seq: i64, problem: String) {
        let chain = self.chain.clone();
        self.breaks.push(Break { chain, seq, problem });
    }

    /// The place and hash of the last row taken, or of the cut where nothing stands behind it.
    pub fn last(&self) -> Option<(i64, ChainHash)> {
        match (self.last, self.start) {
            (Some((seq, _)), Start::Behind(cut, hash)) if seq < cut => Some((cut, hash)),
            (None, Start::Behind(cut, hash)) => Some((cut, hash)),
            (last, _) => last,
        }
    }

    /// Whether nothing is broken so far.
    pub fn is_whole(&self) -> bool {
        self.breaks.is_empty()
    }

    /// What was found.
    pub fn finish(self) -> Verification {
        let cut = match self.start {
            Start::Behind(seq, _) => u64::try_from(seq).unwrap_or_default(),
            Start::First | Start::Anywhere => 0,
        };
        Verification {
            rows: self.rows,
            cut,
            breaks: self.breaks,
        }
    }
}

/// The result of checking a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// How many rows were read.
    pub rows: u64,
    /// How many older rows were cut off before them.
    pub cut: u64,
    /// What is broken; empty when the chain holds.
    pub breaks: Vec<Break>,
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::Value;

    use super::super::AuditEntry;
    use super::*;
    use crate::outcome::Status;

    fn chain(length: i64) -> Vec<AuditRow> {
        let mut prev_hash = ChainHash::GENESIS;
        (1..=length)
            .map(|seq| {
                let entry = AuditEntry {
                    at: Timestamp::from_second(1_000 + seq).unwrap(),
                    principal: None,
                    agent: None,
                    action: "putSecret".into(),
                    request_id: Some(format!("r{seq}")),
                    stage: None,
                    resource: None,
                    status: Status::Success,
                    reason: None,
                    detail: Value::Null,
                };
                let hash = link(prev_hash, seq, &entry);
                let row = AuditRow {
                    chain: None,
                    seq,
                    entry,
                    prev_hash,
                    hash,
                };
                prev_hash = hash;
                row
            })
            .collect()
    }

    fn breaks(rows: &[AuditRow]) -> Vec<i64> {
        let mut verifier = Verifier::new();
        for row in rows {
            verifier.take(row);
        }
        verifier.finish().breaks.iter().map(|b| b.seq).collect()
    }

    #[test]
    fn a_whole_chain_holds() {
        assert!(breaks(&chain(5)).is_empty());
    }

    #[test]
    fn a_changed_row_is_named_alone() {
        let mut rows = chain(5);
        rows[2].entry.action = "deployLambda".into();
        assert_eq!(breaks(&rows), [3]);
    }

    #[test]
    fn a_rewritten_row_breaks_the_next() {
        let mut rows = chain(5);
        rows[2].entry.action = "deployLambda".into();
        rows[2].hash = link(rows[2].prev_hash, 3, &rows[2].entry);
        assert_eq!(breaks(&rows), [4]);
    }

    #[test]
    fn a_removed_row_and_a_swap_are_found() {
        let mut rows = chain(5);
        rows.remove(1);
        assert_eq!(breaks(&rows), [3]);
        let mut rows = chain(5);
        rows.swap(1, 2);
        assert!(!breaks(&rows).is_empty());
    }

    /// The breaks of the rows from `first` on, of a chain of ten that was cut behind row `cut`.
    fn after_cut(first: usize, cut: usize, change: impl FnOnce(&mut Vec<AuditRow>)) -> Vec<i64> {
        let mut rows = chain(10);
        let hash = rows[cut - 1].hash;
        rows.drain(..first - 1);
        change(&mut rows);
        let mut verifier = Verifier::new();
        verifier.cut_at(i64::try_from(cut).unwrap(), hash);
        for row in &rows {
            verifier.take(row);
        }
        verifier.finish().breaks.iter().map(|b| b.seq).collect()
    }

    #[test]
    fn a_chain_that_is_cut_holds_however_many_of_the_rows_before_the_cut_still_stand() {
        for first in 1..=5 {
            assert!(after_cut(first, 4, |_| {}).is_empty(), "from row {first} on");
        }
        assert_eq!(after_cut(6, 4, |_| {}), [6], "a row behind the cut is missing");
    }

    #[test]
    fn a_change_before_the_cut_shows_as_well_while_the_row_stands() {
        let change = |rows: &mut Vec<AuditRow>| rows[1].entry.action = "deployLambda".into();
        assert_eq!(after_cut(1, 4, change), [2]);
        let rewritten = |rows: &mut Vec<AuditRow>| {
            rows[1].entry.action = "deployLambda".into();
            rows[1].hash = link(rows[1].prev_hash, 2, &rows[1].entry);
        };
        assert_eq!(after_cut(1, 4, rewritten), [3]);
        let last = |rows: &mut Vec<AuditRow>| {
            rows[3].entry.action = "deployLambda".into();
            rows[3].hash = link(rows[3].prev_hash, 4, &rows[3].entry);
        };
        assert_eq!(
            after_cut(1, 4, last),
            [4, 5],
            "the cut's own row, and the one behind it"
        );
    }

    #[test]
    fn the_cut_may_move_while_the_chain_is_walked() {
        let rows = chain(10);
        let mut verifier = Verifier::new();
        for row in &rows[..3] {
            verifier.take(row);
        }
        verifier.cut_at(7, rows[6].hash);
        for row in &rows[7..] {
            verifier.take(row);
        }
        let verification = verifier.finish();
        assert_eq!(
            (verification.rows, verification.cut, verification.breaks),
            (6, 7, vec![])
        );

        let mut verifier = Verifier::new();
        for row in &rows[..3] {
            verifier.take(row);
        }
        verifier.cut_at(2, rows[1].hash);
        for row in &rows[5..] {
            verifier.take(row);
        }
        assert_eq!(verifier.finish().breaks[0].seq, 6, "rows behind the cut are missing");
    }

    #[test]
    fn a_part_of_a_chain_holds_on_its_own() {
        let rows = chain(10);
        let mut verifier = Verifier::of_part(None);
        for row in &rows[4..8] {
            verifier.take(row);
        }
        assert_eq!(verifier.last(), Some((8, rows[7].hash)));
        assert!(verifier.finish().breaks.is_empty());
        let mut verifier = Verifier::of_part(None);
        for row in [&rows[4], &rows[6]] {
            verifier.take(row);
        }
        assert_eq!(verifier.finish().breaks[0].seq, 7);
    }
}
