//! A receiver of webhooks on loopback, which keeps what it was sent.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a message may take that must come.
const PATIENCE: Duration = Duration::from_mins(1);

/// A receiver.
pub(crate) struct Sink {
    /// Where it is.
    pub(crate) url: String,
    status: Arc<AtomicU16>,
    calls: Receiver<Call>,
}

/// What it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The headers, their names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    /// The body.
    pub(crate) body: Value,
}

impl Call {
    /// The message's kind: `down`, `up`.
    pub(crate) fn kind(&self) -> &str {
        self.body["data"]["kind"].as_str().unwrap()
    }

    /// The message's id, the same on every copy.
    pub(crate) fn id(&self) -> &str {
        let id = self.body["data"]["id"].as_str().unwrap();
        assert_eq!(self.headers["webhook-id"], id);
        id
    }
}

impl Sink {
    /// Listens from now on, and answers 200.
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (sender, calls) = channel();
        let status = Arc::new(AtomicU16::new(200));
        let answered = Arc::clone(&status);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (sender, answered) = (sender.clone(), Arc::clone(&answered));
                std::thread::spawn(move || {
                    // A caller that was killed is no fault of the receiver's.
                    let _ended = take(&connection.unwrap(), &sender, &answered);
                });
            }
        });
        Self { url, status, calls }
    }

    /// Answers this from now on.
    pub(crate) fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// The next call that comes.
    #[track_caller]
    pub(crate) fn next(&self) -> Call {
        self.calls.recv_timeout(PATIENCE).expect("nothing came")
    }

    /// The next message of that kind, past others.
    #[track_caller]
    pub(crate) fn next_of(&self, kind: &str) -> Call {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let call = self
                .calls
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("no {kind} came"));
            if call.kind() == kind {
                return call;
            }
        }
    }

    /// What comes within so long, if anything does.
    pub(crate) fn within(&self, time: Duration) -> Option<Call> {
        self.calls.recv_timeout(time).ok()
    }

    /// What came until now.
    pub(crate) fn so_far(&self) -> Vec<Call> {
        self.calls.try_iter().collect()
    }
}

/// Takes the requests of a connection.
fn take(connection: &TcpStream, calls: &Sender<Call>, status: &AtomicU16) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim().split_once(':') else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body)?;
        let status = status.load(Ordering::SeqCst);
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let _nobody_asks = calls.send(Call { headers, body });
        let mut out = connection;
        write!(out, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n")?;
    }
}
