//! Shares, one after the other, in a line of characters.

/// The characters of a share that is not whole, from the least on.
const PARTS: [char; 7] = [
    '\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}',
];
/// The whole.
const WHOLE: char = '\u{2588}';
/// Nothing is known.
const UNKNOWN: char = '\u{b7}';

/// A character for each share, given as a part and its whole: a full block for all of it and for nothing less, a dot
/// where nothing is known. It is for what is nearly always whole, such as uptime by day.
///
/// ```
/// use cc_devops_reports::charts::shares;
///
/// assert_eq!(shares(&[None, Some((0, 10)), Some((5, 10)), Some((9_999, 10_000)), Some((10, 10))]), "·▁▄▇█");
/// ```
pub fn shares(shares: &[Option<(u64, u64)>]) -> String {
    let shown = |share: &Option<(u64, u64)>| match *share {
        None | Some((_, 0)) => UNKNOWN,
        Some((part, whole)) if part >= whole => WHOLE,
        Some((part, whole)) => {
            let place = u128::from(part) * 7 / u128::from(whole);
            usize::try_from(place)
                .ok()
                .and_then(|place| PARTS.get(place))
                .copied()
                .unwrap_or(WHOLE)
        }
    };
    shares.iter().map(shown).collect()
}
