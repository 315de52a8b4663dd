//! Ping addresses that were replaced or taken away since a backup was made: they stay so where it is put in place.

use std::collections::BTreeMap;

use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortResult, Record, RecordKind, StateChange};

use super::addresses::{KEY, SLUGS, UUIDS, Whose, number_of};
use super::record::{Watched, read};

/// What is to be changed in a backup, so that its ping addresses are those of the store it takes the place of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplacedAddresses {
    /// The changes, in the versions that the backup's records have.
    pub changes: Vec<StateChange>,
    /// How many of the backup's addresses, and keys of slugs, end by them.
    pub ended: u64,
    /// How many records cannot be read and were passed over.
    pub unreadable: u64,
}

impl ReplacedAddresses {
    /// What was read; a record that cannot be read holds up no other.
    fn readable<T>(&mut self, read: PortResult<T>) -> Option<T> {
        self.unreadable += u64::from(read.is_err());
        read.ok()
    }
}

/// Compares the ping addresses of a backup (`then`) with those of the store that it takes the place of (`now`); of either,
/// all records of the kinds [`RecordKind::Watch`] and [`RecordKind::PingAddress`]. What was replaced or taken away since is
/// so afterwards, and what took its place is good; an agent that the backup does not watch gets no address by that.
///
/// # Errors
/// `Refused` where a watch cannot be written as JSON.
pub fn replaced_since(then: &[Record], now: &[Record]) -> PortResult<ReplacedAddresses> {
    let mut replaced = ReplacedAddresses::default();
    let watched = watched_of(then, &mut replaced);
    let watched_now = watched_of(now, &mut replaced);
    for (name, older) in &watched {
        // Else the next look would make the older address anew.
        if let Some(newer) = watched_now.get(name)
            && newer.kept.address != older.kept.address
        {
            let mut older = older.clone();
            older.kept.address = newer.kept.address;
            replaced.changes.push(older.change(older.due_at)?);
        }
    }
    let (addresses, addresses_now) = (addresses_of(then), addresses_of(now));
    for (name, record) in &addresses {
        let is_address = name.starts_with(UUIDS) || name.starts_with(SLUGS);
        if is_address && !addresses_now.contains_key(name) {
            replaced.changes.push(Record::clone(record).removal());
            replaced.ended += 1;
        }
    }
    for (name, record) in &addresses_now {
        let is_new = name.starts_with(UUIDS) && !addresses.contains_key(name);
        if is_new
            && let Some(whose) = replaced.readable(read::<Whose>(record))
            && watched.contains_key(&whose.agent)
        {
            replaced.changes.push(in_place_of(0, record));
        }
    }
    let key = addresses.get(KEY).copied();
    if let Some(newer) = addresses_now.get(KEY).copied()
        && let Some((_, number)) = replaced.readable(number_of(Some(newer)))
        && !number_of(key).is_ok_and(|(_, older)| older == number)
    {
        let version = key.map_or(0, |key| key.version);
        replaced.changes.push(in_place_of(version, newer));
        replaced.ended += 1;
    }
    Ok(replaced)
}

fn watched_of(records: &[Record], replaced: &mut ReplacedAddresses) -> BTreeMap<AgentName, Watched> {
    let watches = records.iter().filter(|record| record.key.kind == RecordKind::Watch);
    let watches = watches.filter_map(|record| replaced.readable(Watched::of(record)));
    watches.map(|watched| (watched.name.clone(), watched)).collect()
}

fn addresses_of(records: &[Record]) -> BTreeMap<&str, &Record> {
    let addresses = records
        .iter()
        .filter(|record| record.key.kind == RecordKind::PingAddress);
    addresses.map(|record| (record.key.name.as_str(), record)).collect()
}

/// The change that puts a record in the place of the one of that version.
fn in_place_of(version: u64, record: &Record) -> StateChange {
    StateChange {
        key: record.key.clone(),
        version,
        content: Some(record.content.clone()),
    }
}

#[cfg(test)]
mod tests {
    use cc_devops_kernel::ports::{Content, RecordKey};

    use super::*;

    fn record(kind: RecordKind, name: &str, body: &str) -> Record {
        Record {
            key: RecordKey::new(kind, name),
            version: 1,
            content: Content {
                due_at: None,
                list: None,
                body: body.to_owned(),
            },
        }
    }

    #[test]
    fn a_record_that_cannot_be_read_holds_up_no_other() {
        let spoilt = [
            record(RecordKind::Watch, "Spoilt", "spoilt"),
            record(RecordKind::PingAddress, "uuid/spoilt", "spoilt"),
            record(RecordKind::PingAddress, KEY, "spoilt"),
        ];
        let ended = record(RecordKind::PingAddress, "uuid/ended", r#"{"agent":"Alpha"}"#);
        let replaced = replaced_since(std::slice::from_ref(&ended), &spoilt).unwrap();
        assert_eq!(replaced.unreadable, 3);
        assert_eq!((replaced.changes, replaced.ended), (vec![ended.removal()], 1));

        let key = record(RecordKind::PingAddress, KEY, r#"{"number":2}"#);
        let replaced = replaced_since(&spoilt, &[key]).unwrap();
        assert_eq!(replaced.unreadable, 1, "the watch");
        assert_eq!(replaced.ended, 2, "the address that is not there any more, and the key");
    }
}
