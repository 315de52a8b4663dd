//! The style, the scripts and the icon: in the binary, under addresses that change with what they hold. What a browser can
//! unpack is sent packed; it is packed once.

use std::io::Write;
use std::sync::LazyLock;

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use cc_devops_http::problem::Problem;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// A file that pages refer to.
pub(crate) struct Asset {
    media: &'static str,
    name: String,
    body: Bytes,
    /// The same, packed by gzip; none where that does not make it smaller.
    packed: Option<Bytes>,
}

/// How pages look.
pub(crate) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let style = include_str!("../assets/style.css");
    Asset::new("style", "css", "text/css; charset=utf-8", style.to_owned())
});

/// What lays a page that was made anew over the one that is shown: idiomorph 0.8.0 as it is published, which as a module
/// has to say what it gives.
pub(crate) static MORPH: LazyLock<Asset> = LazyLock::new(|| {
    let morph = include_str!("../assets/idiomorph.js");
    Asset::new("idiomorph", "js", SCRIPTS, format!("{morph}\nexport{{Idiomorph}};\n"))
});

/// What keeps an open page fresh. It names the other script by its address.
pub(crate) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let script = include_str!("../assets/live.js");
    Asset::new(
        "live",
        "js",
        SCRIPTS,
        script.replace("./idiomorph.js", &format!("./{}", MORPH.name)),
    )
});

/// The icon.
pub(crate) static ICON: LazyLock<Asset> = LazyLock::new(|| {
    let icon = include_str!("../assets/icon.svg");
    Asset::new("icon", "svg", "image/svg+xml", icon.to_owned())
});

const SCRIPTS: &str = "text/javascript; charset=utf-8";

impl Asset {
    fn new(stem: &str, extension: &str, media: &'static str, body: String) -> Self {
        let hash = Sha256::digest(&body);
        let hash = hash
            .iter()
            .take(6)
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let body = Bytes::from(body);
        Self {
            media,
            name: format!("{stem}.{hash:012x}.{extension}"),
            packed: packed(&body).filter(|packed| packed.len() < body.len()),
            body,
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> String {
        format!("/ui/assets/{}", self.name)
    }
}

fn packed(body: &[u8]) -> Option<Bytes> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(body).ok()?;
    packer.finish().ok().map(Bytes::from)
}

/// Whether a browser takes what gzip packed.
fn unpacks(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT_ENCODING).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let refused = weight
                .trim()
                .strip_prefix("q=")
                .and_then(|q| q.trim().parse::<f32>().ok())
                == Some(0.0);
            name.trim().eq_ignore_ascii_case("gzip") && !refused
        })
}

/// Answers with an asset. What is under an address never changes.
pub(crate) async fn serve(Path(wanted): Path<String>, headers: HeaderMap) -> Response {
    let assets: [&Asset; 4] = [&STYLE, &SCRIPT, &MORPH, &ICON];
    let Some(asset) = assets.into_iter().find(|asset| asset.name == wanted) else {
        return Problem::not_found("there is no such file").into_response();
    };
    let common = [
        (CONTENT_TYPE, asset.media),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (VARY, "accept-encoding"),
    ];
    match &asset.packed {
        Some(packed) if unpacks(&headers) => (common, [(CONTENT_ENCODING, "gzip")], packed.clone()).into_response(),
        _ => (common, asset.body.clone()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn what_every_page_loads_is_small() {
        let weight = |asset: &Asset| asset.packed.as_ref().unwrap_or(&asset.body).len();
        let all: usize = [&*STYLE, &*SCRIPT, &*MORPH, &*ICON].into_iter().map(weight).sum();
        assert!(all < 30_000, "{all} bytes packed");
        let script = std::str::from_utf8(&SCRIPT.body).unwrap();
        assert!(script.contains(&format!("from \"./{}\"", MORPH.name)), "{script}");
    }

    #[test]
    fn only_who_takes_it_is_sent_it_packed() {
        let takes = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            unpacks(&headers)
        };
        assert!(takes("br, GZip;q=0.5") && takes("gzip"));
        assert!(!takes("br") && !takes("gzip;q=0") && !takes("x-gzipped"));
        assert!(!unpacks(&HeaderMap::new()));
    }
}
