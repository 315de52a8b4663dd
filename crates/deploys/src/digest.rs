//! What stands for all that a plan says: SHA-256 over canonical JSON of everything that the approver sees, and of
//! keyed digests of what he may not see.
//!
//! The order of lists, times, and the names and ARNs of change sets do not count. Notes do not either: they say how
//! the plan was read.

use std::collections::BTreeMap;
use std::fmt;

use cc_devops_kernel::canonical::canonical;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::exact_values::exact;
use crate::ids::PlanDigest;
use crate::review::Reviewed;
use crate::rows::Row;

/// The form of what is digested. Another form makes other digests of the same plans.
const FORM: &str = "cc-devops plan 1";

/// The key of what is hidden: without it nobody can try secrets against a digest.
#[derive(Clone)]
pub struct DigestKey([u8; 32]);

impl DigestKey {
    /// Of 32 bytes.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    fn seal(&self, place: &str, value: &Value) -> String {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(&canonical(&json!([FORM, place, exact(value)])));
        hex::encode(mac.finalize().into_bytes())
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey")
    }
}

/// The digest of what was read.
pub fn digest(reviewed: &Reviewed, key: &DigestKey) -> PlanDigest {
    let mut rows: Vec<&Row> = reviewed.rows.iter().collect();
    rows.sort_by(|a, b| a.path.cmp(&b.path));
    let mut hidden: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (place, value) in &reviewed.hidden.values {
        hidden.entry(place).or_default().push(key.seal(place, value));
    }
    let mut unseen: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (place, value) in &reviewed.unseen {
        unseen.entry(place).or_default().push(exact(value));
    }
    for values in unseen.values_mut() {
        values.sort_by_cached_key(canonical);
    }
    for values in hidden.values_mut() {
        values.sort();
    }
    let whole = json!({
        "form": FORM,
        "rows": rows.into_iter().map(row).collect::<Vec<_>>(),
        "summary": reviewed.summary,
        "standing": reviewed.standing.as_str(),
        "text": reviewed.text,
        "about": exact(&json!(reviewed.about)),
        "unseen": unseen,
        "hidden": hidden,
    });
    PlanDigest::new(Sha256::digest(canonical(&whole)).into())
}

/// A row whose lists have one order.
fn row(row: &Row) -> Value {
    let mut row = row.clone();
    row.why.sort();
    row.masked.sort();
    let of = |property: &crate::PropertyChange| {
        (
            property.path.clone(),
            property.before.clone(),
            property.after.clone(),
            property.masked,
        )
    };
    row.properties.sort_by_cached_key(of);
    json!(row)
}
