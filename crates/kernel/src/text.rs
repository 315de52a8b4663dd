//! Text from elsewhere, as people may see it: what would move a cursor, begin a line of its own or turn the
//! direction of reading is shown and not obeyed.
//!
//! [`line`] is for a word or a sentence among others, [`lines`] for a whole text that may have lines, [`cleaned`] for
//! what is kept of a sentence that somebody says, and [`json`] for JSON, whose meaning stays. [`nearest`] is for words
//! that nobody knows, and [`counted`] for how many there are of a thing.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character shows nothing of itself and changes what is shown of others: control characters, the marks
/// that turn the direction of reading, and the separators that begin a line without being a line feed.
/// Source for the marks: <https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters>.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}')
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}

/// The text on one line, with every hidden character written out: `\n`, `\u{1b}`, `\u{202e}`.
pub fn line(text: &str) -> Cow<'_, str> {
    written_out(text, is_hidden)
}

/// The text with its lines and tabs, and every other hidden character written out.
pub fn lines(text: &str) -> Cow<'_, str> {
    written_out(text, |c| is_hidden(c) && !matches!(c, '\n' | '\t'))
}

fn written_out(text: &str, is_bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_bad) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_bad(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// The text on one line without anything hidden, for what is kept: blanks and hidden characters in a row become
/// one blank, and none is left at the ends.
pub fn cleaned(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if !is_hidden(c) && !c.is_whitespace() {
            clean.push(c);
        } else if !clean.is_empty() && !clean.ends_with(' ') {
            clean.push(' ');
        }
    }
    clean.truncate(clean.trim_end().len());
    clean
}

/// JSON that means the same, with hidden characters inside its texts as `\uXXXX`. Line feeds and tabs stand between
/// its parts alone, and stay.
pub fn json(text: &str) -> Cow<'_, str> {
    let is_bad = |c: char| is_hidden(c) && !matches!(c, '\n' | '\r' | '\t');
    if !text.contains(is_bad) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_bad(c) {
            // Every hidden character is in the basic plane, so four digits are enough.
            let written = write!(safe, "\\u{:04x}", u32::from(c));
            debug_assert!(written.is_ok(), "a String takes everything");
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// How many of a thing: `1 breach`, `2 breaches`, `0 breaches`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    let thing = if number == 1 { one } else { many };
    format!("{number} {thing}")
}

/// What of `known` was probably meant.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|near| (strsim::jaro_winkler(word, near), *near))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, near)| near)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[2Jb\rc\nd\u{202e}e\u{2066}f\u{200f}g\u{61c}h\u{2028}i\u{9b}j\tk";

    #[test]
    fn what_is_hidden_is_shown_not_obeyed() {
        let shown = "a\\u{1b}[2Jb\\rc\\nd\\u{202e}e\\u{2066}f\\u{200f}g\\u{61c}h\\u{2028}i\\u{9b}j\\tk";
        assert_eq!(line(HOSTILE), shown);
        assert_eq!(lines(HOSTILE), shown.replace("\\n", "\n").replace("\\t", "\t"));
        assert!(!line(HOSTILE).contains(is_hidden));
    }

    #[test]
    fn every_mark_of_direction_is_hidden_and_letters_of_any_script_are_not() {
        let marks = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
        for mark in marks.chain(['\u{200e}', '\u{200f}', '\u{61c}']) {
            assert!(is_hidden(mark), "{mark:?}");
        }
        for text in ["plain", "\u{5d0}\u{5d1}", "caf\u{e9} \u{1f600}", "a\u{200d}b"] {
            assert!(matches!(line(text), Cow::Borrowed(same) if same == text), "{text:?}");
        }
    }

    #[test]
    fn one_of_a_thing_is_told_as_one() {
        for (number, told) in [(0, "0 breaches"), (1, "1 breach"), (2, "2 breaches")] {
            assert_eq!(counted(number, "breach", "breaches"), told);
        }
    }

    #[test]
    fn what_is_kept_of_a_sentence_is_one_line() {
        assert_eq!(
            cleaned(" disk\r\n full \u{202e}\u{2066} now\u{1b}[0m \n"),
            "disk full now [0m"
        );
        assert_eq!(cleaned("\n\u{202e}\n"), "");
        assert_eq!(cleaned("as it is"), "as it is");
    }

    #[test]
    fn json_without_hidden_characters_means_the_same() {
        let value = serde_json::json!({"error": HOSTILE, "\u{202e}": [HOSTILE]});
        for text in [serde_json::to_string(&value).unwrap(), format!("{value:#}")] {
            let safe = json(&text);
            assert!(!safe.contains(|c| is_hidden(c) && c != '\n'), "{safe}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
        }
        assert!(matches!(json("{}"), Cow::Borrowed("{}")));
    }
}
