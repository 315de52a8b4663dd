//! Checks the chain: every row against its hash and its copies, every row against the one before, the first
//! against the cut, the last against the MAC of the end and what is kept beside the database, the indexes against the
//! rows, and what the rows tell of secrets and agents against what stands.
//!
//! It reads page by page, each in a transaction of its own, so that it neither holds the whole
//! trail in memory nor the write-ahead log back while it runs.

use std::collections::BTreeMap;

use cc_devops_kernel::audit::{Break, ChainHash, Verification, Verifier, cut};
use rusqlite::{Connection, OptionalExtension};

use super::Head;
use super::cutting::Standing;
use super::kept::{Found, Kept, TrailMismatch};
use super::reconciliation::Reconciliation;
use super::rows::{Read, SELECT, is_damage, read};
use crate::error::Fault;
use crate::vault::StoreKeys;

/// Rows per page.
const PAGE: i64 = 500;

/// Checks the whole chain.
pub(super) fn verify(conn: &Connection, keys: &StoreKeys, kept: &Kept) -> Result<Verification, Fault> {
    let mut walk = Walk::default();
    // First, because the trail may go on while it is walked. What cannot be read says nothing.
    let kept = kept.find(keys).unwrap_or(Found::Foreign);
    loop {
        let snapshot = conn.unchecked_transaction()?;
        walk.cut(&snapshot, keys)?;
        let more = walk.page(&snapshot)?;
        if !more {
            // In the same view as the last page, so that a row written meanwhile is no surprise.
            walk.end(&snapshot, keys)?;
            walk.told();
            walk.kept(&kept, &snapshot)?;
            let others = walk.stands.compare(&snapshot, keys)?;
            walk.breaks.extend(others);
            break;
        }
    }
    let mut verification = walk.verifier.finish();
    verification.breaks.extend(walk.breaks);
    verification.breaks.sort_by_key(|found| found.seq);
    let damage = damage(conn, verification.breaks.is_empty())?;
    verification.breaks.extend(damage);
    Ok(verification)
}

#[derive(Default)]
struct Walk {
    verifier: Verifier,
    /// The place of the last row that was read or found unreadable.
    place: i64,
    /// Where the chain is cut.
    cut: Option<(i64, ChainHash)>,
    /// The cuts that the trail's own entries tell of.
    told: BTreeMap<i64, ChainHash>,
    /// What its entries tell of secrets and agents.
    stands: Reconciliation,
    breaks: Vec<Break>,
}

impl Walk {
    /// Looks where the chain is cut, in the same view as the next page: it may be cut while it is walked.
    fn cut(&mut self, conn: &Connection, keys: &StoreKeys) -> Result<(), Fault> {
        let standing = match Standing::read(conn) {
            Ok(standing) => standing,
            Err(error) if is_damage(&error) => {
                self.broken_cut(1, "the record of the chain's cut cannot be read");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        match standing {
            Some(cut) if !cut.is_ours(keys) => {
                self.broken_cut(cut.seq, "the record of the chain's cut was not written by this store");
            }
            // Again for each page: rows before the cut may have been removed since the last one.
            Some(cut) => {
                self.cut = Some((cut.seq, cut.hash));
                self.verifier.cut_at(cut.seq, cut.hash);
            }
            None => {}
        }
        Ok(())
    }

    /// Reports what is wrong with the cut, once.
    fn broken_cut(&mut self, seq: i64, problem: &str) {
        if !self.breaks.iter().any(|known| known.problem == problem) {
            self.breaks.push(Break {
                chain: None,
                seq: seq.max(1),
                problem: problem.to_owned(),
            });
        }
    }

    /// A cut is on record: whoever has the key, and not the trail, cannot cut it unseen.
    fn told(&mut self) {
        if let Some((seq, hash)) = self.cut
            && self.told.get(&seq) != Some(&hash)
        {
            self.breaks.push(Break {
                chain: None,
                seq: seq.max(1),
                problem: format!("the chain is cut behind row {seq}, and no entry tells of it"),
            });
        }
    }

    /// Compares with what is kept beside the database.
    fn kept(&mut self, kept: &Found, conn: &Connection) -> Result<(), Fault> {
        let doubt = match Kept::doubt(kept, conn, false) {
            Ok(Some(doubt)) => doubt,
            Ok(None) => return Ok(()),
            // The end that cannot be read is on the list already.
            Err(error) if is_damage(&error) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let seq = match &doubt {
            TrailMismatch::Behind { found, .. } => found.seq + 1,
            TrailMismatch::Another { kept } => kept.seq,
            TrailMismatch::Missing | TrailMismatch::Foreign => 0,
        };
        self.breaks.push(Break {
            chain: None,
            seq,
            problem: doubt.to_string(),
        });
        Ok(())
    }

    /// Takes the next page; whether there may be another.
    fn page(&mut self, conn: &Connection) -> Result<bool, Fault> {
        let mut statement = conn.prepare_cached(&format!("{SELECT} WHERE seq > ?1 ORDER BY seq LIMIT ?2"))?;
        let mut rows = statement.query([self.place, PAGE])?;
        let mut taken = 0;
        loop {
            match rows.next() {
                Ok(Some(row)) => {
                    taken += 1;
                    let seq = row.get(0)?;
                    self.take(seq, read(row, seq));
                }
                Ok(None) => return Ok(taken == PAGE),
                Err(error) if is_damage(&error) => break,
                Err(error) => return Err(error.into()),
            }
        }
        drop(rows);
        self.skip_damage(conn)
    }

    fn take(&mut self, seq: i64, row: Read) {
        self.place = seq;
        match row {
            Ok(row) => {
                self.told.extend(cut::told(&row.entry));
                self.stands.take(&row);
                self.verifier.take(&row);
            }
            Err(problem) => self.breaks.push(Break {
                chain: None,
                seq,
                problem,
            }),
        }
    }

    /// Goes on behind rows that SQLite itself cannot read; whether there is anything behind them.
    fn skip_damage(&mut self, conn: &Connection) -> Result<bool, Fault> {
        let first = self.place + 1;
        let last = match Head::read(conn) {
            Ok(Some(head)) => head.seq,
            Ok(None) => last_row(conn),
            Err(error) if is_damage(&error) => last_row(conn),
            Err(error) => return Err(error.into()),
        };
        let mut statement = conn.prepare_cached(&format!("{SELECT} WHERE seq = ?1"))?;
        for seq in first..=last {
            let found = statement.query_row([seq], |row| Ok(read(row, seq))).optional();
            match found {
                Ok(Some(row)) => {
                    self.unreadable(first, seq - 1);
                    self.take(seq, row);
                    return Ok(true);
                }
                Ok(None) => {}
                Err(error) if is_damage(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.unreadable(first, last.max(first));
        self.place = last.max(first);
        Ok(false)
    }

    fn unreadable(&mut self, first: i64, last: i64) {
        let what = match last - first {
            ..0 => return,
            0 => format!("row {first} cannot be read"),
            _ => format!("rows {first} to {last} cannot be read"),
        };
        self.breaks.push(Break {
            chain: None,
            seq: first,
            problem: format!("{what}: the database file is damaged there"),
        });
    }

    /// Checks the end of the chain.
    fn end(&mut self, conn: &Connection, keys: &StoreKeys) -> Result<(), Fault> {
        let head = match Head::read(conn) {
            Ok(head) => head,
            Err(error) if is_damage(&error) => None,
            Err(error) => return Err(error.into()),
        };
        let last = self.verifier.last();
        let place = self.place.max(self.cut.map_or(0, |(seq, _)| seq));
        let (seq, problem) = match head {
            None => (
                place.max(1),
                "the record of the chain's end is missing or cannot be read".to_owned(),
            ),
            Some(head) if !head.is_ours(keys) => (
                head.seq.max(1),
                "the record of the chain's end was not written by this store".to_owned(),
            ),
            Some(head) if head.seq > place => (
                place + 1,
                format!("rows {} to {} are missing at the end", place + 1, head.seq),
            ),
            Some(head) if head.seq < place => (
                head.seq + 1,
                format!("rows {} to {place} stand behind the chain's end", head.seq + 1),
            ),
            // The last row itself was unreadable, which is on the list already.
            Some(head) if last.is_some_and(|(seq, hash)| seq == head.seq && hash != head.hash) => {
                (head.seq, format!("row {} is not the one at the chain's end", head.seq))
            }
            Some(_) => return Ok(()),
        };
        self.breaks.push(Break {
            chain: None,
            seq,
            problem,
        });
        Ok(())
    }
}

fn last_row(conn: &Connection) -> i64 {
    conn.query_row("SELECT max(seq) FROM audit", [], |row| row.get::<_, Option<i64>>(0))
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// What SQLite finds wrong with the table and its indexes. What names no row is told only where
/// nothing else is: it is the same damage seen from below.
fn damage(conn: &Connection, nothing_else: bool) -> Result<Vec<Break>, Fault> {
    let checked: rusqlite::Result<Vec<String>> = conn
        .prepare("PRAGMA integrity_check('audit')")
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect());
    let messages = match checked {
        Ok(messages) => messages,
        Err(error) if is_damage(&error) => vec!["the check itself met damage".to_owned()],
        Err(error) => return Err(error.into()),
    };
    let found = messages
        .iter()
        .flat_map(|text| text.lines())
        .filter(|line| *line != "ok" && !line.starts_with("***"));
    let (named, unnamed): (Vec<_>, Vec<_>) = found
        .map(|line| (row_in(line), line))
        .partition(|(row, _)| row.is_some());
    let told = if named.is_empty() && nothing_else {
        unnamed
    } else {
        named
    };
    Ok(told
        .into_iter()
        .map(|(row, line)| Break {
            chain: None,
            seq: row.unwrap_or_default(),
            problem: format!("the database file is damaged where the audit trail stands: {line}"),
        })
        .collect())
}

/// The row that a message of the integrity check names: `row 7 missing from index …`, `Rowid 7 out
/// of order`. A row's number is its place.
fn row_in(line: &str) -> Option<i64> {
    let mut words = line.split_whitespace();
    words.find(|word| word.eq_ignore_ascii_case("row") || word.eq_ignore_ascii_case("rowid"))?;
    words.next()?.trim_end_matches(':').parse().ok()
}
