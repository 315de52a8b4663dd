//! The hidden marks in an issue's body, by which it is found again.
//!
//! An HTML comment with JSON in it, before our text, and another behind it: what people write around them stays. The JSON
//! holds ids, which survive every renaming:
//!
//! ```text
//! <!-- cc-devops:workflow-failure {"version":1,"repository":42,"workflow":9,"run":123,"attempt":1} -->
//! …
//! <!-- /cc-devops:workflow-failure -->
//! ```

use cc_devops_kernel::input;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How the marks of a kind of issue begin and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// How the first begins. Also what to search for.
    pub begin: &'static str,
    /// The second.
    pub end: &'static str,
}

impl Marks {
    /// What a search looks for.
    pub fn word(self) -> &'static str {
        self.begin.trim_start_matches("<!--").trim()
    }

    /// The first mark. What is in it is numbers, times and names of the program, so nothing in it can end the comment.
    pub(crate) fn render<M: Serialize>(self, marker: &M) -> String {
        let json = serde_json::to_string(marker).unwrap_or_default();
        format!("{}{json} -->", self.begin)
    }

    /// The markers of a body that can be read.
    pub(crate) fn all<M: DeserializeOwned>(self, body: &str) -> impl Iterator<Item = M> {
        body.match_indices(self.begin).filter_map(move |(at, _)| {
            let (json, _) = body.get(at + self.begin.len()..)?.split_once("-->")?;
            // Whoever may write to the repository may have written it.
            input::typed(json.trim().as_bytes()).ok()
        })
    }

    /// The first marker of a body that can be read and is meant.
    pub(crate) fn find<M: DeserializeOwned>(self, body: &str, meant: impl Fn(&M) -> bool) -> Option<M> {
        self.all(body).find(meant)
    }

    /// The body with our text replaced; `None` if a person took one of the marks out.
    pub(crate) fn replace(self, body: &str, ours: &str) -> Option<String> {
        let begin = body.find(self.begin)?;
        let end = body.get(begin..)?.find(self.end)? + begin + self.end.len();
        let (before, after) = (body.get(..begin)?, body.get(end..)?);
        Some(format!("{before}{ours}{after}"))
    }
}
