//! Whatever stands in a page's address, the answer is a page, leads on or is a refusal.
#![cfg(test)]

#[expect(dead_code, reason = "it is made for the tests of every page")]
#[path = "pages/harness.rs"]
mod harness;

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::header::COOKIE;
use axum::http::{Method, Request};
use cc_devops_testkit::fuzz::Fuzz;

use crate::harness::{As, Harness};

/// Bytes as they may stand in an address.
fn encoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes.iter().take(256) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'=' | b'&' => text.push(char::from(*byte)),
            other => write!(text, "%{other:02x}").unwrap(),
        }
    }
    text
}

/// The address of a page with this in the place of all that its path names, and as its query.
fn address(page: &str, text: &str) -> String {
    let (mut path, mut rest) = (String::new(), page);
    while let Some((before, named)) = rest.split_once('{') {
        path.push_str(before);
        path.push_str(text);
        rest = named.split_once('}').map_or("", |(_, behind)| behind);
    }
    format!("{path}{rest}?{text}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_address_of_any_bytes_is_a_page_or_is_refused() {
    let harness = Harness::new().await;
    let cookie = harness.sign_in(As::Admin).await.cookie;
    let get = harness.routes.iter().filter(|(method, ..)| *method == Method::GET);
    let pages: Vec<&str> = get.map(|(_, path, _)| *path).collect();
    let examples: &[&[u8]] = &[
        b"cursor=7-plan&state=open&q=a",
        b"before=9223372036854775807&agent=A&action=putSecret&status=error",
        b"after=-1&from=2026-01-01&to=2026-03-31&kind=new",
        b"cursor=9223372036854775808&since=0&period=90d",
    ];
    let runtime = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        Fuzz::new().run(examples, |bytes| {
            // One page for each input, and always the same one.
            let sum: usize = bytes.iter().map(|byte| usize::from(*byte)).sum();
            let uri = address(pages[sum % pages.len()], &encoded(bytes));
            let request = Request::get(&uri).header(COOKIE, &cookie).body(Body::empty()).unwrap();
            let status = runtime.block_on(harness.answer(request)).status();
            assert!(!status.is_server_error(), "{uri}: {status}");
        });
    });
}
