//! The values that channels need, read when they are used: a new one holds within a minute, without a restart.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use cc_devops_kernel::names::SecretName;
use cc_devops_kernel::ports::{Clock, SecretStore, SecretVersion};
use cc_devops_kernel::secret::SecretValue;
use jiff::{SignedDuration, Timestamp};

use crate::channel::Value;

/// How long what was read is used.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(1);

/// The environment of this process, as far as the configuration names its variables.
pub type Variables = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// A value that was read.
#[derive(Clone)]
pub(crate) struct Known {
    /// The value, without blanks at its ends.
    pub(crate) value: SecretValue,
    /// What is another with each value that a secret gets; it is no secret itself.
    pub(crate) version: Option<String>,
}

/// Where values are read.
pub(crate) struct Values {
    secrets: Arc<dyn SecretStore>,
    variables: Variables,
    clock: Arc<dyn Clock>,
    remembered: Mutex<BTreeMap<SecretName, (Timestamp, Known)>>,
}

impl Values {
    pub(crate) fn new(secrets: Arc<dyn SecretStore>, variables: Variables, clock: Arc<dyn Clock>) -> Self {
        Self {
            secrets,
            variables,
            clock,
            remembered: Mutex::default(),
        }
    }

    /// Reads a value.
    ///
    /// # Errors
    /// It is not there, in words that say what to do; they hold no value.
    pub(crate) async fn read(&self, value: &Value) -> Result<Known, String> {
        match value {
            Value::Plain(text) => Ok(known(text, None)),
            Value::Env(variable) => (self.variables)(variable)
                .filter(|text| !text.trim().is_empty())
                .map(|text| known(&text, None))
                .ok_or_else(|| format!("the environment variable {variable} is not set: set it and start again")),
            Value::Secret(name) => self.secret(name).await,
        }
    }

    async fn secret(&self, name: &SecretName) -> Result<Known, String> {
        let now = self.clock.now();
        if let Some((read_at, known)) = self.lock().get(name) {
            let age = now.duration_since(*read_at);
            if !age.is_negative() && age < REMEMBERED {
                return Ok(known.clone());
            }
        }
        let read = self.secrets.read(name, SecretVersion::Current).await;
        let read = read.map_err(|error| format!("the secret {name} could not be read: {error}"))?;
        let read = read.filter(|read| !read.value.expose().trim().is_empty());
        let read =
            read.ok_or_else(|| format!("the secret {name} is not there: set it with cc-devops put-secret {name}"))?;
        let known = known(read.value.expose(), Some(read.version_id));
        self.lock().insert(name.clone(), (now, known.clone()));
        Ok(known)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<SecretName, (Timestamp, Known)>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn known(text: &str, version: Option<String>) -> Known {
    Known {
        value: SecretValue::new(text.trim().to_owned()),
        version,
    }
}

/// What a value is called where a person is told to change it.
pub(crate) fn place(value: &Value) -> String {
    match value {
        Value::Plain(_) => "`url` in the configuration".to_owned(),
        Value::Secret(name) => format!("the secret {name}"),
        Value::Env(variable) => format!("the environment variable {variable}"),
    }
}
