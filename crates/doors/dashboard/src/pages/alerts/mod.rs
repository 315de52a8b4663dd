//! Alerts.

use std::sync::Arc;

use axum::response::Response;
use maud::html;

use crate::gate::{AnyVisitor, Visit};
use crate::house::House;
use crate::layout::Section;
use crate::refusal::Refusal;
use crate::routes::{Row, page};

pub(crate) fn rows(house: &Arc<House>) -> Vec<Row> {
    vec![page(house, Section::Alerts.path(), show)]
}

async fn show(visit: Visit<AnyVisitor>) -> Result<Response, Refusal> {
    Ok(visit.page(Section::Alerts, "Alerts", &[], html! {}))
}
