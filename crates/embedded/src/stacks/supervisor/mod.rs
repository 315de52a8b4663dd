//! The process that stands beside each command of a deploy, from before the command begins until nothing of
//! it runs any more.
//!
//! It is this program once more. What the server cannot do, because it may be killed at any moment, it does:
//! it reads what the command prints, redacts and bounds it, keeps to the time limit, ends whatever the command
//! started, and writes how it ended to a file that it was given as its standard output. The file is locked as
//! long as it lives; that is how the next server knows that the command goes on.
//!
//! It is told what to run over its standard input, after the server has put it on record, and over the same pipe
//! it is told to stop. If the server dies before it has said what to run, it ends by itself and nothing has run.
//! If the server dies later, it goes on.

mod plan_file;
mod process_tree;
mod starting;
mod watching;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::process::ExitCode;

use rustix::process::{getpid, set_child_subreaper, setsid};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

pub(super) use plan_file::{PLAN_FILE, PlanFile, Written};

use super::user::RunAs;

/// The first argument of a process that is to be a supervisor.
pub(super) const SUPERVISE: &str = "@supervise";
/// The first argument of a process that is about to become the command.
const BECOME: &str = "@become";
/// The first argument of a process that sees to a plan's file as the user of the command.
const AT_PLAN_FILE: &str = "@plan-file";

/// This program, in a form that holds although its file is replaced meanwhile.
pub fn this_program() -> io::Result<PathBuf> {
    let own = PathBuf::from("/proc/self/exe");
    if own.exists() { Ok(own) } else { std::env::current_exe() }
}

/// Plays the part of a command's supervisor, where this process was started as one. To be called first in
/// `main`, while the process has one thread; none is the process of somebody else.
pub fn take_part() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next()?.to_str()? {
        SUPERVISE => Some(supervise()),
        BECOME => Some(starting::become_the_command(arguments)),
        AT_PLAN_FILE => Some(plan_file::see_to_it(arguments)),
        _ => None,
    }
}

fn supervise() -> ExitCode {
    // Neither a terminal's Ctrl-C nor what is sent to the server's group is meant for the command.
    let apart = setsid().map(drop);
    // Whatever the command leaves behind becomes this process's child, also what left its group.
    let reaper = set_child_subreaper(Some(getpid()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let word = match (apart.and(reaper), runtime) {
        (Ok(()), Ok(runtime)) => runtime.block_on(watching::watch()),
        (Err(error), _) => ExitRecord::of(Ending::NotStarted {
            message: error.to_string(),
        }),
        (_, Err(error)) => ExitRecord::of(Ending::NotStarted {
            message: error.to_string(),
        }),
    };
    match word.write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// What to run. It has no `Debug`: secrets are in it.
#[derive(Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) program: Bytes,
    pub(super) arguments: Vec<Bytes>,
    pub(super) working_dir: Bytes,
    /// The whole environment.
    pub(super) variables: Vec<(Bytes, Bytes)>,
    /// What is blotted out of the output.
    pub(super) secrets: Vec<Bytes>,
    /// How long it may run, in milliseconds.
    pub(super) limit_ms: u64,
    /// The user it runs as, where that is another than the supervisor's.
    pub(super) run_as: Option<RunAs>,
    /// The file of the plan that it writes, or is to carry out.
    #[serde(default)]
    pub(super) plan_file: Option<PlanFile>,
}

/// Bytes, as the system's names are. Wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Bytes(Zeroizing<Vec<u8>>);

impl fmt::Debug for Bytes {
    /// They may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Bytes {
    pub(super) fn of(text: impl AsRef<OsStr>) -> Self {
        Self(Zeroizing::new(text.as_ref().as_bytes().to_vec()))
    }

    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn into_inner(self) -> Zeroizing<Vec<u8>> {
        self.0
    }

    fn to_os(&self) -> OsString {
        OsString::from_vec(self.0.to_vec())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(hex::encode(self.0.as_slice())))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = hex::decode(text.as_str()).map_err(serde::de::Error::custom)?;
        Ok(Self(Zeroizing::new(bytes)))
    }
}

/// A supervisor's last word: how its command ended. It stands in a file until a server has it on record, and
/// that server may be of a later version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ExitRecord {
    /// The version of this form.
    v: u32,
    #[serde(flatten)]
    pub(super) ending: Ending,
    /// What the command printed, redacted and bounded.
    #[serde(default)]
    pub(super) output: Option<String>,
    /// What became of the file that a plan command was to write, where it ended well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) written: Option<Written>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "ending")]
pub(super) enum Ending {
    /// It was never begun: the server ended, or stopped the supervisor, before it had said what to run.
    NotBegun,
    /// The system refused to start it.
    NotStarted {
        /// Why.
        message: String,
    },
    /// It ended by itself.
    Exited {
        /// Its status, as `wait` gives it.
        status: i32,
    },
    /// It was stopped at its time limit.
    TimedOut,
    /// It was stopped because its supervisor was told to.
    Stopped,
    /// The system did not say.
    Lost {
        /// What it said instead.
        message: String,
    },
}

impl ExitRecord {
    fn of(ending: Ending) -> Self {
        Self {
            v: 1,
            ending,
            output: None,
            written: None,
        }
    }

    /// Reads the word in a file's text. None where the supervisor was ended before it had spoken.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Writes it to standard output, durably. On a disk that is too full for all of it, the ending counts.
    fn write(&self) -> io::Result<()> {
        let mut file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        write_over(&mut file, self).or_else(|_| write_over(&mut file, &Self::of(self.ending.clone())))
    }
}

fn write_over(file: &mut File, word: &ExitRecord) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&serde_json::to_vec(word)?)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_word_that_ever_landed_is_read() {
        let exited = include_str!("../../../../testkit/data/stored/command_end/exited.json");
        assert_eq!(
            ExitRecord::read(exited),
            Some(ExitRecord {
                output: Some("out\n".to_owned()),
                ..ExitRecord::of(Ending::Exited { status: 768 })
            })
        );
        let not_started = include_str!("../../../../testkit/data/stored/command_end/not_started.json");
        let Some(ExitRecord {
            ending: Ending::NotStarted { message },
            output: None,
            ..
        }) = ExitRecord::read(not_started)
        else {
            panic!("it was read before")
        };
        assert_eq!(message, "No such file or directory (os error 2)");
    }

    #[test]
    fn half_a_word_is_none() {
        let whole = serde_json::to_string(&ExitRecord::of(Ending::TimedOut)).unwrap();
        for end in 0..whole.len() {
            assert_eq!(ExitRecord::read(&whole[..end]), None);
        }
    }

    #[test]
    fn an_order_is_passed_on_whatever_its_bytes() {
        let bytes = OsString::from_vec(vec![0xff, b'a', b'\n']);
        let text = serde_json::to_string(&Bytes::of(&bytes)).unwrap();
        let read: Bytes = serde_json::from_str(&text).unwrap();
        assert_eq!(read.to_os(), bytes);
    }
}
