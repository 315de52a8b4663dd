//! Every page and act has its case here: who gets what. A route without a case fails the test.

use std::collections::BTreeSet;

use axum::http::Method;
use cc_devops_fleet::TokenHash;
use cc_devops_fleet::sessions::SessionSecret;
use cc_devops_testkit::sample;

use crate::house::{AGENT, Answer, As, Browser, House};

/// What each visitor gets.
struct Case {
    method: Method,
    /// The path as the table of routes has it.
    path: &'static str,
    /// The path as it is visited; nothing of what it names is there.
    uri: &'static str,
    form: &'static [(&'static str, &'static str)],
    /// What its visitor must be permitted; empty where everybody may who has signed in.
    right: &'static str,
    observer: u16,
    admin: u16,
    /// How many rows of the audit trail an observer leaves, and an operator.
    leaves: [usize; 2],
}

/// A page that whoever may read this is shown.
const fn page(path: &'static str, right: &'static str) -> Case {
    of(path, path, right, 200)
}

/// A page about something; `status` is what is said where it is not there.
const fn of(path: &'static str, uri: &'static str, right: &'static str, status: u16) -> Case {
    Case {
        method: Method::GET,
        path,
        uri,
        form: &[],
        right,
        observer: status,
        admin: status,
        leaves: [0, 0],
    }
}

/// A page or an act about an agent that is not there: an observer may see it, or an act of theirs is on record.
const fn agent(method: Method, path: &'static str, uri: &'static str, right: &'static str, denied: usize) -> Case {
    Case {
        method,
        path,
        uri,
        form: &[("keep", "0")],
        right,
        observer: 403,
        admin: 404,
        leaves: [denied, 0],
    }
}

/// Pages and acts of those who have signed in: to be extended with every route.
const CASES: &[Case] = &[
    page("/ui", ""),
    page("/ui/agents", "listAgents"),
    of("/ui/agents/{name}", "/ui/agents/Nobody", "listAgents", 404),
    agent(
        Method::POST,
        "/ui/agents/{name}/pause",
        "/ui/agents/Nobody/pause",
        "pauseAgent",
        1,
    ),
    agent(
        Method::POST,
        "/ui/agents/{name}/resume",
        "/ui/agents/Nobody/resume",
        "pauseAgent",
        1,
    ),
    agent(
        Method::GET,
        "/ui/agents/{name}/rotate",
        "/ui/agents/Nobody/rotate",
        "manageAgents",
        0,
    ),
    agent(
        Method::POST,
        "/ui/agents/{name}/rotate",
        "/ui/agents/Nobody/rotate",
        "manageAgents",
        1,
    ),
    agent(
        Method::GET,
        "/ui/agents/{name}/revoke",
        "/ui/agents/Nobody/revoke",
        "manageAgents",
        0,
    ),
    agent(
        Method::POST,
        "/ui/agents/{name}/revoke",
        "/ui/agents/Nobody/revoke",
        "manageAgents",
        1,
    ),
    page("/ui/requests", ""),
    page("/ui/deploys", ""),
    page("/ui/alerts", ""),
    page("/ui/secrets", "listSecrets"),
    of(
        "/ui/secrets/{*name}",
        "/ui/secrets/contentcraft/none",
        "listSecrets",
        404,
    ),
    page("/ui/revenue", ""),
    page("/ui/repositories", ""),
    page("/ui/audit", ""),
    page("/ui/policies", "readPolicies"),
    page("/ui/webhooks", ""),
    page("/ui/settings", "readSettings"),
    page("/ui/health", ""),
];

/// Pages and acts that need no session, whose tests are in `sign_in.rs` and `links.rs`.
const OPEN: [&str; 5] = [
    "GET /ui/login",
    "POST /ui/login",
    "GET /ui/open",
    "POST /ui/open",
    "POST /ui/logout",
];

async fn visit(browser: &Browser<'_>, case: &Case) -> Answer {
    if case.method == Method::GET {
        browser.get(case.uri).await
    } else {
        browser.post(case.uri, case.form).await
    }
}

fn stranger(house: &House) -> Browser<'_> {
    Browser {
        house,
        cookie: String::new(),
    }
}

#[tokio::test]
async fn every_visitor_gets_what_the_table_says() {
    for case in CASES {
        let what = format!("{} {}", case.method, case.uri);
        let house = House::new().await;
        let answer = visit(&stranger(&house), case).await;
        let expected = if case.method == Method::GET { 303 } else { 401 };
        assert_eq!(answer.status, expected, "{what} as a stranger: {}", answer.text);
        assert!(house.rows().is_empty(), "{what}: a stranger writes nothing");
        for (who, expected, leaves) in [
            (As::Observer, case.observer, case.leaves[0]),
            (As::Admin, case.admin, case.leaves[1]),
        ] {
            let house = House::new().await;
            let browser = house.sign_in(who).await;
            let before = house.rows().len();
            let answer = visit(&browser, case).await;
            assert_eq!(answer.status, expected, "{what} as {who:?}: {}", answer.text);
            let rows = house.rows();
            let left = &rows[before..];
            assert_eq!(left.len(), leaves, "{what} as {who:?} leaves {left:?}");
            for row in left {
                assert_eq!(row.entry.detail["via"], "dashboard", "{what} as {who:?}: {row:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_policy_closes_each_page_to_operators_too() {
    for case in CASES.iter().filter(|case| !case.right.is_empty()) {
        let house = House::under(&format!(
            r#"permit (principal is Admin, action, resource);
            forbid (principal, action == Action::"{}", resource);"#,
            case.right
        ))
        .await;
        let browser = house.sign_in(As::Admin).await;
        let answer = visit(&browser, case).await;
        assert_eq!(answer.status, 403, "{} {}: {}", case.method, case.uri, answer.text);
        assert!(
            answer.text.contains("Log out"),
            "it is a page of the dashboard all the same"
        );
    }
}

#[tokio::test]
async fn an_agent_has_no_session() {
    let house = House::new().await;
    // It cannot be begun; one that stands on record all the same opens nothing.
    let ports = house.memory.ports();
    let sessions = house.sessions(&ports);
    let (agent, token) = (sample::agent(AGENT).agent, TokenHash::of(&As::Agent.token()));
    let secret = SessionSecret::from_random([6; 32]);
    sessions
        .begin(&agent, &token, &secret, ports.clock.now())
        .await
        .unwrap();
    let browser = Browser {
        house: &house,
        cookie: format!("__Host-cc-devops={}", secret.expose()),
    };
    for case in CASES {
        let expected = if case.method == Method::GET { 303 } else { 401 };
        assert_eq!(visit(&browser, case).await.status, expected, "{}", case.uri);
    }
}

#[tokio::test]
async fn no_route_is_without_a_case() {
    let routes = House::new().await.routes;
    let of = |needs_session| -> BTreeSet<String> {
        let rows = routes.iter().filter(|(_, _, needs)| *needs == needs_session);
        rows.map(|(method, path, _)| format!("{method} {path}")).collect()
    };
    let covered: BTreeSet<String> = CASES
        .iter()
        .map(|case| format!("{} {}", case.method, case.path))
        .collect();
    assert_eq!(of(true), covered);
    assert_eq!(of(false), BTreeSet::from(OPEN.map(str::to_owned)));
}
