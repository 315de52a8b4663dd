//! What an operation takes and gives, as data: AWS's models as far as this door speaks of them. One validator reads them, and a
//! test holds them against botocore's.

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// A text.
    Text(Text),
    /// A whole number of 32 bits, within bounds.
    Integer { min: i64, max: i64 },
    /// A whole number of 64 bits, within bounds.
    Long { min: i64, max: i64 },
    /// A floating-point number. What is no number, or infinite, is refused as CloudWatch does it.
    Double,
    /// True or false.
    Boolean,
    /// Bytes, as base64 in JSON and as such in CBOR; `max` bytes at most.
    Blob { max: usize },
    /// A moment: seconds of 1970 in JSON and CBOR, ISO 8601 in a form.
    Timestamp,
    /// A list.
    List(&'static List),
    /// A map by texts.
    Map(&'static Map),
    /// Members by name.
    Structure(&'static [Member]),
}

/// A text's bounds, in characters, its pattern and the words it may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text {
    pub(crate) min: usize,
    pub(crate) max: usize,
    /// A regular expression that the whole text matches, as AWS's model writes it.
    pub(crate) pattern: Option<&'static str>,
    /// The words it may be; any where none are named.
    pub(crate) among: &'static [&'static str],
}

impl Text {
    /// Any text.
    pub(crate) const ANY: Self = Self {
        min: 0,
        max: usize::MAX,
        pattern: None,
        among: &[],
    };

    /// A text of so many characters.
    pub(crate) const fn of(min: usize, max: usize) -> Self {
        Self { min, max, ..Self::ANY }
    }

    /// One of these words.
    pub(crate) const fn among(words: &'static [&'static str]) -> Self {
        Self {
            among: words,
            ..Self::ANY
        }
    }

    /// The same, matching a pattern.
    pub(crate) const fn like(self, pattern: &'static str) -> Self {
        Self {
            pattern: Some(pattern),
            ..self
        }
    }

    /// As a shape.
    pub(crate) const fn shape(self) -> Shape {
        Shape::Text(self)
    }
}

/// A list's bounds, and what it holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List {
    pub(crate) of: Shape,
    pub(crate) min: usize,
    pub(crate) max: usize,
    /// How an item is called in a form and in XML: `member`, or a name of its own. A flat list's items stand under the
    /// list's own name.
    pub(crate) item: &'static str,
    pub(crate) flat: bool,
}

impl List {
    /// A list of anything between so many items, as most of AWS's are.
    pub(crate) const fn of(of: Shape, min: usize, max: usize) -> Self {
        Self {
            of,
            min,
            max,
            item: "member",
            flat: false,
        }
    }
}

/// A map's bounds, its keys and what it holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Map {
    pub(crate) key: Text,
    pub(crate) of: Shape,
    pub(crate) max: usize,
    /// How an entry, its key and its value are called in a form and in XML; flat as SQS has it, or below `entry`.
    pub(crate) entry: &'static str,
    pub(crate) key_name: &'static str,
    pub(crate) value_name: &'static str,
    pub(crate) flat: bool,
}

impl Map {
    /// A map of anything with so many entries at most, as most of AWS's are.
    pub(crate) const fn of(key: Text, of: Shape, max: usize) -> Self {
        Self {
            key,
            of,
            max,
            entry: "entry",
            key_name: "key",
            value_name: "value",
            flat: false,
        }
    }
}

/// A member of a structure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    /// How it is called in a form and in XML, where that is another name.
    pub(crate) query_name: Option<&'static str>,
}

impl Member {
    /// One that must be there.
    pub(crate) const fn required(name: &'static str, shape: Shape) -> Self {
        Self {
            name,
            shape,
            required: true,
            query_name: None,
        }
    }

    /// One that may be left out.
    pub(crate) const fn optional(name: &'static str, shape: Shape) -> Self {
        Self {
            required: false,
            ..Self::required(name, shape)
        }
    }

    /// The same, called otherwise in a form and in XML.
    pub(crate) const fn called(self, query_name: &'static str) -> Self {
        Self {
            query_name: Some(query_name),
            ..self
        }
    }
}

#[cfg(test)]
mod held;
