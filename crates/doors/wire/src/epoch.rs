//! Moments as JSON and CBOR have them.

use jiff::Timestamp;

/// A moment in seconds of 1970, to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Epoch {
    /// A whole second.
    Whole(i64),
    /// Between two.
    Parts(f64),
}

impl Epoch {
    /// That of a moment in RFC 3339.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let at: Timestamp = text.parse().ok()?;
        let millis = at.as_millisecond();
        if millis % 1_000 == 0 {
            return Some(Self::Whole(millis / 1_000));
        }
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of any year of ours are exact")]
        let parts = millis as f64 / 1_000.0;
        Some(Self::Parts(parts))
    }
}

/// A moment in RFC 3339, to the millisecond, as XML has it.
pub(crate) fn to_the_millisecond(text: &str) -> Option<String> {
    let at: Timestamp = text.parse().ok()?;
    Some(Timestamp::from_millisecond(at.as_millisecond()).ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_number() {
        assert_eq!(Epoch::of("1970-01-01T00:01:00Z"), Some(Epoch::Whole(60)));
        assert_eq!(
            Epoch::of("2025-11-25T12:00:00.2504Z"),
            Some(Epoch::Parts(1_764_072_000.25))
        );
        assert_eq!(Epoch::of("noon"), None);
        assert_eq!(
            to_the_millisecond("2025-11-25T12:00:00.123456Z").as_deref(),
            Some("2025-11-25T12:00:00.123Z")
        );
    }
}
