//! Boxes that libsodium made open, and what is wrong in them is said.

use proptest::prelude::*;

use super::*;

/// A pair whose private key is the bytes 1 to 32.
fn pair() -> SealingPair {
    let mut secret = [0; 32];
    for (byte, number) in secret.iter_mut().zip(1..) {
        *byte = number;
    }
    SealingPair::new(Zeroizing::new(secret), Timestamp::UNIX_EPOCH)
}

/// Made by libsodium (PyNaCl 1.6.2, `SealedBox.encrypt`) for that pair.
const BY_LIBSODIUM: &str =
    "49D07mJPKwdn+el1C5OW/2I6FZ2mD+tH05ceUZ7QmHiN8sGuRTw+w7uWhll0e+WiUjb/N0JSxpXh2PRGsw3TNykvyj3Tqc3Y3Pxb6g==";
const BOUND_BY_LIBSODIUM: &str = "FDMrmOggrAHCQR5Ivp7eH82L9J9R8u9d1oZ8j46sCxa4X3Eeo5XHRRkvA7CVr+USrUV6pfwXNdHq0QrV+ObL/\
                                  pHrFOTqRS+zKrdHzkV2gddNlugaV/VrR3+37uLDH0lrgB0Jui3kUV+ktGgMluLRixj+QwV84B9anfbJSpRqF1l\
                                  y1cNTOLY4SHyymfg=";
const PUBLIC: &str = "B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHw=";
const ID: &str = "aaa8fff703b50b22";

fn agent() -> AgentName {
    AgentName::new("ContentOrchestrator").unwrap()
}

fn secret() -> SecretName {
    SecretName::new("/contentcraft/contentorchestrator/api-key").unwrap()
}

fn open(sealed: &str) -> Result<String, Failure> {
    let value = SealedValue::read(sealed, ID.to_owned())?.open(&pair(), &agent(), &secret())?;
    Ok(value.expose().to_owned())
}

/// Sealed with an ephemeral key of its own: the generator draws what it is given.
fn seal(plain: &[u8], draws: u8) -> String {
    struct Draws(u8);
    impl crypto_box::aead::rand_core::RngCore for Draws {
        fn next_u32(&mut self) -> u32 {
            u32::from(self.0)
        }
        fn next_u64(&mut self) -> u64 {
            u64::from(self.0)
        }
        fn fill_bytes(&mut self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), crypto_box::aead::rand_core::Error> {
            self.fill_bytes(bytes);
            Ok(())
        }
    }
    impl crypto_box::aead::rand_core::CryptoRng for Draws {}
    let public = PublicKey::from_bytes(pair().public);
    BASE64.encode(public.seal(&mut Draws(draws), plain).unwrap())
}

#[test]
fn the_public_half_and_the_id_are_libsodiums() {
    let key = pair().published();
    assert_eq!((key.public_key.as_str(), key.key_id.as_str()), (PUBLIC, ID));
    assert_eq!(key.algorithm, "crypto_box_seal");
    let days = |at: Timestamp| at.duration_since(Timestamp::UNIX_EPOCH).as_hours() / 24;
    assert_eq!(days(key.rotates_at), 90);
}

#[test]
fn a_box_that_libsodium_made_opens() {
    assert_eq!(open(BY_LIBSODIUM).unwrap(), "correct horse battery staple");
    let unpadded = BY_LIBSODIUM.trim_end_matches('=');
    assert_eq!(open(unpadded).unwrap(), "correct horse battery staple");
    assert_eq!(open(BOUND_BY_LIBSODIUM).unwrap(), "sl\u{fc}\u{df}el\n");
}

#[test]
fn a_bound_value_is_good_for_its_agent_and_secret_alone() {
    let sealed = SealedValue::read(BOUND_BY_LIBSODIUM, ID.to_owned()).unwrap();
    let (other, elsewhere) = (
        AgentName::new("Other").unwrap(),
        SecretName::new("/contentcraft/other/key").unwrap(),
    );
    for (agent, name) in [(&other, &secret()), (&agent(), &elsewhere), (&other, &elsewhere)] {
        let Err(failure) = sealed.open(&pair(), agent, name) else {
            panic!("it was sealed for another")
        };
        assert_eq!(failure.reason, Reason::SecurityViolation);
    }
    let value = SecretValue::new("x".to_owned());
    let ours = bound(&agent(), &secret(), &value);
    assert_eq!(open(&seal(ours.as_bytes(), 7)).unwrap(), "x");
    for broken in ["cc-devops sealed-for ", "cc-devops sealed-for ContentOrchestrator\nx"] {
        assert_eq!(
            open(&seal(broken.as_bytes(), 7)).unwrap_err().reason,
            Reason::SecurityViolation
        );
    }
}

#[test]
fn what_is_wrong_is_said_and_shows_nothing() {
    let of_another = {
        let other = SealingPair::new(Zeroizing::new([9; 32]), Timestamp::UNIX_EPOCH);
        other.published().public_key
    };
    let long = "hunter2-".repeat(MAX_SECRET_BYTES / 8) + "!";
    for (sealed, about) in [
        ("!!!".to_owned(), "no base64"),
        ("_-_-".to_owned(), "no base64"),
        (String::new(), "does not open"),
        (of_another, "does not open"),
        (BY_LIBSODIUM.replacen('4', "5", 1), "does not open"),
        (seal(b"", 7), "is empty"),
        (seal(b"\xff\xfe", 7), "UTF-8"),
        (seal(long.as_bytes(), 7), "too long"),
        ("A".repeat(MAX_BYTES * 2), "too long"),
    ] {
        let failure = open(&sealed).unwrap_err();
        assert_eq!(failure.reason, Reason::InvalidParameter, "{}", failure.message);
        assert!(failure.message.contains(about), "{}", failure.message);
        assert!(!failure.message.contains("hunter2"));
    }
    for id in ["", "AAA8FFF703B50B22", "aaa8fff703b50b2", "aaa8fff703b50b22\n"] {
        let Err(failure) = SealedValue::read(BY_LIBSODIUM, id.to_owned()) else {
            panic!("{id:?} is no key's id")
        };
        assert!(failure.message.contains("/v1/sealing-key"), "{}", failure.message);
    }
    assert_eq!(
        open(&seal(&long.as_bytes()[1..], 7)).unwrap(),
        long[1..],
        "the longest fits"
    );
}

#[test]
fn a_key_seals_what_its_pair_opens() {
    let key = pair().published();
    let once = key.seal(&mut crypto_box::aead::OsRng, "twice").unwrap();
    let twice = key.seal(&mut crypto_box::aead::OsRng, "twice").unwrap();
    assert_ne!(once, twice, "no two boxes are alike");
    assert_eq!(
        (open(&once).unwrap(), open(&twice).unwrap()),
        ("twice".into(), "twice".into())
    );
    for public_key in ["", "AAAA", "not base64"] {
        let broken = SealingKey {
            public_key: public_key.to_owned(),
            ..key.clone()
        };
        assert_eq!(broken.seal(&mut crypto_box::aead::OsRng, "x"), None);
    }
}

proptest! {
    #[test]
    fn whatever_is_sent_as_a_box_is_opened_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), id in ".{0,20}") {
        let sealed = BASE64.encode(&bytes);
        prop_assert!(open(&sealed).is_err());
        if let Ok(read) = SealedValue::read(&sealed, id) {
            prop_assert!(read.open(&pair(), &agent(), &secret()).is_err());
        }
    }

    #[test]
    fn whatever_text_is_sealed_comes_back(text in ".{1,400}", draws: u8) {
        prop_assume!(!text.starts_with(BINDING));
        prop_assert_eq!(open(&seal(text.as_bytes(), draws)).unwrap(), text);
    }
}
