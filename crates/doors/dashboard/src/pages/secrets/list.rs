//! All secrets, by name.

use axum::response::Response;
use cc_devops_http::access::ListSecrets;
use cc_devops_http::problem::Problem;
use cc_devops_kernel::names::{SecretName, SecretPrefix};
use cc_devops_requests::secret_lists::ListedSecret;
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use super::{path_of, rotation, used};
use crate::components::{Column, code, empty, field, filter, moment, table};
use crate::extract::Query;
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::links::segment;
use crate::refusal::Refusal;
use crate::section::Section;

/// How many secrets a page has.
const ROWS: usize = 50;

/// What the address says.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    prefix: String,
    cursor: Option<String>,
}

pub(super) async fn show(visit: Visit<ListSecrets>, Query(asked): Query<Asked>) -> Result<Response, Refusal> {
    let prefix = prefix(&asked.prefix)?;
    let after = asked.cursor.as_deref().map(SecretName::new).transpose();
    let after = after.map_err(|error| Problem::invalid(error.to_string()))?;
    let page = visit.permitted.secrets(prefix.as_ref(), after.as_ref(), ROWS).await?;
    let now = visit.now();
    let columns = [
        Column::text("Secret"),
        Column::number("Versions"),
        Column::text("Newest version"),
        Column::text("Rotation"),
        Column::text("Written last"),
        Column::text("Read last"),
    ];
    let hint = "A part of the names that ends with a slash, as in /namespace/stripe/.";
    let next = page.next.as_ref().map(SecretName::as_str);
    let content = html! {
        p.lead { "Names, versions and who used them last. No page shows a value." }
        (filter(Section::Secrets.path(), &field("Below", "prefix", "search", &asked.prefix, Some(hint))))
        @if page.secrets.is_empty() { (nothing(prefix.is_some())) } @else {
            (table("Secrets", &columns, page.secrets.iter().map(|secret| row(secret, now))))
            (visit.pages("cursor", asked.cursor.is_none(), next))
        }
    };
    Ok(visit.page(Section::Secrets, "Secrets", &[Kind::Secrets], content))
}

/// The prefix that somebody typed, with the slashes that it needs.
fn prefix(typed: &str) -> Result<Option<SecretPrefix>, Problem> {
    let inner = typed.trim().trim_matches('/');
    if inner.is_empty() {
        return Ok(None);
    }
    let prefix = SecretPrefix::new(format!("/{inner}/"));
    prefix.map(Some).map_err(|error| Problem::invalid(error.to_string()))
}

fn row(secret: &ListedSecret, now: Timestamp) -> (String, Vec<Markup>) {
    let summary = &secret.summary;
    let cells = vec![
        html! { a href=(path_of(&summary.name)) { (summary.name) } },
        html! { (summary.versions) },
        moment(summary.updated_at, now),
        rotation(secret, now),
        used(Some(&secret.last_written), now),
        used(secret.last_read.as_ref(), now),
    ];
    (segment(summary.name.as_str()), cells)
}

fn nothing(is_filtered: bool) -> Markup {
    if is_filtered {
        return empty(
            "No secret lies there",
            &html! { a href=(Section::Secrets.path()) { "Show all secrets" } "." },
        );
    }
    empty(
        "No secrets yet",
        &html! {
            "Secrets that agents and operators write stand here, without their values. Write one with "
            (code("cc-devops put-secret /NAMESPACE/SERVICE/KEY < FILE")) "."
        },
    )
}
