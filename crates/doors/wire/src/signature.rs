//! Who signed a request: what its header `Authorization` says, when it was signed, and whether the signature is the key's.
//! AWS's "Signature Version 4" in its one form that SDKs use with services: over the headers that it names and the body as
//! it was received.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, DATE};
use axum::http::request::Parts;
use cc_devops_kernel::secret::SecretValue;
use hmac::{Hmac, KeyInit, Mac};
use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::asked::text;
use crate::canonical;

/// How far a caller's clock may be off, either way.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);

/// The scheme.
const SCHEME: &str = "AWS4-HMAC-SHA256";

/// What every scope ends with.
const TERMINATOR: &str = "aws4_request";

/// How AWS writes a moment.
const BASIC: &str = "%Y%m%dT%H%M%SZ";

/// The headers that say what is asked for, when and by whom: whoever is in between must not change them. Others of AWS's may
/// come from a proxy.
const MUST_BE_SIGNED: [&str; 4] = [
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-target",
    "x-amz-content-sha256",
];

/// The longest id of a key that is looked for, in characters.
const MOST_KEY: usize = 128;

/// Why it is not known who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotSigned {
    /// There is no signature at all.
    Missing,
    /// The header, or what it needs beside it, is not as it has to be.
    Malformed(String),
    /// The key is nobody's, or has ended.
    UnknownKey,
    /// The key is a short-lived one whose time is over.
    ExpiredToken,
    /// It was signed too long ago, or it is not time yet.
    OutsideWindow(String),
    /// It is the signature of something else, or of another key.
    Mismatch(String),
}

impl NotSigned {
    /// It is signed for another service than the one that is asked.
    pub(crate) fn of_another(service: &str) -> Self {
        Self::Mismatch(format!("Credential should be scoped to correct service: '{service}'."))
    }

    /// The signature is not the one of this request.
    pub(crate) fn mismatch() -> Self {
        Self::Mismatch(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key \
             and signing method. Consult the service documentation for details."
                .to_owned(),
        )
    }
}

/// What a request says of its signature.
#[derive(Clone)]
pub(crate) struct Signed {
    /// The key's id.
    pub(crate) key: String,
    /// The token of a short-lived key.
    pub(crate) session_token: Option<String>,
    pub(crate) region: String,
    /// When, by the caller's clock.
    pub(crate) at: Timestamp,
    /// The same as it was written.
    written: String,
    day: String,
    service: String,
    /// Which headers are signed, in order.
    headers: Vec<String>,
    signature: [u8; 32],
}

impl Signed {
    /// Reads what a request for a service says of its signature, and whether it was signed within the window.
    pub(crate) fn read(headers: &HeaderMap, service: &str, now: Timestamp) -> Result<Self, NotSigned> {
        let authorization = headers.get(AUTHORIZATION).ok_or(NotSigned::Missing)?;
        let authorization = authorization.to_str().unwrap_or_default();
        let stated = Stated::read(authorization)?;
        let moment = moment(headers)?;
        let session_token = text(headers, "x-amz-security-token").map(str::to_owned);
        let signed = stated.signed(session_token, moment)?;
        signed.covers(headers)?;
        signed.is_of(service)?;
        signed.is_within(now)?;
        Ok(signed)
    }

    /// What changes what a request means must be signed.
    fn covers(&self, headers: &HeaderMap) -> Result<(), NotSigned> {
        let is_signed = |name: &str| self.headers.iter().any(|signed| signed == name);
        if !is_signed("host") && !is_signed(":authority") {
            let needed = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
            return Err(NotSigned::Mismatch(needed.to_owned()));
        }
        let dated = !headers.contains_key("x-amz-date") && !is_signed("date");
        let mut names = MUST_BE_SIGNED.into_iter();
        let open = names.find(|name| headers.contains_key(*name) && !is_signed(name));
        match open.or_else(|| dated.then_some("date")) {
            None => Ok(()),
            Some(name) => Err(NotSigned::Mismatch(format!(
                "'{name}' must be a 'SignedHeader' in the AWS Authorization."
            ))),
        }
    }

    fn is_of(&self, service: &str) -> Result<(), NotSigned> {
        if self.service != service {
            return Err(NotSigned::of_another(service));
        }
        if !self.written.starts_with(&self.day) {
            return Err(NotSigned::Mismatch(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}'.",
                self.day,
                self.written.get(..8).unwrap_or_default()
            )));
        }
        Ok(())
    }

    fn is_within(&self, now: Timestamp) -> Result<(), NotSigned> {
        let (earliest, latest) = (before(now, WINDOW), after(now, WINDOW));
        let (written, now) = (&self.written, basic(now));
        // AWS's own words: SDKs look for the first two of them, and correct their clock.
        if self.at < earliest {
            let earliest = basic(earliest);
            return Err(NotSigned::OutsideWindow(format!(
                "Signature expired: {written} is now earlier than {earliest} ({now} - 15 min.)"
            )));
        }
        if self.at > latest {
            let latest = basic(latest);
            return Err(NotSigned::OutsideWindow(format!(
                "Signature not yet current: {written} is still later than {latest} ({now} + 15 min.)"
            )));
        }
        Ok(())
    }

    /// Whether the signature is that of this request, made with this secret. `reached_as` says under which host and path the
    /// caller may have addressed it: as it came, and as it was before a proxy in front changed it. The first that is signed
    /// is told.
    pub(crate) fn holds<'a>(
        &self,
        parts: &Parts,
        body: &[u8],
        secret: &SecretValue,
        reached_as: &'a [canonical::Reached],
    ) -> Option<&'a canonical::Reached> {
        let key = self.signing_key(secret)?;
        let scope = format!("{}/{}/{}/{TERMINATOR}", self.day, self.region, self.service);
        let body = hex::encode(Sha256::digest(body));
        reached_as.iter().find(|reached| {
            let canonical = canonical::request(parts, reached, &self.headers, &body);
            let canonical = hex::encode(Sha256::digest(canonical));
            let to_sign = format!("{SCHEME}\n{}\n{scope}\n{canonical}", self.written);
            // In constant time.
            mac(&key).is_some_and(|mac| mac.chain_update(to_sign).verify_slice(&self.signature).is_ok())
        })
    }

    fn signing_key(&self, secret: &SecretValue) -> Option<[u8; 32]> {
        let first = SecretValue::new(format!("AWS4{}", secret.expose()));
        let day = code(first.expose().as_bytes(), &self.day)?;
        let region = code(&day, &self.region)?;
        let service = code(&region, &self.service)?;
        code(&service, TERMINATOR)
    }
}

/// The parts of the header.
struct Stated<'a> {
    credential: Option<&'a str>,
    headers: Option<&'a str>,
    signature: Option<&'a str>,
}

impl<'a> Stated<'a> {
    fn read(authorization: &'a str) -> Result<Self, NotSigned> {
        let stated = authorization.strip_prefix(SCHEME);
        let stated = stated.filter(|rest| rest.is_empty() || rest.starts_with([' ', ',']));
        let stated = stated
            .ok_or_else(|| NotSigned::Malformed(format!("Authorization header requires the algorithm '{SCHEME}'.")))?;
        let of = |key: &str| {
            let mut parts = stated.split(',').map(str::trim);
            parts.find_map(|part| part.strip_prefix(key)?.strip_prefix('='))
        };
        Ok(Self {
            credential: of("Credential"),
            headers: of("SignedHeaders"),
            signature: of("Signature"),
        })
    }

    fn signed(&self, session_token: Option<String>, (written, at): (String, Timestamp)) -> Result<Signed, NotSigned> {
        let parts = [
            ("Credential", self.credential),
            ("Signature", self.signature),
            ("SignedHeaders", self.headers),
        ];
        let without = parts.iter().filter(|(_, part)| part.is_none_or(str::is_empty));
        let without: Vec<String> = without
            .map(|(name, _)| format!("Authorization header requires '{name}' parameter."))
            .collect();
        if !without.is_empty() {
            return Err(NotSigned::Malformed(without.join(" ")));
        }
        let credential: Vec<&str> = self.credential.unwrap_or_default().split('/').collect();
        let [key, day, region, service, TERMINATOR] = *credential else {
            return Err(NotSigned::Malformed(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/aws4_request."
                    .to_owned(),
            ));
        };
        let is_day = day.len() == 8 && day.bytes().all(|digit| digit.is_ascii_digit());
        if key.is_empty() || key.len() > MOST_KEY || !is_day || region.is_empty() || service.is_empty() {
            return Err(NotSigned::Malformed(
                "Credential must be keyid/YYYYMMDD/region/service/aws4_request, with none of them empty.".to_owned(),
            ));
        }
        let mut signature = [0; 32];
        hex::decode_to_slice(self.signature.unwrap_or_default(), &mut signature)
            .map_err(|_| NotSigned::Malformed("Signature must be 64 hexadecimal digits.".to_owned()))?;
        let headers: Vec<String> = self
            .headers
            .unwrap_or_default()
            .split(';')
            .map(str::to_ascii_lowercase)
            .collect();
        // Each is written out to be signed, as often as it is named.
        if !headers.is_sorted_by(|one, next| one < next) {
            return Err(NotSigned::Malformed(
                "SignedHeaders must be in alphabetical order, each of them once.".to_owned(),
            ));
        }
        Ok(Signed {
            key: key.to_owned(),
            session_token,
            region: region.to_owned(),
            at,
            written,
            day: day.to_owned(),
            service: service.to_owned(),
            headers,
            signature,
        })
    }
}

/// When a request says that it was signed: as AWS writes it, and read.
fn moment(headers: &HeaderMap) -> Result<(String, Timestamp), NotSigned> {
    let unreadable = |name: &str| {
        NotSigned::Malformed(format!(
            "Date must be in ISO-8601 'basic format', as in 20261125T120000Z; the header '{name}' is not."
        ))
    };
    if let Some(written) = text(headers, "x-amz-date") {
        let at = read_basic(written).ok_or_else(|| unreadable("X-Amz-Date"))?;
        return Ok((written.to_owned(), at));
    }
    let Some(written) = text(headers, DATE.as_str()) else {
        return Err(NotSigned::Malformed(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.".to_owned(),
        ));
    };
    let read = rfc2822::parse(written).ok().map(|at| at.timestamp());
    let at = read.or_else(|| read_basic(written)).ok_or_else(|| unreadable("Date"))?;
    Ok((basic(at), at))
}

fn read_basic(text: &str) -> Option<Timestamp> {
    let is_basic = text.len() == 16 && text.is_ascii();
    let read = is_basic.then(|| DateTime::strptime(BASIC, text).ok()).flatten()?;
    Some(read.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// A moment as AWS writes it.
fn basic(at: Timestamp) -> String {
    at.strftime(BASIC).to_string()
}

fn before(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.saturating_sub(span).unwrap_or(Timestamp::MIN)
}

fn after(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.saturating_add(span).unwrap_or(Timestamp::MAX)
}

/// HMAC takes keys of any length; the type knows no such key.
fn mac(key: &[u8]) -> Option<Hmac<Sha256>> {
    Hmac::<Sha256>::new_from_slice(key).ok()
}

fn code(key: &[u8], text: &str) -> Option<[u8; 32]> {
    Some(mac(key)?.chain_update(text).finalize().into_bytes().into())
}

#[cfg(test)]
mod tests;
