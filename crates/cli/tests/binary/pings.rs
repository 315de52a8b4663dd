//! Pings as a crontab's line sends them, to a real server: forms of addresses, bodies, guesses, and what is in the log.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::{Place, Server};

/// Adds an agent; the path of its ping address.
fn add(place: &Place, name: &str, options: &[&str]) -> String {
    let mut arguments = vec!["agents", "add", name, "--json"];
    arguments.extend_from_slice(options);
    let added = place.run(&arguments).exits(0).json();
    let url = added["ping_url"].as_str().unwrap();
    let (_, path) = url.split_once("/ping/").unwrap();
    format!("/ping/{path}")
}

/// One request on a connection of its own; the status, the headers and the body.
fn ask(server: &Server, head: &str, body: &[u8]) -> (u16, String, String) {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let head = format!("{head}Host: {}\r\nConnection: close\r\n\r\n", server.address);
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    answer(&mut stream)
}

fn answer(stream: &mut TcpStream) -> (u16, String, String) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

fn get(server: &Server, path: &str) -> (u16, String) {
    let (status, _, body) = ask(server, &format!("GET {path} HTTP/1.1\r\n"), b"");
    (status, body)
}

fn post(server: &Server, path: &str, body: &[u8]) -> (u16, String, String) {
    let length = body.len();
    ask(
        server,
        &format!("POST {path} HTTP/1.1\r\nContent-Length: {length}\r\n"),
        body,
    )
}

fn state(place: &Place, name: &str) -> String {
    let listed = place.run(&["agents", "list", "--json"]).exits(0).json();
    let agents = listed["agents"].as_array().unwrap();
    let agent = agents.iter().find(|agent| agent["name"] == name).unwrap();
    agent["state"].as_str().unwrap().to_owned()
}

/// Kilobytes of memory that the server has.
fn memory(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn ids_have_the_forms_that_healthchecks_takes() {
    let place = Place::new();
    let server = place.serve();
    let path = add(&place, "backup", &[]);
    let capitals = path.replace("/ping/", "").to_uppercase();
    let rid = "0E4D5FDF-BD2E-4E9C-8D1C-1F34CBE4A0C5";
    for (asked, expected) in [
        (format!("/ping/{capitals}"), (200, "OK")),
        (format!("{path}?rid={rid}"), (200, "OK")),
        (format!("{path}?rid=123"), (400, "invalid uuid format")),
        (format!("{path}/256"), (400, "invalid url format")),
        (format!("{path}/255"), (200, "OK")),
        (format!("{path}/0"), (200, "OK")),
        (format!("{path}/start"), (200, "OK")),
        (format!("{path}/log"), (200, "OK")),
        (format!("{path}/fail"), (200, "OK")),
        (
            "/ping/1f34cbe4-bd2e-4e9c-8d1c-0e4d5fdfa0c5".to_owned(),
            (404, "not found"),
        ),
        ("/ping/nokey/backup".to_owned(), (404, "not found")),
        ("/ping/nokey/Backup".to_owned(), (400, "invalid url format")),
    ] {
        let (status, body) = get(&server, &asked);
        assert_eq!((status, body.as_str()), expected, "{asked}");
    }
    assert_eq!(state(&place, "backup"), "down");
    let (status, head, body) = ask(&server, &format!("HEAD {path} HTTP/1.1\r\n"), b"");
    assert_eq!((status, body.as_str()), (200, ""));
    assert!(head.contains("ping-body-limit: 10000"), "{head}");
    assert_eq!(state(&place, "backup"), "up");
    drop(server);
    let log = fs::read_to_string(place.log()).unwrap();
    let secret = path.trim_start_matches("/ping/");
    assert!(
        !log.contains(secret) && !log.contains(&capitals),
        "the address is in the log"
    );
}

#[test]
fn who_counts_post_alone_is_not_deceived_by_a_preview() {
    let place = Place::new();
    let server = place.serve();
    let every = add(&place, "every", &[]);
    let posts = add(&place, "posts", &["--post-only"]);
    let preview = |path: &str, method: &str| {
        let head = format!("{method} {path} HTTP/1.1\r\nUser-Agent: Slackbot-LinkExpanding 1.0\r\n");
        ask(&server, &head, b"").0
    };
    for method in ["GET", "HEAD"] {
        assert_eq!((preview(&every, method), preview(&posts, method)), (200, 200));
    }
    assert_eq!(
        (state(&place, "every").as_str(), state(&place, "posts").as_str()),
        ("up", "new")
    );
    assert_eq!(post(&server, &posts, b"").0, 200);
    assert_eq!(state(&place, "posts"), "up");
}

#[test]
fn a_body_of_any_size_counts_and_its_beginning_is_kept() {
    let place = Place::new();
    let server = place.serve();
    let path = add(&place, "writer", &[]);
    let (_, token) = place.add_agent("reader");
    let mut long = vec![b'a'; 10_000];
    long.push(b'b');
    let (status, head, body) = post(&server, &path, &long);
    assert_eq!((status, body.as_str()), (200, "OK"));
    assert!(head.contains("ping-body-limit: 10000"), "{head}");

    let before = memory(&server);
    let huge = vec![b'x'; 50 << 20];
    assert_eq!(post(&server, &format!("{path}/fail"), &huge).0, 200);
    assert_eq!(state(&place, "writer"), "down");
    let grown = memory(&server).saturating_sub(before);
    assert!(grown < 20_000, "{grown} KB for a body that nobody keeps");

    // The client waits until it is told to go on.
    let mut stream = TcpStream::connect(server.address).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        server.address
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").unwrap();
    assert_eq!(answer(&mut stream).0, 200);

    let head = format!("POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n");
    assert_eq!(ask(&server, &head, b"5\r\nhello\r\n0\r\n\r\n").0, 200);
    assert_eq!(state(&place, "writer"), "up");

    // Whoever guesses is not asked to go on.
    let head =
        "POST /ping/1f34cbe4-bd2e-4e9c-8d1c-0e4d5fdfa0c5 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n";
    assert_eq!(ask(&server, head, b"").0, 404);
    assert_eq!(server.get("/v1/agents", Some(&token)).0, 200);
}

#[test]
fn guesses_are_answered_and_cost_nothing_that_stays() {
    const GUESSES: usize = 20_000;
    let place = Place::new();
    let server = place.serve();
    let path = add(&place, "writer", &[]);
    let before = memory(&server);
    let guess = || {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let mut answered = 0;
        for _ in 0..GUESSES / 200 {
            let request = || {
                let guessed = uuid::Uuid::now_v7();
                format!("GET /ping/{guessed} HTTP/1.1\r\nHost: {}\r\n\r\n", server.address)
            };
            let requests = std::iter::repeat_with(request).take(50).collect::<Vec<_>>().concat();
            stream.write_all(requests.as_bytes()).unwrap();
            answered += read_answers(&mut stream, 50);
        }
        answered
    };
    let longest = std::thread::scope(|scope| {
        let guessers: Vec<_> = (0..4).map(|_| scope.spawn(guess)).collect();
        let mut longest = Duration::ZERO;
        while guessers.iter().any(|guesser| !guesser.is_finished()) {
            let begun = Instant::now();
            assert_eq!(get(&server, &path).0, 200);
            longest = longest.max(begun.elapsed());
        }
        let answered: usize = guessers.into_iter().map(|guesser| guesser.join().unwrap()).sum();
        assert_eq!(answered, GUESSES, "each is answered with 404");
        longest
    });
    assert!(longest < Duration::from_secs(1), "a real ping took {longest:?}");
    let grown = memory(&server).saturating_sub(before);
    assert!(grown < 20_000, "{grown} KB for strangers");
}

/// Reads that many answers; how many of them were `not found`.
fn read_answers(stream: &mut TcpStream, count: usize) -> usize {
    let mut text = String::new();
    let mut buffer = [0; 16 * 1024];
    while text.matches("HTTP/1.1 ").count() < count || !text.ends_with("not found") {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "the connection was closed");
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    text.matches("HTTP/1.1 404 ").count()
}

#[test]
fn a_badge_shows_a_state_and_nobody_finds_one() {
    let place = Place::new();
    let server = place.serve();
    let path = add(&place, "writer", &[]);
    assert_eq!(get(&server, &path).0, 200);
    let told = place.run(&["agents", "badge", "writer", "--json"]).exits(0).json();
    let badge = |form: &str| {
        let url = told[form].as_str().unwrap();
        let (_, path) = url.split_once("/badge/").unwrap();
        format!("/badge/{path}")
    };
    let (status, svg) = get(&server, &badge("svg"));
    assert!(status == 200 && svg.contains("writer: up"), "{svg}");
    let json: Value = serde_json::from_str(&get(&server, &badge("json")).1).unwrap();
    assert_eq!(json["status"], "up");
    let secret = path.trim_start_matches("/ping/");
    assert!(!svg.contains(secret));
    assert_eq!(
        get(&server, "/badge/writer-00000000000000000000000000000000.svg").0,
        404
    );
}
