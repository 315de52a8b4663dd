//! Webhooks, looked after on the command line while the server runs.

use std::io::Read;
use std::net::TcpListener;

use serde_json::json;

use crate::process::{Place, until};

/// Takes one call, answers 410 and says nothing more.
fn answer_gone(listener: &TcpListener) {
    let (mut connection, _) = listener.accept().unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && connection.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    let answer = b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    std::io::Write::write_all(&mut connection, answer).unwrap();
    // The body is read to its end, so that the answer is not lost with the connection.
    drop(connection.read_to_end(&mut Vec::new()));
}

#[test]
fn a_webhook_is_added_watched_replayed_and_removed() {
    let place = Place::new();
    let _server = place.serve();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let added = place.run(&["webhooks", "add", &url, "--json"]).exits(0).json();
    let id = added["id"].as_str().unwrap();
    assert!(added["secret"].as_str().unwrap().starts_with("whsec_"));

    place.run_with(&["put-secret", "/contentcraft/a/b"], "v").exits(0);
    answer_gone(&listener);
    let shown = || {
        let list = place.run(&["webhooks", "list", "--json"]).exits(0).json();
        list["webhooks"][0].clone()
    };
    while shown()["deadLetters"] != 1 {
        std::thread::yield_now();
    }
    let failing = shown();
    assert_eq!(
        (&failing["enabled"], &failing["lastError"]),
        (&json!(true), &json!("the receiver answered 410"))
    );
    let letters = place.run(&["webhooks", "dead", id, "--json"]).exits(0).json();
    assert_eq!(letters["deadLetters"][0]["error"], "the receiver answered 410");
    let text = place.run(&["webhooks", "list"]).exits(0).stdout;
    assert!(text.starts_with("WEBHOOK") && text.contains("failing"), "{text}");

    let enabled = place.run(&["webhooks", "enable", id, "--json"]).exits(0).json();
    assert_eq!(enabled["enabled"], true);
    let replayed = place.run(&["webhooks", "replay", id, "--json"]).exits(0).json();
    assert_eq!(replayed["replayed"], 1);
    answer_gone(&listener);
    place.run(&["webhooks", "remove", id]).exits(0);
    assert!(
        place.run(&["webhooks", "list", "--json"]).exits(0).json()["webhooks"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    for command in ["dead", "enable", "replay", "remove"] {
        let said = place.run(&["webhooks", command, id]);
        assert!(
            said.stderr.contains("no such subscription"),
            "{command}: {}",
            said.stderr
        );
    }
    let trail = place.run(&["audit", "list", "--json"]).exits(0).json();
    let acts: Vec<&str> = trail["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row["action"].as_str())
        .filter(|action| action.starts_with("webhook."))
        .collect();
    assert_eq!(
        acts,
        ["webhook.removed", "webhook.dead_letters_replayed", "webhook.added"]
    );
    assert!(
        !trail.to_string().contains("/hook"),
        "the path of an address is often a secret"
    );
}

#[test]
fn what_a_server_that_ended_was_delivering_is_delivered_by_the_next_one_and_was_no_attempt() {
    let place = Place::new();
    let mut server = place.serve();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let added = place.run(&["webhooks", "add", &url, "--json"]).exits(0).json();
    let id = added["id"].as_str().unwrap();
    place.run_with(&["put-secret", "/contentcraft/a/b"], "v").exits(0);
    // It takes the calls and never answers.
    let (killed, _) = listener.accept().unwrap();
    drop(server);
    server = place.serve();
    let (stopped, _) = listener.accept().unwrap();
    assert!(server.stop().success());

    let _server = place.serve();
    answer_gone(&listener);
    let letters = until("no dead letter", || {
        let letters = place.run(&["webhooks", "dead", id, "--json"]).exits(0).json();
        letters["deadLetters"].get(0).is_some().then_some(letters)
    });
    assert_eq!(letters["deadLetters"][0]["attempts"], 1, "{letters}");
    drop((killed, stopped));
}

#[test]
fn an_address_inside_is_refused_unless_the_operator_allows_it() {
    let place = Place::new();
    drop(place.serve());
    let said = place.run(&["webhooks", "add", "https://10.1.2.3/hook"]).exits(2).stderr;
    assert!(
        said.contains("a private network") && said.contains("egress.allow"),
        "{said}"
    );
}
