//! Documents as XML, as AWS's query protocol answers.

use std::borrow::Cow;

use quick_xml::escape::escape;
use serde_json::Value;

use crate::epoch::to_the_millisecond;
use crate::model::{Member, Shape};

/// What an answer's XML begins with.
pub(crate) const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// Opens and closes an element around what `inside` writes.
pub(crate) fn within(xml: &mut String, name: &str, inside: impl FnOnce(&mut String)) {
    xml.extend(["<", name, ">"]);
    inside(xml);
    xml.extend(["</", name, ">"]);
}

/// An element with a text.
pub(crate) fn text(xml: &mut String, name: &str, text: &str) {
    // A bare carriage return would be read as the end of a line.
    let escaped = escape(allowed(text)).replace('\r', "&#13;");
    within(xml, name, |xml| xml.push_str(&escaped));
}

/// What a document holds, as far as its shape names it.
pub(crate) fn members(xml: &mut String, document: &Value, members: &[Member]) {
    for member in members {
        if let Some(value) = document.get(member.name).filter(|value| !value.is_null()) {
            element(xml, member.query_name.unwrap_or(member.name), value, &member.shape);
        }
    }
}

fn element(xml: &mut String, name: &str, value: &Value, shape: &Shape) {
    match (shape, value) {
        (Shape::Structure(of), _) => within(xml, name, |xml| members(xml, value, of)),
        (Shape::List(list), Value::Array(items)) if list.flat => {
            for item in items {
                element(xml, name, item, &list.of);
            }
        }
        (Shape::List(list), Value::Array(items)) => within(xml, name, |xml| {
            for item in items {
                element(xml, list.item, item, &list.of);
            }
        }),
        (Shape::Map(map), Value::Object(entries)) => {
            let each = |xml: &mut String, entry: &str| {
                for (key, item) in entries {
                    within(xml, entry, |xml| {
                        text(xml, map.key_name, key);
                        element(xml, map.value_name, item, &map.of);
                    });
                }
            };
            if map.flat {
                each(xml, name);
            } else {
                within(xml, name, |xml| each(xml, map.entry));
            }
        }
        (Shape::Timestamp, Value::String(at)) => {
            let at = to_the_millisecond(at);
            text(xml, name, at.as_deref().unwrap_or_default());
        }
        (_, Value::String(value)) => text(xml, name, value),
        (_, value) => text(xml, name, &value.to_string()),
    }
}

/// A text without what XML has no way to write.
fn allowed(text: &str) -> Cow<'_, str> {
    let is_allowed = |letter: char| match letter {
        '\t' | '\n' | '\r' => true,
        letter => letter >= ' ' && !matches!(letter, '\u{fffe}' | '\u{ffff}'),
    };
    if text.chars().all(is_allowed) {
        return Cow::Borrowed(text);
    }
    let kept = text
        .chars()
        .map(|letter| if is_allowed(letter) { letter } else { '\u{fffd}' });
    Cow::Owned(kept.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{List, Map, Text};

    static NAMES: List = List::of(Text::ANY.shape(), 0, 9);
    static MESSAGE: [Member; 2] = [
        Member::optional("Body", Text::ANY.shape()),
        Member::optional("Attributes", Shape::Map(&ATTRIBUTES)).called("Attribute"),
    ];
    static MESSAGES: List = List {
        of: Shape::Structure(&MESSAGE),
        min: 0,
        max: 10,
        item: "Message",
        flat: true,
    };
    static ATTRIBUTES: Map = Map {
        key: Text::ANY,
        of: Text::ANY.shape(),
        max: 9,
        entry: "Attribute",
        key_name: "Name",
        value_name: "Value",
        flat: true,
    };
    static OUTPUT: [Member; 6] = [
        Member::optional("Label", Text::ANY.shape()),
        Member::optional("Names", Shape::List(&NAMES)),
        Member::optional("Messages", Shape::List(&MESSAGES)).called("Message"),
        Member::optional("At", Shape::Timestamp),
        Member::optional("Sum", Shape::Double),
        Member::optional("More", Shape::Boolean),
    ];

    #[test]
    fn a_document_is_elements() {
        let document = json!({
            "Label": "<a> & \"b\"\u{0}", "Names": ["x", "y"],
            "Messages": [{"Body": "{}", "Attributes": {"n": "1"}}, {"Body": ""}],
            "At": "2026-11-25T12:00:00.123456Z", "Sum": 1.5, "More": false, "Unknown": 1,
        });
        let mut xml = String::new();
        members(&mut xml, &document, &OUTPUT);
        assert_eq!(
            xml,
            "<Label>&lt;a&gt; &amp; &quot;b&quot;\u{fffd}</Label><Names><member>x</member><member>y</member></Names>\
             <Message><Body>{}</Body><Attribute><Name>n</Name><Value>1</Value></Attribute></Message>\
             <Message><Body></Body></Message><At>2026-11-25T12:00:00.123Z</At><Sum>1.5</Sum><More>false</More>"
        );
    }
}
