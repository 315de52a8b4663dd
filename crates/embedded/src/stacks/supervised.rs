//! The server's side of a supervisor: starting it, telling it what to run, waiting for its end.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::supervisor::{Order, SUPERVISE};

/// The line that ends a command early.
const STOP: &[u8] = b"stop\n";

/// A supervisor that waits to be told what to run. Dropped before that, it ends by itself and runs nothing.
pub(super) struct Supervised {
    child: Child,
    pid: i32,
}

/// Starts a supervisor: `program`, whose last word goes to the locked `file`.
pub(super) fn start(program: &Path, file: File) -> io::Result<Supervised> {
    let child = Command::new(program)
        .arg(SUPERVISE)
        .current_dir("/")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::from(file))
        .stderr(Stdio::null())
        .spawn()?;
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    let pid = pid.ok_or_else(|| io::Error::other("the system gave it no process id"))?;
    Ok(Supervised { child, pid })
}

impl Supervised {
    /// Its process id, which is that of the session in which its command runs.
    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// Tells it what to run, and waits for its end; where `stop` is cancelled, tells it to stop the command.
    pub(super) async fn carry_out(mut self, order: Order, stop: &CancellationToken) -> io::Result<()> {
        let pipe = self.child.stdin.take();
        let mut pipe = pipe.ok_or_else(|| io::Error::other("the supervisor cannot be told what to run"))?;
        let mut text = Zeroizing::new(serde_json::to_vec(&order)?);
        text.push(b'\n');
        let told = pipe.write_all(&text).await;
        tokio::select! {
            ended = self.child.wait() => { ended?; }
            () = stop.cancelled() => {
                // Said over the pipe: a signal would kill a process that is not listening for it yet, after
                // which nobody would know whether the command was begun. It cannot be said to one that has ended.
                let _unheard = pipe.write_all(STOP).await;
                self.child.wait().await?;
            }
        }
        told
    }
}
