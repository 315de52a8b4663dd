//! What tells open pages what kind of thing changed. It says no more than that: a page then asks for itself.

mod stream;

use std::sync::Arc;

use crate::row::{Row, page};
use crate::state::DashboardState;

pub(crate) fn rows(shared: &Arc<DashboardState>) -> Vec<Row> {
    vec![page(shared, stream::PATH, stream::open)]
}
