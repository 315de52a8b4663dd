//! Starting the command: through one more process of this program, which becomes it.
//!
//! What has to be done between the two, such as changing the user, is done there, where nothing else runs.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{ChildStderr, ChildStdout, Command, ExitCode, Stdio};

use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal};

use super::super::user::RunAs;
use super::{BECOME, Order, this_program};

/// The status of a process that could not become the command. It has said why by then.
const NOT_STARTED: u8 = 127;

/// A command that runs.
pub(super) struct Started {
    /// Its process, which leads a group of its own.
    pub(super) leader: Pid,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// Starts what was ordered. Nothing of this process's environment reaches it.
pub(super) fn start(order: &Order) -> io::Result<Started> {
    let (mut report, reporting) = io::pipe()?;
    let run_as = order.run_as.as_ref().map(serde_json::to_string).transpose()?;
    let child = Command::new(this_program()?)
        .arg(BECOME)
        .arg(getpid().as_raw_nonzero().to_string())
        .arg(run_as.unwrap_or_default())
        .arg(order.program.to_os())
        .args(order.arguments.iter().map(super::Bytes::to_os))
        .current_dir(order.working_dir.to_os())
        .env_clear()
        .envs(
            order
                .variables
                .iter()
                .map(|(name, value)| (name.to_os(), value.to_os())),
        )
        .stdin(Stdio::from(reporting))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn();
    let mut child = child?;
    // The other end closes as the process becomes the command.
    let mut refusal = String::new();
    report.read_to_string(&mut refusal)?;
    let leader = Pid::from_child(&child);
    if refusal.is_empty()
        && let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take())
    {
        return Ok(Started { leader, stdout, stderr });
    }
    child.wait()?;
    Err(io::Error::other(refusal))
}

/// Becomes the command. `arguments` are the supervisor's process id, the user as JSON or nothing, the program,
/// and its arguments. Standard input is where a refusal is said; the command finds nothing there.
pub(super) fn become_the_command(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let report = rustix::io::fcntl_dupfd_cloexec(io::stdin().as_fd(), 3);
    let Err(refusal) = try_become(&mut arguments);
    if let Ok(report) = report {
        // The supervisor is gone where this fails, and nobody else would hear it.
        let _unheard = write!(File::from(report), "{refusal}");
    }
    ExitCode::from(NOT_STARTED)
}

fn try_become(arguments: &mut impl Iterator<Item = OsString>) -> io::Result<std::convert::Infallible> {
    let incomplete = || io::Error::other("the supervisor did not say what to run");
    let supervisor = arguments.next().ok_or_else(incomplete)?;
    let run_as = arguments.next().ok_or_else(incomplete)?;
    let program = arguments.next().ok_or_else(incomplete)?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    if !run_as.is_empty() {
        let run_as: RunAs = serde_json::from_slice(run_as.as_encoded_bytes())?;
        run_as
            .become_it()
            .map_err(|error| io::Error::other(format!("cannot run as {}: {error}", run_as.name())))?;
    }
    // A command that nobody watches would run on although its stack counts as free. To be asked for after the
    // change of user, which forgets it.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let parent = getppid().map(|pid| pid.as_raw_nonzero().to_string());
    if parent.as_deref().map(OsStr::new) != Some(supervisor.as_os_str()) {
        return Err(io::Error::other("the supervisor has ended"));
    }
    Err(Command::new(program).args(arguments).exec())
}
