//! The server and its operator's commands towards each other: TLS under any name, exit codes that tell
//! what is wrong, and a crowd of idle strangers.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, prlimit};
use serde_json::{Value, json};

use crate::process::{Place, put_secret};

const CONFIGURATION: &str = "[server]\ntls_cert = \"tls/fullchain.pem\"\ntls_key = \"tls/privkey.pem\"\n";

/// Writes a certificate for a name that is not this machine's, signed by an authority that nobody
/// knows, with that authority's behind it.
fn issue(place: &Place) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let of_authority = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["devops.example.org".to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &issuer).unwrap();
    fs::create_dir_all(place.path().join("tls")).unwrap();
    place.write("tls/fullchain.pem", &(certificate.pem() + &of_authority.pem()));
    place.write("tls/privkey.pem", &key.serialize_pem());
}

#[test]
fn with_tls_for_a_host_name_the_operators_commands_on_the_folder_work() {
    let place = Place::new();
    issue(&place);
    place.configure(CONFIGURATION);
    let every_command = || {
        place.run(&["health"]).exits(0);
        place.run_with(&["put-secret", "/contentcraft/a/b"], "v").exits(0);
        let id = uuid::Uuid::now_v7().to_string();
        let event = put_secret("admin", &id, "/contentcraft/a/b", "v");
        place.run_with(&["send", "-", "--wait", "30"], &event).exits(0);
        // It reaches the server, which has no such stack.
        let deploy = place
            .run(&["deploy", "nothing", "--stage", "dev", "--wait=30"])
            .exits(1);
        assert!(
            deploy.stderr.contains("stack") || deploy.stdout.contains("stack"),
            "{deploy}"
        );
    };
    let server = place.serve();
    every_command();
    // Renewed, and not restarted yet; then restarted.
    issue(&place);
    every_command();
    assert!(server.stop().success());
    let server = place.serve();
    every_command();

    // Under an address that the certificate is not for, without the folder, it is a stranger.
    let url = format!("https://{}/", server.address);
    let stranger = place.run(&["health", "--url", &url]).exits(7);
    assert!(stranger.stderr.contains("certificate"), "{stranger}");
    // Whoever else listens where the server is said to be is not sent the admin's token.
    let announced = place.data().join("server.json");
    let mut told: Value = serde_json::from_str(&fs::read_to_string(&announced).unwrap()).unwrap();
    assert_eq!(told["certificate"].as_str().unwrap().len(), 64);
    told["certificate"] = json!("0".repeat(64));
    fs::write(&announced, told.to_string()).unwrap();
    place.run(&["health"]).exits(7);
}

#[test]
fn a_key_or_token_that_everybody_may_read_is_refused_with_the_command_that_mends_it() {
    let place = Place::new();
    issue(&place);
    place.configure(CONFIGURATION);
    let give = |name: &str, mode| {
        let mode = Permissions::from_mode(mode);
        fs::set_permissions(place.path().join(name), mode).unwrap();
    };
    give("tls/privkey.pem", 0o644);
    let refused = place.run(&["serve", "--listen", "127.0.0.1:0"]).exits(3);
    assert!(refused.stderr.contains("chmod o-rwx,g-w"), "{refused}");
    // A group of its own may, as Debian's ssl-cert.
    give("tls/privkey.pem", 0o640);
    let server = place.serve();

    let (token, _) = place.add_agent("Alpha");
    let send = || {
        let event = put_secret("Alpha", "r1", "/contentcraft/alpha/key", "v");
        place.run_with(&["send", "-", "--wait", "30", "--token-file", &token], &event)
    };
    give(&token, 0o644);
    let refused = send().exits(2);
    assert!(refused.stderr.contains("chmod o-rwx,g-w"), "{refused}");
    give(&token, 0o640);
    send().exits(0);
    assert!(server.stop().success());
}

/// A server that gives every caller the same answer.
fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4_096];
            let _read = stream.read(&mut request).unwrap();
            let length = answer.len();
            let head = format!("HTTP/1.1 503 Service Unavailable\r\nContent-Length: {length}\r\n");
            write!(stream, "{head}Connection: close\r\n\r\n{answer}").unwrap();
        }
    });
    format!("http://{address}/")
}

#[test]
fn exit_codes_tell_what_is_wrong() {
    let place = Place::new();
    let none = place.run(&["health"]).exits(6);
    assert!(none.stderr.contains("--data-dir"), "{none}");
    let server = place.serve();
    place.run(&["health"]).exits(0);
    let url = format!("https://{}/", server.address);
    place.run(&["health", "--url", &url]).exits(7);

    server.signal(Signal::STOP);
    let hangs = place.run(&["health", "--timeout", "1"]).exits(9);
    assert!(hangs.stderr.contains("did not answer in time"), "{hangs}");
    server.signal(Signal::CONT);
    place.run(&["health"]).exits(0);

    assert!(server.stop().success());
    let down = place.run(&["health"]).exits(3);
    assert!(down.stderr.contains("no control plane runs"), "{down}");
    fs::rename(place.data(), place.path().join("moved")).unwrap();
    place.run(&["health"]).exits(6);

    let problem = r#"{"title": "Service Unavailable", "status": 503, "detail": "try again"}"#;
    for overloaded in [problem, "<html>try again</html>"] {
        place.run(&["health", "--url", &answering(overloaded)]).exits(8);
    }
}

fn stranger(server: std::net::SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(server).unwrap();
    // An HTTP/2 client that says hello and nothing else; it may be told to go at once.
    let _sent = stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    stream
}

#[test]
fn with_few_files_a_crowd_of_idle_strangers_keeps_nobody_out() {
    let place = Place::new();
    let server = place.serve_under("-n 160");
    let strangers: Vec<TcpStream> = (0..400).map(|_| stranger(server.address)).collect();
    place.run(&["health"]).exits(0);
    place.run_with(&["put-secret", "/contentcraft/a/b"], "v").exits(0);
    drop(strangers);
    assert!(server.stop().success());
    let log = fs::read_to_string(place.log()).unwrap();
    assert!(log.contains("LimitNOFILE="), "{log}");
}

#[test]
fn a_process_that_has_no_file_left_lets_idle_strangers_go() {
    let place = Place::new();
    let server = place.serve();
    let strangers: Vec<TcpStream> = (0..100).map(|_| stranger(server.address)).collect();
    place.run(&["health"]).exits(0);
    // Not one more than it has open now.
    let open = fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count();
    let limit = Rlimit {
        current: Some(u64::try_from(open).unwrap()),
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    prlimit(Some(server.process()), Resource::Nofile, limit).unwrap();
    for _ in 0..20 {
        drop(stranger(server.address));
    }
    place.run(&["health"]).exits(0);
    drop(strangers);
    assert!(server.stop().success());
}

#[test]
fn the_file_limit_is_raised_for_the_connections() {
    let place = Place::new();
    let server = place.serve_under("-S -n 256");
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let soft = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .unwrap();
    let soft: u64 = soft.split_whitespace().next().unwrap().parse().unwrap();
    let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    assert_eq!(soft, hard.min(8_192 + 512));
}
