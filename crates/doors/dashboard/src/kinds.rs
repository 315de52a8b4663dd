//! The kinds of things that change while a page is open.

/// A kind of thing that changes. A page names those it shows, and is made anew when one of them changed.
pub(crate) use cc_devops_http::live::Area as Kind;
