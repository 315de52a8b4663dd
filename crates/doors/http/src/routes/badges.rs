//! Badges: the state of one agent, or of all together, for a page that shows it. Their addresses are made by a secret of the
//! installation's, so that nobody finds one by guessing, and none of them leads to a ping.

use std::collections::BTreeMap;

use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use cc_devops_fleet::badges::Badge;

use crate::access::Open;
use crate::badge_images::{Counts, as_json, as_shields, as_svg};
use crate::extract::Path;
use crate::problem::Problem;

/// How long a page may show a badge without asking again, in seconds.
const CACHED: &str = "public, max-age=15";

/// What a badge is asked as.
#[derive(Clone, Copy)]
enum Form {
    Svg,
    Json,
    Shields,
}

/// Shows an agent's state, or that of all together, as a badge
///
/// `.svg` is a picture; `.json` has `status` (`up`, `late`, `down`, `new` or `paused`) and how many agents it is of; `.shields`
/// is what shields.io's endpoint badge reads. `cc-devops badge` tells the addresses.
#[utoipa::path(
    get, path = "/badge/{file}", tag = "badges",
    params(("file" = String, Path, description = "A badge's key and `.svg`, `.json` or `.shields`")),
    responses((status = 200, description = "The state", content(
        (String = "image/svg+xml"),
        (serde_json::Map<String, serde_json::Value> = "application/json"),
    ))),
)]
pub(crate) async fn get_badge(open: Open, Path(file): Path<String>) -> Result<Response, Problem> {
    let app = open.app();
    let unknown = || Problem::not_found("there is no such badge; `cc-devops badge` tells the addresses");
    let watch = app.watch.as_ref().ok_or_else(unknown)?;
    let (key, form) = file
        .rsplit_once('.')
        .and_then(|(key, form)| {
            let form = match form {
                "svg" => Form::Svg,
                "json" => Form::Json,
                "shields" => Form::Shields,
                _ => return None,
            };
            Some((key, form))
        })
        .ok_or_else(unknown)?;
    let badge = watch.badges.badge(key).ok_or_else(unknown)?;
    let now = app.ports().clock.now();
    let (label, counts) = match &badge {
        Badge::Agent(name) => {
            let agent = watch.watching.watched(name, now).await?.ok_or_else(unknown)?;
            (name.as_str().to_owned(), BTreeMap::from([(agent.state.status, 1)]))
        }
        Badge::All => (
            app.control.installation().agent.to_string(),
            watch.watching.counts(now).await?,
        ),
    };
    let counts = Counts::of(&counts);
    let standing = counts.standing();
    let (media, body) = match form {
        Form::Svg => ("image/svg+xml; charset=utf-8", as_svg(&label, standing)),
        Form::Json => ("application/json", as_json(counts).to_string()),
        Form::Shields => ("application/json", as_shields(&label, standing).to_string()),
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(media)),
        (CACHE_CONTROL, HeaderValue::from_static(CACHED)),
        // Pages read the JSON by script; it is public to whoever has the address.
        (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    ];
    Ok((StatusCode::OK, headers, body).into_response())
}
