//! The master keys this process has loaded, and where they come from.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use cc_devops_kernel::secret::SecretValue;

use super::key_file::KeyFile;
use super::{KeyId, Keyring, MasterKey};
use crate::error::OpenError;

/// Where the master key comes from.
#[derive(Clone)]
pub enum MasterKeySource {
    /// The file `master.key` in the data directory, mode 0600, made at first start.
    File,
    /// Given by the caller (who has it from the environment), each of 64 hex digits.
    Given {
        /// The key to seal with.
        current: SecretValue,
        /// The key before it, while a rotation is under way.
        previous: Option<SecretValue>,
    },
}

/// The variable a given key comes from, for messages.
pub(crate) const KEY_VARIABLE: &str = "CC_DEVOPS_MASTER_KEY";
/// The variable a given key's predecessor comes from, for messages.
pub(crate) const PREVIOUS_VARIABLE: &str = "CC_DEVOPS_MASTER_KEY_PREVIOUS";

/// The loaded keys. Another process may replace the key file, so they are loaded again whenever
/// the database names a key that is not among them.
pub(crate) struct KeyStore {
    source: MasterKeySource,
    path: PathBuf,
    loaded: RwLock<Arc<Vec<MasterKey>>>,
}

impl KeyStore {
    /// Loads the keys. `needed` is the key the database was sealed with; where it has none yet,
    /// a key file is made if there is none.
    pub(crate) fn open(source: MasterKeySource, path: PathBuf, needed: Option<&KeyId>) -> Result<Self, OpenError> {
        let store = Self {
            source,
            path,
            loaded: RwLock::default(),
        };
        if needed.is_none() && matches!(store.source, MasterKeySource::File) && KeyFile::read(&store.path)?.is_none() {
            KeyFile::generate()?.create(&store.path)?;
        }
        let keys = store.read(needed)?;
        if let Some(id) = needed
            && !keys.iter().any(|key| key.id() == id)
        {
            return Err(store.wrong(id));
        }
        store.set(keys);
        Ok(store)
    }

    /// The key file's path.
    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Whether the keys are given, and not in a file.
    pub(crate) fn is_given(&self) -> bool {
        matches!(self.source, MasterKeySource::Given { .. })
    }

    /// The current key, and the previous one if there is one, read anew from their source.
    pub(crate) fn read_pair(&self) -> Result<KeyFile, OpenError> {
        let key = |text: &SecretValue, place: &str| {
            MasterKey::from_hex(text.expose()).ok_or_else(|| OpenError::KeyMalformed {
                place: place.to_owned(),
            })
        };
        match &self.source {
            MasterKeySource::File => KeyFile::read(&self.path)?.ok_or_else(|| OpenError::KeyFile {
                path: self.path.clone(),
                source: std::io::ErrorKind::NotFound.into(),
            }),
            MasterKeySource::Given { current, previous } => Ok(KeyFile {
                current: key(current, KEY_VARIABLE)?,
                previous: previous.as_ref().map(|text| key(text, PREVIOUS_VARIABLE)).transpose()?,
            }),
        }
    }

    fn read(&self, needed: Option<&KeyId>) -> Result<Vec<MasterKey>, OpenError> {
        match (self.read_pair(), needed) {
            (Ok(pair), _) => Ok(pair.into_keys()),
            (Err(OpenError::KeyFile { path, source }), Some(id)) if source.kind() == std::io::ErrorKind::NotFound => {
                Err(OpenError::KeyMissing {
                    path,
                    key_id: id.to_string(),
                })
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Loads the keys again; the loaded ones stay where that fails.
    pub(crate) fn reload(&self, needed: &KeyId) -> Result<(), OpenError> {
        let keys = self.read(Some(needed))?;
        self.set(keys);
        Ok(())
    }

    fn set(&self, keys: Vec<MasterKey>) {
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// The loaded keys, for opening what is sealed.
    pub(crate) fn keyring(&self) -> Keyring {
        Keyring::new(self.keys(), None)
    }

    fn keys(&self) -> Arc<Vec<MasterKey>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The loaded keys, for sealing with the key `id`, which the caller has just read inside its
    /// transaction. Where that key cannot be had, sealing will say so, and opening may still work.
    pub(crate) fn sealing_keyring(&self, id: KeyId) -> Keyring {
        let keyring = Keyring::new(self.keys(), Some(id.clone()));
        if keyring.holds(&id) {
            return keyring;
        }
        if let Err(error) = self.reload(&id) {
            tracing::error!(%error, "the master key cannot be loaded");
        }
        Keyring::new(self.keys(), Some(id))
    }

    /// What to do about a key that is needed and not in the source.
    pub(crate) fn wrong(&self, id: &KeyId) -> OpenError {
        OpenError::KeyWrong {
            key_id: id.to_string(),
            place: match self.source {
                MasterKeySource::File => self.path.display().to_string(),
                MasterKeySource::Given { .. } => format!("{KEY_VARIABLE} or {PREVIOUS_VARIABLE}"),
            },
        }
    }
}
