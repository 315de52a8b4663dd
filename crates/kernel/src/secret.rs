//! A value that must not be seen.

use secrecy::{ExposeSecret, SecretString};

/// Text that is wiped from memory when dropped and that cannot be printed or serialised.
///
/// It has no `Debug`, `Display` or `Serialize` on purpose; [`SecretValue::expose`] is the one way
/// in, and easy to search for.
#[derive(Clone)]
pub struct SecretValue(SecretString);

impl SecretValue {
    /// Takes ownership of `text`.
    pub fn new(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// The text itself. Do not let it reach a log, an error, an event or an audit row.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The length in bytes.
    pub fn len(&self) -> usize {
        self.expose().len()
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }
}

impl From<String> for SecretValue {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}
