//! A command that outlived the process that started it.

use std::fs;

use cc_devops_core::names::RequestId;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// A process group that still exists under the number that was recorded.
pub(super) struct Orphan {
    group: Pid,
    /// Whether its leader is known to be the command, and not a later process of the same number.
    certain: bool,
}

/// The recorded group, if it may still be the command.
pub(super) fn find(group: Option<i32>, request: &RequestId) -> Option<Orphan> {
    let group = group.and_then(Pid::from_raw)?;
    test_kill_process_group(group).ok()?;
    // The environment names the request. It cannot be read where the leader is gone, or the system
    // has no /proc; then the group counts as the command until its time is over.
    let environment = fs::read(format!("/proc/{}/environ", group.as_raw_nonzero())).unwrap_or_default();
    if environment.is_empty() {
        return Some(Orphan { group, certain: false });
    }
    let marker = format!("CC_DEVOPS_REQUEST_ID={request}");
    environment
        .split(|byte| *byte == 0)
        .any(|variable| variable == marker.as_bytes())
        .then_some(Orphan { group, certain: true })
}

impl Orphan {
    /// Kills the group, if it is certain to be the command; whether it was killed.
    pub(super) fn kill(&self) -> bool {
        self.certain && kill_process_group(self.group, Signal::KILL).is_ok()
    }
}
