//! Signing in and out.

use axum::body::Body;
use axum::http::Request;

use crate::house::{ADMIN, As, House};

#[tokio::test]
async fn who_has_not_signed_in_is_led_there_and_back() {
    let house = House::new().await;
    let request = Request::builder()
        .uri("/ui/agents?state=down")
        .body(Body::empty())
        .unwrap();
    let answer = house.call(request).await;
    assert_eq!(answer.leads_to(), "/ui/login?next=%2Fui%2Fagents%3Fstate%3Ddown");
    let browser = house.sign_in(As::Admin).await;
    let page = browser.get("/ui/agents").await.page();
    assert!(page.contains(ADMIN), "{page}");
    assert_eq!(browser.post("/ui/logout", &[]).await.leads_to(), "/ui/login");
    assert_eq!(browser.get("/ui/agents").await.status, 303, "the session has ended");
    let acts: Vec<String> = house.rows().into_iter().map(|row| row.entry.action).collect();
    assert_eq!(acts, ["session.begun", "session.ended"]);
}
