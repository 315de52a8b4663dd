//! JSON from outside, read in one way at every door: the same depth for all, and no key that the library which reads
//! it would obey.
//!
//! `serde_json` gives some keys a meaning of their own: an object that begins with
//! `$serde_json::private::RawValue` is replaced by what its text says, read as JSON anew, however deep. Such a key
//! has no place in anything that others send, and is refused. What is stored is read in the same way again, for it
//! may have come in by an older version.

use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Value};

/// How deep objects and lists may be nested, the outermost counted. It is half of what the library reads, so that
/// whatever is let in here can be wrapped in an event, a row or an answer and is read there again.
pub const MAX_DEPTH: usize = 64;

/// What the keys begin with that libraries keep for themselves.
const PRIVATE: [&str; 3] = [
    "$serde_json::private::",
    "$__toml_private_",
    "$__serde_spanned_private_",
];

/// Input that is not taken. Its text names the place and shows nothing of the input itself but its shape.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// It is no JSON.
    #[error("it is not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// It is JSON that is not taken: nested too deep, with a key that belongs to a library, or of another shape.
    #[error("{0}")]
    Refused(#[source] serde_json::Error),
}

impl InputError {
    fn of(error: serde_json::Error) -> Self {
        match error.classify() {
            Category::Data => Self::Refused(error),
            Category::Io | Category::Syntax | Category::Eof => Self::NotJson(error),
        }
    }
}

/// Reads one document.
///
/// # Errors
/// It is no JSON, is nested more than [`MAX_DEPTH`] levels deep, or has a key that belongs to a library.
pub fn document(text: &[u8]) -> Result<Value, InputError> {
    read(text, Plain::within(MAX_DEPTH))
}

/// Reads one document in which no object says one thing twice: whoever carries it out may take the one, and whoever was
/// shown it have seen the other.
///
/// # Errors
/// As [`document`], or an object has a key twice.
pub fn unambiguous(text: &[u8]) -> Result<Value, InputError> {
    let once = true;
    read(
        text,
        Plain {
            once,
            ..Plain::within(MAX_DEPTH)
        },
    )
}

/// Reads a document that may be several in a list. The list around them does not count as a level, so that a document
/// is taken or refused whichever way it comes.
///
/// # Errors
/// As [`document`].
pub fn documents(text: &[u8]) -> Result<Value, InputError> {
    let is_list = text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    read(text, Plain::within(MAX_DEPTH + usize::from(is_list)))
}

/// Reads a document of a known shape.
///
/// # Errors
/// As [`document`], or it has another shape.
pub fn typed<T: DeserializeOwned>(text: &[u8]) -> Result<T, InputError> {
    looked_at(text)?;
    // From here on nothing in it means anything to the library.
    serde_json::from_slice(text).map_err(InputError::of)
}

/// What a deserializer gives, of whatever format, as JSON.
///
/// # Errors
/// As [`document`], in the deserializer's own kind of error.
pub fn value<'de, D: Deserializer<'de>>(input: D) -> Result<Value, D::Error> {
    Plain::within(MAX_DEPTH).deserialize(input)
}

fn read(text: &[u8], plain: Plain) -> Result<Value, InputError> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = plain.deserialize(&mut reader);
    let value = value.and_then(|value| reader.end().map(|()| value));
    value.map_err(InputError::of)
}

/// The same as [`document`], for those who want nothing of it but to know that it is taken.
fn looked_at(text: &[u8]) -> Result<(), InputError> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let looked = ValidateOnly(Plain::within(MAX_DEPTH)).deserialize(&mut reader);
    looked.and_then(|()| reader.end()).map_err(InputError::of)
}

/// Whether a key would mean something to a library that reads it. Whoever makes a document of something that is no JSON, by
/// names that others gave, lets none of these in.
pub fn is_private_key(key: &str) -> bool {
    PRIVATE.iter().any(|private| key.starts_with(private))
}

/// A key, as the one rule for keys wants it.
fn plain_key<E: serde::de::Error>(key: &str) -> Result<(), E> {
    match PRIVATE.iter().find(|private| key.starts_with(*private)) {
        None => Ok(()),
        Some(private) => Err(E::custom(format_args!(
            "a key begins with `{private}`, which a library keeps for itself; give it another name"
        ))),
    }
}

/// A value that is looked at and not kept.
#[derive(Clone, Copy)]
struct ValidateOnly(Plain);

impl<'de> DeserializeSeed<'de> for ValidateOnly {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValidateOnly {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let inner = Self(self.0.deeper()?);
        while list.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let inner = Self(self.0.deeper()?);
        while object.next_key_seed(Key)?.is_some() {
            object.next_value_seed(inner)?;
        }
        Ok(())
    }
}

/// A key that is looked at and not kept.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<(), E> {
        plain_key(key)
    }
}

/// A value, with so many levels left.
#[derive(Clone, Copy)]
struct Plain {
    left: usize,
    /// Whether an object that has a key twice is refused; else the last one counts.
    once: bool,
}

impl Plain {
    fn within(left: usize) -> Self {
        Self { left, once: false }
    }

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(Self { left, ..self }),
            None => Err(E::custom(format_args!(
                "it is nested more than {MAX_DEPTH} levels deep"
            ))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Plain {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Plain {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        self.deserialize(input)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        self.deserialize(input)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut fields = Map::new();
        while let Some(key) = object.next_key::<String>()? {
            plain_key(&key)?;
            if self.once && fields.contains_key(&key) {
                let key: String = key.chars().take(64).collect();
                return Err(A::Error::custom(format_args!("it says `{key}` twice")));
            }
            let value = object.next_value_seed(inner)?;
            fields.insert(key, value);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(depth: usize, open: &str, close: &str) -> String {
        format!("{}1{}", open.repeat(depth), close.repeat(depth))
    }

    /// Why a document is refused, and one of a known shape for the same reason.
    fn refusal(text: &str) -> String {
        let refused = document(text.as_bytes()).unwrap_err().to_string();
        let of_a_shape = typed::<Value>(text.as_bytes()).unwrap_err().to_string();
        let reason = |refused: &str| refused.split(" at line").next().map(str::to_owned);
        assert_eq!(reason(&of_a_shape), reason(&refused), "{text}");
        refused
    }

    #[test]
    fn the_library_obeys_its_private_key_and_we_refuse_it() {
        let hidden = nested(100, "[", "]");
        let once = json!({"$serde_json::private::RawValue": hidden}).to_string();
        let text = json!({"$serde_json::private::RawValue": format!("[{once}]")}).to_string();
        let obeyed: Value = serde_json::from_str(&text).unwrap();
        assert!(obeyed.is_array(), "what this module is for: {obeyed}");
        let refused = refusal(&text);
        assert!(refused.contains("`$serde_json::private::`"), "{refused}");
        assert!(!refused.contains("[["), "the input itself is not shown: {refused}");
    }

    #[test]
    fn a_private_key_is_found_wherever_it_stands_and_however_it_is_written() {
        assert!(is_private_key("$serde_json::private::RawValue") && !is_private_key("$serde_json"));
        for text in [
            r#"{"detail": {"params": {"x": [{"$serde_json::private::RawValue": "1"}]}}}"#,
            r#"{"a": 1, "$serde_json::private::Number": "1"}"#,
            r#"{"$serde_json::private::\u0052awValue": "1"}"#,
            r#"{"$__toml_private_datetime": "2026-01-01"}"#,
            r#"[{"$__serde_spanned_private_start": 0}]"#,
        ] {
            assert!(refusal(text).contains("keeps for itself"), "{text}");
        }
        assert!(
            document(br#"{"$serde_json": "$serde_json::private::RawValue"}"#).is_ok(),
            "a text is a text"
        );
    }

    #[test]
    fn one_depth_holds_for_every_form() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
            let levels = MAX_DEPTH / (open.matches(['[', '{']).count());
            assert!(document(nested(levels, open, close).as_bytes()).is_ok(), "{open}");
            let refused = refusal(&nested(levels + 1, open, close));
            assert!(refused.contains("64 levels deep at line 1 column"), "{refused}");
        }
        let text = json!({"text": nested(2_000, "[", "]")}).to_string();
        assert!(document(text.as_bytes()).is_ok(), "what stands in a text is not read");
    }

    #[test]
    fn the_list_around_several_is_no_level_of_theirs() {
        let one = nested(MAX_DEPTH, "{\"a\":", "}");
        assert!(documents(one.as_bytes()).is_ok());
        assert!(documents(format!(" [{one}, {one}]").as_bytes()).is_ok());
        let deeper = nested(MAX_DEPTH + 1, "{\"a\":", "}");
        assert!(documents(deeper.as_bytes()).is_err());
        assert!(documents(format!("[{deeper}]").as_bytes()).is_err());
    }

    #[test]
    fn what_is_let_in_can_be_wrapped_and_read_again() {
        let mut value = document(nested(MAX_DEPTH, "[", "]").as_bytes()).unwrap();
        for _ in 0..32 {
            value = json!({"body": value});
        }
        let again: Value = serde_json::from_str(&value.to_string()).unwrap();
        assert_eq!(again, value);
    }

    #[test]
    fn what_is_read_is_what_the_library_reads() {
        let text = r#" {"a": [null, true, -7, 18446744073709551615, 1.5e300, 0.1], "\u00e9": "\ud83d\ude00", "": {}} "#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(document(text.as_bytes()).unwrap(), expected);
        assert_eq!(typed::<Value>(text.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn no_json_and_another_shape_are_told_apart() {
        assert!(matches!(document(b"{"), Err(InputError::NotJson(_))));
        assert!(matches!(document(b"{} {}"), Err(InputError::NotJson(_))));
        assert!(matches!(typed::<u8>(b"\"x\""), Err(InputError::Refused(_))));
        assert_eq!(typed::<u8>(b"7").unwrap(), 7);
    }

    #[test]
    fn other_formats_are_walked_through_as_well() {
        let read = |text: &str| value(toml::de::Deserializer::parse(text).unwrap());
        let expected = json!({"a": [1, 1.5, true], "b": {"c": "x"}});
        assert_eq!(read("a = [1, 1.5, true]\n[b]\nc = 'x'").unwrap(), expected);
        assert!(read("\"$serde_json::private::RawValue\" = '[1]'").is_err());
    }
}
