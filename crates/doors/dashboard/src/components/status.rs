//! A status is a shape, a word and a colour, so that it is told without colour too.

use maud::{Markup, html};

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tone {
    /// As it should be: a full circle.
    Good,
    /// On its way, waiting: a half circle.
    Waiting,
    /// Somebody should look: a triangle.
    Warning,
    /// Somebody must act: a square.
    Bad,
    /// Neither: a ring.
    Quiet,
}

impl Tone {
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Waiting => "waiting",
            Self::Warning => "warning",
            Self::Bad => "bad",
            Self::Quiet => "quiet",
        }
    }
}

/// A status.
pub(crate) fn status(tone: Tone, word: &str) -> Markup {
    html! { span class=(format!("status {}", tone.class())) { (shape(tone)) " " (word) } }
}

/// A status's shape, for where words stand beside it.
pub(crate) fn shape(tone: Tone) -> Markup {
    html! {
        svg.shape viewBox="0 0 12 12" width="12" height="12" aria-hidden="true" focusable="false" {
            @match tone {
                Tone::Good => { circle cx="6" cy="6" r="5" {} }
                Tone::Waiting => { path d="M6 1a5 5 0 0 1 0 10z" {} circle.ring cx="6" cy="6" r="4.5" {} }
                Tone::Warning => { path d="M6 1l5.5 10H.5z" {} }
                Tone::Bad => { rect x="1" y="1" width="10" height="10" {} }
                Tone::Quiet => { circle.ring cx="6" cy="6" r="4.5" {} }
            }
        }
    }
}
