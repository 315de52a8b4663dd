//! Signing in to the dashboard of the real binary, and what an observer is.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::process::{Place, Server, finish, until};

/// A form of the dashboard's own page: status, and the whole answer.
fn form(server: &Server, path: &str, body: &str, cookie: &str) -> (u16, String) {
    server.ask(
        &format!(
            "POST {path} HTTP/1.1\r\nSec-Fetch-Site: same-origin\r\nOrigin: null\r\nCookie: {cookie}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            body.len()
        ),
        body,
    )
}

fn page(server: &Server, path: &str, cookie: &str) -> (u16, String) {
    server.ask(
        &format!("GET {path} HTTP/1.1\r\nCookie: {cookie}\r\nAccept: text/html\r\n"),
        "",
    )
}

/// The cookie that an answer sets.
fn cookie(answer: &str) -> String {
    let line = answer.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    line.unwrap_or_else(|| panic!("{answer}"))
        .split(';')
        .next()
        .unwrap()
        .to_owned()
}

fn acts(place: &Place) -> Vec<String> {
    let rows = place.run(&["audit", "list", "--json"]).exits(0).json();
    let rows = rows["rows"].as_array().unwrap().iter().rev();
    rows.map(|row| row["action"].as_str().unwrap().to_owned())
        .filter(|act| act.starts_with("session."))
        .collect()
}

#[test]
fn open_prints_a_link_that_signs_in_once() {
    let place = Place::new();
    let server = place.serve();
    let made = place.run(&["open", "--json"]).exits(0).json();
    let url = made["url"].as_str().unwrap();
    let base = format!("http://{}", server.address);
    let path = url.strip_prefix(&base).unwrap();
    assert!(made["expiresAt"].is_string(), "{made}");
    let (status, shown) = page(&server, path, "");
    assert_eq!(status, 200, "{shown}");
    assert!(shown.contains("Open the dashboard"), "{shown}");
    let key = path.strip_prefix("/ui/open?").unwrap();
    let (status, begun) = form(&server, "/ui/open", key, "");
    assert_eq!(status, 303, "{begun}");
    let (status, overview) = page(&server, "/ui", &cookie(&begun));
    assert_eq!(status, 200, "{overview}");
    assert!(overview.contains("Log out"), "{overview}");
    assert_eq!(form(&server, "/ui/open", key, "").0, 410);
    assert_eq!(acts(&place), ["session.link_made", "session.begun"]);
    let log = fs::read_to_string(place.log()).unwrap();
    assert!(
        !log.contains(key.strip_prefix("key=").unwrap()),
        "the link is in no log"
    );
}

#[test]
fn a_browser_is_opened_where_there_is_one_and_missed_by_nobody() {
    let place = Place::new();
    let server = place.serve();
    // Nothing that opens a browser.
    let mut command = place.command(&["open"]);
    command.env("PATH", place.path());
    let without = finish(command, "").exits(0);
    assert!(
        without
            .stdout
            .starts_with(&format!("http://{}/ui/open?key=", server.address)),
        "{without}"
    );
    assert!(without.stderr.contains("open it in a browser"), "{without}");

    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    // What is moved there is whole.
    let script =
        "#!/bin/sh\nhere=${0%/*}\necho \"$1\" > \"$here/opening\"\n/bin/mv \"$here/opening\" \"$here/opened\"\n";
    let opener = place.write(opener, script);
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o700)).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env("PATH", place.path());
        finish(command, "").exits(0)
    };
    run(&["open", "--no-browser"]);
    run(&["open", "--json"]);
    let taken = place.path().join("opened");
    let with = run(&["open"]);
    until(&with.to_string(), || taken.exists().then_some(()));
    assert_eq!(
        fs::read_to_string(taken).unwrap(),
        with.stdout,
        "the one link that was to be opened"
    );
}

#[test]
fn a_session_ends_with_its_token() {
    let place = Place::new();
    let server = place.serve();
    let token = added(&place, "Ana", "observer");
    let (status, begun) = form(&server, "/ui/login", &format!("token={token}"), "");
    assert_eq!(status, 303, "{begun}");
    let mine = cookie(&begun);
    assert_eq!(page(&server, "/ui", &mine).0, 200);
    place
        .run(&["agents", "rotate", "Ana", "--keep-old-for", "600"])
        .exits(0);
    assert_eq!(page(&server, "/ui", &mine).0, 200, "the old token goes on");
    place.run(&["agents", "revoke", "Ana"]).exits(0);
    let (status, answer) = page(&server, "/ui", &mine);
    assert_eq!(status, 303, "{answer}");
    assert!(answer.contains("location: /ui/login"), "{answer}");
}

/// Adds somebody of a role; their token.
fn added(place: &Place, name: &str, role: &str) -> String {
    let added = place.run(&["agents", "add", name, "--role", role, "--json"]).exits(0);
    added.json()["token"].as_str().unwrap().to_owned()
}

#[test]
fn an_observer_looks_and_changes_nothing() {
    let place = Place::new();
    let server = place.serve();
    let token = added(&place, "Ana", "observer");
    let operator = added(&place, "Bob", "admin");
    place.run(&["agents", "add", "Eve", "--role", "king"]).exits(2);
    place
        .run(&["agents", "add", "Eve", "--role", "observer", "--admin"])
        .exits(2);
    let slack = [
        "agents",
        "add",
        "Eve",
        "--role",
        "observer",
        "--slack-user",
        "U024BE7LH",
    ];
    let refused = place.run(&slack).exits(2);
    assert!(refused.stderr.contains("--role admin"), "{refused}");
    let listed = place.run(&["agents", "list", "--json"]).exits(0).json();
    let agents = listed["agents"].as_array().unwrap();
    let role = |name: &str| agents.iter().find(|agent| agent["name"] == name).unwrap()["role"].clone();
    assert_eq!((role("Ana"), role("Bob")), ("observer".into(), "admin".into()));
    let table = place.run(&["agents", "list"]).exits(0).stdout;
    assert!(table.contains("observer"), "{table}");

    assert_eq!(server.get("/v1/alerts", Some(&token)).0, 200);
    assert_eq!(server.post("/v1/agents/Bob/pause", &token, "{}").0, 403);
    assert_eq!(server.post("/v1/agents/Bob/pause", &operator, "{}").0, 204);

    let check = |words: &[&str], code| {
        place.run(&[&["policy", "check"], words].concat()).exits(code);
    };
    check(&["Ana", "readAudit", "*"], 0);
    check(&["Ana", "manageAgents", "*"], 4);
    check(&["Ana", "manageAgents", "*", "--role", "admin"], 0);
    check(&["Zoe", "readAudit", "*"], 4);
    check(&["Zoe", "readAudit", "*", "--role", "observer"], 0);
    check(&["Zoe", "readSecret", "/contentcraft/zoe/key", "--role", "observer"], 4);
}

#[test]
fn the_dashboard_is_switched_off_by_the_configuration() {
    let place = Place::new();
    place.configure("[dashboard]\nenabled = false\n");
    let server = place.serve();
    for path in ["/ui", "/ui/login", "/"] {
        let (status, answer) = page(&server, path, "");
        assert_eq!(status, 404, "{path}: {answer}");
    }
    let refused = place.run(&["open"]).exits(1);
    assert!(refused.stderr.contains("dashboard.enabled"), "{refused}");
}

#[test]
fn a_browser_is_led_to_the_dashboard() {
    let place = Place::new();
    let server = place.serve();
    let (status, answer) = page(&server, "/", "");
    assert_eq!(status, 303, "{answer}");
    assert!(answer.contains("location: /ui\r\n"), "{answer}");
    let (status, answer) = page(&server, "/ui", "");
    assert_eq!(status, 303, "{answer}");
    assert!(
        answer.contains("content-security-policy: default-src 'none'"),
        "{answer}"
    );
}
