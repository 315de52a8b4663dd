//! Texts that are borrowed from the input.

use std::borrow::Cow;

/// The text as one of its own.
pub(super) fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}
