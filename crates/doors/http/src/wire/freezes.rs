//! The shapes of freeze windows: what they are about, and when they freeze it.

use cc_devops_deploys::freeze::{FreezeWindow, Freezes};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// How far ahead is told.
const AHEAD: SignedDuration = SignedDuration::from_hours(21 * 24);

/// How many openings of a window are told at most: one each hour.
const OPENINGS: usize = 21 * 24;

/// When deploys rest.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FreezeList {
    /// When this was found out.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The windows of the configuration. Where one denies and another allows, the one that denies holds.
    windows: Vec<FreezeView>,
}

/// A window in which deploys rest, or outside of which they do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FreezeWindow)]
pub(crate) struct FreezeView {
    /// Its name.
    name: String,
    /// `deny` freezes what it is about while it is open, `allow` while it is not.
    #[schema(value_type = FreezeKindName)]
    kind: &'static str,
    /// When it is open, in words.
    when: String,
    /// The stacks it is about, without their stage, `*` for any characters; every one where none is named.
    stacks: Vec<String>,
    /// The stages it is about; every one where none is named.
    stages: Vec<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    /// When it freezes what it is about, now and in the next three weeks, oldest first.
    frozen: Vec<SpanView>,
}

/// What a window does.
#[derive(ToSchema)]
#[schema(as = FreezeKind, rename_all = "lowercase")]
#[expect(dead_code, reason = "describes what the domains are called")]
pub(crate) enum FreezeKindName {
    /// It freezes what it is about while it is open.
    Deny,
    /// It freezes what it is about while it is not.
    Allow,
}

/// A time from its first instant on, without its last.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Span)]
pub(crate) struct SpanView {
    /// Its first instant.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// The first instant behind it; of a window that allows, at most three weeks ahead.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
}

impl FreezeList {
    /// The windows as they stand at an instant.
    pub(crate) fn new(freezes: &Freezes, at: Timestamp) -> Self {
        let views = freezes.windows().iter().map(|window| FreezeView::new(window, at));
        Self {
            at,
            windows: views.collect(),
        }
    }
}

impl FreezeView {
    fn new(window: &FreezeWindow, at: Timestamp) -> Self {
        let horizon = at.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
        let spans = window.freezes(at, horizon, OPENINGS);
        Self {
            name: window.name.clone(),
            kind: window.kind.as_str(),
            when: window.in_words(),
            stacks: window.stacks.iter().map(|stack| stack.as_str().to_owned()).collect(),
            stages: window.stages.iter().map(ToString::to_string).collect(),
            reason: window.reason.clone(),
            frozen: spans.into_iter().map(|(from, to)| SpanView { from, to }).collect(),
        }
    }
}
