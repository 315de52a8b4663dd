//! What is left of a command whose supervisor is gone.

use cc_devops_kernel::names::RequestId;
use rustix::process::{Pid, Signal, test_kill_process_group};

use super::processes::{self, Process};

/// Processes that are, or may be, of the command.
pub(super) struct LeftoverProcesses {
    processes: Vec<Process>,
    /// Whether they are known to be the command's, and not those of a later process of the same number.
    certain: bool,
}

/// What runs in the session, or the process group, of the number on record.
pub(super) fn find(number: i32, request: &RequestId) -> Option<LeftoverProcesses> {
    let all = processes::all();
    if all.is_empty() {
        // No /proc. Then the number counts as the command as long as it is a group's.
        let group = Pid::from_raw(number)?;
        return test_kill_process_group(group).is_ok().then(|| LeftoverProcesses {
            processes: Vec::new(),
            certain: false,
        });
    }
    let ours = |one: &Process| one.runs && (one.session == number || one.group == number);
    let processes: Vec<Process> = all.into_iter().filter(ours).collect();
    if processes.is_empty() {
        return None;
    }
    // The environment names the request. It cannot be read where another user's process has it.
    let marker = format!("CC_DEVOPS_REQUEST_ID={request}");
    let environments: Vec<Vec<u8>> = processes
        .iter()
        .map(Process::environment)
        .filter(|environment| !environment.is_empty())
        .collect();
    let certain = environments.iter().any(|environment| {
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == marker.as_bytes())
    });
    (certain || environments.is_empty()).then_some(LeftoverProcesses { processes, certain })
}

impl LeftoverProcesses {
    /// Kills them, if they are certain to be the command's.
    pub(super) fn kill(&self) {
        if self.certain {
            for process in &self.processes {
                process.signal(Signal::KILL);
            }
        }
    }
}
