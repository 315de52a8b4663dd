//! Texts from outside in an issue: no mention, link, tag or comment comes of them.

use jiff::Timestamp;

use cc_devops_kernel::text::is_hidden;

/// GitHub's limit for a title is 256 characters.
pub(crate) const TITLE: usize = 200;

fn visible(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|c| if is_hidden(c) { ' ' } else { c })
}

/// A text within a code span.
pub(crate) fn code(text: &str) -> String {
    let safe: String = visible(text)
        .map(|c| if c == '`' { '\'' } else { c })
        .take(TITLE)
        .collect();
    format!("`{}`", safe.trim())
}

/// A sentence with code spans in it. Outside them every sign means itself.
pub(crate) fn prose(text: &str, most: usize) -> String {
    let mut short: String = visible(text).take(most).collect();
    if text.chars().count() > most {
        short.push('…');
    }
    let spans: Vec<&str> = short.split('`').collect();
    // An odd one means itself too.
    let whole = spans.len() % 2 == 1;
    let mut written = String::with_capacity(short.len());
    for (place, span) in spans.iter().enumerate() {
        if place % 2 == 1 && whole {
            // Two in a row are no span.
            if !span.trim().is_empty() {
                written.extend(["`", span, "`"]);
            }
            continue;
        }
        for c in span.chars() {
            if c.is_ascii_punctuation()
                && !matches!(c, '.' | ',' | ';' | ':' | '\'' | '"' | '(' | ')' | '/' | '-' | '%')
            {
                written.push('\\');
            }
            written.push(c);
            // A backslash keeps no mention away.
            if c == '@' {
                written.push('\u{200b}');
            }
        }
    }
    written
}

/// A link, if the text can be one.
pub(crate) fn link(words: &str, url: &str) -> String {
    let plain = url.starts_with("https://") && !url.contains(|c: char| c.is_whitespace() || "<>()".contains(c));
    if plain {
        format!("[{words}]({url})")
    } else {
        words.to_owned()
    }
}

/// A time to the minute.
pub(crate) fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_from_outside_is_a_sentence() {
        for (text, written) in [
            ("`web` has 2 entries.", "`web` has 2 entries."),
            ("cc @ada, see <b>", "cc \\@\u{200b}ada, see \\<b\\>"),
            ("an odd ` one and `two`", "an odd  one and two"),
            ("``@ada``", "\\@\u{200b}ada"),
            ("[x](https://e.com) #1 *a*", "\\[x\\](https://e.com) \\#1 \\*a\\*"),
            ("`a` <!-- `b`", "`a` \\<\\!-- `b`"),
        ] {
            assert_eq!(prose(text, 100), written);
        }
        assert_eq!(prose("abc", 2), "ab…");
    }
}
