//! Times: in UTC, and by the script in the viewer's zone too.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

/// A moment: how long ago it was or how soon it is, and when that is.
pub(crate) fn moment(at: Timestamp, now: Timestamp) -> Markup {
    let exact = at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let machine = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let words = if at.duration_since(now).as_secs() == 0 {
        "now".to_owned()
    } else if at <= now {
        format!("{} ago", age(now.duration_since(at)))
    } else {
        format!("in {}", age(at.duration_since(now)))
    };
    html! { time datetime=(machine) { span.ago { (words) } " " span.exact { (exact) } } }
}

/// A moment where there is one, and else what stands for none.
pub(crate) fn moment_or(at: Option<Timestamp>, now: Timestamp, none: &str) -> Markup {
    at.map_or_else(|| html! { (none) }, |at| moment(at, now))
}

/// A span in one unit: `12 s`, `5 min`, `3 h`, `4 days`.
pub(crate) fn age(span: SignedDuration) -> String {
    let seconds = span.as_secs().unsigned_abs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
