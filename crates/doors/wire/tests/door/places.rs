//! Where the door is: at its path, at any other, and behind a proxy.

use cc_devops_http::ServerConfig;

use crate::house::House;
use crate::signing::{Ask, put};

#[tokio::test]
async fn a_proxy_may_take_the_paths_beginning_away() {
    let house = House::new().await;
    let key = house.key().await;
    let behind = |forwarded: bool| {
        let mut request = Ask::identity().at("/control/aws/").signed(&key, house.now());
        *request.uri_mut() = "/aws/".parse().unwrap();
        put(request.headers_mut(), "host", "127.0.0.1:9");
        if forwarded {
            put(request.headers_mut(), "x-forwarded-host", crate::signing::HOST);
            put(request.headers_mut(), "x-forwarded-prefix", "/control");
        }
        request
    };
    assert_eq!(house.send(behind(true)).await.status, 200);
    assert_eq!(house.send(behind(false)).await.code(), "SignatureDoesNotMatch");
    // A prefix that stays is a path like any other.
    let kept = house.ask(&Ask::identity().at("/control/aws"), &key).await;
    assert_eq!(kept.status, 200, "{kept:?}");
}

#[tokio::test]
async fn the_public_address_is_one_that_is_signed() {
    let config = ServerConfig {
        public_url: Some(format!("http://{}/control", crate::signing::HOST)),
        ..ServerConfig::default()
    };
    let house = House::with(config).await;
    let key = house.key().await;
    let mut request = Ask::identity().at("/control/aws").signed(&key, house.now());
    *request.uri_mut() = "/aws".parse().unwrap();
    put(request.headers_mut(), "host", "localhost");
    assert_eq!(house.send(request).await.status, 200);
}
