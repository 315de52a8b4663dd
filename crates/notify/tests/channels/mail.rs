//! Mail, as a real mail server and another language's library see it.

use std::process::Stdio;

use cc_devops_alerts::MessageKind;
use cc_devops_notify::Delivering;
use cc_devops_testkit::peers;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use crate::harness::{Harness, message, turn};

struct MailServer {
    port: u64,
    lines: Lines<BufReader<ChildStdout>>,
    connections: usize,
    certificate: Vec<u8>,
    _folder: tempfile::TempDir,
    // Killed when dropped.
    _process: Child,
}

impl MailServer {
    async fn start(mut options: Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        options["certificate"] = certificate.to_str().into();
        options["key"] = key.to_str().into();
        let mut command = peers::program("aiosmtpd", "python");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/channels/mail_server.py");
        command
            .arg(script)
            .arg(options.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut server = Self {
            port: 0,
            lines,
            connections: 0,
            certificate: made.cert.pem().into_bytes(),
            _folder: folder,
            _process: process,
        };
        server.port = server.line().await["port"].as_u64().unwrap();
        server
    }

    async fn line(&mut self) -> Value {
        let line = self.lines.next_line().await.unwrap().expect("the mail server runs");
        serde_json::from_str(&line).unwrap()
    }

    /// The next mail that it got.
    async fn mail(&mut self) -> Value {
        loop {
            let line = self.line().await;
            if line.get("connected").is_none() {
                return line;
            }
            self.connections += 1;
        }
    }

    fn channel(&self, more: &str) -> String {
        format!(
            "[[channels]]\nname = \"mail\"\nkind = \"smtp\"\nhost = \"127.0.0.1\"\nport = {}\nbodies = true\n\
             from = \"DevOps <devops@example.com>\"\nto = [\"ops@example.com\"]\n{more}",
            self.port
        )
    }
}

fn headers(mail: &Value, name: &str) -> Vec<String> {
    let all = mail["headers"].as_array().unwrap();
    let same = all.iter().filter(|header| header[0] == name);
    same.map(|header| header[1].as_str().unwrap().to_owned()).collect()
}

async fn plain(harness: &Harness) -> (MailServer, Delivering) {
    let server = MailServer::start(json!({"tls": "none"})).await;
    let delivering = harness.delivering(&server.channel("tls = \"none\""));
    (server, delivering)
}

#[tokio::test]
async fn b25_down_reminder_and_up_are_one_thread_and_next_week_is_another() {
    let harness = Harness::new();
    let (mut server, delivering) = plain(&harness).await;
    let mut mails = Vec::new();
    for (id, thread, kind) in [
        ("m-1", "m-1", MessageKind::Down),
        ("m-2", "m-1", MessageKind::Reminder),
        ("m-3", "m-1", MessageKind::Up),
        ("m-9", "m-9", MessageKind::Down),
    ] {
        let mut one = message(&harness, id, thread, "Writer");
        one.kind = kind;
        harness.put("mail", &one).await;
        turn(&harness, &delivering).await;
        mails.push(server.mail().await);
        harness.advance(30 * 60);
    }
    let of = |name: &str| -> Vec<Vec<String>> { mails.iter().map(|mail| headers(mail, name)).collect() };
    assert_eq!(
        of("message-id"),
        [
            ["<m-1@example.com>"],
            ["<m-2@example.com>"],
            ["<m-3@example.com>"],
            ["<m-9@example.com>"]
        ]
    );
    let root = || vec!["<m-1@example.com>".to_owned()];
    assert_eq!(of("references"), [vec![], root(), root(), vec![]]);
    assert_eq!(of("in-reply-to"), [vec![], root(), root(), vec![]]);
    assert_eq!(of("auto-submitted"), [["auto-generated"]; 4]);
    assert_eq!(
        of("list-unsubscribe"),
        [["<mailto:devops@example.com?subject=unsubscribe>"]; 4]
    );
    assert_eq!(server.connections, 4, "each mail has a connection of its own");
}

#[tokio::test]
async fn b08_markup_of_others_is_text() {
    let harness = Harness::new();
    let (mut server, delivering) = plain(&harness).await;
    let body = "<img src=x onerror=alert(1)><a href=\"https://evil.example\">click</a>";
    let mut down = message(&harness, "m-1", "m-1", "Writer");
    down.alerts[0].body = Some(body.into());
    down.alerts[0].text = format!("stack {body}");
    harness.put("mail", &down).await;
    turn(&harness, &delivering).await;
    let mail = server.mail().await;
    assert!(mail["text"].as_str().unwrap().contains(body), "{mail}");
    let html = mail["html"].as_str().unwrap();
    assert!(html.contains("&lt;img src=x"), "{html}");
    for bad in ["<img", "<a", "href=\"", "src=\"", "url(", "@import", "<link", "<script"] {
        assert!(!html.contains(bad), "{bad} in {html}");
    }
}

#[tokio::test]
async fn b10_a_line_break_makes_no_header_and_no_recipient() {
    let harness = Harness::new();
    let (mut server, delivering) = plain(&harness).await;
    let mut down = message(&harness, "m-1", "m-1", "Writer");
    down.title = "x\r\nBcc: victim@example.org\r\n\r\nhello".into();
    down.alerts[0].title = down.title.clone();
    down.alerts[0].text = down.title.clone();
    harness.put("mail", &down).await;
    turn(&harness, &delivering).await;
    let mail = server.mail().await;
    assert_eq!(mail["to"], json!(["ops@example.com"]));
    assert!(headers(&mail, "bcc").is_empty());
    assert_eq!(headers(&mail, "subject"), ["x Bcc: victim@example.org hello"]);
    assert!(
        mail["text"]
            .as_str()
            .unwrap()
            .replace("\r\n", "\n")
            .contains("x\nBcc: victim@example.org\n\nhello"),
        "{mail}"
    );
}

#[tokio::test]
async fn b11_long_lines_and_emoji_arrive_whole_in_short_lines() {
    let harness = Harness::new();
    let (mut server, delivering) = plain(&harness).await;
    for (id, body) in [
        ("m-1", "x".repeat(10_000)),
        ("m-2", "\u{1f600} ünï 日本 ".repeat(500)),
        ("m-3", ".\n.x\nFrom me\n".to_owned()),
    ] {
        let mut down = message(&harness, id, id, "Writer");
        down.alerts[0].body = Some(body.clone());
        down.title = format!("é\u{1f600} is down {}", "very ".repeat(100));
        harness.put("mail", &down).await;
        turn(&harness, &delivering).await;
        let mail = server.mail().await;
        assert!(mail["longest"].as_u64().unwrap() <= 998, "{}", mail["longest"]);
        let body = body.trim_end();
        assert!(
            mail["text"].as_str().unwrap().replace("\r\n", "\n").contains(body),
            "{mail}"
        );
        assert!(
            mail["html"].as_str().unwrap().replace("\r\n", "\n").contains(body),
            "{mail}"
        );
        let subject = headers(&mail, "subject").remove(0);
        assert!(subject.starts_with("é\u{1f600} is down very"), "{subject}");
        harness.advance(1);
    }
}

const LOGIN: &str = "username = \"devops\"\npassword_secret = \"alerts/smtp-password\"\n";

#[tokio::test]
async fn a_password_goes_over_tls_alone() {
    for tls in ["starttls", "implicit"] {
        let mut harness = Harness::new();
        let mut server = MailServer::start(json!({"tls": tls, "user": "devops", "password": "verysecret"})).await;
        harness.certificates = Some(server.certificate.clone());
        harness.secret("alerts/smtp-password", "verysecret\n").await;
        let delivering = harness.delivering(&server.channel(&format!("tls = \"{tls}\"\n{LOGIN}")));
        delivering.test("mail").await.unwrap();
        let mail = server.mail().await;
        assert_eq!((&mail["encrypted"], &mail["user"]), (&json!(true), &json!("devops")));
        assert_eq!(headers(&mail, "subject"), ["Test of channel mail"]);

        harness.secret("alerts/smtp-password", "wrong").await;
        harness.advance(61);
        let error = delivering.test("mail").await.unwrap_err();
        assert!(
            error.contains("refused the login") && error.contains("/contentcraft/alerts/smtp-password"),
            "{error}"
        );
        assert!(!error.contains("wrong"), "{error}");

        // Nobody vouches for the server.
        harness.certificates = None;
        let error = harness
            .delivering(&server.channel(&format!("tls = \"{tls}\"\n{LOGIN}")))
            .test("mail")
            .await
            .unwrap_err();
        assert!(error.contains("could not prove who it is"), "{error}");
    }
}

#[tokio::test]
async fn without_starttls_nothing_is_sent() {
    let harness = Harness::new();
    let mut server = MailServer::start(json!({"tls": "none"})).await;
    harness.secret("alerts/smtp-password", "verysecret").await;
    let delivering = harness.delivering(&server.channel(LOGIN));
    let error = delivering.test("mail").await.unwrap_err();
    assert!(error.contains("offers no STARTTLS"), "{error}");
    // The next thing that the server tells of is another channel's mail.
    harness
        .delivering(&server.channel("tls = \"none\""))
        .test("mail")
        .await
        .unwrap();
    let mail = server.mail().await;
    assert_eq!((server.connections, &mail["user"]), (2, &Value::Null));
}

#[tokio::test]
async fn one_recipient_who_is_gone_keeps_the_mail_from_nobody_else() {
    let harness = Harness::new();
    let mut server = MailServer::start(json!({"tls": "none", "refused": ["gone@example.com"]})).await;
    let channel = server
        .channel("tls = \"none\"")
        .replace("\"ops@example.com\"", "\"gone@example.com\", \"ops@example.com\"");
    harness.delivering(&channel).test("mail").await.unwrap();
    assert_eq!(server.mail().await["to"], json!(["ops@example.com"]));
    let channel = server.channel("tls = \"none\"").replace("ops@", "gone@");
    let error = harness.delivering(&channel).test("mail").await.unwrap_err();
    assert!(error.contains("refused the mail for good (550)"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_busy_is_tried_again_with_the_same_mail() {
    let harness = Harness::new();
    let mut server = MailServer::start(json!({"tls": "none", "answer": "451 later"})).await;
    let delivering = harness.delivering(&server.channel("tls = \"none\""));
    harness.put("mail", &message(&harness, "m-1", "m-1", "Writer")).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        turn(&harness, &delivering).await;
        ids.push(headers(&server.mail().await, "message-id"));
        harness.advance(8);
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(harness.waiting("mail").await, 1);
    let health = delivering.health().await.unwrap();
    assert!(health[0].error.as_deref().unwrap().contains("451"), "{health:?}");
}
