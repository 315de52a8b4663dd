//! Everything a command can end with other than success, and the exit code of each.

use std::io::ErrorKind;
use std::path::PathBuf;

use cc_devops_app::AppError;
use cc_devops_app::settings::Problem;
use cc_devops_kernel::acts::ActError;
use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::outcome::Reason;
use cc_devops_kernel::ports::{PortError, PortErrorKind};

/// The exit codes of the commands on repositories and workflows, as their `--help` has them. docs/REPOS.md has the same
/// table; what gives which is [`CliError::code`].
pub(crate) const REPOSITORIES_EXIT_CODES: &str = "\
Exit codes:
  0  fine, or no finding of at least the severity of --fail-on
  1  findings of it, workflows that fail, or a change that was not made
  2  wrong use: a repository, workflow file, rule or policy that does not exist or is wrong,
     another owner's repository, no owner, or a file to write that is there already
  3  it could not be looked at: no token or a refused one, no such owner, nobody there, a limit;
     a file that could not be written; or not everything could be read, and nothing of the above
     was found";

/// Which table of exit codes a command's end is told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitCodes {
    /// That of `cc-devops --help`.
    Common,
    /// That of `repos --help`, `workflows --help` and docs/REPOS.md.
    Repositories,
}

/// A command's further help, with these exit codes at its end.
pub(crate) fn with_exit_codes(help: &str) -> String {
    format!("{help}\n\n{REPOSITORIES_EXIT_CODES}")
}

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The answer is no, and it stands on standard output already: a request that ended in error,
    /// a broken chain, a degraded control plane.
    #[error("the answer was printed")]
    Answered,
    /// Part of what was to be looked at could not be read, and nothing else is wrong. It stands on standard output
    /// already.
    #[error("not everything could be read")]
    Unread,
    /// A policy says no, and that stands on standard output already.
    #[error("a policy says no")]
    Denied,
    /// Somebody has to approve it, and that stands on standard output already.
    #[error("somebody has to approve it")]
    NeedsApproval,
    /// What was asked for could not be done.
    #[error("{0}")]
    Failed(String),
    /// The command was not given what it needs.
    #[error("{0}")]
    Usage(String),
    /// The configuration has errors; all of them.
    #[error("the configuration has {} error{}", problems.len(), if problems.len() == 1 { "" } else { "s" })]
    Config {
        /// The file that was read.
        file: Option<PathBuf>,
        /// What is wrong.
        problems: Vec<Problem>,
    },
    /// No server answers.
    #[error("{message}")]
    Unreachable {
        /// Where, and what to do.
        message: String,
        /// What was underneath.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The data folder holds no control plane.
    #[error("there is no control plane in {}: `cc-devops serve` makes one, --data-dir names another folder", folder.display())]
    OtherFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// Something answers that cannot prove to be the control plane, or that speaks no TLS.
    #[error("{message}")]
    Tls {
        /// Where, and what to do.
        message: String,
        /// What was underneath.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No answer came in time.
    #[error("{message}")]
    TimedOut {
        /// Where, and what to do.
        message: String,
    },
    /// The data folder cannot be opened.
    #[error("{message}")]
    Open {
        /// Which, and what to do.
        message: String,
        /// What was underneath.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The server ended by itself: its store has failed for good.
    #[error(
        "the server ended by itself: the {thread} of its store ended by a fault; what was acknowledged is safe, so \
         look in the log and start it again"
    )]
    StoreFailed {
        /// What ended.
        thread: &'static str,
    },
    /// The store answered with an error.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The server answered with a problem.
    #[error("{message}")]
    Answer {
        /// The HTTP status.
        status: u16,
        /// The server's own sentence.
        message: String,
    },
    /// Standard output or a file could not be written.
    #[error("{message}")]
    Write {
        /// What could not be written.
        message: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A fault of this program.
    #[error("{message}; this is a fault of cc-devops, please report it")]
    Internal {
        /// What was not expected.
        message: String,
        /// What was underneath.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<ActError> for CliError {
    fn from(error: ActError) -> Self {
        match error {
            ActError::Port(error) => Self::Port(error),
            ActError::Refused(failure) if failure.reason == Reason::InvalidParameter => Self::Usage(failure.message),
            ActError::Refused(failure) => Self::Failed(failure.message),
        }
    }
}

impl From<AppError> for CliError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Usage(message) => Self::Usage(message),
            AppError::Settings { file, problems } => Self::Config { file, problems },
            AppError::NoControlPlane { folder } => Self::OtherFolder { folder },
            AppError::Open { message, source } => Self::Open {
                message,
                source: Some(source),
            },
            AppError::Port(error) => Self::Port(error),
            AppError::Internal { message, source } => Self::Internal { message, source },
        }
    }
}

impl CliError {
    /// A fault of this program.
    pub(crate) fn internal(
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Internal {
            message: message.into(),
            source: source.into(),
        }
    }

    /// A data folder that cannot be used.
    pub(crate) fn open(
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Open {
            message: message.into(),
            source: Some(source.into()),
        }
    }

    /// Something that cannot be written.
    pub(crate) fn write(message: impl Into<String>, source: std::io::Error) -> Self {
        Self::Write {
            message: message.into(),
            source,
        }
    }

    /// The exit code of the command that ended with it.
    pub(crate) fn code(&self, codes: ExitCodes) -> u8 {
        match codes {
            ExitCodes::Common => self.common_code(),
            ExitCodes::Repositories => self.repositories_code(),
        }
    }

    fn common_code(&self) -> u8 {
        match self {
            Self::Answered | Self::Failed(_) | Self::Config { .. } | Self::Write { .. } | Self::Internal { .. } => 1,
            Self::Usage(_) => 2,
            Self::Unread | Self::Unreachable { .. } | Self::Open { .. } => 3,
            Self::Denied => 4,
            Self::StoreFailed { .. } | Self::NeedsApproval => 5,
            Self::OtherFolder { .. } => 6,
            Self::Tls { .. } => 7,
            Self::TimedOut { .. } => 9,
            Self::Answer { status, .. } => match status {
                401 | 403 => 4,
                // What stands in front of it says that it is not there.
                502 => 3,
                429 | 503 => 8,
                504 => 9,
                _ => 1,
            },
            Self::Port(error) => match error.kind {
                PortErrorKind::Unavailable
                | PortErrorKind::Timeout
                | PortErrorKind::Full
                | PortErrorKind::Corrupt
                | PortErrorKind::Key => 3,
                PortErrorKind::Superseded
                | PortErrorKind::Stopped
                | PortErrorKind::Exists
                | PortErrorKind::NotFound
                | PortErrorKind::TooLarge
                | PortErrorKind::Refused => 1,
            },
        }
    }

    fn repositories_code(&self) -> u8 {
        match self {
            // Findings that count, workflows that fail, a change that was not made.
            Self::Answered => 1,
            // Wrong use: what does not exist or is wrong, another owner's, no owner.
            Self::Usage(_) | Self::Config { .. } => 2,
            // The file that was named is another's.
            Self::Write { source, .. } if source.kind() == ErrorKind::AlreadyExists => 2,
            // It could not be looked at, or not be told.
            Self::Write { .. }
            | Self::Unread
            | Self::Denied
            | Self::NeedsApproval
            | Self::Failed(_)
            | Self::Unreachable { .. }
            | Self::OtherFolder { .. }
            | Self::Tls { .. }
            | Self::TimedOut { .. }
            | Self::Open { .. }
            | Self::StoreFailed { .. }
            | Self::Port(_)
            | Self::Answer { .. }
            | Self::Internal { .. } => 3,
        }
    }

    /// An error of the code host about repositories that a person named: one that is not there was named wrong. The
    /// owner of all is not.
    pub(crate) fn of_named(error: PortError, named: &[String]) -> Self {
        if error.kind == PortErrorKind::NotFound && !named.is_empty() {
            Self::Usage(error.message)
        } else {
            Self::Port(error)
        }
    }

    /// There is no credential for GitHub.
    pub(crate) fn no_github_token(secret: &SecretName) -> Self {
        Self::Failed(format!(
            "there is no GitHub token: put one under {secret} with `cc-devops put-secret`, or set GITHUB_TOKEN"
        ))
    }

    /// The problems of the configuration, if it is what is wrong.
    pub(crate) fn problems(&self) -> &[Problem] {
        match self {
            Self::Config { problems, .. } => problems,
            _ => &[],
        }
    }

    /// Whether the person was told already.
    pub(crate) fn is_told(&self) -> bool {
        matches!(self, Self::Answered | Self::Unread | Self::Denied | Self::NeedsApproval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_codes_of_repositories_stand_in_one_table() {
        let documented = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/REPOS.md"));
        let told = REPOSITORIES_EXIT_CODES
            .lines()
            .filter_map(|line| line.strip_prefix("  ")?.chars().next());
        let told: Vec<char> = told.filter(char::is_ascii_digit).collect();
        assert_eq!(told, ['0', '1', '2', '3']);
        let rows: Vec<&str> = documented
            .lines()
            .skip_while(|line| *line != "| exit code | when |")
            .skip(2)
            .collect();
        for (code, row) in told.iter().zip(rows) {
            assert!(row.starts_with(&format!("| {code} | ")), "{row}");
        }
        let code = |error: &CliError| error.code(ExitCodes::Repositories);
        let port = |kind| code(&PortError::new(kind, "it").into());
        for kind in [
            PortErrorKind::Key,
            PortErrorKind::Refused,
            PortErrorKind::NotFound,
            PortErrorKind::Unavailable,
        ] {
            assert_eq!(port(kind), 3, "{kind:?}");
        }
        let missing = || PortError::new(PortErrorKind::NotFound, "no repository");
        assert_eq!(code(&CliError::of_named(missing(), &["web".to_owned()])), 2);
        assert_eq!(code(&CliError::of_named(missing(), &[])), 3);
        assert_eq!(code(&CliError::Answered), 1);
        assert!(CliError::Unread.is_told());
        let unwritten = |kind: ErrorKind| CliError::write("cannot write it", kind.into());
        for (kind, of_repositories) in [(ErrorKind::AlreadyExists, 2), (ErrorKind::StorageFull, 3)] {
            assert_eq!(code(&unwritten(kind)), of_repositories);
            assert_eq!(unwritten(kind).code(ExitCodes::Common), 1);
        }
    }
}
