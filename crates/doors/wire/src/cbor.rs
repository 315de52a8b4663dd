//! CBOR, as RPC v2 has it, to and from the document that a shape asks for.

use std::convert::Infallible;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minicbor::data::{Tag, Type};
use minicbor::decode::Error;
use minicbor::{Decoder, Encoder, encode};
use serde_json::{Map as Object, Number, Value};

use crate::epoch::Epoch;
use crate::model::{Map, Member, Shape, Text};

/// How deep lists and maps may be nested.
const DEEPEST: usize = 64;

/// The tag of a moment in seconds of 1970.
const EPOCH: Tag = Tag::new(1);

/// What an error says.
pub(crate) const ERROR: Shape = Shape::Structure(&[
    Member::optional("__type", Text::ANY.shape()),
    Member::optional("message", Text::ANY.shape()),
]);

/// A document from CBOR, all of it. What is of another kind than the shape asks for is an error; bytes and moments are
/// written as JSON has them.
pub(crate) fn read(bytes: &[u8], shape: &Shape) -> Result<Value, Error> {
    let mut decoder = Decoder::new(bytes);
    let document = value(&mut decoder, shape, DEEPEST)?;
    if decoder.position() < bytes.len() {
        return Err(Error::message("there is something behind its end"));
    }
    Ok(document)
}

fn value(decoder: &mut Decoder<'_>, shape: &Shape, left: usize) -> Result<Value, Error> {
    let Some(left) = left.checked_sub(1) else {
        return Err(Error::message("it is nested more than 64 levels deep"));
    };
    if is_null(decoder)? {
        return Ok(Value::Null);
    }
    match shape {
        Shape::Text(_) => text(decoder).map(Value::String),
        Shape::Integer { .. } | Shape::Long { .. } => whole(decoder).map(Value::Number),
        Shape::Double => number(decoder),
        Shape::Boolean => decoder.bool().map(Value::Bool),
        Shape::Blob { .. } => {
            let parts = decoder.bytes_iter()?.collect::<Result<Vec<_>, _>>()?;
            Ok(Value::String(STANDARD.encode(parts.concat())))
        }
        Shape::Timestamp => match decoder.tag()? {
            EPOCH => number(decoder),
            other => Err(Error::tag_mismatch(other)),
        },
        Shape::List(list) => {
            let mut items = Vec::new();
            let count = decoder.array()?;
            each(decoder, count, |decoder| {
                let item = value(decoder, &list.of, left)?;
                // One more than there may be shows that there are too many.
                if items.len() <= list.max {
                    items.push(item);
                }
                Ok(())
            })?;
            Ok(Value::Array(items))
        }
        Shape::Map(map) => entries(decoder, map, left),
        Shape::Structure(members) => structure(decoder, members, left),
    }
}

fn is_null(decoder: &mut Decoder<'_>) -> Result<bool, Error> {
    let is_null = matches!(decoder.datatype()?, Type::Null | Type::Undefined);
    if is_null {
        decoder.skip()?;
    }
    Ok(is_null)
}

/// Calls for each item of a list or a map: as many as were announced, or up to the break.
fn each<'b>(
    decoder: &mut Decoder<'b>,
    count: Option<u64>,
    mut item: impl FnMut(&mut Decoder<'b>) -> Result<(), Error>,
) -> Result<(), Error> {
    if let Some(count) = count {
        // However many were announced, the input ends.
        return (0..count).try_for_each(|_| item(decoder));
    }
    while decoder.datatype()? != Type::Break {
        item(decoder)?;
    }
    decoder.skip()
}

fn structure(decoder: &mut Decoder<'_>, members: &[Member], left: usize) -> Result<Value, Error> {
    let mut document = Object::new();
    let count = decoder.map()?;
    each(decoder, count, |decoder| {
        let name = text(decoder)?;
        match members.iter().find(|member| member.name == name) {
            None => decoder.skip(),
            Some(member) => {
                let value = value(decoder, &member.shape, left)?;
                document.insert(name, value);
                Ok(())
            }
        }
    })?;
    Ok(Value::Object(document))
}

fn entries(decoder: &mut Decoder<'_>, map: &Map, left: usize) -> Result<Value, Error> {
    let mut document = Object::new();
    let count = decoder.map()?;
    each(decoder, count, |decoder| {
        let key = text(decoder)?;
        let value = value(decoder, &map.of, left)?;
        document.insert(key, value);
        Ok(())
    })?;
    Ok(Value::Object(document))
}

fn text(decoder: &mut Decoder<'_>) -> Result<String, Error> {
    decoder.str_iter()?.collect()
}

fn whole(decoder: &mut Decoder<'_>) -> Result<Number, Error> {
    let whole = i128::from(decoder.int()?);
    let signed = i64::try_from(whole).map(Number::from);
    let number = signed.or_else(|_| u64::try_from(whole).map(Number::from));
    number.map_err(|_| Error::message("a whole number has more than 64 bits"))
}

/// A number; one that is none is the text that JSON has for it.
fn number(decoder: &mut Decoder<'_>) -> Result<Value, Error> {
    let number = match decoder.datatype()? {
        Type::F16 | Type::F32 => f64::from(decoder.f32()?),
        Type::F64 => decoder.f64()?,
        _ => return whole(decoder).map(Value::Number),
    };
    let text = match number {
        _ if number.is_nan() => "NaN",
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        finite => return Ok(Value::from(finite)),
    };
    Ok(Value::String(text.to_owned()))
}

type Written = Result<(), encode::Error<Infallible>>;

/// A document in CBOR, as far as its shape names it.
pub(crate) fn write(document: &Value, shape: &Shape) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    // A vector takes everything.
    match put(&mut encoder, document, shape) {
        Ok(()) => encoder.into_writer(),
        Err(_) => Vec::new(),
    }
}

fn put(encoder: &mut Encoder<Vec<u8>>, document: &Value, shape: &Shape) -> Written {
    match (shape, document) {
        (Shape::Structure(members), Value::Object(given)) => {
            let there = |member: &&Member| given.get(member.name).is_some_and(|value| !value.is_null());
            let members: Vec<&Member> = members.iter().filter(there).collect();
            encoder.map(length(members.len()))?;
            for member in members {
                encoder.str(member.name)?;
                put(encoder, given.get(member.name).unwrap_or(&Value::Null), &member.shape)?;
            }
        }
        (Shape::List(list), Value::Array(items)) => {
            encoder.array(length(items.len()))?;
            for item in items {
                put(encoder, item, &list.of)?;
            }
        }
        (Shape::Map(map), Value::Object(entries)) => {
            encoder.map(length(entries.len()))?;
            for (key, item) in entries {
                encoder.str(key)?;
                put(encoder, item, &map.of)?;
            }
        }
        (Shape::Timestamp, Value::String(text)) => {
            encoder.tag(EPOCH)?;
            match Epoch::of(text) {
                Some(Epoch::Whole(seconds)) => encoder.i64(seconds)?,
                Some(Epoch::Parts(seconds)) => encoder.f64(seconds)?,
                None => encoder.null()?,
            };
        }
        (Shape::Blob { .. }, Value::String(text)) => {
            encoder.bytes(&STANDARD.decode(text).unwrap_or_default())?;
        }
        (Shape::Double, Value::Number(number)) => {
            encoder.f64(number.as_f64().unwrap_or_default())?;
        }
        (_, Value::Number(number)) => {
            match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => encoder.i64(whole)?,
                (None, number) => encoder.f64(number.unwrap_or_default())?,
            };
        }
        (_, Value::String(text)) => {
            encoder.str(text)?;
        }
        (_, Value::Bool(flag)) => {
            encoder.bool(*flag)?;
        }
        (_, Value::Null | Value::Array(_) | Value::Object(_)) => {
            encoder.null()?;
        }
    }
    Ok(())
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
