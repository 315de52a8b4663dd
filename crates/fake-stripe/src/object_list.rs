//! One kind of object, in the order Stripe lists it: newest first, and within a second the one that
//! was made last first.

use std::collections::HashMap;

use serde_json::Value;

/// What stands in one place.
#[derive(Debug)]
enum Row {
    /// The object itself.
    Stored(Box<Value>),
    /// Made anew for every answer from its number.
    Generated(u32),
    /// It was deleted. A list does not show it; what refers to it still finds it.
    Deleted(Box<Value>),
}

/// How a generated object is made: its number, its time of creation.
type Maker = fn(u32, i64) -> Value;

/// The objects of one kind.
#[derive(Debug)]
pub(super) struct ObjectList {
    rows: Vec<(i64, Row)>,
    /// Places in `rows`, oldest first; sorted unless `dirty`.
    order: Vec<u32>,
    dirty: bool,
    places: HashMap<String, u32>,
    generated: Option<Generated>,
}

#[derive(Debug)]
struct Generated {
    /// What an id begins with, before its number.
    prefix: &'static str,
    /// The place of number 0.
    first: u32,
    count: u32,
    make: Maker,
}

/// Which part of a list is asked for.
#[derive(Debug, Default)]
pub(super) struct Span {
    /// The oldest second, inclusive.
    pub(super) from: Option<i64>,
    /// The newest second, inclusive.
    pub(super) until: Option<i64>,
    /// Only what comes after this object in the list.
    pub(super) after: Option<String>,
}

impl ObjectList {
    pub(super) fn new() -> Self {
        Self {
            rows: Vec::new(),
            order: Vec::new(),
            dirty: false,
            places: HashMap::new(),
            generated: None,
        }
    }

    /// Puts an object here, by its `id` and `created`; one of the same id is replaced.
    pub(super) fn put(&mut self, object: Value) {
        // An invoice item has a date instead.
        let created = object["created"]
            .as_i64()
            .or(object["date"].as_i64())
            .unwrap_or_default();
        let id = object["id"].as_str().expect("every object has an id").to_owned();
        self.dirty = true;
        if let Some(place) = self.place(&id) {
            self.rows[place as usize] = (created, Row::Stored(object.into()));
            return;
        }
        let place = u32::try_from(self.rows.len()).expect("fewer than 4 billion objects");
        self.rows.push((created, Row::Stored(object.into())));
        self.order.push(place);
        self.places.insert(id, place);
    }

    /// Adds `count` objects that are made when they are asked for.
    pub(super) fn fill(&mut self, count: u32, prefix: &'static str, make: Maker, created: impl Fn(u32) -> i64) {
        assert!(self.generated.is_none(), "a list is filled once");
        let first = u32::try_from(self.rows.len()).expect("fewer than 4 billion objects");
        self.rows
            .extend((0..count).map(|number| (created(number), Row::Generated(number))));
        self.order.extend(first..first + count);
        self.dirty = true;
        self.generated = Some(Generated {
            prefix,
            first,
            count,
            make,
        });
    }

    /// The ids of the objects that are stored, in the order they were put.
    pub(super) fn ids(&self) -> Vec<String> {
        self.all()
            .iter()
            .filter_map(|object| object["id"].as_str().map(str::to_owned))
            .collect()
    }

    /// The objects that are stored, in the order they were put.
    pub(super) fn all(&self) -> Vec<Value> {
        let stored = self.rows.iter().filter_map(|(_, row)| match row {
            Row::Stored(object) => Some((**object).clone()),
            Row::Generated(_) | Row::Deleted(_) => None,
        });
        stored.collect()
    }

    /// The object of this id, deleted or not.
    pub(super) fn find(&self, id: &str) -> Option<Value> {
        self.place(id).map(|place| self.at(place))
    }

    /// Whether the object was deleted.
    pub(super) fn is_deleted(&self, id: &str) -> bool {
        self.place(id)
            .is_some_and(|place| matches!(self.rows[place as usize].1, Row::Deleted(_)))
    }

    /// Takes the object out of the lists.
    pub(super) fn delete(&mut self, id: &str) {
        let place = self.place(id).expect("what is deleted exists") as usize;
        let object = self.at(u32::try_from(place).expect("a place fits"));
        self.rows[place].1 = Row::Deleted(object.into());
    }

    /// How many objects there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// At most `limit` objects of `span` that are `wanted`, newest first, and whether there are more.
    /// `None` if the cursor is not known.
    pub(super) fn page(
        &mut self,
        span: &Span,
        limit: usize,
        wanted: impl Fn(&Value) -> bool,
    ) -> Option<(Vec<Value>, bool)> {
        self.sort();
        let newest = span.until.map_or(self.order.len(), |until| {
            self.order
                .partition_point(|&place| self.rows[place as usize].0 <= until)
        });
        let end = match &span.after {
            Some(id) => {
                let place = self.place(id)?;
                let key = (self.rows[place as usize].0, place);
                newest.min(
                    self.order
                        .partition_point(|&place| (self.rows[place as usize].0, place) < key),
                )
            }
            None => newest,
        };
        let mut found = Vec::with_capacity(limit.min(128));
        for &place in self.order[..end].iter().rev() {
            if span.from.is_some_and(|from| self.rows[place as usize].0 < from) {
                break;
            }
            if matches!(self.rows[place as usize].1, Row::Deleted(_)) {
                continue;
            }
            let object = self.at(place);
            if wanted(&object) {
                if found.len() == limit {
                    return Some((found, true));
                }
                found.push(object);
            }
        }
        Some((found, false))
    }

    /// The id of the object `count` places before `id` in a list of everything, newest first.
    pub(super) fn before(&mut self, id: &str, count: usize) -> Option<String> {
        self.sort();
        let place = self.place(id)?;
        let key = (self.rows[place as usize].0, place);
        let at = self
            .order
            .partition_point(|&place| (self.rows[place as usize].0, place) < key);
        let earlier = *self.order.get(at + count)?;
        self.at(earlier)["id"].as_str().map(str::to_owned)
    }

    fn sort(&mut self) {
        if self.dirty {
            let rows = &self.rows;
            self.order.sort_by_key(|&place| (rows[place as usize].0, place));
            self.dirty = false;
        }
    }

    fn place(&self, id: &str) -> Option<u32> {
        if let Some(&place) = self.places.get(id) {
            return Some(place);
        }
        let generated = self.generated.as_ref()?;
        let number = id.strip_prefix(generated.prefix)?.parse::<u32>().ok()?;
        (number < generated.count).then_some(generated.first + number)
    }

    fn at(&self, place: u32) -> Value {
        match &self.rows[place as usize] {
            (_, Row::Stored(object) | Row::Deleted(object)) => (**object).clone(),
            (created, Row::Generated(number)) => {
                let generated = self.generated.as_ref().expect("what is generated has a maker");
                (generated.make)(*number, *created)
            }
        }
    }
}
