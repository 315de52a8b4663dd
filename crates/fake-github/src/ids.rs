//! Node ids: opaque to clients, a kind and a number to the fake.

/// The id of a node.
pub(super) fn node(kind: &str, id: u64) -> String {
    format!("{kind}_kwDO{id:010x}")
}

/// The kind and the number of an id that [`node`] made.
pub(super) fn read(node: &str) -> Option<(&str, u64)> {
    let (kind, number) = node.split_once("_kwDO")?;
    Some((kind, u64::from_str_radix(number, 16).ok()?))
}
