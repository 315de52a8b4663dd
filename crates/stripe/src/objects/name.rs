//! The names in JSON that may be broken or cut off: what can be read of it says whose it was.

use std::borrow::Cow;

/// Where the value of a field of the outermost object begins; up to there the JSON must be whole enough to be
/// followed, behind it may be anything. The first of that name counts.
pub(crate) fn field<'a>(json: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut rest = json.trim_ascii_start().strip_prefix(b"{")?;
    let (mut depth, mut at_key) = (1_u32, true);
    loop {
        let (byte, behind) = rest.split_first()?;
        rest = behind;
        match byte {
            b'"' => {
                let end = end_of_text(rest)?;
                let (text, behind) = rest.split_at_checked(end)?;
                rest = behind.get(1..)?;
                if depth == 1 && at_key {
                    at_key = false;
                    let value = rest.trim_ascii_start().strip_prefix(b":");
                    if let Some(value) = value.filter(|_| text == name.as_bytes()) {
                        return Some(value.trim_ascii_start());
                    }
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1).filter(|depth| *depth > 0)?;
            }
            b',' if depth == 1 => at_key = true,
            _ => {}
        }
    }
}

/// The text at the beginning, if there is one.
fn text(value: &[u8]) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix(b"\"")?;
    let end = end_of_text(inner)?;
    let plain = inner.get(..end)?;
    if plain.contains(&b'\\') {
        return serde_json::from_slice(value.get(..end + 2)?).ok().map(Cow::Owned);
    }
    str::from_utf8(plain).ok().map(Cow::Borrowed)
}

/// Where the quotation mark stands that ends a text.
fn end_of_text(inner: &[u8]) -> Option<usize> {
    let mut escaped = false;
    inner.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })
}

/// The object's id.
pub(crate) fn id_of(json: &[u8]) -> Option<Cow<'_, str>> {
    field(json, "id").and_then(text)
}

/// Its customer's id, whether the customer was expanded or not.
pub(super) fn customer_of(json: &[u8]) -> Option<Cow<'_, str>> {
    let id = |value| text(value).or_else(|| id_of(value));
    let customer = field(json, "customer").and_then(id);
    customer.or_else(|| field(json, "customer_account").and_then(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_from_what_is_left() {
        for (json, id) in [
            (r#"{"id": "sub_1", "status": oops}"#, Some("sub_1")),
            (r#"{"id":"sub_1","items":{"data":[{"id":"si"#, Some("sub_1")),
            (r#" {"plan":{"id":"p"},"x":["{",{}],"id":"sub\u005f1""#, Some("sub_1")),
            (r#"{"note":"a \" , \"id\":\"no\"","id":"sub_1"}"#, Some("sub_1")),
            (r#"{"id":"sub_"#, None),
            (r#"{"plan":{"id":"p"}}"#, None),
            (r#"{"plan":{"id":"p"}} {"id":"next"}"#, None),
            (r#"["id","sub_1"]"#, None),
            ("// a comment", None),
            ("", None),
        ] {
            assert_eq!(id_of(json.as_bytes()).as_deref(), id, "{json}");
        }
    }

    #[test]
    fn a_customer_is_found_in_every_form() {
        for json in [
            r#"{"customer":"cus_1","x":"#,
            r#"{"customer":{"object":"customer","id":"cus_1","#,
            r#"{"customer":null,"customer_account":"cus_1"}"#,
        ] {
            assert_eq!(customer_of(json.as_bytes()).as_deref(), Some("cus_1"), "{json}");
        }
    }
}
