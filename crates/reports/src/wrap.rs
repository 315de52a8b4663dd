//! Lines within the width of a terminal.

use unicode_width::UnicodeWidthStr;

/// The text with no line wider than `width` columns: a longer one goes on below, a little further in than it began. A
/// word that is wider than a line, such as an address, is broken.
pub fn wrap(text: &str, width: u16) -> String {
    let width = usize::from(width.max(20));
    let lines: Vec<String> = text.lines().map(|line| wrapped(line, width)).collect();
    lines.join("\n")
}

/// The beginning of a line that is at most `width` columns wide; at least a character.
pub fn cut(line: &str, width: usize) -> &str {
    split_at_width(line, width).0
}

fn wrapped(line: &str, width: usize) -> String {
    if line.width() <= width {
        return line.to_owned();
    }
    let begins = line.len() - line.trim_start().len();
    // What is deep in goes on where it began, so that half of the line is always left.
    let further = " ".repeat((begins + 2).min(width / 2));
    let mut done = String::new();
    let mut current = line.get(..begins).unwrap_or_default().to_owned();
    let mut is_empty = true;
    for word in line.split_whitespace() {
        let mut word = word;
        if !is_empty && current.width() + 1 + word.width() > width {
            done.push_str(current.trim_end());
            done.push('\n');
            current.clone_from(&further);
            is_empty = true;
        }
        while current.width() + word.width() > width {
            let (head, tail) = split_at_width(word, width.saturating_sub(current.width()));
            done.push_str(&current);
            done.push_str(head);
            done.push('\n');
            current.clone_from(&further);
            word = tail;
        }
        if !is_empty {
            current.push(' ');
        }
        current.push_str(word);
        is_empty = false;
    }
    done.push_str(&current);
    done
}

/// The part of a text that fits, at least a character, and the rest.
fn split_at_width(text: &str, width: usize) -> (&str, &str) {
    let mut taken = 0;
    let mut at = 0;
    for (place, c) in text.char_indices() {
        let next = place + c.len_utf8();
        taken += text.get(place..next).map_or(0, UnicodeWidthStr::width);
        if taken > width && at > 0 {
            break;
        }
        at = next;
    }
    text.split_at(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_goes_on_below_a_little_further_in() {
        let text = "short\n  branch_protection: What else protects it is not known (web, api)";
        assert_eq!(
            wrap(text, 40),
            "short\n  branch_protection: What else protects\n    it is not known (web, api)"
        );
        assert_eq!(
            wrap("  https://example.org/a/very/long/address", 20),
            "  https://example.or\n    g/a/very/long/ad\n    dress"
        );
        assert_eq!(wrap("a  b", 40), "a  b", "what fits stays as it is");
    }

    #[test]
    fn a_line_is_cut_by_columns() {
        assert_eq!(cut("\u{6f22}\u{6f22}\u{6f22}", 5), "\u{6f22}\u{6f22}");
        assert_eq!(cut("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}e\u{301}");
        assert_eq!(cut("short", 80), "short");
        assert_eq!(cut("\u{6f22}", 1), "\u{6f22}");
        assert_eq!(cut("", 3), "");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_and_no_word_is_lost(text in "[ -~äöü漢\n]{0,300}", width in 20_u16..120) {
            let wrapped = wrap(&text, width);
            for line in wrapped.lines() {
                prop_assert!(line.width() <= usize::from(width), "{line:?}");
            }
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(letters(&wrapped), letters(&text));
        }
    }
}
