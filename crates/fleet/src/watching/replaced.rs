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
}

/// Compares the ping addresses of a backup (`then`) with those of the store that it takes the place of (`now`); of either,
/// all records of the kinds [`RecordKind::Watch`] and [`RecordKind::PingAddress`]. What was replaced or taken away since is
/// so afterwards, and what took its place is good; an agent that the backup does not watch gets no address by that.
///
/// # Errors
/// `Corrupt` where a record cannot be read.
pub fn replaced_since(then: &[Record], now: &[Record]) -> PortResult<ReplacedAddresses> {
    let mut replaced = ReplacedAddresses::default();
    let (watched, watched_now) = (watched_of(then)?, watched_of(now)?);
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
        if is_new && watched.contains_key(&read::<Whose>(record)?.agent) {
            replaced.changes.push(in_place_of(0, record));
        }
    }
    let (version, number) = number_of(addresses.get(KEY).copied())?;
    if let Some(key) = addresses_now.get(KEY).copied()
        && number_of(Some(key))?.1 != number
    {
        replaced.changes.push(in_place_of(version, key));
        replaced.ended += 1;
    }
    Ok(replaced)
}

fn watched_of(records: &[Record]) -> PortResult<BTreeMap<AgentName, Watched>> {
    let watches = records.iter().filter(|record| record.key.kind == RecordKind::Watch);
    watches
        .map(|record| Watched::of(record).map(|watched| (watched.name.clone(), watched)))
        .collect()
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
