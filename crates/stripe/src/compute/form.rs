//! What an input is, told from its beginning: lines of JSON, one JSON document, or something else that people
//! hand over by mistake.

use std::io::{self, BufRead, Read as _};

use serde::de::IgnoredAny;

use super::ComputeError;
use crate::objects::{field, id_of};

/// The byte order mark of UTF-8.
pub(super) const MARK: &[u8] = b"\xef\xbb\xbf";
/// How much is read to tell the form, in bytes, unless a line is longer.
const HEAD: usize = 64 << 10;
/// The longest beginning that is looked at, in bytes. A first line that is longer is a document.
const LONGEST: u64 = 8 << 20;

/// How an input is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// An object, or a page of a list, a line.
    Lines,
    /// Values one after the other, white space between and within them.
    Document,
}

/// Reads the beginning of an input: three lines that are not empty, at least.
pub(super) fn read_head(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let (mut head, mut lines) = (Vec::new(), 0);
    while lines < 3 || head.len() < HEAD {
        let before = head.len();
        let room = LONGEST.saturating_sub(before as u64);
        if input.by_ref().take(room).read_until(b'\n', &mut head)? == 0 {
            // Blank lines are no beginning, however many there are.
            if before as u64 >= LONGEST && head.trim_ascii().is_empty() {
                head.clear();
                continue;
            }
            break;
        }
        let line = head.get(before..).unwrap_or_default().trim_ascii();
        lines += u32::from(!line.is_empty());
    }
    Ok(head)
}

/// Tells the form of an input from its beginning.
pub(super) fn form_of(head: &[u8]) -> Result<Form, ComputeError> {
    if let Some(format) = by_magic(head) {
        return Err(ComputeError::OtherFormat(format));
    }
    let text = head.strip_prefix(MARK).unwrap_or(head).trim_ascii();
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let mut lines = lines.filter(|line| !line.is_empty());
    let first = lines.next().ok_or(ComputeError::Empty)?;
    match first.first() {
        Some(b'[') => Ok(Form::Document),
        Some(b'{') => Ok(of_objects(text, first)),
        _ => of_no_json(first, lines.next().unwrap_or_default()),
    }
}

/// A line that is whole, or wrong, is a line. One that goes on is the beginning of a document, unless what
/// follows says that it was cut off.
fn of_objects(text: &[u8], first: &[u8]) -> Form {
    if !goes_on(first) {
        return Form::Lines;
    }
    let is_record = id_of(first).is_some();
    let whole = |line: &[u8]| line.starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(line).is_ok();
    let behind = text.get(first.len()..).unwrap_or_default();
    let whole_line_follows = || {
        behind
            .split(|byte| *byte == b'\n')
            .any(|line| whole(line.trim_ascii_end()))
    };
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    match values.next() {
        // It goes on to the end of what was read. A record that is alone, or has records behind it, was cut off.
        Some(Err(error)) if error.is_eof() => {
            let is_line = is_record && (behind.trim_ascii().is_empty() || whole_line_follows());
            if is_line { Form::Lines } else { Form::Document }
        }
        Some(Err(_)) if whole_line_follows() => Form::Lines,
        _ => Form::Document,
    }
}

/// Whether the text is the beginning of a JSON value.
fn goes_on(text: &[u8]) -> bool {
    matches!(serde_json::from_slice::<IgnoredAny>(text), Err(error) if error.is_eof())
}

/// Of an input that begins with neither an object nor a list.
fn of_no_json(first: &[u8], second: &[u8]) -> Result<Form, ComputeError> {
    let is_json = serde_json::from_slice::<IgnoredAny>(first).is_ok();
    let json_follows = second.trim_ascii_start().starts_with(b"{") || second.trim_ascii_start().starts_with(b"[");
    if is_json || json_follows {
        return Ok(Form::Lines);
    }
    if first.contains(&0) {
        return Err(ComputeError::OtherFormat("binary data"));
    }
    if first.starts_with(b"<") {
        return Err(ComputeError::OtherFormat("HTML or XML"));
    }
    let Ok(line) = str::from_utf8(first) else {
        return Ok(Form::Lines);
    };
    let separators = [',', ';', '\t', '|'];
    let one_column = line.trim_matches('"').eq_ignore_ascii_case("id");
    let is_text = !line.chars().any(|letter| letter.is_control() && letter != '\t');
    if is_text && (line.contains(separators) || one_column) {
        return Err(ComputeError::OtherFormat("CSV"));
    }
    Ok(Form::Lines)
}

/// What the first bytes say.
fn by_magic(head: &[u8]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 13] = [
        (b"\x1f\x8b", "gzip"),
        (b"PK\x03\x04", "zip"),
        (b"PK\x05\x06", "zip"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"BZh", "bzip2"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"\x1f\x9d", "compress"),
        (b"PAR1", "Parquet"),
        (b"SQLite format 3\0", "SQLite"),
        (b"%PDF", "PDF"),
        (b"\xff\xfe\0\0", "UTF-32"),
        (b"\0\0\xfe\xff", "UTF-32"),
    ];
    let found = MAGIC.iter().find(|(magic, _)| head.starts_with(magic));
    if let Some((_, name)) = found {
        return Some(name);
    }
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") || without_mark(head) {
        return Some("UTF-16");
    }
    None
}

/// Whether it is text in UTF-16 without a byte order mark: every other byte of its beginning is 0.
fn without_mark(head: &[u8]) -> bool {
    let beginning = head.get(..head.len().min(64) & !1).unwrap_or_default();
    let (pairs, _) = beginning.as_chunks::<2>();
    let plain = |byte: u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    let little = |pair: &[u8; 2]| plain(pair[0]) && pair[1] == 0;
    let big = |pair: &[u8; 2]| pair[0] == 0 && plain(pair[1]);
    // A name in another script may stand in a text that is otherwise plain.
    let mostly = |is: &dyn Fn(&[u8; 2]) -> bool| {
        pairs.first().is_some_and(is) && pairs.iter().filter(|pair| is(pair)).count() * 4 >= pairs.len() * 3
    };
    mostly(&little) || mostly(&big)
}

/// Whether an object without an id holds a list in `data`: a list, a search's result, or what a client or a
/// warehouse kept of one.
pub(super) fn is_list(object: &[u8]) -> bool {
    object.starts_with(b"{")
        && field(object, "data").is_some_and(|data| data.starts_with(b"["))
        && crate::objects::is_another(object, &["list", "search_result"]).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: impl AsRef<[u8]>) -> Result<Form, String> {
        form_of(text.as_ref()).map_err(|error| match error {
            ComputeError::OtherFormat(name) => name.to_owned(),
            other => format!("{other:?}"),
        })
    }

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16()
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    }

    #[test]
    fn lines_and_documents_are_told_apart() {
        for (text, expected) in [
            ("{\"id\":\"a\"}\n{\"id\":\"b\"}\n", Form::Lines),
            ("{\"id\":\"a\"}", Form::Lines),
            ("null\n", Form::Lines),
            ("// a comment, and more\n{\"id\":\"a\"}\n", Form::Lines),
            ("{\n \"id\": \"a\"\n}\n{\n \"id\": \"b\"\n}\n", Form::Document),
            ("[\n{\"id\":\"a\"},\n{\"id\":\"b\"}]", Form::Document),
            ("[{\"id\":\"a\"},{\"id\":", Form::Document),
            ("{\"object\":\"list\",\"data\":[\n{\"id\":\"a\"}\n]}", Form::Document),
            (
                "{\"object\":\"list\",\"data\":[\n{\"id\":\"a\"},\n{\"id\":\"b\"}\n]}\n",
                Form::Document,
            ),
            ("{\"object\":\"list\",\"data\":[{\"id\":\"a\"},{\"id\":", Form::Document),
        ] {
            assert_eq!(form(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_first_line_that_was_cut_off_is_a_line() {
        for text in [
            "{\"id\":\"a\",\"status\":\"act\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n",
            "{\"id\":\"a\",\n{\"id\":\"b\"}\n",
            "{\"id\":\"a\",\"items\":\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n",
            "{\"id\":\"a\",\"items\":{\"data\":[\n\n{\"id\":\"b\"}\n",
            "{\"id\":\"a\",\"status\":\"act",
            "{\"id\":\"a\",\"items\"\n",
        ] {
            assert_eq!(form(text), Ok(Form::Lines), "{text}");
        }
    }

    #[test]
    fn other_formats_have_a_name() {
        let json = "{\"id\":\"sub_1\",\"object\":\"subscription\"}\n";
        for (bytes, name) in [
            (b"\x1f\x8b\x08\x00".to_vec(), "gzip"),
            (b"PK\x03\x04..".to_vec(), "zip"),
            (b"\xfd7zXZ\x00..".to_vec(), "xz"),
            (b"\x28\xb5\x2f\xfd..".to_vec(), "zstd"),
            (b"BZh91AY".to_vec(), "bzip2"),
            (utf16(json, false), "UTF-16"),
            (utf16(json, true), "UTF-16"),
            (utf16(&format!("\u{feff}{json}"), false), "UTF-16"),
            (utf16(&format!("\u{feff}{json}"), true), "UTF-16"),
            (utf16("[\r\n{}]", false), "UTF-16"),
            (b"id,Customer ID,Plan\nsub_1,cus_1,p\n".to_vec(), "CSV"),
            (b"\xef\xbb\xbfid;Customer ID\r\nsub_1;cus_1\r\n".to_vec(), "CSV"),
            (b"id\tstatus\nsub_1\tactive\n".to_vec(), "CSV"),
            (b"\"id\",\"Plan\"\n\"sub_1\",\"p\"\n".to_vec(), "CSV"),
            (b"id\nsub_1\n".to_vec(), "CSV"),
            (b"id,status\n".to_vec(), "CSV"),
            (b"<!doctype html>\n<html>".to_vec(), "HTML or XML"),
            (b"\x00\x01\x02\x03\x04".to_vec(), "binary data"),
        ] {
            assert_eq!(form(&bytes), Err(name.to_owned()), "{bytes:?}");
        }
        for blank in ["", "\n\n", " \t\r\n", "\u{feff}", "\u{feff}\n"] {
            assert_eq!(form(blank), Err("Empty".to_owned()), "{blank:?}");
        }
    }
}
