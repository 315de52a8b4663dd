//! Every page and act has its case here: who gets what. A route without a case fails the test.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::header::COOKIE;
use axum::http::{Method, Request};
use cc_devops_fleet::TokenHash;
use cc_devops_fleet::sessions::SessionSecret;
use cc_devops_testkit::sample;

use crate::harness::{AGENT, Answer, As, Browser, Harness};

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

/// An act: what an observer gets and an operator, and how many rows each leaves.
const fn act(
    path: &'static str,
    uri: &'static str,
    form: &'static [(&'static str, &'static str)],
    (right, admin, leaves): (&'static str, u16, [usize; 2]),
) -> Case {
    Case {
        method: Method::POST,
        path,
        uri,
        form,
        right,
        observer: if leaves[0] == 0 { admin } else { 403 },
        admin,
        leaves,
    }
}

/// The page on which an act is confirmed.
const fn asks(path: &'static str, uri: &'static str, right: &'static str, admin: u16) -> Case {
    Case {
        method: Method::GET,
        path,
        uri,
        form: &[],
        right,
        observer: 403,
        admin,
        leaves: [0, 0],
    }
}

/// Pages and acts of those who have signed in: to be extended with every route.
fn cases() -> impl Iterator<Item = &'static Case> {
    CASES.iter().chain(AGENTS).chain(DEPLOYS).chain(ALERTS).chain(WEBHOOKS)
}

const CASES: &[Case] = &[
    page("/ui", ""),
    page("/ui/keys", ""),
    page("/ui/live", ""),
    page("/ui/requests", "readRequests"),
    of("/ui/requests/{id}", "/ui/requests/none", "", 404),
    page("/ui/secrets", "listSecrets"),
    of(
        "/ui/secrets/{*name}",
        "/ui/secrets/contentcraft/none",
        "listSecrets",
        404,
    ),
    page("/ui/revenue", "readRevenue"),
    page("/ui/revenue/days.csv", "readRevenue"),
    page("/ui/revenue/movements", "readRevenue"),
    page("/ui/revenue/movements.csv", "readRevenue"),
    page("/ui/revenue/cohorts", "readRevenue"),
    page("/ui/revenue/cohorts.csv", "readRevenue"),
    page("/ui/revenue/products", "readRevenue"),
    page("/ui/revenue/products.csv", "readRevenue"),
    page("/ui/repositories", "readRepositories"),
    of(
        "/ui/repositories/{name}",
        "/ui/repositories/none",
        "readRepositories",
        404,
    ),
    page("/ui/audit", "readAudit"),
    page("/ui/audit/export", "readAudit"),
    of("/ui/audit/{seq}", "/ui/audit/999", "readAudit", 404),
    of("/ui/audit/{seq}/row.json", "/ui/audit/999/row.json", "readAudit", 404),
    page("/ui/policies", "readPolicies"),
    page("/ui/settings", "readSettings"),
    page("/ui/health", "readHealth"),
    asks(MAINTENANCE, MAINTENANCE, "setMaintenance", 200),
    act(
        MAINTENANCE,
        MAINTENANCE,
        &[("reason", "new disks"), ("lasts", "1h")],
        ("setMaintenance", 303, [1, 1]),
    ),
    asks(MAINTENANCE_ENDS, MAINTENANCE_ENDS, "setMaintenance", 200),
    // It is not on.
    act(MAINTENANCE_ENDS, MAINTENANCE_ENDS, &[], ("setMaintenance", 303, [1, 0])),
];

const MAINTENANCE: &str = "/ui/health/maintenance";
const MAINTENANCE_ENDS: &str = "/ui/health/maintenance/end";

const AGENTS: &[Case] = &[
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
];

/// The engine decides on each plan, and whoever may see none of them is shown none: `deploys.rs` has who may decide.
const DEPLOYS: &[Case] = &[
    page("/ui/deploys", ""),
    page("/ui/deploys/freezes", "readDeploys"),
    of(
        "/ui/deploys/stacks/{stack}",
        "/ui/deploys/stacks/cc-agent-none-prod",
        "readDeploys",
        200,
    ),
    of(
        "/ui/deploys/{plan}",
        "/ui/deploys/plan-f55ff16f66f43360266b95db",
        "",
        404,
    ),
    of(
        "/ui/deploys/{plan}/approve",
        "/ui/deploys/plan-f55ff16f66f43360266b95db/approve",
        "",
        404,
    ),
    act(
        "/ui/deploys/{plan}/approve",
        "/ui/deploys/plan-f55ff16f66f43360266b95db/approve",
        &[(
            "digest",
            "a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2",
        )],
        ("", 404, [0, 0]),
    ),
    of(
        "/ui/deploys/{plan}/deny",
        "/ui/deploys/plan-f55ff16f66f43360266b95db/deny",
        "",
        404,
    ),
    act(
        "/ui/deploys/{plan}/deny",
        "/ui/deploys/plan-f55ff16f66f43360266b95db/deny",
        &[("reason", "no")],
        ("", 404, [0, 0]),
    ),
    of(
        "/ui/deploys/{plan}/override",
        "/ui/deploys/plan-f55ff16f66f43360266b95db/override",
        "",
        404,
    ),
    act(
        "/ui/deploys/{plan}/override",
        "/ui/deploys/plan-f55ff16f66f43360266b95db/override",
        &[("reason", "a fire")],
        ("", 404, [0, 0]),
    ),
];

const ALERTS: &[Case] = &[
    page("/ui/alerts", "readAlerts"),
    of(
        "/ui/alerts/alert",
        "/ui/alerts/alert?key=agent%2FNone",
        "readAlerts",
        404,
    ),
    act(
        "/ui/alerts/acknowledge",
        "/ui/alerts/acknowledge",
        &[("key", "agent/None")],
        ("manageAlerts", 409, [1, 0]),
    ),
    page("/ui/alerts/silences", "readAlerts"),
    act(
        "/ui/alerts/silence",
        "/ui/alerts/silence",
        &[("kind", "agent"), ("lasts", "1h"), ("reason", "new disks")],
        ("manageAlerts", 303, [1, 1]),
    ),
    act(
        "/ui/alerts/unsilence",
        "/ui/alerts/unsilence",
        &[("id", "0")],
        ("manageAlerts", 409, [1, 0]),
    ),
    page("/ui/alerts/routes", "readAlerts"),
];

const WEBHOOKS: &[Case] = &[
    page("/ui/webhooks", "readWebhooks"),
    act(
        "/ui/webhooks/add",
        "/ui/webhooks/add",
        &[("url", "https://example.org/hook")],
        ("manageWebhooks", 200, [1, 1]),
    ),
    of(
        "/ui/webhooks/outbox/{consumer}",
        "/ui/webhooks/outbox/webhooks",
        "readWebhooks",
        200,
    ),
    asks(
        "/ui/webhooks/outbox/{consumer}/replay",
        "/ui/webhooks/outbox/webhooks/replay",
        "manageWebhooks",
        200,
    ),
    act(
        "/ui/webhooks/outbox/{consumer}/replay",
        "/ui/webhooks/outbox/webhooks/replay",
        &[],
        ("manageWebhooks", 303, [1, 1]),
    ),
    of("/ui/webhooks/{id}", "/ui/webhooks/wh_0", "readWebhooks", 404),
    act(
        "/ui/webhooks/{id}/enable",
        "/ui/webhooks/wh_0/enable",
        &[],
        ("manageWebhooks", 404, [1, 0]),
    ),
    asks(
        "/ui/webhooks/{id}/replay",
        "/ui/webhooks/wh_0/replay",
        "manageWebhooks",
        404,
    ),
    act(
        "/ui/webhooks/{id}/replay",
        "/ui/webhooks/wh_0/replay",
        &[],
        ("manageWebhooks", 404, [1, 0]),
    ),
    asks(
        "/ui/webhooks/{id}/remove",
        "/ui/webhooks/wh_0/remove",
        "manageWebhooks",
        404,
    ),
    act(
        "/ui/webhooks/{id}/remove",
        "/ui/webhooks/wh_0/remove",
        &[],
        ("manageWebhooks", 404, [1, 0]),
    ),
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
    if case.uri == "/ui/live" {
        return glance(browser, case.uri).await;
    }
    if case.method == Method::GET {
        browser.get(case.uri).await
    } else {
        browser.post(case.uri, case.form).await
    }
}

/// The head of an answer that does not end.
async fn glance(browser: &Browser<'_>, uri: &str) -> Answer {
    let request = Request::builder().uri(uri).header(COOKIE, &browser.cookie);
    let response = browser.harness.answer(request.body(Body::empty()).unwrap()).await;
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: String::new(),
    }
}

fn stranger(harness: &Harness) -> Browser<'_> {
    Browser {
        harness,
        cookie: String::new(),
    }
}

/// What a stranger gets.
fn turned_away(case: &Case) -> u16 {
    if case.method == Method::GET { 303 } else { 401 }
}

#[tokio::test]
async fn every_visitor_gets_what_the_table_says() {
    let mut wrong = Vec::new();
    for case in cases() {
        let what = format!("{} {}", case.method, case.uri);
        let harness = Harness::new().await;
        let status = visit(&stranger(&harness), case).await.status;
        if status != turned_away(case) || !harness.rows().is_empty() {
            wrong.push(format!("{what} as a stranger: {status}, {:?}", harness.rows()));
        }
        for (who, expected, leaves) in [
            (As::Observer, case.observer, case.leaves[0]),
            (As::Admin, case.admin, case.leaves[1]),
        ] {
            let harness = Harness::new().await;
            let browser = harness.sign_in(who).await;
            let before = harness.rows().len();
            let answer = visit(&browser, case).await;
            let rows = harness.rows();
            let left = &rows[before..];
            let via = left.iter().all(|row| row.entry.detail["via"] == "dashboard");
            if (answer.status, left.len()) != (expected, leaves) || !via {
                wrong.push(format!(
                    "{what} as {who:?}: {} and not {expected}, leaves {left:?}",
                    answer.status
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_policy_closes_each_page_to_operators_too() {
    let mut wrong = Vec::new();
    for case in cases().filter(|case| !case.right.is_empty()) {
        let harness = Harness::under(&format!(
            r#"permit (principal is Admin, action, resource);
            forbid (principal, action == Action::"{}", resource);"#,
            case.right
        ))
        .await;
        let browser = harness.sign_in(As::Admin).await;
        let answer = visit(&browser, case).await;
        // It is a page of the dashboard all the same.
        if answer.status != 403 || !answer.text.contains("Log out") {
            wrong.push(format!("{} {}: {}", case.method, case.uri, answer.status));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn an_agent_has_no_session() {
    let harness = Harness::new().await;
    // It cannot be begun; one that stands on record all the same opens nothing.
    let ports = harness.memory.ports();
    let sessions = harness.sessions(&ports);
    let (agent, token) = (sample::agent(AGENT).agent, TokenHash::of(&As::Agent.token()));
    let secret = SessionSecret::from_random([6; 32]);
    sessions
        .begin(&agent, &token, &secret, ports.clock.now())
        .await
        .unwrap();
    let browser = Browser {
        harness: &harness,
        cookie: format!("__Host-cc-devops={}", secret.expose()),
    };
    for case in cases() {
        assert_eq!(visit(&browser, case).await.status, turned_away(case), "{}", case.uri);
    }
}

#[tokio::test]
async fn no_route_is_without_a_case() {
    let routes = Harness::new().await.routes;
    let of = |needs_session| -> BTreeSet<String> {
        let rows = routes.iter().filter(|(_, _, needs)| *needs == needs_session);
        rows.map(|(method, path, _)| format!("{method} {path}")).collect()
    };
    let covered: BTreeSet<String> = cases().map(|case| format!("{} {}", case.method, case.path)).collect();
    assert_eq!(of(true), covered);
    assert_eq!(of(false), BTreeSet::from(OPEN.map(str::to_owned)));
}
