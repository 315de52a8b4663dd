//! The plan file of a stack's own command, in our form or another.
//!
//! Our form is one JSON object `{"changes": [row, …]}` with at most one row for each `path`. A file may say worse than
//! the rules of change sets, never better. What it says beside the form is unknown; what is of another form is shown as
//! text, and asks.

mod redaction;
mod row;

use std::collections::BTreeSet;

use cc_devops_kernel::input;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::review::{Reviewed, Standing, StatefulTypes};

/// How large a plan file may be, in bytes: 1 MiB.
pub const MAX_PLAN_FILE: usize = 1 << 20;

/// Reads what a stack's command wrote.
pub fn review_file(bytes: &[u8], stateful: &StatefulTypes) -> Reviewed {
    if bytes.len() > MAX_PLAN_FILE {
        let why = format!(
            "the plan file has {} bytes, and {MAX_PLAN_FILE} are the most",
            bytes.len()
        );
        return Reviewed::empty(Standing::NotAPlan(why));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match of_our_form(bytes, stateful) {
        Ok(reviewed) => reviewed,
        Err(why) => as_text(bytes, &why),
    }
}

/// Whether a document is meant to be of our form: it has `changes`.
pub fn is_plan_file(document: &Value) -> bool {
    document.get("changes").is_some()
}

/// Reads our form, or says as a sentence's end why it is another.
fn of_our_form(bytes: &[u8], stateful: &StatefulTypes) -> Result<Reviewed, String> {
    let document = input::unambiguous(bytes).map_err(|error| error.to_string())?;
    let Value::Object(file) = &document else {
        return Err("it is no JSON object".to_owned());
    };
    let Some(Value::Array(changes)) = file.get("changes") else {
        return Err("it has no list of `changes`".to_owned());
    };
    let mut reviewed = Reviewed::empty(Standing::Ready);
    let mut paths = BTreeSet::new();
    for (at, change) in changes.iter().enumerate() {
        let change = change
            .as_object()
            .ok_or_else(|| format!("change {} is no object", at + 1))?;
        let read = row::read(change, stateful).map_err(|why| format!("change {}: {why}", at + 1))?;
        let path = read.row.path.clone();
        for note in read.unknown {
            reviewed.unknown(format!("{path}: {note}"));
        }
        if !read.hidden.is_empty() {
            reviewed.hidden.add(path.clone(), Value::Object(read.hidden));
        }
        if !paths.insert(path.clone()) {
            return Err(format!("`{path}` has more than one row"));
        }
        reviewed.count(&read.row);
        reviewed.rows.push(read.row);
    }
    let more: Map<String, Value> = file
        .iter()
        .filter(|(name, _)| *name != "changes")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for name in more.keys() {
        let name: String = name.chars().take(64).collect();
        reviewed.unknown(format!("the plan file: what `{name}` means is not known"));
    }
    if !more.is_empty() {
        reviewed.hidden.add("file", Value::Object(more));
    }
    if reviewed.rows.is_empty() && !reviewed.summary.unknown_change {
        reviewed.standing = Standing::NoChanges;
    }
    Ok(reviewed)
}

/// A file of another form: a person reads it.
fn as_text(bytes: &[u8], why: &str) -> Reviewed {
    let mut reviewed = Reviewed::empty(Standing::Ready);
    reviewed.unknown(format!(
        "the plan file is not of the form that is classified ({why}): it is shown as text"
    ));
    let (text, hides) = redaction::redacted(bytes);
    reviewed.text = Some(text);
    let whole = json!(hex::encode(Sha256::digest(bytes)));
    if hides {
        reviewed.hidden.add("file", whole);
    } else {
        reviewed.unseen.push(("file".to_owned(), whole));
    }
    reviewed
}
