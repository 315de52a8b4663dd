//! YAML as Dependabot takes it: no aliases, no key twice, and nothing nested without end.

use saphyr::{LoadableYamlNode as _, MarkedYaml, Scalar, YamlData};
use saphyr_parser::{Event, Parser, ScanError};
use serde_json::Value;

use super::Mistake;

/// Deeper than any Dependabot file; what is nested further costs stack.
const DEEPEST: usize = 32;

/// Every document of the text, with the places of its nodes.
pub(crate) fn load(text: &str) -> Result<Vec<MarkedYaml<'_>>, Mistake> {
    let text = text.trim_start_matches('\u{feff}');
    let mut depth = 0_usize;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| refused(&error))?;
        let line = span.start.line().max(1);
        match event {
            // Source: <https://github.com/dependabot/dependabot-core/issues/1582>.
            Event::Alias(_) => {
                return Err(Mistake {
                    line,
                    message: "Dependabot does not read YAML aliases; write the value out".to_owned(),
                });
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                depth += 1;
                if depth > DEEPEST {
                    return Err(Mistake {
                        line,
                        message: format!("it is nested deeper than {DEEPEST} levels"),
                    });
                }
            }
            Event::SequenceEnd | Event::MappingEnd => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    MarkedYaml::load_from_str(text).map_err(|error| refused(&error))
}

fn refused(error: &ScanError) -> Mistake {
    Mistake {
        line: error.marker().line().max(1),
        message: format!("this is not YAML: {}", error.info()),
    }
}

/// Whether nothing is written there.
pub(crate) fn is_null(node: &MarkedYaml<'_>) -> bool {
    node.data.is_null() || node.data.is_badvalue()
}

/// What stands under this key.
pub(crate) fn get<'n, 'y>(node: &'n MarkedYaml<'y>, key: &str) -> Option<&'n MarkedYaml<'y>> {
    let (_, value) = node
        .data
        .as_mapping()?
        .iter()
        .find(|(name, _)| name.data.as_str() == Some(key))?;
    Some(value)
}

/// A key in words.
pub(super) fn name(key: &MarkedYaml<'_>) -> String {
    match &key.data {
        YamlData::Value(Scalar::String(text)) => text.to_string(),
        YamlData::Value(Scalar::Boolean(flag)) => flag.to_string(),
        YamlData::Value(Scalar::Integer(number)) => number.to_string(),
        YamlData::Value(Scalar::FloatingPoint(number)) => number.to_string(),
        _ => "~".to_owned(),
    }
}

/// The keys of a mapping, with their nodes and what stands under them. What is no mapping has none.
pub(super) fn pairs<'n, 'y>(
    node: &'n MarkedYaml<'y>,
) -> impl Iterator<Item = (String, &'n MarkedYaml<'y>, &'n MarkedYaml<'y>)> {
    let pairs = node.data.as_mapping();
    pairs
        .into_iter()
        .flat_map(|pairs| pairs.iter().map(|(key, value)| (name(key), key, value)))
}

/// A node and the key it stands under, if it stands under one.
#[derive(Clone, Copy)]
pub(super) struct Place<'n, 'y> {
    pub(super) key: Option<&'n MarkedYaml<'y>>,
    pub(super) value: &'n MarkedYaml<'y>,
}

impl<'n, 'y> Place<'n, 'y> {
    /// What a JSON pointer leads to.
    pub(super) fn at(root: &'n MarkedYaml<'y>, pointer: &str) -> Option<Self> {
        let mut place = Self { key: None, value: root };
        for part in pointer.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            place = if let Some(items) = place.value.data.as_vec() {
                Self {
                    key: None,
                    value: items.get(part.parse::<usize>().ok()?)?,
                }
            } else {
                let (_, key, value) = pairs(place.value).find(|(name, ..)| *name == part)?;
                Self { key: Some(key), value }
            };
        }
        Some(place)
    }

    /// The line of the value, or of its key if nothing is written there.
    pub(super) fn line(&self) -> usize {
        match self.key {
            Some(key) if is_null(self.value) => line(key),
            _ => line(self.value),
        }
    }
}

/// The line where a node begins, from 1.
pub(super) fn line(node: &MarkedYaml<'_>) -> usize {
    node.span.start.line().max(1)
}

/// A document as JSON, as GitHub's reader of YAML 1.1 takes it: `yes` and `no` are no texts there, and neither is
/// `15:00` without quotes. `lines` are those of the whole text.
/// Sources: <https://yaml.org/type/bool.html>, <https://github.com/dependabot/dependabot-core/issues/3263>.
pub(crate) fn json(node: &MarkedYaml<'_>, lines: &[&str]) -> Value {
    match &node.data {
        YamlData::Value(Scalar::Boolean(flag)) => Value::from(*flag),
        YamlData::Value(Scalar::Integer(number)) => Value::from(*number),
        YamlData::Value(Scalar::FloatingPoint(number)) => Value::from(number.into_inner()),
        YamlData::Value(Scalar::String(text)) => match older(text) {
            Some(value) if plain(node, lines) => value,
            _ => Value::from(text.as_ref()),
        },
        YamlData::Sequence(items) => items.iter().map(|item| json(item, lines)).collect(),
        YamlData::Mapping(_) => pairs(node)
            .map(|(name, _, value)| (name, json(value, lines)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        YamlData::Tagged(_, node) => json(node, lines),
        YamlData::Value(Scalar::Null) | YamlData::Representation(..) | YamlData::Alias(_) | YamlData::BadValue => {
            Value::Null
        }
    }
}

/// What a text without quotes is in YAML 1.1, if it is no text there.
fn older(text: &str) -> Option<Value> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" => return Some(true.into()),
        "no" | "off" => return Some(false.into()),
        _ => {}
    }
    let mut parts = text.strip_prefix(['-', '+']).unwrap_or(text).split(':');
    let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    let first = parts.next().filter(|first| digits(first))?;
    let mut number = first.parse::<u64>().ok()?;
    let mut more = 0;
    for part in parts {
        let part = Some(part).filter(|part| digits(part))?.parse::<u64>().ok()?;
        number = number.checked_mul(60)?.checked_add(part).filter(|_| part < 60)?;
        more += 1;
    }
    matches!(more, 1 | 2).then(|| number.into())
}

/// Whether a scalar is written without quotes and on its line.
fn plain(node: &MarkedYaml<'_>, lines: &[&str]) -> bool {
    let start = node.span.start;
    lines
        .get(start.line().saturating_sub(1))
        .and_then(|line| line.chars().nth(start.col()))
        .is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-'))
}
