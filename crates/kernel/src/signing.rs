//! The secrets that others sign their notices with, remembered for a moment: a forged notice costs
//! a comparison and no look into the secrets.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::names::SecretName;
use crate::ports::{Clock, PortResult, SecretStore, SecretVersion};
use crate::secret::SecretValue;

/// How long what was read is used.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(1);

/// The least time between two looks because nothing fitted. So a secret that was replaced counts
/// after it, and a flood of forged notices looks no more often.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(1);

/// A secret that signs, with the one before it, so that it can be replaced without losing a notice.
pub struct SigningSecrets {
    secrets: Arc<dyn SecretStore>,
    name: SecretName,
    clock: Arc<dyn Clock>,
    remembered: Mutex<Option<Remembered>>,
}

/// Wiped from memory when it is dropped, as every secret's value is.
#[derive(Clone)]
struct Remembered {
    values: Arc<[SecretValue]>,
    read_at: Timestamp,
}

impl Remembered {
    /// Whether it was read within this time. A clock that was set back is no reason to believe it.
    fn is_within(&self, age: SignedDuration, now: Timestamp) -> bool {
        let passed = now.duration_since(self.read_at);
        !passed.is_negative() && passed < age
    }
}

impl SigningSecrets {
    /// The secret of this name. Nothing is read yet.
    pub fn new(secrets: Arc<dyn SecretStore>, name: SecretName, clock: Arc<dyn Clock>) -> Self {
        Self {
            secrets,
            name,
            clock,
            remembered: Mutex::default(),
        }
    }

    /// The secret's name.
    pub fn name(&self) -> &SecretName {
        &self.name
    }

    /// Runs `proof` with the current value and the one before, or with fewer where there are
    /// fewer. If it fails with remembered values they are read once more, and it runs again if
    /// that was due.
    pub async fn prove<T, E>(&self, proof: impl Fn(&[SecretValue]) -> Result<T, E>) -> PortResult<Result<T, E>> {
        let now = self.clock.now();
        let remembered = self.recall();
        if let Some(remembered) = remembered.filter(|found| found.is_within(REMEMBERED, now)) {
            let proven = proof(&remembered.values);
            if proven.is_ok() || remembered.is_within(LOOK_AGAIN, now) {
                return Ok(proven);
            }
        }
        Ok(proof(&self.read(now).await?))
    }

    fn recall(&self) -> Option<Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn read(&self, now: Timestamp) -> PortResult<Arc<[SecretValue]>> {
        let mut values = Vec::with_capacity(2);
        for version in [SecretVersion::Current, SecretVersion::Previous] {
            let read = self.secrets.read(&self.name, version).await?;
            values.extend(read.map(|read| read.value));
        }
        let values: Arc<[SecretValue]> = values.into();
        let remembered = Remembered {
            values: Arc::clone(&values),
            read_at: now,
        };
        *self.remembered.lock().unwrap_or_else(PoisonError::into_inner) = Some(remembered);
        Ok(values)
    }
}
