//! Why no whole answer came.

use std::error::Error as StdError;
use std::fmt;

use crate::Refused;

/// Why there is no whole answer. No text of it, and no `Debug`, holds an address, a header or a body; what is
/// underneath is its source, without the address.
#[derive(Debug)]
pub enum Error {
    /// The egress guard refuses the address, or where it leads.
    Refused(Refused),
    /// Plain HTTP goes to this machine alone.
    PlainHttp,
    /// The client sends to the address it was made for and to no other: a credential stays with whom it is for.
    OtherOrigin,
    /// The client cannot be set up.
    Setup(Cause),
    /// No whole answer came in time.
    TimedOut(Cause),
    /// No connection could be made. Nothing was sent.
    NotConnected(Cause),
    /// The connection broke, or what came is no HTTP.
    Broken(Cause),
    /// The answer has more bytes than any should have.
    TooLarge {
        /// The most that is taken, in bytes.
        limit: usize,
    },
}

/// What is underneath; its address is taken out.
#[derive(Debug)]
pub struct Cause(reqwest::Error);

impl Error {
    pub(crate) fn of_exchange(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if let Some(refused) = find::<Refused>(&error) {
            return Self::Refused(refused.clone());
        }
        let timed_out = error.is_timeout();
        let connecting = error.is_connect();
        let cause = Cause(error);
        if timed_out {
            Self::TimedOut(cause)
        } else if connecting {
            Self::NotConnected(cause)
        } else {
            Self::Broken(cause)
        }
    }

    pub(crate) fn of_setup(error: reqwest::Error) -> Self {
        Self::Setup(Cause(error.without_url()))
    }

    /// Whether a request may be made again after this: it may pass, and the request either does no harm when it
    /// is made twice or was never sent.
    pub fn may_retry(&self, harmless_twice: bool) -> bool {
        match self {
            Self::NotConnected(_) => true,
            Self::TimedOut(cause) => harmless_twice || cause.0.is_connect(),
            Self::Broken(_) => harmless_twice,
            Self::Refused(_) | Self::PlainHttp | Self::OtherOrigin | Self::Setup(_) | Self::TooLarge { .. } => false,
        }
    }

    /// Whether TLS could not be agreed upon: a certificate that is not trusted, or no TLS at all.
    pub fn is_tls(&self) -> bool {
        self.cause().is_some_and(|cause| is_tls_error(&cause.0))
    }

    /// The innermost reason, for a sentence: those around it only say that a request failed.
    pub fn reason(&self) -> String {
        let mut innermost: &(dyn StdError + 'static) = self;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        innermost.to_string()
    }

    fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Setup(cause) | Self::TimedOut(cause) | Self::NotConnected(cause) | Self::Broken(cause) => Some(cause),
            Self::Refused(_) | Self::PlainHttp | Self::OtherOrigin | Self::TooLarge { .. } => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::PlainHttp => f.write_str("http:// goes to this machine alone; use https://"),
            Self::OtherOrigin => f.write_str("the address is not the one that is configured"),
            Self::Setup(_) => f.write_str("the HTTP client cannot be set up"),
            Self::TimedOut(_) => f.write_str("no answer came in time"),
            Self::NotConnected(_) => f.write_str("no connection could be made"),
            Self::Broken(_) => f.write_str("the connection broke"),
            Self::TooLarge { limit } => write!(f, "the answer has more than {limit} bytes"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // The library's own outermost error only repeats that a request failed.
        self.cause()?.0.source()
    }
}

/// The first error of a type among the sources of another.
fn find<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        source = error.source();
    }
    None
}

/// Whether an error, of whatever library, is of TLS, or something of TLS is underneath.
pub fn is_tls_error(error: &(dyn StdError + 'static)) -> bool {
    // An I/O error gives not what it wraps as its source, but that one's.
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.is::<rustls::Error>()
        || wrapped.is_some_and(|wrapped| is_tls_error(wrapped))
        || error.source().is_some_and(is_tls_error)
}
