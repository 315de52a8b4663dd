//! Where the door is: at its path, at any other, and behind a proxy.

use cc_devops_http::ServerConfig;

use crate::harness::Harness;
use crate::signing::{Ask, put};

#[tokio::test]
async fn a_proxy_may_take_the_paths_beginning_away() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    let behind = |forwarded: bool| {
        let mut request = Ask::identity().at("/control/aws/").signed(&key, harness.now());
        *request.uri_mut() = "/aws/".parse().unwrap();
        put(request.headers_mut(), "host", "127.0.0.1:9");
        if forwarded {
            put(request.headers_mut(), "x-forwarded-host", crate::signing::HOST);
            put(request.headers_mut(), "x-forwarded-prefix", "/control");
        }
        request
    };
    assert_eq!(harness.send(behind(true)).await.status, 200);
    assert_eq!(harness.send(behind(false)).await.code(), "SignatureDoesNotMatch");
    // A prefix that stays is a path like any other.
    let kept = harness.ask(&Ask::identity().at("/control/aws"), &key).await;
    assert_eq!(kept.status, 200, "{kept:?}");
}

#[tokio::test]
async fn the_public_address_is_one_that_is_signed() {
    let config = ServerConfig {
        public_url: Some(format!("http://{}/control", crate::signing::HOST)),
        ..ServerConfig::default()
    };
    let harness = Harness::with(config).await;
    let key = harness.key().await;
    let mut request = Ask::identity().at("/control/aws").signed(&key, harness.now());
    *request.uri_mut() = "/aws".parse().unwrap();
    put(request.headers_mut(), "host", "localhost");
    assert_eq!(harness.send(request).await.status, 200);
}
