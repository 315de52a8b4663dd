//! The keys: a page for everybody.

use std::sync::Arc;

use axum::response::Response;
use maud::html;

use crate::gate::{AnyVisitor, Visit};
use crate::key_list;
use crate::refusal::Refusal;
use crate::row::{Row, page};
use crate::state::DashboardState;

/// Where the page is.
pub(crate) const PATH: &str = "/ui/keys";

pub(crate) fn rows(shared: &Arc<DashboardState>) -> Vec<Row> {
    vec![page(shared, PATH, show)]
}

async fn show(visit: Visit<AnyVisitor>) -> Result<Response, Refusal> {
    let content = html! {
        p { "With scripts switched on, these keys work on every page, unless you are typing in a field." }
        (key_list::list())
        (key_list::switch())
    };
    Ok(visit.page_of_none("Keys", &content))
}
