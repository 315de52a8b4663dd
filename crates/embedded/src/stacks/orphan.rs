//! A command that outlived the process that started it.

use std::fs;
use std::os::fd::OwnedFd;

use cc_devops_core::names::RequestId;
use jiff::SignedDuration;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, test_kill_process_group};

/// A process group that still exists under the number that was recorded.
pub(super) struct Orphan {
    group: Pid,
    /// Whether its leader is known to be the command, and not a later process of the same number.
    certain: bool,
}

/// The recorded group, if it may still be the command.
pub(super) fn find(group: Option<i32>, request: &RequestId) -> Option<Orphan> {
    let group = group.and_then(Pid::from_raw)?;
    if has_ended(group) {
        return None;
    }
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
    /// How long its leader has run, by the time since the machine started, which nobody sets. None
    /// where the leader is gone or the system does not say.
    pub(super) fn age(&self) -> Option<SignedDuration> {
        if !self.certain {
            return None;
        }
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.group.as_raw_nonzero())).ok()?;
        let since_start = fs::read_to_string("/proc/uptime").ok()?;
        let age = age(&stat, &since_start, rustix::param::clock_ticks_per_second())?;
        SignedDuration::try_from_secs_f64(age).ok()
    }

    /// What tells when its leader ends. None where the leader is gone, or where the system has no such thing:
    /// then only looking tells.
    pub(super) fn leader(&self) -> Option<Leader> {
        if !self.certain {
            return None;
        }
        let process = pidfd_open(self.group, PidfdFlags::empty()).ok()?;
        Some(Leader {
            process,
            group: self.group,
        })
    }

    /// Kills the group, if it is certain to be the command; whether it was killed.
    pub(super) fn kill(&self) -> bool {
        self.certain && kill_process_group(self.group, Signal::KILL).is_ok()
    }
}

/// The leader of an orphaned group.
pub(super) struct Leader {
    process: OwnedFd,
    group: Pid,
}

/// How often, and how long apart, the group is asked for once its leader has ended.
const LOOKS: u8 = 50;
const APART: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

impl Leader {
    /// Blocks until it has ended, and its group with it if that takes no longer than a second: the system
    /// tells of a process, and of a group only who asks.
    pub(super) fn wait(&self) {
        let mut ends = [PollFd::new(&self.process, PollFlags::IN)];
        while poll(&mut ends, None) == Err(Errno::INTR) {}
        let mut looks = 0..LOOKS;
        while looks.next().is_some() && !has_ended(self.group) {
            // It waits for nothing but the time to pass; that it may be cut short does no harm.
            poll(&mut [], Some(&APART)).unwrap_or_default();
        }
    }
}

/// Whether nothing of a group runs any more. What has ended and was not fetched by its parent, as in a container
/// whose first process fetches nobody, still has its number, and counts as ended.
fn has_ended(group: Pid) -> bool {
    if test_kill_process_group(group).is_err() {
        return true;
    }
    let Ok(processes) = fs::read_dir("/proc") else {
        return false;
    };
    let mut members = processes
        .filter_map(|process| fs::read_to_string(process.ok()?.path().join("stat")).ok())
        .filter_map(|stat| runs_in(&stat))
        .filter(|(_, of)| *of == group.as_raw_nonzero().get())
        .peekable();
    // One that nobody sees is not known to have ended.
    members.peek().is_some() && members.all(|(runs, _)| !runs)
}

/// Whether a process runs, and in which group, from its line of `/proc/PID/stat`.
fn runs_in(stat: &str) -> Option<(bool, i32)> {
    let (_, behind) = stat.rsplit_once(')')?;
    let mut fields = behind.split_whitespace();
    let runs = !matches!(fields.next()?, "Z" | "X");
    Some((runs, fields.nth(1)?.parse().ok()?))
}

/// The seconds since a process began, from its line of `/proc/PID/stat` and from `/proc/uptime`.
fn age(stat: &str, since_start: &str, ticks_per_second: u64) -> Option<f64> {
    // The name, in parentheses, may hold anything. The 22nd field is the 20th behind it.
    let (_, behind) = stat.rsplit_once(')')?;
    let begun: u32 = behind.split_whitespace().nth(19)?.parse().ok()?;
    let ticks = u32::try_from(ticks_per_second).ok().filter(|ticks| *ticks > 0)?;
    let up: f64 = since_start.split_whitespace().next()?.parse().ok()?;
    let age = up - f64::from(begun) / f64::from(ticks);
    (age >= 0.0).then_some(age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_and_was_not_fetched_does_not_run() {
        assert_eq!(runs_in("42 (a ) b) S 1 40 42 0 -1"), Some((true, 40)));
        assert_eq!(runs_in("42 (sh) Z 1 40 42 0 -1"), Some((false, 40)));
        assert_eq!(runs_in("nonsense"), None);
    }

    #[test]
    fn the_age_is_what_the_machine_was_up_less_when_it_began() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12000 1000 1 18446744073709551615";
        assert_eq!(age(stat, "150.50 900.00", 100), Some(30.5));
        assert_eq!(age(stat, "100.00 900.00", 100), None, "another machine's uptime");
        assert_eq!(age("nonsense", "1 1", 100), None);
    }
}
