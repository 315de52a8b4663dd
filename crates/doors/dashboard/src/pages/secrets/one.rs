//! A secret: its versions and its history. No value.

use axum::response::Response;
use cc_devops_http::access::ListSecrets;
use cc_devops_http::problem::Problem;
use cc_devops_kernel::audit::{AuditRow, actions};
use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::paging::{Cursor, Page};
use cc_devops_kernel::ports::{SecretVersion, VersionSummary};
use cc_devops_kernel::text::line;
use cc_devops_requests::actions::put_secret;
use cc_devops_requests::secret_lists::DescribedSecret;
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use super::{rotation, used};
use crate::components::{Column, Tone, age, code, empty, facts, moment, section, status, table};
use crate::extract::{Path, Query};
use crate::gate::Visit;
use crate::kinds::Kind;
use crate::links::segment;
use crate::pages::audit::outcome;
use crate::refusal::Refusal;
use crate::section::Section;

/// How many rows of the audit trail a page has.
const ROWS: usize = 50;

/// How much of a version's id is shown.
const ID_CHARS: usize = 12;

/// What the address says.
#[derive(Deserialize)]
pub(super) struct Asked {
    /// Where the history goes on.
    cursor: Option<i64>,
}

pub(super) async fn show(
    visit: Visit<ListSecrets>,
    Path(path): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let unknown = || Problem::not_found("there is no such secret");
    let name = SecretName::new(format!("/{path}")).map_err(|_| unknown())?;
    let described = visit.permitted.secret(&name).await?.ok_or_else(unknown)?;
    let history = visit.permitted.history(&name, asked.cursor.map(Cursor), ROWS).await?;
    let now = visit.now();
    let content = html! {
        (about(&described, now))
        (section("versions", "Versions", &versions(&described, now)))
        (section("history", "History", &past(&visit, history.as_ref(), asked.cursor.is_some())))
        (section("values", "Its value", &value(&name)))
    };
    let shows = [Kind::Secrets, Kind::Audit];
    Ok(visit.page(Section::Secrets, name.as_str(), &shows, content))
}

fn about(described: &DescribedSecret, now: Timestamp) -> Markup {
    let secret = &described.listed;
    let limit = html! {
        (rotation(secret, now)) ". "
        @if let Some(after) = secret.rotate_after { "A version may be " (age(after)) " old." }
        @else { "Set one under " (code("[[alerts.conditions.secrets]]")) "." }
    };
    let summary = &secret.summary;
    let mut rows = vec![
        ("Rotation", limit),
        ("Written last", used(Some(&secret.last_written), now)),
        ("Read last", used(secret.last_read.as_ref(), now)),
        ("First written", moment(summary.created_at, now)),
    ];
    if let Some(description) = &summary.description {
        rows.push(("Description", html! { (line(description)) }));
    }
    if !summary.tags.is_empty() {
        let tags = html! {
            @for (key, value) in &summary.tags { (code(&format!("{}={}", line(key), line(value)))) " " }
        };
        rows.push(("Tags", tags));
    }
    facts(&rows)
}

fn versions(described: &DescribedSecret, now: Timestamp) -> Markup {
    let columns = [
        Column::text("Version"),
        Column::text("State"),
        Column::text("Written"),
        Column::text("By"),
    ];
    let row = |version: &VersionSummary| {
        let (tone, word) = match version.version {
            Some(SecretVersion::Current) => (Tone::Good, "current"),
            Some(SecretVersion::Previous) => (Tone::Quiet, "previous"),
            None => (Tone::Quiet, "older"),
        };
        let id: String = version.version_id.chars().take(ID_CHARS).collect();
        let cells = vec![
            code(&line(&id)),
            status(tone, word),
            moment(version.created_at, now),
            html! { @match &version.by { Some(by) => (by), None => "-" } },
        ];
        (segment(&format!("version-{}", version.version_id)), cells)
    };
    let (all, shown) = (described.listed.summary.versions, described.versions.len());
    html! {
        (table("Versions, the newest first", &columns, described.versions.iter().map(row)))
        @if all > shown as u64 { p.soft { "It has had " (all) " versions; the newest " (shown) " are on record here." } }
        p.soft { "The values of the current and the previous version are kept, and those of older ones for a day." }
    }
}

fn past(visit: &Visit<ListSecrets>, history: Option<&Page<AuditRow>>, is_later: bool) -> Markup {
    let Some(page) = history else {
        return html! { p { "The audit trail is not yours to see." } };
    };
    if page.items.is_empty() && !is_later {
        return empty(
            "Nothing on record",
            &html! { "Each reading and writing stands here, as long as the audit trail is kept." },
        );
    }
    let columns = [
        Column::text("When"),
        Column::text("What"),
        Column::text("Who"),
        Column::text("Outcome"),
    ];
    let rows = page.items.iter().map(|row| {
        let entry = &row.entry;
        let what = match entry.action.as_str() {
            actions::SECRET_READ => "read",
            actions::SECRET_DESCRIBED => "looked at",
            actions::SECRET_CHANGED => "changed",
            action if action == put_secret::ACTION.name => "written",
            action => action,
        };
        let who = entry.principal.as_ref().or(entry.agent.as_ref());
        let cells = vec![
            moment(entry.at, visit.now()),
            html! { (line(what)) },
            html! { @match who { Some(who) => (who), None => "the control plane" } },
            outcome(entry),
        ];
        let chain = row.chain.as_deref().unwrap_or_default();
        (segment(&format!("audit-{chain}-{}", row.seq)), cells)
    });
    let next = page.next.map(|Cursor(next)| next.to_string());
    html! {
        (table("What was done to it, the newest first", &columns, rows))
        (visit.pages("cursor", !is_later, next.as_deref()))
    }
}

/// How its value is read: not here.
fn value(name: &SecretName) -> Markup {
    html! {
        p {
            "No page shows it. An operator reads it on the server with "
            (code(&format!("cc-devops secrets get {name} --reveal")))
            ", and that stands in the audit trail. A new version is written with "
            (code(&format!("cc-devops put-secret {name} < FILE"))) "."
        }
    }
}
