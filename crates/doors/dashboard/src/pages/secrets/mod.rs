//! Secrets: which there are, how old they are, and who used them last. No value, ever: what a page is given has none.

mod list;
mod one;

use std::sync::Arc;

use cc_devops_kernel::names::SecretName;
use cc_devops_requests::secret_lists::{ListedSecret, SecretUse};
use jiff::Timestamp;
use maud::{Markup, html};

use crate::components::{Tone, moment, status};
use crate::row::{Row, page};
use crate::section::Section;
use crate::state::DashboardState;

pub(crate) fn rows(shared: &Arc<DashboardState>) -> Vec<Row> {
    vec![
        page(shared, Section::Secrets.path(), list::show),
        page(shared, "/ui/secrets/{*name}", one::show),
    ]
}

/// A secret's page. Names begin with `/`, and have nothing that an address could not.
fn path_of(name: &SecretName) -> String {
    format!("{}{name}", Section::Secrets.path())
}

/// How a secret's age stands against its rotation.
fn rotation(secret: &ListedSecret, now: Timestamp) -> Markup {
    html! {
        @match secret.rotate_at() {
            None => { (status(Tone::Quiet, "no limit")) }
            Some(at) if at < now => { (status(Tone::Warning, "old")) " since " (moment(at, now)) }
            Some(at) => { (status(Tone::Good, "fresh")) " until " (moment(at, now)) }
        }
    }
}

/// Who used a secret, and when.
fn used(last: Option<&SecretUse>, now: Timestamp) -> Markup {
    html! {
        @match last {
            None => "not on record",
            Some(SecretUse { by: Some(by), at }) => { (by) ", " (moment(*at, now)) }
            Some(SecretUse { by: None, at }) => { "the control plane, " (moment(*at, now)) }
        }
    }
}
