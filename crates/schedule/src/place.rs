//! From the wall clock to instants: what is due where a zone's clock skips a time or shows it twice.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// What becomes of a wall-clock time that is skipped or comes twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Skipped: the first instant after the gap; twice: the first. Debian's cron at a fixed time.
    Moved,
    /// Every instant whose wall clock matches: skipped: none; twice: both. Debian's cron at every time of a kind.
    Every,
    /// Skipped: none; twice: the first. systemd.
    LeftOut,
}

const TICK: SignedDuration = SignedDuration::from_nanos(1);

/// The first instant strictly after `after` at which a wall-clock time is due. `find` gives the first such time at or
/// after the one it is asked for.
pub(super) fn next(
    zone: &TimeZone,
    after: Timestamp,
    change: Change,
    find: impl Fn(DateTime) -> Option<DateTime>,
) -> Option<Timestamp> {
    match change {
        Change::Every => every(zone, after, find),
        Change::Moved | Change::LeftOut => once(zone, after, change, find),
    }
}

/// Each wall-clock time has one instant at most, and these go up with the time: the first that is after `after`.
fn once(
    zone: &TimeZone,
    after: Timestamp,
    change: Change,
    find: impl Fn(DateTime) -> Option<DateTime>,
) -> Option<Timestamp> {
    let mut from = zone.to_datetime(after);
    loop {
        let wall = find(from)?;
        let instant = match zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(wall).ok()?,
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(wall).ok()?,
            AmbiguousOffset::Gap { before, .. } => {
                let end = end_of_gap(zone, wall, before)?;
                if change == Change::LeftOut {
                    from = zone.to_datetime(end);
                    continue;
                }
                end
            }
        };
        if instant > after {
            return Some(instant);
        }
        from = wall.checked_add(TICK).ok()?;
    }
}

/// Goes from one change of the zone's offset to the next: between two of them wall clock and instants go together.
fn every(zone: &TimeZone, after: Timestamp, find: impl Fn(DateTime) -> Option<DateTime>) -> Option<Timestamp> {
    let mut at = after.checked_add(TICK).ok()?;
    loop {
        let offset = zone.to_offset(at);
        let instant = offset.to_timestamp(find(offset.to_datetime(at))?).ok()?;
        match zone.following(at).next() {
            Some(change) if change.timestamp() <= instant => at = change.timestamp(),
            _ => return Some(instant),
        }
    }
}

/// The first instant after the gap in which `wall` lies; `before` is the offset that held until then.
fn end_of_gap(zone: &TimeZone, wall: DateTime, before: Offset) -> Option<Timestamp> {
    let reached = before.to_timestamp(wall).ok()?.checked_add(TICK).ok()?;
    Some(zone.preceding(reached).next()?.timestamp())
}
