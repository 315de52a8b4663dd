//! What a badge looks like: as a picture, as JSON, and as shields.io asks for it.

use std::collections::BTreeMap;

use cc_devops_fleet::watch::Status;
use serde_json::{Value, json};

/// How many agents are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) new: u64,
    pub(crate) up: u64,
    pub(crate) late: u64,
    pub(crate) down: u64,
    pub(crate) paused: u64,
}

impl Counts {
    /// From how many there are in each state.
    pub(crate) fn of(counts: &BTreeMap<Status, u64>) -> Self {
        let of = |status| counts.get(&status).copied().unwrap_or_default();
        Self {
            new: of(Status::New),
            up: of(Status::Up),
            late: of(Status::Late),
            down: of(Status::Down),
            paused: of(Status::Paused),
        }
    }

    /// What they come to: the worst there is.
    pub(crate) fn standing(self) -> Status {
        if self.down > 0 {
            Status::Down
        } else if self.late > 0 {
            Status::Late
        } else if self.up > 0 {
            Status::Up
        } else if self.new > 0 || self.paused == 0 {
            Status::New
        } else {
            Status::Paused
        }
    }

    fn total(self) -> u64 {
        self.new + self.up + self.late + self.down + self.paused
    }
}

/// The right half's colour; white on each of them is easy to read.
fn colour(standing: Status) -> &'static str {
    match standing {
        Status::Up => "#22863a",
        Status::Late => "#b35900",
        Status::Down => "#c92a2a",
        Status::New | Status::Paused => "#6a737d",
    }
}

/// The colour's name at shields.io.
fn shields_colour(standing: Status) -> &'static str {
    match standing {
        Status::Up => "success",
        Status::Late => "important",
        Status::Down => "critical",
        Status::New | Status::Paused => "inactive",
    }
}

/// As JSON: the state, and how many agents it is of.
pub(crate) fn as_json(counts: Counts) -> Value {
    json!({
        "status": counts.standing().as_str(),
        "total": counts.total(),
        "late": counts.late,
        "down": counts.down,
    })
}

/// As shields.io's endpoint badge reads it (<https://shields.io/badges/endpoint-badge>).
pub(crate) fn as_shields(label: &str, standing: Status) -> Value {
    json!({
        "schemaVersion": 1,
        "label": label,
        "message": standing.as_str(),
        "color": shields_colour(standing),
    })
}

/// Blank on both sides of each half's text, in pixels.
const PADDING: usize = 6;

/// As a picture that loads nothing.
pub(crate) fn as_svg(label: &str, standing: Status) -> String {
    let (word, colour) = (standing.as_str(), colour(standing));
    let (left, right) = (width(label), width(word));
    let whole = left + right + 4 * PADDING;
    let split = left + 2 * PADDING;
    let (label_at, word_at) = (PADDING, split + PADDING);
    let behind = whole - split;
    let label = escaped(label);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" aria-label="{label}: {word}"><title>{label}: {word}</title><clipPath id="r"><rect width="{whole}" height="20" rx="3"/></clipPath><g clip-path="url(#r)"><rect width="{split}" height="20" fill="#444d56"/><rect x="{split}" width="{behind}" height="20" fill="{colour}"/></g><g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11"><text x="{label_at}" y="14" textLength="{left}">{label}</text><text x="{word_at}" y="14" textLength="{right}">{word}</text></g></svg>"##
    )
}

/// About how wide a text is in Verdana of 11 pixels; the picture sets it to exactly that.
fn width(text: &str) -> usize {
    let tenths: usize = text
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | 'I' | '.' | ',' | '\'' => 36,
            'f' | 'r' | 't' | '-' | ' ' => 46,
            'm' | 'w' | 'M' | 'W' => 100,
            'A'..='Z' | '_' => 78,
            _ if c.is_ascii() => 68,
            _ => 110,
        })
        .sum();
    tenths.div_ceil(10)
}

/// A text between tags or in an attribute's quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // XML has no way to write the others.
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_counts() {
        let of = |new, up, late, down, paused| {
            let counts = Counts {
                new,
                up,
                late,
                down,
                paused,
            };
            counts.standing().as_str()
        };
        assert_eq!(of(1, 9, 1, 1, 1), "down");
        assert_eq!(of(1, 9, 1, 0, 1), "late");
        assert_eq!(of(1, 9, 0, 0, 1), "up");
        assert_eq!(of(1, 0, 0, 0, 1), "new");
        assert_eq!(of(0, 0, 0, 0, 1), "paused");
        assert_eq!(of(0, 0, 0, 0, 0), "new");
    }

    #[test]
    fn a_picture_says_what_it_shows_and_lets_nobody_into_it() {
        let svg = as_svg("Writer", Status::Down);
        assert!(
            svg.contains("<title>Writer: down</title>") && svg.contains("#c92a2a"),
            "{svg}"
        );
        let svg = as_svg("<script>alert('1')</script>&\u{1}\"", Status::Up);
        assert!(
            !svg.contains("<script") && !svg.contains('\u{1}') && !svg.contains('\''),
            "{svg}"
        );
        assert!(
            svg.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp; &quot;"),
            "{svg}"
        );
        assert!(!svg.contains("href") && !svg.contains("url(h"), "it loads nothing");
    }

    #[test]
    fn the_other_forms_say_the_same() {
        let counts = Counts {
            up: 2,
            late: 1,
            ..Counts::default()
        };
        assert_eq!(
            as_json(counts),
            json!({"status": "late", "total": 3, "late": 1, "down": 0})
        );
        assert_eq!(
            as_shields("all agents", Status::Late),
            json!({"schemaVersion": 1, "label": "all agents", "message": "late", "color": "important"})
        );
    }
}
