//! Signing in with a token, and out.

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, SET_COOKIE};
use axum::http::{Method, Request};
use cc_devops_http::ServerConfig;
use cc_devops_http::config::Limits;
use futures::future::join_all;
use tokio::time::Instant;

use crate::harness::{ADMIN, As, Browser, Harness, OBSERVER};

fn stranger(harness: &Harness) -> Browser<'_> {
    Browser {
        harness,
        cookie: String::new(),
    }
}

fn acts(harness: &Harness) -> Vec<String> {
    harness.rows().into_iter().map(|row| row.entry.action).collect()
}

/// A token of the right form that nobody has.
fn wrong() -> String {
    format!("ccd_{}", "0".repeat(64))
}

#[tokio::test]
async fn who_has_not_signed_in_is_led_there_and_back() {
    let harness = Harness::new().await;
    let request = Request::builder()
        .uri("/ui/agents?state=down")
        .body(Body::empty())
        .unwrap();
    let answer = harness.call(request).await;
    assert_eq!(answer.leads_to(), "/ui/login?next=%2Fui%2Fagents%3Fstate%3Ddown");
    let form = [
        ("token", As::Admin.token()),
        ("next", "/ui/agents?state=down".to_owned()),
    ];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = stranger(&harness).post("/ui/login", &form).await;
    assert_eq!(answer.leads_to(), "/ui/agents?state=down");
    let browser = harness.sign_in(As::Admin).await;
    let page = browser.get("/ui/agents").await.page();
    assert!(page.contains(ADMIN), "{page}");
    assert_eq!(browser.post("/ui/logout", &[]).await.leads_to(), "/ui/login");
    assert_eq!(browser.get("/ui/agents").await.status, 303, "the session has ended");
    assert_eq!(acts(&harness), ["session.begun", "session.begun", "session.ended"]);
}

#[tokio::test]
async fn the_cookie_is_for_this_host_and_no_script() {
    let harness = Harness::new().await;
    let answer = stranger(&harness)
        .post("/ui/login", &[("token", &As::Observer.token())])
        .await;
    let cookie = answer.headers[SET_COOKIE].to_str().unwrap();
    let (pair, rest) = cookie.split_once("; ").unwrap();
    assert_eq!(rest, "Path=/; Secure; HttpOnly; SameSite=Lax");
    let (name, value) = pair.split_once('=').unwrap();
    assert_eq!((name, value.len()), ("__Host-cc-devops", 64));
    let kept = harness.memory.ports().state;
    let kept = kept
        .list(cc_devops_kernel::ports::RecordKind::Session, Some(OBSERVER), None, 10)
        .await
        .unwrap();
    assert_eq!(kept.len(), 1);
    assert!(!format!("{kept:?}").contains(value), "only its hash is kept");
    // Not in any row either.
    assert!(!format!("{:?}", harness.rows()).contains(value));
    assert_eq!(harness.rows()[0].entry.detail["via"], "dashboard");
    assert_eq!(harness.rows()[0].entry.principal.as_ref().unwrap().as_str(), OBSERVER);
}

#[tokio::test]
async fn the_form_has_one_field_for_one_secret() {
    let harness = Harness::new().await;
    let page = stranger(&harness).get("/ui/login").await.page();
    assert_eq!(
        page.matches("<input").count(),
        2,
        "the field, and where it leads: {page}"
    );
    assert_eq!(page.matches(r#"type="password""#).count(), 1);
    assert!(page.contains(r#"name="token""#) && page.contains(r#"<label for="token">"#));
    assert_eq!(page.matches("<button").count(), 1);
    assert!(!page.contains("Log out"), "nobody is logged in");
    let page = stranger(&harness).get("/ui/login?next=%2F%2Fevil.example").await.page();
    assert!(!page.contains("evil"), "{page}");
}

#[tokio::test]
async fn nobody_else_signs_in_and_nothing_is_written() {
    let harness = Harness::new().await;
    let browser = stranger(&harness);
    let agent = As::Agent.token();
    for token in [
        "",
        "x",
        &wrong(),
        &agent,
        &format!("{agent}0"),
        "<script>alert(1)</script>",
    ] {
        let answer = browser.post("/ui/login", &[("token", token)]).await;
        assert_eq!(answer.status, 401, "{token:?}");
        assert!(answer.headers.get(SET_COOKIE).is_none());
        assert!(
            answer.header("content-type").starts_with("text/html"),
            "a page, not a problem"
        );
        assert!(!answer.text.contains("<script>alert"), "{}", answer.text);
        assert!(token.len() < 60 || !answer.text.contains(token), "no token comes back");
    }
    assert_eq!(acts(&harness), [""; 0]);
    let answer = browser.post("/ui/login", &[]).await;
    assert_eq!(answer.status, 401, "no token is a wrong one");
    let spaced = format!("  {}\n", As::Admin.token());
    let answer = browser.post("/ui/login", &[("token", &spaced)]).await;
    assert_eq!(answer.status, 303, "as it was copied");
}

#[tokio::test]
async fn wrong_tokens_are_slowed_and_a_clumsy_person_is_not() {
    let harness = Harness::new().await;
    let browser = stranger(&harness);
    let (right, wrong) = (As::Admin.token(), wrong());
    for number in 0..10 {
        let token = if number % 5 == 2 { &wrong } else { &right };
        let answer = browser.post("/ui/login", &[("token", token)]).await;
        assert_eq!(answer.status, if number % 5 == 2 { 401 } else { 303 });
    }
    let mut statuses = Vec::new();
    for _ in 0..30 {
        statuses.push(browser.post("/ui/login", &[("token", &wrong)]).await);
    }
    let last = statuses.pop().unwrap();
    assert_eq!(last.status, 429);
    let wait: u64 = last.header("retry-after").parse().unwrap();
    assert!((1..=5).contains(&wait), "{wait}");
    assert!(last.text.contains("cc-devops open"), "{}", last.text);
    assert!(statuses.iter().filter(|answer| answer.status == 401).count() <= 9);
    assert_eq!(
        acts(&harness),
        ["session.begun"; 8],
        "what strangers try is not written"
    );
}

/// The acts that anybody may try.
const OPEN: [&str; 2] = ["/ui/login", "/ui/open"];

/// A form that does not come.
fn never(path: &str) -> Request<Body> {
    let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("sec-fetch-site", "same-origin")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    request.body(Body::from_stream(never)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_strangers_form_takes_no_place_of_agents_and_is_not_waited_for_long() {
    let harness = Harness::at(ServerConfig {
        limits: Limits {
            concurrency: 1,
            ..Limits::default()
        },
        ..ServerConfig::default()
    })
    .await;
    for path in OPEN {
        let begun = Instant::now();
        let mut slow = Box::pin(harness.call(never(path)));
        assert!(futures::poll!(&mut slow).is_pending());
        let agents = Request::builder().uri("/v1/agents");
        let agents = agents.header(AUTHORIZATION, format!("Bearer {}", As::Agent.token()));
        let answer = harness.call(agents.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let answer = slow.await;
        assert_eq!((answer.status, begun.elapsed().as_secs()), (408, 10), "{path}");
        assert!(answer.header("content-type").starts_with("text/html"), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn few_forms_of_strangers_are_waited_for_at_once() {
    let harness = Harness::new().await;
    for path in OPEN {
        let begun = Instant::now();
        let slow = (0..18).map(|_| async {
            let answer = harness.call(never(path)).await;
            (answer.status, begun.elapsed().as_secs())
        });
        let mut answers = join_all(slow).await;
        answers.sort_unstable();
        let (late, refused) = (vec![(408_u16, 10_u64); 16], vec![(429, 0); 2]);
        assert_eq!(answers, [late, refused].concat(), "{path}");
    }
}

#[tokio::test]
async fn to_log_out_twice_does_no_harm() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Observer).await;
    for _ in 0..2 {
        let answer = browser.post("/ui/logout", &[]).await;
        assert_eq!(answer.leads_to(), "/ui/login");
        assert!(answer.header("set-cookie").contains("Max-Age=0"));
    }
    assert_eq!(acts(&harness), ["session.begun", "session.ended"]);
    assert_eq!(
        stranger(&harness).get("/ui/logout").await.status,
        405,
        "a link ends nothing"
    );
}

#[tokio::test]
async fn an_act_without_a_session_says_so() {
    let harness = Harness::new().await;
    let answer = stranger(&harness).post("/ui/agents", &[]).await;
    assert_eq!(answer.status, 405);
    let request = Request::builder()
        .uri("/ui/agents")
        .header("cc-fragment", "1")
        .body(Body::empty())
        .unwrap();
    let answer = harness.call(request).await;
    assert_eq!(answer.status, 401, "a part of a page leads nowhere");
    assert!(answer.text.contains("sign in again"), "{}", answer.text);
}
