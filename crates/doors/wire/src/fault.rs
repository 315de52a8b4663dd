//! Why a call was not answered as it was asked, in AWS's words.

use std::borrow::Cow;

use axum::http::StatusCode;
use cc_devops_http::problem::Problem;
use cc_devops_kernel::ports::PortError;

/// An error as an SDK reads it.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    /// AWS's name of it, as the service calls it: SDKs branch on it.
    pub(crate) code: Cow<'static, str>,
    /// The status that AWS answers with.
    pub(crate) status: StatusCode,
    /// What a person reads.
    pub(crate) message: String,
}

impl Fault {
    /// The caller's fault: a 400.
    pub(crate) fn sender(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
        }
    }

    /// The same with another status.
    #[must_use]
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Whose fault it is, as AWS writes it.
    pub(crate) fn side(&self) -> &'static str {
        if self.status.is_server_error() {
            "Receiver"
        } else {
            "Sender"
        }
    }
}

/// Why a call was not answered: in AWS's words, or in ours, which the answer translates by the family of its service (denied,
/// throttled, not available, our own fault).
#[derive(Debug)]
pub(crate) enum Failed {
    /// In AWS's words.
    Fault(Fault),
    /// In the API's words.
    Problem(Problem),
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<PortError> for Failed {
    fn from(error: PortError) -> Self {
        Self::Problem(error.into())
    }
}
