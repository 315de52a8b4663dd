//! The processes of this machine, as `/proc` has them. Where it has none, none are seen.

use std::collections::HashSet;
use std::fs;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// A process at the moment it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: i32,
    pub(super) parent: i32,
    pub(super) group: i32,
    pub(super) session: i32,
    /// What has ended and was not fetched by its parent still has its number, and does not run.
    pub(super) runs: bool,
    /// When it began, in ticks since the machine started: tells it from a later one of the same number.
    begun: u64,
}

/// Every process there is.
pub(super) fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| Process::at(entry.ok()?.file_name().to_str()?.parse().ok()?))
        .collect()
}

/// Those that descend from the process `ancestor`.
pub(super) fn descendants(all: Vec<Process>, ancestor: i32) -> Vec<Process> {
    let mut family = HashSet::from([ancestor]);
    loop {
        let before = family.len();
        family.extend(
            all.iter()
                .filter(|one| family.contains(&one.parent))
                .map(|one| one.pid)
                .collect::<Vec<_>>(),
        );
        if family.len() == before {
            break;
        }
    }
    family.remove(&ancestor);
    all.into_iter().filter(|one| family.contains(&one.pid)).collect()
}

impl Process {
    fn at(pid: i32) -> Option<Self> {
        Self::read(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// From the line of `/proc/PID/stat`.
    fn read(stat: &str) -> Option<Self> {
        // The name, in parentheses, may hold anything.
        let (pid, _) = stat.split_once(' ')?;
        let (_, behind) = stat.rsplit_once(')')?;
        let mut fields = behind.split_whitespace();
        Some(Self {
            pid: pid.parse().ok()?,
            runs: !matches!(fields.next()?, "Z" | "X"),
            parent: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
            session: fields.next()?.parse().ok()?,
            begun: fields.nth(15)?.parse().ok()?,
        })
    }

    /// Its environment; empty where it may not be read.
    pub(super) fn environment(&self) -> Vec<u8> {
        fs::read(format!("/proc/{}/environ", self.pid)).unwrap_or_default()
    }

    /// Sends it a signal, and not another process that has its number by now. Whether it is there.
    pub(super) fn signal(&self, signal: Signal) -> bool {
        self.handle()
            .is_some_and(|handle| pidfd_send_signal(handle, signal).is_ok())
    }

    fn handle(&self) -> Option<OwnedFd> {
        let handle = pidfd_open(Pid::from_raw(self.pid)?, PidfdFlags::empty()).ok()?;
        // The handle is of whoever had the number when it was opened.
        let still = Self::at(self.pid)?;
        (still.begun == self.begun).then_some(handle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let stat = "42 (a ) b) S 1 40 39 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12000 1000 1 18446744073709551615";
        let read = Process::read(stat).unwrap();
        let expected = Process {
            pid: 42,
            parent: 1,
            group: 40,
            session: 39,
            runs: true,
            begun: 12000,
        };
        assert_eq!(read, expected);
        assert!(!Process::read(&stat.replace(" S ", " Z ")).unwrap().runs);
        assert_eq!(Process::read("nonsense"), None);
    }

    #[test]
    fn descendants_are_found_over_generations() {
        let process = |pid, parent| Process {
            pid,
            parent,
            group: 1,
            session: 1,
            runs: true,
            begun: 0,
        };
        let all = vec![process(4, 3), process(3, 2), process(2, 1), process(9, 1)];
        let pids: Vec<i32> = descendants(all, 2).iter().map(|one| one.pid).collect();
        assert_eq!(pids, [4, 3]);
    }
}
