//! `audit verify --file`: checks an export on its own, away from the control plane that wrote it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use cc_devops_kernel::audit::{AuditRow, Break, ChainHash, Mark, Verification, Verifier};
use cc_devops_kernel::input;
use serde_json::json;

use super::{broken_text, unlike};
use crate::error::CliError;
use crate::output::{Output, visible};

/// A part of a chain, as the file has it.
struct Part {
    verifier: Verifier,
    first: i64,
    prev_hash: ChainHash,
}

/// Checks the file, and says where each chain in it begins and ends.
pub(super) fn verify(output: Output, path: &Path, at_least: Option<Mark>) -> Result<(), CliError> {
    let cannot = |error| CliError::open(format!("cannot read the export {}", path.display()), error);
    let mut parts = BTreeMap::<Option<String>, Part>::new();
    let mut breaks = Vec::new();
    let mut asked_for = None;
    for (number, line) in (1..).zip(BufReader::new(File::open(path).map_err(cannot)?).lines()) {
        let line = line.map_err(cannot)?;
        let Some(row) = read(&line) else {
            breaks.push(Break {
                chain: None,
                seq: number,
                problem: format!("line {number} is not an audit row as it was exported"),
            });
            continue;
        };
        if at_least.is_some_and(|mark| row.chain.is_none() && row.seq == mark.seq) {
            asked_for = Some(Mark {
                seq: row.seq,
                hash: row.hash,
            });
        }
        let part = parts.entry(row.chain.clone()).or_insert_with(|| Part {
            verifier: Verifier::of_part(row.chain.clone()),
            first: row.seq,
            prev_hash: row.prev_hash,
        });
        part.verifier.take(&row);
    }
    breaks.extend(at_least.and_then(|mark| unlike(mark, asked_for)));
    let mut rows = 0;
    let mut shown = Vec::new();
    for (chain, part) in parts {
        let start = ChainHash::start_of(chain.as_deref());
        let last = part.verifier.last();
        let Verification {
            rows: walked,
            breaks: mut broken,
            ..
        } = part.verifier.finish();
        if part.first == 1 && part.prev_hash != start {
            let problem = "row 1 does not follow from where its chain starts".to_owned();
            broken.push(Break {
                chain: chain.clone(),
                seq: 1,
                problem,
            });
        }
        rows += walked;
        breaks.extend(broken);
        let (seq, hash) = last.unwrap_or((part.first, part.prev_hash));
        shown.push((chain, part.first, part.prev_hash, seq, hash));
    }
    let whole = breaks.is_empty();
    let chains: Vec<_> = shown
        .iter()
        .map(|(chain, first, prev, last, hash)| {
            json!({"chain": chain, "first": first, "prevHash": prev, "last": last, "hash": hash})
        })
        .collect();
    let document = json!({"ok": whole, "rows": rows, "breaks": breaks, "chains": chains});
    output.answer(&document, || {
        if !whole {
            return broken_text("the export", rows, &breaks);
        }
        let mut lines = vec![format!("the export holds: {rows} row(s)")];
        lines.extend(shown.iter().map(|(chain, first, prev, last, hash)| {
            let chain = chain.as_ref().map(|name| format!("chain {name}, ")).unwrap_or_default();
            visible(&format!("  {chain}row {first} (after {prev}) to row {last} ({hash})")).into_owned()
        }));
        lines.join("\n")
    })?;
    if whole { Ok(()) } else { Err(CliError::Answered) }
}

/// The row of a line. Unknown fields and white space would escape the hash, which covers what the text means.
fn read(line: &str) -> Option<AuditRow> {
    let row: AuditRow = input::typed(line.as_bytes()).ok()?;
    (serde_json::to_string(&row).ok()? == line).then_some(row)
}
