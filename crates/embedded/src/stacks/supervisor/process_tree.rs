//! The command and whatever it started.
//!
//! The supervisor is the one whom all of them fall to, so that it has no child any more exactly when nothing
//! of the command is left.

use std::io;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process_group, wait};
use tokio::signal::unix::Signal as Signals;
use tokio::time::timeout;

use super::super::processes;

/// How long what the command left behind may take to end by itself, as what reads a pipe of it does.
const LINGER: Duration = Duration::from_secs(1);
/// How long those that were asked to stop may take before they are killed.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// How long to wait for what was killed before looking for more, which it may have started just before.
const KILL_AGAIN: Duration = Duration::from_millis(100);
/// The same, once that has been done often: something cannot be killed, and is waited for.
const KILL_SELDOM: Duration = Duration::from_secs(5);

pub(super) struct ProcessTree {
    leader: Pid,
    /// Comes when a child has ended.
    ended: Signals,
    /// The leader's status, as `wait` gives it.
    status: Option<i32>,
}

impl ProcessTree {
    /// The family of a process that was started after `ended` was listened for.
    pub(super) fn of(leader: Pid, ended: Signals) -> Self {
        Self {
            leader,
            ended,
            status: None,
        }
    }

    /// Waits for the command's own end; gives its status.
    pub(super) async fn leader_ended(&mut self) -> io::Result<i32> {
        loop {
            let all_gone = self.fetch()?;
            if let Some(status) = self.status {
                return Ok(status);
            }
            if all_gone {
                return Err(io::Error::other("the command's status was not to be had"));
            }
            self.ended.recv().await;
        }
    }

    /// Lets what is left end by itself, and else ends it. Whether it had to be ended.
    pub(super) async fn end_the_rest(&mut self) -> io::Result<bool> {
        if let Ok(gone) = timeout(LINGER, self.gone()).await {
            return gone.map(|()| false);
        }
        self.end().await.map(|()| true)
    }

    /// Asks all of them to stop, then makes them. Comes when nothing is left.
    pub(super) async fn end(&mut self) -> io::Result<()> {
        self.signal(Signal::TERM);
        if let Ok(gone) = timeout(STOP_GRACE, self.gone()).await {
            return gone;
        }
        let mut tries = 0_u32;
        loop {
            self.signal(Signal::KILL);
            let pause = if tries < 50 { KILL_AGAIN } else { KILL_SELDOM };
            if let Ok(gone) = timeout(pause, self.gone()).await {
                return gone;
            }
            tries = tries.saturating_add(1);
        }
    }

    async fn gone(&mut self) -> io::Result<()> {
        while !self.fetch()? {
            self.ended.recv().await;
        }
        Ok(())
    }

    /// Fetches those that have ended. Whether nobody is left.
    fn fetch(&mut self) -> io::Result<bool> {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.leader => self.status = Some(status.as_raw()),
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return Ok(false),
                Err(Errno::CHILD) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends a signal to the command's group, and to those who left it.
    fn signal(&self, signal: Signal) {
        // The group may be gone, and the rest not.
        let _gone = kill_process_group(self.leader, signal);
        let own = getpid().as_raw_nonzero().get();
        for process in processes::descendants(processes::all(), own) {
            if process.runs && process.group != self.leader.as_raw_nonzero().get() {
                process.signal(signal);
            }
        }
    }
}
