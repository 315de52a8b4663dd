//! The style, the script and the icon: in the binary, under addresses that change with what they hold.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// A file that pages refer to.
pub(crate) struct Asset {
    stem: &'static str,
    extension: &'static str,
    media: &'static str,
    body: &'static str,
    name: LazyLock<String>,
}

/// How pages look.
pub(crate) static STYLE: Asset = Asset {
    stem: "style",
    extension: "css",
    media: "text/css; charset=utf-8",
    body: include_str!("../assets/style.css"),
    name: LazyLock::new(|| name(&STYLE)),
};

/// What keeps an open page fresh.
pub(crate) static SCRIPT: Asset = Asset {
    stem: "live",
    extension: "js",
    media: "text/javascript; charset=utf-8",
    body: include_str!("../assets/live.js"),
    name: LazyLock::new(|| name(&SCRIPT)),
};

/// The icon.
pub(crate) static ICON: Asset = Asset {
    stem: "icon",
    extension: "svg",
    media: "image/svg+xml",
    body: include_str!("../assets/icon.svg"),
    name: LazyLock::new(|| name(&ICON)),
};

fn name(asset: &Asset) -> String {
    let hash = Sha256::digest(asset.body);
    let hash: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{}.{hash}.{}", asset.stem, asset.extension)
}

impl Asset {
    /// Where it is.
    pub(crate) fn path(&self) -> String {
        format!("/ui/assets/{}", *self.name)
    }
}

/// Answers with an asset. What is under an address never changes.
pub(crate) async fn serve(Path(wanted): Path<String>) -> Response {
    let assets = [&STYLE, &SCRIPT, &ICON];
    match assets.into_iter().find(|asset| *asset.name == wanted) {
        Some(asset) => {
            let headers = [
                (CONTENT_TYPE, asset.media),
                (CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ];
            (headers, asset.body).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
