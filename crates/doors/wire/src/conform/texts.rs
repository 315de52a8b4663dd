//! What a model asks of a text.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use regex::Regex;

use crate::model::Text;

type Patterns = HashMap<&'static str, Option<Arc<Regex>>>;

/// The patterns that were asked for, as they were read; none where one cannot be.
static PATTERNS: LazyLock<RwLock<Patterns>> = LazyLock::new(RwLock::default);

/// Which constraint a text breaks, in AWS's words.
pub(super) fn broken(string: &str, text: &Text) -> Option<String> {
    if !text.among.is_empty() && !text.among.contains(&string) {
        return Some(format!(
            "Member must satisfy enum value set: [{}]",
            text.among.join(", ")
        ));
    }
    let length = string.chars().count();
    if length < text.min {
        return Some(format!("Member must have length greater than or equal to {}", text.min));
    }
    if length > text.max {
        return Some(format!("Member must have length less than or equal to {}", text.max));
    }
    let pattern = text.pattern.filter(|pattern| !matches(string, pattern))?;
    Some(format!("Member must satisfy regular expression pattern: {pattern}"))
}

/// Whether the whole of a text matches.
fn matches(string: &str, pattern: &'static str) -> bool {
    let known = {
        let patterns = PATTERNS.read().unwrap_or_else(PoisonError::into_inner);
        patterns.get(pattern).cloned()
    };
    let read = known.unwrap_or_else(|| {
        let read = Regex::new(&format!(r"\A(?:{pattern})\z")).ok().map(Arc::new);
        let mut patterns = PATTERNS.write().unwrap_or_else(PoisonError::into_inner);
        patterns.insert(pattern, read.clone());
        read
    });
    // A model whose pattern cannot be read takes nothing.
    read.is_some_and(|read| read.is_match(string))
}
