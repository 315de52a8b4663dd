//! The server's side of a supervisor: starting it, telling it what to run, waiting for its end.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::supervisor::{Order, SUPERVISE};

/// A supervisor that waits to be told what to run. Dropped before that, it ends by itself and runs nothing.
pub(super) struct Supervised {
    child: Child,
    pid: Pid,
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
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::other("the system gave it no process id"))?;
    Ok(Supervised { child, pid })
}

impl Supervised {
    /// Its process id, which is that of the session in which its command runs.
    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Tells it what to run, and waits for its end; where `stop` is cancelled, tells it to stop the command.
    pub(super) async fn carry_out(mut self, order: Order, stop: &CancellationToken) -> io::Result<()> {
        let told = self.tell(order).await;
        tokio::select! {
            ended = self.child.wait() => { ended?; }
            () = stop.cancelled() => {
                kill_process(self.pid, Signal::TERM)?;
                self.child.wait().await?;
            }
        }
        told
    }

    async fn tell(&mut self, order: Order) -> io::Result<()> {
        let mut text = Zeroizing::new(serde_json::to_vec(&order)?);
        text.push(b'\n');
        let pipe = self.child.stdin.take();
        let mut pipe = pipe.ok_or_else(|| io::Error::other("the supervisor cannot be told what to run"))?;
        pipe.write_all(&text).await
        // Dropping the pipe ends the order.
    }
}
