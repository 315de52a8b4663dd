//! The settings in force, without what may be a secret.

use std::sync::Arc;

use axum::response::Response;
use cc_devops_http::access::ReadSettings;
use maud::{Markup, html};

use crate::components::{Column, code, empty, section, table};
use crate::gate::Visit;
use crate::refusal::Refusal;
use crate::row::{Row, page};
use crate::section::Section;
use crate::state::DashboardState;

pub(crate) fn rows(shared: &Arc<DashboardState>) -> Vec<Row> {
    vec![page(shared, Section::Settings.path(), show)]
}

async fn show(visit: Visit<ReadSettings>) -> Result<Response, Refusal> {
    let sections = &visit.shared.dashboard.settings;
    let content = html! {
        @if sections.is_empty() {
            (empty("No settings are known here.", &html! {
                "Where the server was started with a configuration, " (code("cc-devops config show")) " shows it."
            }))
        } @else {
            p {
                "What the server was started with: the file, and the environment over it. A secret is named here, never shown. "
                "To change something, edit the file, try it with " (code("cc-devops config check")) ", and restart the server."
            }
        }
        @for (name, rows) in sections {
            (section(&format!("section-{name}"), name, &of_section(&visit.shared, name, rows)))
        }
    };
    Ok(visit.page(Section::Settings, "Settings", &[], content))
}

fn of_section(shared: &DashboardState, name: &str, rows: &[(String, String)]) -> Markup {
    let columns = [Column::text("Key"), Column::text("Value")];
    let (unset, set): (Vec<_>, Vec<_>) = rows.iter().partition(|(_, value)| value.is_empty());
    let rows = set.iter().map(|(key, value)| {
        // A flag may have said otherwise, and a free port was asked for or not.
        let listen = (name == "server" && key == "listen").then(|| shared.app.own_address().listen().to_string());
        let cells = vec![code(key), code(listen.as_ref().unwrap_or(value))];
        (format!("{name}.{key}"), cells)
    });
    html! {
        @if !set.is_empty() { (table(&format!("Settings of {name}"), &columns, rows)) }
        @if !unset.is_empty() {
            p.soft {
                "Not set: "
                @for (place, (key, _)) in unset.iter().enumerate() {
                    @if place > 0 { ", " }
                    (code(key))
                }
            }
        }
    }
}
