//! CloudFormation's own sentences, made fit to be told.

use std::collections::BTreeMap;

/// The most characters of a sentence that are told. Some refusals repeat the whole template.
const LONGEST: usize = 600;

/// The shortest parameter value that is hidden; a shorter one is no secret, and hiding it would
/// leave no sentence to read.
const SHORTEST_HIDDEN: usize = 3;

/// What stands in a value's place.
const HIDDEN: &str = "…";

/// What CloudFormation shows in the place of a `NoEcho` parameter's value.
pub(super) const HIDDEN_BY_CLOUDFORMATION: &str = "****";

/// A sentence without the values of the request's parameters, which may be secrets, and bounded.
pub(super) fn redacted(sentence: &str, parameters: &BTreeMap<String, String>) -> String {
    let mut values: Vec<&str> = parameters
        .values()
        .map(String::as_str)
        .filter(|value| value.len() >= SHORTEST_HIDDEN)
        .collect();
    // The longest first: a value may be the beginning of another.
    values.sort_unstable_by_key(|value| std::cmp::Reverse(value.len()));
    let mut text = sentence.to_owned();
    for value in values {
        text = text.replace(value, HIDDEN);
    }
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push_str(" [cut]");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_value_is_told() {
        let parameters = [("A", "hunter2"), ("B", "hunter2-and-more"), ("C", "to")];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let sentence = "hunter2 and hunter2-and-more have to match";
        assert_eq!(redacted(sentence, &parameters.into()), "… and … have to match");
    }

    #[test]
    fn a_sentence_that_repeats_a_template_is_cut() {
        let text = redacted(&"é".repeat(51_200), &BTreeMap::new());
        assert_eq!(text.chars().count(), LONGEST + " [cut]".len());
    }
}
