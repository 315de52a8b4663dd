//! What is written for a shell.

use std::borrow::Cow;

/// A text as one word of a command line of a POSIX shell.
pub(crate) fn shell_word(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:@+=%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_word_of_a_shell() {
        assert_eq!(shell_word("http://127.0.0.1:8787/aws"), "http://127.0.0.1:8787/aws");
        assert_eq!(shell_word("http://[::1]:8787/aws"), "'http://[::1]:8787/aws'");
        assert_eq!(shell_word("a b$(c)`d`"), "'a b$(c)`d`'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
    }
}
