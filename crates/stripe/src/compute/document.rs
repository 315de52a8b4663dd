//! A JSON document taken apart as it is read: the objects of arrays and of lists, however they stand in each
//! other, one after the other. Only one object is in memory at a time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::BufRead;
use std::ops::Range;

use serde_json::value::RawValue;

use super::ComputeError;
use super::form::MARK;

/// The largest object, in bytes. Stripe's largest subscriptions have some hundred kilobytes.
const LARGEST: usize = 64 << 20;

/// The objects of a document.
pub(super) struct Document<R> {
    input: R,
    levels: Vec<Level>,
    expected: Expected,
    /// Whether the list that ended last says that it has more.
    more: Option<bool>,
}

/// An array that is open.
enum Level {
    Array,
    /// The `data` of a list, and whether the list said before it that there is more.
    Data(bool),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Value,
    ValueOrEnd,
    CommaOrEnd,
}

impl<R: BufRead> Document<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            levels: Vec::new(),
            expected: Expected::Value,
            more: None,
        }
    }

    /// Whether the list that ended last has more; `None` if there was no list.
    pub(super) fn more(&self) -> Option<bool> {
        self.more
    }

    /// Appends the next value to `text` and says where it stands; `None` at the end of the input.
    pub(super) fn next(&mut self, text: &mut Vec<u8>) -> Result<Option<Range<usize>>, ComputeError> {
        loop {
            let Some(byte) = self.peek()? else {
                if self.levels.is_empty() {
                    return Ok(None);
                }
                return Err(cut_off());
            };
            let value_may_come = self.expected != Expected::CommaOrEnd;
            match byte {
                b',' if self.expected == Expected::CommaOrEnd => {
                    self.input.consume(1);
                    self.expected = Expected::Value;
                }
                b']' if self.expected != Expected::Value => {
                    self.input.consume(1);
                    if let Some(Level::Data(more)) = self.levels.pop() {
                        let more = self.tail_of_list(more)?;
                        self.more = Some(more);
                    }
                    self.value_ended();
                }
                b'[' if value_may_come => {
                    self.input.consume(1);
                    self.levels.push(Level::Array);
                    self.expected = Expected::ValueOrEnd;
                }
                b'{' if value_may_come => {
                    let start = text.len();
                    if self.object(text)? {
                        self.value_ended();
                        return Ok(Some(start..text.len()));
                    }
                    text.truncate(start);
                }
                b',' | b':' | b']' | b'}' => return Err(not_json(format!("a `{}` is too many", char::from(byte)))),
                _ if value_may_come => {
                    let start = text.len();
                    self.scalar(text)?;
                    self.value_ended();
                    return Ok(Some(start..text.len()));
                }
                _ => return Err(not_json("a comma is missing")),
            }
        }
    }

    fn value_ended(&mut self) {
        self.expected = if self.levels.is_empty() {
            Expected::Value
        } else {
            Expected::CommaOrEnd
        };
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Result<Option<u8>, ComputeError> {
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
            let skipped = buffer.iter().take_while(|byte| blank(byte)).count();
            let found = buffer.get(skipped).copied();
            self.input.consume(skipped);
            match found {
                // Some put a mark before every file that they join.
                Some(b'\xef') if self.levels.is_empty() => {
                    for expected in MARK {
                        if self.input.fill_buf()?.first() != Some(expected) {
                            return Err(not_json("it begins with bytes that are no text"));
                        }
                        self.input.consume(1);
                    }
                }
                Some(byte) => return Ok(Some(byte)),
                None => {}
            }
        }
    }

    /// Reads an object; `false` if it is a list, whose objects come next.
    fn object(&mut self, text: &mut Vec<u8>) -> Result<bool, ComputeError> {
        let start = text.len();
        let mut scan = Scan::default();
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Err(cut_off());
            }
            let (taken, step) = scan.go_on(buffer);
            text.extend_from_slice(buffer.get(..taken).unwrap_or_default());
            self.input.consume(taken);
            match step {
                Step::More if text.len() - start > LARGEST => return Err(not_json("an object is larger than 64 MiB")),
                Step::More => {}
                Step::Ended => return Ok(true),
                Step::ArrayAt(key) => {
                    let object = text.get(start..).unwrap_or_default();
                    if let Some(more) = head_of_list(object, key) {
                        self.input.consume(1);
                        self.levels.push(Level::Data(more));
                        self.expected = Expected::ValueOrEnd;
                        return Ok(false);
                    }
                    scan.skip_array();
                }
            }
        }
    }

    /// Reads what comes behind the `data` of a list; whether the list has more.
    fn tail_of_list(&mut self, more: bool) -> Result<bool, ComputeError> {
        let mut text = b"{".to_vec();
        match self.peek()? {
            Some(b'}') => {
                self.input.consume(1);
                return Ok(more);
            }
            Some(b',') => self.input.consume(1),
            Some(_) => return Err(not_json("a comma is missing")),
            None => return Err(cut_off()),
        }
        let mut scan = Scan::within_object();
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Err(cut_off());
            }
            let (taken, step) = scan.go_on(buffer);
            text.extend_from_slice(buffer.get(..taken).unwrap_or_default());
            self.input.consume(taken);
            match step {
                Step::More => {}
                Step::ArrayAt(_) => scan.skip_array(),
                Step::Ended => break,
            }
        }
        let fields = fields(&text).ok_or_else(|| not_json("the end of a list cannot be read"))?;
        Ok(more || has_more(&fields))
    }

    fn scalar(&mut self, text: &mut Vec<u8>) -> Result<(), ComputeError> {
        let start = text.len();
        let (mut in_text, mut escaped) = (false, false);
        loop {
            let buffer = self.input.fill_buf()?;
            let end = buffer.iter().position(|byte| {
                if in_text {
                    in_text = *byte != b'"' || escaped;
                    escaped = *byte == b'\\' && !escaped;
                    return false;
                }
                in_text = *byte == b'"';
                matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b']' | b'}' | b'{' | b'[')
            });
            let taken = end.unwrap_or(buffer.len());
            text.extend_from_slice(buffer.get(..taken).unwrap_or_default());
            let is_end = end.is_some() || buffer.is_empty();
            self.input.consume(taken);
            if is_end {
                break;
            }
        }
        let value = text.get(start..).unwrap_or_default();
        if serde_json::from_slice::<&RawValue>(value).is_ok() {
            return Ok(());
        }
        let shown = String::from_utf8_lossy(value.get(..value.len().min(40)).unwrap_or_default()).into_owned();
        Err(not_json(format!("`{shown}` is no value")))
    }
}

/// Follows an object byte by byte: texts, depth, and the keys of the object itself.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a state of its own, changed byte by byte"
)]
struct Scan {
    depth: usize,
    in_text: bool,
    escaped: bool,
    at_key: bool,
    after_colon: bool,
    /// How many bytes of the object were followed.
    at: usize,
    /// Where the last key of the object begins and ends, its quotation marks included.
    key: Range<usize>,
    array_passed: bool,
}

impl Default for Scan {
    fn default() -> Self {
        Self {
            depth: 0,
            in_text: false,
            escaped: false,
            at_key: true,
            after_colon: false,
            at: 0,
            key: 0..0,
            array_passed: false,
        }
    }
}

enum Step {
    /// All of the bytes were followed.
    More,
    /// The object ended.
    Ended,
    /// The value of the key that stands there is an array, which begins at the next byte.
    ArrayAt(Range<usize>),
}

impl Scan {
    /// Within an object of which the beginning was read.
    fn within_object() -> Self {
        Self {
            depth: 1,
            at: 1,
            ..Self::default()
        }
    }

    /// Goes on behind the beginning of an array that is no list's.
    fn skip_array(&mut self) {
        self.array_passed = true;
    }

    /// Follows bytes; says how many.
    fn go_on(&mut self, bytes: &[u8]) -> (usize, Step) {
        for (place, byte) in bytes.iter().enumerate() {
            if self.in_text {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.in_text = false;
                        if self.depth == 1 && self.at_key {
                            self.at_key = false;
                            self.key.end = self.at + place + 1;
                        }
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => {
                    self.in_text = true;
                    self.after_colon = false;
                    if self.depth == 1 && self.at_key {
                        self.key.start = self.at + place;
                    }
                }
                b'[' if self.depth == 1 && self.after_colon && !self.array_passed => {
                    self.at += place;
                    return (place, Step::ArrayAt(self.key.clone()));
                }
                b'{' | b'[' => {
                    self.depth += 1;
                    self.after_colon = false;
                    self.array_passed = false;
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        self.at += place + 1;
                        return (place + 1, Step::Ended);
                    }
                }
                b':' if self.depth == 1 => self.after_colon = true,
                b',' if self.depth == 1 => self.at_key = true,
                _ => {}
            }
        }
        self.at += bytes.len();
        (bytes.len(), Step::More)
    }
}

type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

fn fields(text: &[u8]) -> Option<Fields<'_>> {
    serde_json::from_slice(text).ok()
}

/// Whether the object up to its array is the beginning of a list, and whether that says that it has more.
fn head_of_list(object: &[u8], key: Range<usize>) -> Option<bool> {
    if object.get(key.clone()) != Some(b"\"data\"") {
        return None;
    }
    let before = object.get(..key.start)?.trim_ascii_end();
    let mut head = before.strip_suffix(b",").unwrap_or(before).to_vec();
    head.push(b'}');
    let fields = fields(&head)?;
    let object = fields.get("object").map(|object| object.get());
    let is_list = matches!(object, None | Some("\"list\"" | "\"search_result\"" | "null"));
    (is_list && !fields.contains_key("id")).then(|| has_more(&fields))
}

/// Whether a list says that it is a part: by `has_more`, or by where the next page is.
/// Source: <https://docs.stripe.com/api/pagination>.
fn has_more(fields: &Fields<'_>) -> bool {
    let says = |key: &str| fields.get(key).map_or("null", |value| value.get());
    says("has_more") == "true"
        || ["next_page", "next_page_url"]
            .iter()
            .any(|key| !matches!(says(key), "null" | "\"\""))
}

fn not_json(what: impl Into<String>) -> ComputeError {
    ComputeError::NotJson(what.into())
}

fn cut_off() -> ComputeError {
    not_json("it is cut off")
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// The values of a document, read some bytes at a time; and whether its last list has more.
    fn values(text: &str, step: usize) -> Result<(Vec<String>, Option<bool>), String> {
        let mut document = Document::new(BufReader::with_capacity(step, text.as_bytes()));
        let (mut held, mut found) = (Vec::new(), Vec::new());
        loop {
            match document.next(&mut held).map_err(|error| error.to_string())? {
                Some(place) => found.push(String::from_utf8(held[place].to_vec()).unwrap()),
                None => return Ok((found, document.more())),
            }
        }
    }

    #[test]
    fn objects_are_found_wherever_they_stand() {
        for (text, expected, more) in [
            ("[]", vec![], None),
            (r#"[{"a":1},{"b":[2]}]"#, vec![r#"{"a":1}"#, r#"{"b":[2]}"#], None),
            (r#"{"data":[]}"#, vec![], Some(false)),
            (
                r#"{"object":"list","data":[{"a":1}],"has_more":true}"#,
                vec![r#"{"a":1}"#],
                Some(true),
            ),
            (r#"{"has_more":true,"data":[{"a":1}]}"#, vec![r#"{"a":1}"#], Some(true)),
            (
                r#"{"data":[{"a":1}],"next_page":"p2","url":"/x"}"#,
                vec![r#"{"a":1}"#],
                Some(true),
            ),
            (
                r#"{"data":[{"a":1}],"next_page":null,"has_more":false}"#,
                vec![r#"{"a":1}"#],
                Some(false),
            ),
            (
                r#"[{"object":"list","has_more":true,"data":[{"a":1}]},{"data":[{"b":1}],"has_more":false},{"c":"]}"}]"#,
                vec![r#"{"a":1}"#, r#"{"b":1}"#, r#"{"c":"]}"}"#],
                Some(false),
            ),
            (
                r#"[[{"a":1}],[[{"b":"\"{"}]]]"#,
                vec![r#"{"a":1}"#, r#"{"b":"\"{"}"#],
                None,
            ),
            (
                r#"{"data":[{"data":[{"a":1}],"has_more":true}]}"#,
                vec![r#"{"a":1}"#],
                Some(false),
            ),
            // No lists: an object with an id, an event, an object of another name.
            (
                r#"{"id":"x","data":[{"a":1}]}"#,
                vec![r#"{"id":"x","data":[{"a":1}]}"#],
                None,
            ),
            (
                r#"{"data":{"object":{"a":[1]}}}"#,
                vec![r#"{"data":{"object":{"a":[1]}}}"#],
                None,
            ),
            (
                r#"{"object":"odd","data":[1],"b":[2]}"#,
                vec![r#"{"object":"odd","data":[1],"b":[2]}"#],
                None,
            ),
            ("{\"a\":1}\n\n{\"b\":[1,2]}", vec![r#"{"a":1}"#, r#"{"b":[1,2]}"#], None),
            (
                "\u{feff}[null, true,\"x,]\", -1.5e3]",
                vec!["null", "true", "\"x,]\"", "-1.5e3"],
                None,
            ),
        ] {
            for step in [1, 2, 7, 4096] {
                let expected = expected.iter().map(|text| (*text).to_owned()).collect();
                assert_eq!(values(text, step), Ok((expected, more)), "{text} by {step}");
            }
        }
    }

    #[test]
    fn what_is_no_json_is_said() {
        for text in [
            "[",
            "[{}",
            "[{},",
            "[{},]",
            "[,]",
            "[{} {}]",
            "]",
            "{}]",
            "[oops]",
            "{\"data\":[{}]",
            "{\"data\":[{}] \"x\":1}",
            "[{\"id\":\"a\"},{\"id\":",
            "{\"a\":\"",
            "{\"data\":[{}],\"x\":oops}",
            "{},{}",
        ] {
            for step in [1, 4096] {
                assert!(values(text, step).is_err(), "{text}");
            }
        }
    }
}
