//! What a request holds: read as it was sent, because that is what is signed, and unpacked when the signature was looked at.

use std::io::Read;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_ENCODING;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use cc_devops_http::problem::Problem;
use cc_devops_http::{App, announces_more, let_go_by, read_unproven};
use flate2::read::MultiGzDecoder;

use crate::fault::{Failed, Fault};

/// The most that a request may hold, as it was sent and unpacked, in bytes.
pub(crate) const MOST: usize = 1024 * 1024;

/// The body as it was sent.
pub(crate) async fn read(app: &App, parts: &Parts, body: Body) -> Result<Bytes, Failed> {
    if announces_more(&parts.headers, MOST) {
        let_go_by(app, &parts.extensions, body).await;
        let sentence = format!("the body is larger than {MOST} bytes; send it in parts");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, sentence).into());
    }
    Ok(read_unproven(parts, body, MOST).await?)
}

/// The body as it was before it was packed.
pub(crate) fn unpacked(headers: &HeaderMap, body: Bytes) -> Result<Bytes, Failed> {
    let encoding = headers
        .get(CONTENT_ENCODING)
        .map(|encoding| encoding.to_str().unwrap_or("?").trim());
    match encoding.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "identity") => Ok(body),
        Some("gzip") => unzipped(&body),
        Some(_) => {
            let fault = Fault::sender(
                "SerializationException",
                "the body has a Content-Encoding that is not taken here; send it as it is, or with gzip",
            );
            Err(fault.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE).into())
        }
    }
}

fn unzipped(body: &[u8]) -> Result<Bytes, Failed> {
    let most = u64::try_from(MOST).unwrap_or(u64::MAX);
    let mut plain = Vec::new();
    // One byte more, so that too much shows.
    let read = MultiGzDecoder::new(body)
        .take(most.saturating_add(1))
        .read_to_end(&mut plain);
    if plain.len() > MOST {
        let sentence = format!("the body is larger than {MOST} bytes when it is unpacked; send it in parts");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, sentence).into());
    }
    match read {
        Ok(_) => Ok(plain.into()),
        Err(_) => Err(Fault::sender("SerializationException", "the body says that it is gzip, and is not").into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::http::HeaderValue;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(plain: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap().into()
    }

    fn taken(encoding: &'static str, body: Bytes) -> Result<Bytes, u16> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        unpacked(&headers, body).map_err(|failed| match failed {
            Failed::Fault(fault) => fault.status.as_u16(),
            Failed::Problem(problem) => problem.status().as_u16(),
        })
    }

    #[test]
    fn what_is_packed_is_unpacked_and_a_bomb_is_not() {
        assert_eq!(taken("gzip", packed(b"{}")), Ok(Bytes::from_static(b"{}")));
        assert_eq!(
            taken("GZIP", packed(&vec![b' '; MOST])).map(|plain| plain.len()),
            Ok(MOST)
        );
        assert_eq!(taken("gzip", packed(&vec![b' '; MOST + 1])), Err(413));
        assert_eq!(taken("gzip", packed(&vec![0; 64 * MOST])), Err(413));
        assert_eq!(taken("gzip", Bytes::from_static(b"{}")), Err(400));
        let half = packed(b"{\"a\": 1}").slice(..12);
        assert_eq!(taken("gzip", half), Err(400));
        assert_eq!(taken("br", Bytes::from_static(b"{}")), Err(415));
        assert_eq!(
            taken("identity", Bytes::from_static(b"{}")),
            Ok(Bytes::from_static(b"{}"))
        );
    }
}
