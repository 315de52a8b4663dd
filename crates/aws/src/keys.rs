//! The ledger's keys: they derive from one secret text that the stack makes and nobody types.

use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::sealing;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_requests::fingerprint::FingerprintKey;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::clients::Clients;
use crate::error::{corrupt, port_error};

/// The fewest characters the secret text may have.
const MIN_CHARS: usize = 32;

/// The keys, read when they are first needed.
#[derive(Default)]
pub(crate) struct Keys(OnceCell<Derived>);

/// The keys.
pub(crate) struct Derived {
    fingerprints: Zeroizing<[u8; 32]>,
    checkpoints: Zeroizing<[u8; 32]>,
    details: Zeroizing<[u8; 32]>,
}

impl Keys {
    /// The keys; the first call reads the secret.
    pub(crate) async fn get(&self, clients: &Clients, secret: &str) -> PortResult<&Derived> {
        self.0
            .get_or_try_init(|| async {
                let read = clients.secrets().get_secret_value().secret_id(secret).send().await;
                let text = match read {
                    Ok(read) => SecretValue::new(read.secret_string.unwrap_or_default()),
                    Err(error) => return Err(port_error("secretsmanager:GetSecretValue", error)),
                };
                Derived::from_text(&text).ok_or_else(|| {
                    PortError::new(
                        PortErrorKind::Key,
                        format!("the secret {secret} must hold at least {MIN_CHARS} random characters"),
                    )
                })
            })
            .await
    }
}

impl Derived {
    /// Derives the keys; none where the text is too short to be random.
    pub(crate) fn from_text(text: &SecretValue) -> Option<Self> {
        if text.expose().chars().count() < MIN_CHARS {
            return None;
        }
        let key = |label: &str| Zeroizing::new(mac(text.expose().as_bytes(), &[label.as_bytes()]));
        Some(Self {
            fingerprints: key("fingerprints"),
            checkpoints: key("audit checkpoints"),
            details: key("sealed values"),
        })
    }

    /// The key of the requests' fingerprints.
    pub(crate) fn fingerprint_key(&self) -> FingerprintKey {
        FingerprintKey::new(*self.fingerprints)
    }

    /// The MAC of a checkpoint of the audit trail, over its hash.
    pub(crate) fn checkpoint_mac(&self, hash: &[u8]) -> [u8; 32] {
        mac(self.checkpoints.as_slice(), &[hash])
    }

    /// Seals a text. `about` says what it is (a kind) and whose (an id): it opens only as that.
    pub(crate) fn seal(&self, about: (&str, &str), text: &SecretValue) -> PortResult<Vec<u8>> {
        let mut nonce = [0; sealing::NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| {
            PortError::new(
                PortErrorKind::Unavailable,
                "the system's source of random numbers failed",
            )
            .because(error)
        })?;
        sealing::seal(&self.details, nonce, &label(about), text.expose().as_bytes())
            .map_err(|error| PortError::new(PortErrorKind::Refused, error.to_string()))
    }

    /// Opens what was sealed as `about`.
    pub(crate) fn open(&self, about: (&str, &str), sealed: &[u8]) -> PortResult<SecretValue> {
        let plain = sealing::open(&self.details, &label(about), sealed);
        let text = plain.and_then(|plain| String::from_utf8(plain.to_vec()).ok());
        text.map(SecretValue::new)
            .ok_or_else(|| corrupt(format_args!("the sealed {} of {:?}", about.0, about.1)))
    }
}

fn label((kind, name): (&str, &str)) -> Vec<u8> {
    [kind.as_bytes(), b"\n", name.as_bytes()].concat()
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derived() -> Derived {
        Derived::from_text(&SecretValue::new("k".repeat(64))).unwrap()
    }

    #[test]
    fn a_sealed_text_opens_as_what_it_is_and_not_as_another() {
        let keys = derived();
        let sealed = keys
            .seal(("detail", "r1"), &SecretValue::new("hunter2".into()))
            .unwrap();
        assert_eq!(keys.open(("detail", "r1"), &sealed).unwrap().expose(), "hunter2");
        assert!(keys.open(("detail", "r2"), &sealed).is_err());
        assert!(keys.open(("webhook", "r1"), &sealed).is_err());
        assert!(!sealed.windows(7).any(|part| part == b"hunter2"));
    }

    #[test]
    fn a_short_text_is_no_key() {
        assert!(Derived::from_text(&SecretValue::new("k".repeat(31))).is_none());
    }
}
