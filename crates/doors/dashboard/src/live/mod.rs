//! What tells open pages what kind of thing changed. It says no more than that: a page then asks for itself.

mod beside;
mod stream;

use std::sync::Arc;

pub(crate) use beside::beside;

use crate::house::House;
use crate::routes::{Row, page};

pub(crate) fn rows(house: &Arc<House>) -> Vec<Row> {
    vec![page(house, stream::PATH, stream::open)]
}
