//! The same subscription more than once: the objects' ids are looked at before anything is computed, and the
//! values of those that come more than once are compared. Of a million subscriptions, 8 MB are kept.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::ComputeError;
use super::source::{Block, Taken, whole_id};
use super::work::{Job, Take};
use crate::objects::id_of;

/// What is left out of an input, each by its place among the objects.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Copies, in ascending order.
    pub(super) copies: Vec<u64>,
    /// The first of each that come with different values, in ascending order.
    pub(super) conflicts: Vec<u64>,
    /// The others of those, in ascending order.
    pub(super) contradicting: Vec<u64>,
}

/// What is done with objects of the same id and different values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Duplicates {
    /// They are an error: nobody can say which is right.
    #[default]
    Refuse,
    /// The last in the input counts.
    Newest,
}

/// Finds the ids of objects, hashed; 0 for none.
#[derive(Default)]
pub(super) struct Ids(RandomState);

impl Job for Ids {
    type Made<'b> = Vec<u64>;

    fn make(&self, block: &Block) -> Result<Taken<Vec<u64>>, ComputeError> {
        block.check()?;
        let objects = block.objects();
        let hash = |id: &str| self.0.hash_one(id).max(1);
        let ids = objects
            .made
            .iter()
            .map(|object| id_of(object.json()).map_or(0, |id| hash(&id)));
        Ok(Taken {
            made: ids.collect(),
            more: objects.more,
        })
    }
}

impl Ids {
    /// Looks closer at objects whose ids may come more than once.
    pub(super) fn suspects(self, ids: Vec<u64>) -> Option<Suspects> {
        let mut sorted = ids;
        sorted.sort_unstable();
        let twice = sorted.windows(2).filter(|pair| pair.first() == pair.last());
        let twice: HashSet<u64> = twice
            .filter_map(|pair| pair.first().copied())
            .filter(|id| *id > 0)
            .collect();
        (!twice.is_empty()).then_some(Suspects { hasher: self.0, twice })
    }
}

impl Take<Ids> for &mut Vec<u64> {
    fn take(&mut self, made: Vec<u64>) -> Result<(), ComputeError> {
        self.extend_from_slice(&made);
        Ok(())
    }
}

/// Compares the values of objects whose ids come more than once.
pub(super) struct Suspects {
    hasher: RandomState,
    twice: HashSet<u64>,
}

/// An object that may be there more than once.
pub(super) struct Suspect {
    id: [u8; 16],
    value: [u8; 16],
    place: u64,
}

impl Job for Suspects {
    /// The suspects with their places in the block, and how many objects the block has.
    type Made<'b> = (Vec<Suspect>, u64);

    fn make(&self, block: &Block) -> Result<Taken<(Vec<Suspect>, u64)>, ComputeError> {
        let objects = block.objects();
        let mut found = Vec::new();
        for (object, place) in objects.made.iter().zip(0..) {
            let json = object.json();
            let Some(id) = id_of(json) else { continue };
            if !self.twice.contains(&self.hasher.hash_one(&*id).max(1)) {
                continue;
            }
            // A line that is broken is no value, and so no copy.
            if whole_id(json).is_some() {
                found.push(Suspect {
                    id: short(Sha256::new().chain_update(id.as_bytes())),
                    value: of_value(json),
                    place,
                });
            }
        }
        let count = objects.made.len() as u64;
        Ok(Taken {
            made: (found, count),
            more: None,
        })
    }
}

/// Gathers suspects.
#[derive(Default)]
pub(super) struct Found {
    suspects: Vec<Suspect>,
    objects: u64,
}

impl Take<Suspects> for &mut Found {
    fn take(&mut self, (found, count): (Vec<Suspect>, u64)) -> Result<(), ComputeError> {
        let before = self.objects;
        self.suspects.extend(found.into_iter().map(|suspect| Suspect {
            place: suspect.place + before,
            ..suspect
        }));
        self.objects += count;
        Ok(())
    }
}

impl Found {
    /// What is left out.
    pub(super) fn marks(mut self, how: Duplicates) -> Marks {
        self.suspects
            .sort_unstable_by_key(|suspect| (suspect.id, suspect.place));
        let mut marks = Marks::default();
        for same in self.suspects.chunk_by(|one, other| one.id == other.id) {
            let Some(first) = same.first() else { continue };
            let agree = same.iter().all(|suspect| suspect.value == first.value);
            let mut places = same.iter().map(|suspect| suspect.place);
            match how {
                Duplicates::Newest => {
                    let last = places.next_back();
                    marks.copies.extend(places.filter(|place| Some(*place) != last));
                }
                Duplicates::Refuse if agree => marks.copies.extend(places.skip(1)),
                Duplicates::Refuse => {
                    marks.conflicts.extend(places.next());
                    marks.contradicting.extend(places);
                }
            }
        }
        marks.copies.sort_unstable();
        marks.conflicts.sort_unstable();
        marks.contradicting.sort_unstable();
        marks
    }
}

/// What a JSON value comes to, whatever its white space and the order of its keys.
fn of_value(json: &[u8]) -> [u8; 16] {
    let mut hash = Sha256::new();
    match serde_json::from_slice(json) {
        Ok(value) => feed(&value, &mut hash),
        // Nested too deeply to be taken apart: the same bytes are the same value.
        Err(_) => hash.update(json),
    }
    short(hash)
}

fn feed(value: &Value, hash: &mut Sha256) {
    let mut text = |kind: u8, text: &str| {
        hash.update([kind]);
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    };
    match value {
        Value::Null => text(b'n', ""),
        Value::Bool(is) => text(if *is { b't' } else { b'f' }, ""),
        Value::Number(number) => text(b'd', &number.to_string()),
        Value::String(string) => text(b's', string),
        Value::Array(values) => {
            hash.update([b'a']);
            hash.update(values.len().to_le_bytes());
            for value in values {
                feed(value, hash);
            }
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| *key);
            hash.update([b'o']);
            hash.update(fields.len().to_le_bytes());
            for (key, value) in fields {
                hash.update(key.len().to_le_bytes());
                hash.update(key);
                feed(value, hash);
            }
        }
    }
}

fn short(hash: Sha256) -> [u8; 16] {
    let whole: [u8; 32] = hash.finalize().into();
    let (half, _) = whole.split_at(16);
    half.try_into().unwrap_or_default()
}
