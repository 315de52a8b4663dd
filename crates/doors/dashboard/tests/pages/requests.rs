//! The list of requests, its search, and a request's page.

use cc_devops_kernel::names::RequestId;
use cc_devops_kernel::outcome::Reason;
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_requests::record::NewRequest;
use cc_devops_testkit::sample::{self, OTHER_AGENT, after, agent_name};

use crate::harness::{ADMIN, AGENT, As, Harness};

/// A request that was received at that second.
fn request(id: &str, seconds: i64) -> NewRequest {
    let mut request = sample::request(id);
    request.head.id = RequestId::new(id).unwrap();
    request.head.received_at = after(seconds);
    request
}

async fn received(harness: &Harness, request: &NewRequest) {
    let ledger = &harness.control.ports().ledger;
    ledger.receive(request, None).await.unwrap();
}

async fn failed(harness: &Harness, request: &NewRequest, reason: Reason) {
    let ledger = &harness.control.ports().ledger;
    let ending = sample::failure(&request.head, 100, reason);
    ledger.receive_concluded(request, &ending).await.unwrap();
}

/// The requests that a page lists, in its order.
fn listed(page: &str) -> Vec<String> {
    let rows = page.split("<tr id=\"row-").skip(1);
    rows.map(|row| row.split('"').next().unwrap().to_owned()).collect()
}

/// Where the next page is.
fn next(page: &str) -> Option<String> {
    let before = page
        .split(" rel=\"next\"")
        .next()
        .filter(|before| before.len() < page.len())?;
    let href = before.rsplit("href=\"").next().unwrap();
    Some(href.trim_end_matches('"').replace("&amp;", "&"))
}

#[tokio::test]
async fn requests_are_listed_newest_first_in_pages_of_fifty() {
    let harness = Harness::new().await;
    for number in 1..=120 {
        received(&harness, &request(&format!("r-{number}"), number)).await;
    }
    let browser = harness.sign_in(As::Observer).await;
    let (mut path, mut ids, mut pages) = (Some("/ui/requests?action=putSecret".to_owned()), Vec::new(), 0);
    while let Some(address) = path {
        let page = browser.get(&address).await.page();
        assert!(page.len() < 150_000, "{} bytes", page.len());
        let here = listed(&page);
        assert!(here.len() <= 50 && address.contains("action=putSecret"), "{address}");
        ids.extend(here);
        pages += 1;
        path = next(&page);
    }
    let expected: Vec<String> = (1..=120).rev().map(|number| format!("r-{number}")).collect();
    assert_eq!((pages, ids), (3, expected));
}

#[tokio::test]
async fn filters_stand_in_the_address_and_empty_fields_ask_for_nothing() {
    let harness = Harness::new().await;
    received(&harness, &request("open", 1)).await;
    failed(&harness, &request("late", 2), Reason::Timeout).await;
    let mut other = request("other", 3);
    other.head.agent = agent_name(OTHER_AGENT);
    "deployLambda".clone_into(&mut other.head.action);
    failed(&harness, &other, Reason::ApiError).await;
    let browser = harness.sign_in(As::Admin).await;
    let empty = "q=&agent=&action=&state=&reason=&since=&until=";
    let day = sample::START.strftime("%Y-%m-%d").to_string();
    for (query, expected) in [
        (empty.to_owned(), vec!["other", "late", "open"]),
        (format!("agent={OTHER_AGENT}"), vec!["other"]),
        ("action=deployLambda".to_owned(), vec!["other"]),
        ("state=error".to_owned(), vec!["other", "late"]),
        ("state=success".to_owned(), vec![]),
        ("state=received".to_owned(), vec!["open"]),
        ("reason=timeout".to_owned(), vec!["late"]),
        (format!("since={day}"), vec!["other", "late", "open"]),
        (format!("until={day}"), vec![]),
    ] {
        let page = browser.get(&format!("/ui/requests?{query}")).await.page();
        assert_eq!(listed(&page), expected, "{query}");
        assert_eq!(page.contains("No request is like that"), expected.is_empty(), "{query}");
    }
    for wrong in [
        "state=lost",
        "reason=fate",
        "since=yesterday",
        "cursor=x",
        "agent=no%20name",
    ] {
        let answer = browser.get(&format!("/ui/requests?{wrong}")).await;
        assert_eq!(answer.status, 422, "{wrong}");
    }
}

#[tokio::test]
async fn one_field_leads_to_a_request_or_to_a_filter() {
    let harness = Harness::new().await;
    received(&harness, &request("order/7 <b>", 1)).await;
    let browser = harness.sign_in(As::Admin).await;
    for (typed, leads) in [
        ("order%2F7+%3Cb%3E", "/ui/requests/order%2F7%20%3Cb%3E"),
        ("putsecret", "/ui/requests?action=putSecret"),
        ("api_error", "/ui/requests?reason=api_error"),
        ("Api+error", "/ui/requests?reason=api_error"),
        ("waiting", "/ui/requests?state=waiting"),
        (AGENT, "/ui/requests?agent=ContentOrchestrator"),
    ] {
        let answer = browser.get(&format!("/ui/requests?q={typed}")).await;
        assert_eq!(answer.leads_to(), leads, "{typed}");
    }
    let page = browser.get("/ui/requests?q=%3Cscript%3E7").await.page();
    assert!(page.contains("Nothing here is called “&lt;script&gt;7”"), "{page}");
    assert!(!page.contains("<script>7"), "{page}");
    let page = browser.get("/ui/requests/order%2F7%20%3Cb%3E").await.page();
    assert!(page.contains("<h1>Request order/7 &lt;b&gt;</h1>"), "{page}");
}

#[tokio::test]
async fn what_other_people_wrote_is_shown_and_not_obeyed() {
    let harness = Harness::new().await;
    let mut request = request("r-\u{202e}1", 1);
    "<script>alert(1)</script>".clone_into(&mut request.head.action);
    request.head.resource = Some("\"><img src=x>\u{7}".to_owned());
    failed(&harness, &request, Reason::UnsupportedAction).await;
    let browser = harness.sign_in(As::Admin).await;
    for path in ["/ui/requests", "/ui/requests/r-%E2%80%AE1", "/ui/audit", "/ui/audit/4"] {
        let page = browser.get(path).await.page();
        assert!(page.contains("&lt;script&gt;alert(1)"), "{path}: {page}");
        assert!(
            !page.contains("<img") && !page.contains('\u{202e}') && !page.contains('\u{7}'),
            "{path}: {page}"
        );
    }
}

#[tokio::test]
async fn a_search_that_finds_little_is_cut_and_goes_on() {
    let harness = Harness::new().await;
    let mut first = request("first", 1);
    "deployLambda".clone_into(&mut first.head.action);
    received(&harness, &first).await;
    for number in 2..=5_010 {
        received(&harness, &request(&format!("r-{number}"), number)).await;
    }
    let browser = harness.sign_in(As::Admin).await;
    let page = browser.get("/ui/requests?action=deployLambda").await.page();
    assert!(listed(&page).is_empty() && page.contains("stopped there"), "{page}");
    let further = next(&page).unwrap();
    let page = browser.get(&further).await.page();
    assert_eq!(listed(&page), ["first"]);
    assert!(!page.contains("stopped there") && next(&page).is_none(), "{page}");
}

#[tokio::test]
async fn a_request_shows_its_life_why_it_failed_and_what_decided() {
    let harness = Harness::new().await;
    let request = request("r-1", 1);
    let ledger = &harness.control.ports().ledger;
    let mut ending = sample::failure(&request.head, 100, Reason::DeployFailed);
    ending.output = Some("line 1\nline \u{1b}[31m2 <b>".to_owned());
    ledger.receive_concluded(&request, &ending).await.unwrap();
    let before = harness.rows().len();
    let browser = harness.sign_in(As::Observer).await;
    let page = browser.get("/ui/requests/r-1").await.page();
    for expected in [
        "the request ended with deploy_failed",
        "the deploy failed. Read the output below",
        "Received",
        "Being told",
        "own-prefixes",
        "href=\"/ui/audit/4\"",
        "href=\"/ui/audit?request=r-1\"",
        "href=\"/ui/secrets/contentcraft/contentorchestrator/key\"",
        "line 1\nline \\u{1b}[31m2 &lt;b&gt;",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert!(!page.contains(sample::PLANTED_SECRET), "no parameter is shown");
    assert_eq!(
        harness.rows().len(),
        before + 1,
        "looking leaves nothing but that somebody signed in"
    );
}

#[tokio::test]
async fn who_may_see_one_agents_requests_sees_no_others() {
    let harness = Harness::under(&format!(
        r#"permit (principal is Admin, action == Action::"readRequests", resource == Agent::"{AGENT}");
        permit (principal is Admin, action == Action::"readRequests", resource == Agent::"{ADMIN}");"#
    ))
    .await;
    received(&harness, &request("theirs", 1)).await;
    let mut other = request("others", 2);
    other.head.agent = agent_name(OTHER_AGENT);
    received(&harness, &other).await;
    let browser = harness.sign_in(As::Admin).await;
    let page = browser.get("/ui/requests").await.page();
    assert!(
        listed(&page).is_empty(),
        "only the visitor's own, of which there are none: {page}"
    );
    let page = browser.get(&format!("/ui/requests?agent={AGENT}")).await.page();
    assert_eq!(listed(&page), ["theirs"]);
    assert_eq!(browser.get("/ui/requests/others").await.status, 404);
    assert_eq!(browser.get("/ui/requests/none").await.status, 404);
    let page = browser.get("/ui/requests?q=others").await.page();
    assert!(page.contains("Nothing here is called"), "{page}");
    assert_eq!(
        browser.get(&format!("/ui/requests?agent={OTHER_AGENT}")).await.status,
        403
    );
    let page = browser.get("/ui/requests/theirs").await.page();
    assert!(
        page.contains("not yours to see"),
        "the trail is not for everybody: {page}"
    );
}

#[tokio::test]
async fn without_requests_and_without_a_store_it_says_so() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Admin).await;
    let page = browser.get("/ui/requests").await.page();
    assert!(page.contains("There are no requests yet"), "{page}");
    assert!(page.contains("No request has ended in the last 24 hours"), "{page}");
    harness.memory.fail_with(Some(PortErrorKind::Unavailable));
    assert_eq!(browser.get("/ui/requests").await.status, 503);
}
