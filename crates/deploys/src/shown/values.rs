//! Values within a bound.

use cc_devops_kernel::text;

/// How many characters of a name or path are shown.
pub(super) const NAME: usize = 200;

/// How many characters of a value are shown.
const VALUE: usize = 80;

/// How much of what two values have in common is shown before where they part.
const COMMON: usize = 16;

/// The beginning of a text on one line.
pub(super) fn short(value: &str, most: usize) -> String {
    excerpt(value, 0, most)
}

/// Two values from where they part, so that two long ones that differ at their ends do not look alike.
pub(super) fn pair(before: &str, after: &str) -> (String, String) {
    let common = before.chars().zip(after.chars()).take_while(|(a, b)| a == b).count();
    let longest = before.len().max(after.len());
    let from = if longest > VALUE {
        common.saturating_sub(COMMON)
    } else {
        0
    };
    (excerpt(before, from, VALUE), excerpt(after, from, VALUE))
}

/// One value.
pub(super) fn single(value: &str) -> String {
    excerpt(value, 0, VALUE)
}

fn excerpt(value: &str, from: usize, most: usize) -> String {
    let mut rest = value.chars().skip(from);
    let part: String = rest.by_ref().take(most).collect();
    let shown = text::line(&part);
    let begun = if from > 0 { "…" } else { "" };
    if rest.next().is_some() {
        format!("{begun}{shown}… ({} characters)", value.chars().count())
    } else {
        format!("{begun}{shown}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_shown_where_they_part() {
        let (before, after) = pair(&format!("{}1", "x".repeat(500)), &format!("{}2", "x".repeat(500)));
        assert_ne!(before, after);
        assert!(before.starts_with('…') && before.ends_with("x1"), "{before}");
        assert_eq!(pair("a", "b"), ("a".to_owned(), "b".to_owned()));
        let (_, after) = pair("", &"\u{1b}".repeat(1_000_000));
        assert!(
            after.ends_with("… (1000000 characters)") && after.len() < 1000,
            "{after}"
        );
    }
}
