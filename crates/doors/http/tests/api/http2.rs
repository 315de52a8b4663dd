//! HTTP/2 by hand, for what no good client does.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A frame that the server sent.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) payload: Vec<u8>,
    flags: u8,
}

/// A client's end of a connection.
pub(crate) struct Http2<S> {
    stream: S,
}

impl Http2<TcpStream> {
    /// Connects and says hello.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::hello(TcpStream::connect(address).await.unwrap(), &[]).await
    }

    /// The same, and no answer is ever taken: its window is shut.
    pub(crate) async fn with_a_shut_window(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self::hello(stream, &[0, 4, 0, 0, 0, 0]).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Http2<S> {
    /// Says hello on what is connected.
    pub(crate) async fn hello(mut stream: S, settings: &[u8]) -> Self {
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let mut connection = Self { stream };
        connection.send(SETTINGS, 0, 0, settings).await.unwrap();
        connection
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    pub(crate) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> std::io::Result<()> {
        self.write(&frame(kind, flags, stream, payload)).await
    }

    /// Asks for something under the name `localhost`.
    pub(crate) async fn get(&mut self, stream: u32, path: &str) -> std::io::Result<()> {
        self.write(&get_from(stream, "localhost", path)).await
    }

    /// The next frame; none once the server has hung up.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some(Frame {
            kind: head[3],
            flags: head[4],
            payload,
        })
    }

    /// The status of the next answer.
    pub(crate) async fn status(&mut self) -> Vec<u8> {
        loop {
            let frame = self.frame().await.expect("an answer");
            if frame.kind == HEADERS {
                return frame.payload;
            }
        }
    }

    /// Every frame until the server hangs up. What is well-behaved is answered: pings are.
    pub(crate) async fn drain(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.frame().await {
            if frame.kind == PING && frame.flags & ACK == 0 {
                // It may have hung up in between.
                let _sent = self.send(PING, ACK, 0, &frame.payload).await;
            }
            frames.push(frame);
        }
        frames
    }
}

/// A frame as it is sent.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// What asks for something under a name.
pub(crate) fn get_from(stream: u32, host: &str, path: &str) -> Vec<u8> {
    // GET and http stand in HPACK's static table, and so do the names of the other two.
    let mut block = vec![0x82, 0x86];
    for (name, value) in [(1, host), (4, path)] {
        block.extend([name, u8::try_from(value.len()).unwrap()]);
        block.extend(value.as_bytes());
    }
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)
}

/// Whether one of them is of this kind.
pub(crate) fn has(frames: &[Frame], kind: u8) -> bool {
    frames.iter().any(|frame| frame.kind == kind)
}
