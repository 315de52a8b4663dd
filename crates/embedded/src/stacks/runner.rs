//! Runs one command to its end: in a process group of its own, with a time limit.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::command::{Environment, StackCommand};
use super::output::Output;

/// How long a command that was asked to stop may take before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// How long to go on reading after the command ended: something it left behind may hold the pipe.
const DRAIN: Duration = Duration::from_millis(500);

/// A command that was started.
pub(super) struct Running {
    child: Child,
    /// The process group, which is the child's own id.
    pub(super) group: Option<Pid>,
    environment: Environment,
}

/// How a command ended.
pub(super) enum End {
    /// By itself.
    Exited(ExitStatus),
    /// Stopped at its time limit.
    TimedOut,
    /// Stopped because the control plane stops.
    Cancelled,
    /// Nobody can say: the system did not tell its exit status.
    Lost(io::Error),
}

/// Starts the command. Nothing of the server's environment reaches it but what is in `environment`.
pub(super) fn start(command: &StackCommand, environment: Environment) -> io::Result<Running> {
    let child = Command::new(&command.program)
        .args(&command.arguments)
        .current_dir(&command.working_dir)
        .env_clear()
        .envs(environment.variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    Ok(Running {
        child,
        group,
        environment,
    })
}

impl Running {
    /// Waits for the end, at most `timeout`, or until `stop` is cancelled; gives what was printed.
    pub(super) async fn wait(mut self, timeout: Duration, stop: &CancellationToken) -> (End, String) {
        let output = Arc::new(Mutex::new(Output::default()));
        let readers = tokio::spawn({
            let (stdout, stderr) = (self.child.stdout.take(), self.child.stderr.take());
            let output = Arc::clone(&output);
            async move {
                tokio::join!(collect(stdout, &output), collect(stderr, &output));
            }
        });
        let end = tokio::select! {
            status = self.child.wait() => status.map_or_else(End::Lost, End::Exited),
            () = tokio::time::sleep(timeout) => self.stop(End::TimedOut).await,
            () = stop.cancelled() => self.stop(End::Cancelled).await,
        };
        let abort = readers.abort_handle();
        if tokio::time::timeout(DRAIN, readers).await.is_err() {
            abort.abort();
        }
        let output = std::mem::take(&mut *output.lock().unwrap_or_else(PoisonError::into_inner));
        (end, output.finish(&self.environment.secrets))
    }

    /// Asks the whole group to stop, then makes it.
    async fn stop(&mut self, end: End) -> End {
        self.signal(Signal::TERM);
        if tokio::time::timeout(STOP_GRACE, self.child.wait()).await.is_err() {
            self.signal(Signal::KILL);
            if let Err(error) = self.child.wait().await {
                return End::Lost(error);
            }
        }
        end
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group
            && let Err(error) = kill_process_group(group, signal)
        {
            tracing::warn!(%error, "a stack's command could not be signalled");
        }
    }
}

async fn collect(pipe: Option<impl AsyncRead + Unpin>, output: &Mutex<Output>) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = vec![0; 8 * 1024];
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        output.push(buffer.get(..read).unwrap_or_default());
    }
}
