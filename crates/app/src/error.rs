//! Why something could not be put together.

use std::path::PathBuf;

use cc_devops_kernel::ports::{PortError, PortErrorKind};

use crate::settings::Problem;

/// Why a program could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// It was not given what it needs.
    #[error("{0}")]
    Usage(String),
    /// The settings have errors; all of them.
    #[error("the configuration has {} error{}", problems.len(), if problems.len() == 1 { "" } else { "s" })]
    Settings {
        /// The file that was read.
        file: Option<PathBuf>,
        /// What is wrong.
        problems: Vec<Problem>,
    },
    /// The data folder holds no control plane.
    #[error("there is no control plane in {}", folder.display())]
    NoControlPlane {
        /// The folder.
        folder: PathBuf,
    },
    /// The backend cannot be opened.
    #[error("{message}")]
    Open {
        /// Which, and what to do.
        message: String,
        /// What was underneath.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The backend answered with an error.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A fault of this program.
    #[error("{message}")]
    Internal {
        /// What was not expected.
        message: String,
        /// What was underneath.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl AppError {
    /// A fault of this program.
    pub fn internal(message: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal {
            message: message.into(),
            source: source.into(),
        }
    }
}

/// For a function, which puts its control plane together when it first needs it.
impl From<AppError> for PortError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Port(error) => error,
            other => Self::new(PortErrorKind::Refused, other.to_string()).because(other),
        }
    }
}
