//! Whether Slack sent a request: its signature, its age, and that it comes once. Source:
//! <https://docs.slack.dev/authentication/verifying-requests-from-slack>.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use cc_devops_kernel::secret::SecretValue;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

/// How old, or how far ahead of our clock, a request may be, in seconds.
pub const LONGEST_AGE: i64 = 300;

/// Why a request is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSlack {
    /// A header is missing or has another form.
    #[error("the request is not signed as Slack signs")]
    Form,
    /// It is too old, or from the future.
    #[error("the request was signed more than {LONGEST_AGE} seconds ago, or ahead; look at this machine's clock")]
    Age,
    /// It is signed with another secret, or it was changed.
    #[error("the signature is not that of the signing secret")]
    Signature,
    /// It was taken before.
    #[error("the same request was taken before")]
    Again,
}

/// Looks at requests, and remembers those it took for as long as they would be taken.
#[derive(Debug, Default)]
pub struct SlackRequests {
    taken: Mutex<BTreeSet<(i64, [u8; 32])>>,
}

impl SlackRequests {
    /// Takes a request: `timestamp` and `signature` are the headers `X-Slack-Request-Timestamp` and
    /// `X-Slack-Signature`, `body` is as it came.
    ///
    /// # Errors
    /// It is not Slack's, or not the first of its kind.
    pub fn take(
        &self,
        secret: &SecretValue,
        (timestamp, signature): (&str, &str),
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), NotSlack> {
        let at: i64 = timestamp.parse().map_err(|_| NotSlack::Form)?;
        let digits = signature.strip_prefix("v0=").ok_or(NotSlack::Form)?;
        let mut signed = [0; 32];
        hex::decode_to_slice(digits, &mut signed).map_err(|_| NotSlack::Form)?;
        if at.abs_diff(now.as_second()) > LONGEST_AGE.unsigned_abs() {
            return Err(NotSlack::Age);
        }
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret.expose().trim().as_bytes()).map_err(|_| NotSlack::Signature)?;
        mac.update(format!("v0:{timestamp}:").as_bytes());
        mac.update(body);
        mac.verify_slice(&signed).map_err(|_| NotSlack::Signature)?;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = now.as_second().saturating_sub(LONGEST_AGE);
        *taken = taken.split_off(&(oldest, [0; 32]));
        if taken.insert((at, signed)) {
            Ok(())
        } else {
            Err(NotSlack::Again)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&\
        channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&\
        response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&\
        trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    fn taken(requests: &SlackRequests, signature: &str, body: &str, now: i64) -> Result<(), NotSlack> {
        let secret = SecretValue::new("8f742231b10e8888abcd99yyyzzz85a5".to_owned());
        let now = Timestamp::from_second(now).unwrap();
        requests.take(&secret, ("1531420618", signature), body.as_bytes(), now)
    }

    /// Slack's own example.
    #[test]
    fn a_request_is_slacks_for_five_minutes_and_once() {
        let fresh = SlackRequests::default;
        for (now, expected) in [
            (1_531_420_618, Ok(())),
            (1_531_420_918, Ok(())),
            (1_531_420_919, Err(NotSlack::Age)),
            (1_531_420_317, Err(NotSlack::Age)),
        ] {
            assert_eq!(taken(&fresh(), SIGNATURE, BODY, now), expected, "{now}");
        }
        let now = 1_531_420_618;
        let changed = BODY.replacen("roadrunner", "roadrunnes", 1);
        assert_eq!(taken(&fresh(), SIGNATURE, &changed, now), Err(NotSlack::Signature));
        for form in [
            SIGNATURE.replace("v0=", "v1="),
            String::new(),
            "v0=".into(),
            SIGNATURE.replace("03", "0"),
        ] {
            assert_eq!(taken(&fresh(), &form, BODY, now), Err(NotSlack::Form), "{form}");
        }
        let requests = fresh();
        assert_eq!(taken(&requests, SIGNATURE, BODY, now), Ok(()));
        assert_eq!(taken(&requests, SIGNATURE, BODY, now + 300), Err(NotSlack::Again));
        assert_eq!(requests.taken.lock().unwrap().len(), 1);
    }
}
