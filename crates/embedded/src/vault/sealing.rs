//! Sealing and opening values, and wrapping their data keys anew.
//!
//! The cipher is XChaCha20-Poly1305, whose nonces of 192 bits may be drawn at random. What a value
//! is (kind, name, version) is its associated data, so a sealed value put in another row's place
//! does not open.

use std::sync::Arc;

use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_kernel::sealing;
use cc_devops_kernel::sealing::NONCE_BYTES;
use rusqlite::Row;
use zeroize::Zeroizing;

use super::{KeyId, MasterKey, random};
use crate::error::Fault;

/// What a sealed value is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label<'a> {
    /// The kind of thing.
    pub(crate) kind: &'a str,
    /// Which one.
    pub(crate) name: &'a str,
    /// Which version of it; zero for what has none.
    pub(crate) version: i64,
}

impl Label<'_> {
    fn associated_data(&self) -> Vec<u8> {
        let mut data = b"cc-devops sealed 1".to_vec();
        for part in [self.kind.as_bytes(), self.name.as_bytes(), &self.version.to_be_bytes()] {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part);
        }
        data
    }
}

/// A sealed value as its row holds it.
#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    /// The master key that wraps the data key.
    pub(crate) key_id: KeyId,
    /// A nonce and the wrapped data key.
    pub(crate) data_key: Vec<u8>,
    /// A nonce and the value under the data key.
    pub(crate) body: Vec<u8>,
}

impl Sealed {
    /// Reads the three columns from `first` on.
    pub(crate) fn from_row(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            key_id: KeyId::from_stored(row.get(first)?),
            data_key: row.get(first + 1)?,
            body: row.get(first + 2)?,
        })
    }

    /// Reads the three columns from `first` on; none where the value was forgotten.
    pub(crate) fn from_row_if_any(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Self>> {
        match row.get_ref(first + 2)?.as_blob_or_null()? {
            None => Ok(None),
            Some(_) => Self::from_row(row, first).map(Some),
        }
    }
}

/// The master keys at one moment, and which of them seals.
pub(crate) struct Keyring {
    keys: Arc<Vec<MasterKey>>,
    sealing: Option<KeyId>,
}

impl Keyring {
    /// The keys, and the one to seal with; none where nothing is to be sealed.
    pub(crate) fn new(keys: Arc<Vec<MasterKey>>, sealing: Option<KeyId>) -> Self {
        Self { keys, sealing }
    }

    /// Whether the key is among them.
    pub(crate) fn holds(&self, id: &KeyId) -> bool {
        self.keys.iter().any(|key| key.id() == id)
    }

    fn key(&self, id: &KeyId) -> Result<&MasterKey, Fault> {
        self.keys
            .iter()
            .find(|key| key.id() == id)
            .ok_or_else(|| Fault::UnknownKey(id.clone()))
    }

    fn sealing_key(&self) -> Result<&MasterKey, Fault> {
        match &self.sealing {
            Some(id) => self.key(id),
            None => Err(Fault::port(PortErrorKind::Key, "nothing can be sealed outside a write")),
        }
    }

    /// Seals a value with the key of this moment. Inside a write transaction only, where that key
    /// cannot be replaced meanwhile.
    pub(crate) fn seal(&self, label: Label<'_>, plain: &[u8]) -> Result<Sealed, Fault> {
        let master = self.sealing_key()?;
        // One call of the system draws the data key and both nonces.
        let drawn = Zeroizing::new(random::<{ 32 + 2 * NONCE_BYTES }>()?);
        let (data_key, nonces) = drawn.split_first_chunk::<32>().ok_or_else(too_few)?;
        let (first, rest) = nonces.split_first_chunk().ok_or_else(too_few)?;
        let second = rest.first_chunk().ok_or_else(too_few)?;
        let about = label.associated_data();
        Ok(Sealed {
            key_id: master.id().clone(),
            data_key: encrypt(master.bytes(), *first, &about, data_key)?,
            body: encrypt(data_key, *second, &about, plain)?,
        })
    }

    /// Opens a sealed value.
    pub(crate) fn open(&self, label: Label<'_>, value: &Sealed) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let about = label.associated_data();
        let data_key = self.data_key(label, &about, value)?;
        sealing::open(&data_key, &about, &value.body).ok_or_else(|| damaged(label))
    }

    /// Opens a sealed text.
    pub(crate) fn open_text(&self, label: Label<'_>, value: &Sealed) -> Result<String, Fault> {
        let plain = self.open(label, value)?;
        // The caller wraps the text in a `SecretValue`, which wipes it; so does `plain` here.
        std::str::from_utf8(&plain)
            .map(str::to_owned)
            .map_err(|_| damaged(label))
    }

    /// The data key under the key of this moment. `key_id` and `data_key` are the row's.
    pub(crate) fn rewrap(&self, label: Label<'_>, value: &Sealed) -> Result<(KeyId, Vec<u8>), Fault> {
        let master = self.sealing_key()?;
        let about = label.associated_data();
        let data_key = self.data_key(label, &about, value)?;
        Ok((
            master.id().clone(),
            encrypt(master.bytes(), random()?, &about, data_key.as_slice())?,
        ))
    }

    fn data_key(&self, label: Label<'_>, about: &[u8], value: &Sealed) -> Result<Zeroizing<[u8; 32]>, Fault> {
        let master = self.key(&value.key_id)?;
        let bytes = sealing::open(master.bytes(), about, &value.data_key).ok_or_else(|| damaged(label))?;
        <[u8; 32]>::try_from(bytes.as_slice())
            .map(Zeroizing::new)
            .map_err(|_| damaged(label))
    }
}

fn damaged(label: Label<'_>) -> Fault {
    Fault::corrupt(format_args!("the sealed {} {:?}", label.kind, label.name))
}

fn too_few() -> Fault {
    Fault::port(PortErrorKind::Refused, "too few random bytes were drawn")
}

fn encrypt(key: &[u8; 32], nonce: [u8; NONCE_BYTES], about: &[u8], plain: &[u8]) -> Result<Vec<u8>, Fault> {
    sealing::seal(key, nonce, about, plain).map_err(|error| Fault::port(PortErrorKind::Refused, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABEL: Label<'_> = Label {
        kind: "secret",
        name: "/contentcraft/a/b",
        version: 1,
    };

    fn keyring(keys: &[u8], sealing: u8) -> Keyring {
        let keys: Vec<MasterKey> = keys.iter().map(|b| MasterKey::new(Zeroizing::new([*b; 32]))).collect();
        let sealing = MasterKey::new(Zeroizing::new([sealing; 32])).id().clone();
        Keyring::new(Arc::new(keys), Some(sealing))
    }

    #[test]
    fn a_value_opens_in_its_own_place_only() {
        let keys = keyring(&[1], 1);
        let sealed = keys.seal(LABEL, b"hunter2").unwrap();
        assert_eq!(keys.open(LABEL, &sealed).unwrap().as_slice(), b"hunter2");
        assert!(!sealed.body.windows(7).any(|w| w == b"hunter2"));
        for other in [
            Label {
                kind: "request",
                ..LABEL
            },
            Label {
                name: "/contentcraft/a/c",
                ..LABEL
            },
            Label { version: 2, ..LABEL },
        ] {
            assert!(keys.open(other, &sealed).is_err());
        }
    }

    #[test]
    fn any_changed_byte_is_refused() {
        let keys = keyring(&[1], 1);
        let sealed = keys.seal(LABEL, b"hunter2").unwrap();
        for at in 0..sealed.body.len() {
            let mut changed = sealed.clone();
            changed.body[at] ^= 1;
            assert!(keys.open(LABEL, &changed).is_err());
        }
        for at in 0..sealed.data_key.len() {
            let mut changed = sealed.clone();
            changed.data_key[at] ^= 1;
            assert!(keys.open(LABEL, &changed).is_err());
        }
    }

    #[test]
    fn the_same_value_never_looks_the_same() {
        let keys = keyring(&[1], 1);
        let (one, two) = (keys.seal(LABEL, b"x").unwrap(), keys.seal(LABEL, b"x").unwrap());
        assert_ne!(one.body, two.body);
        assert_ne!(one.data_key, two.data_key);
    }

    #[test]
    fn a_rewrapped_value_opens_with_the_new_key_alone() {
        let mut sealed = keyring(&[1], 1).seal(LABEL, b"hunter2").unwrap();
        let (key_id, data_key) = keyring(&[1, 2], 2).rewrap(LABEL, &sealed).unwrap();
        (sealed.key_id, sealed.data_key) = (key_id, data_key);
        assert_eq!(keyring(&[2], 2).open(LABEL, &sealed).unwrap().as_slice(), b"hunter2");
        assert!(matches!(
            keyring(&[1], 1).open(LABEL, &sealed),
            Err(Fault::UnknownKey(_))
        ));
    }
}
