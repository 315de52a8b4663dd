//! Addresses that an operator configures, and which of them are called.

use url::Url;

use crate::loopback::is_loopback_url;

/// Where plain `http://` may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlainHttp {
    /// To this machine and no other: what is sent, a token above all, is read by nobody on the way.
    #[default]
    LoopbackOnly,
    /// Everywhere: for what is no secret, such as a sandbox's key, and for an address that a person typed.
    Anywhere,
}

/// Why a configured address is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no URL.
    #[error("it is no URL")]
    Form(#[from] url::ParseError),
    /// It is not encrypted and leaves this machine.
    #[error("it must begin with https://; http:// is for this machine alone")]
    Plain,
    /// It has parts that an API's base address does not have.
    #[error("it must hold no user name, no `?` and no `#`")]
    Parts,
}

/// Reads a configured address.
///
/// # Errors
/// No URL, another scheme than HTTP's, or plain HTTP where it may not go.
///
/// ```
/// use cc_devops_outbound::{AddressError, PlainHttp, address};
///
/// assert!(address("http://127.0.0.1:8420/", PlainHttp::LoopbackOnly).is_ok());
/// assert_eq!(
///     address("http://rates.example/", PlainHttp::LoopbackOnly),
///     Err(AddressError::Plain)
/// );
/// ```
pub fn address(text: &str, plain: PlainHttp) -> Result<Url, AddressError> {
    let url = Url::parse(text)?;
    if scheme_is_taken(&url, plain) {
        Ok(url)
    } else {
        Err(AddressError::Plain)
    }
}

/// Reads the address that an API's paths are added to.
///
/// # Errors
/// As [`address`]; a user name, a query or a fragment.
pub fn base_address(text: &str, plain: PlainHttp) -> Result<Url, AddressError> {
    let url = address(text, plain)?;
    let parts = url.query().is_some() || url.fragment().is_some();
    if parts || !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::Parts);
    }
    Ok(url)
}

/// Whether a request may go to a URL by its scheme.
pub(crate) fn scheme_is_taken(url: &Url, plain: PlainHttp) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => plain == PlainHttp::Anywhere || is_loopback_url(url),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        for (text, alone, anywhere) in [
            ("https://api.example.org/v3", true, true),
            ("http://127.0.0.1:1/", true, true),
            ("http://[::1]:1/", true, true),
            ("http://localhost", true, true),
            ("http://api.example.org/", false, true),
            ("http://10.0.0.1/", false, true),
            ("http://localhost.example.org/", false, true),
            ("ftp://127.0.0.1/", false, false),
            ("unix:/run/socket", false, false),
            ("api.example.org", false, false),
            ("", false, false),
        ] {
            assert_eq!(address(text, PlainHttp::LoopbackOnly).is_ok(), alone, "{text}");
            assert_eq!(address(text, PlainHttp::Anywhere).is_ok(), anywhere, "{text}");
        }
    }

    #[test]
    fn a_base_address_has_no_other_parts() {
        for bad in [
            "https://me@api.example.org/",
            "https://:word@api.example.org/",
            "https://api.example.org/?a=b",
            "https://api.example.org/#a",
        ] {
            assert!(address(bad, PlainHttp::LoopbackOnly).is_ok(), "{bad}");
            let refused = base_address(bad, PlainHttp::LoopbackOnly);
            assert_eq!(refused, Err(AddressError::Parts), "{bad}");
        }
    }
}
