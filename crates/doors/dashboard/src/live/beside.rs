//! What the script works with beside a page's content, which stays when that is made anew.

use maud::{Markup, html};

use crate::pages::keys;

/// Where it is said that a page is not live, and the list of keys.
pub(crate) fn beside() -> Markup {
    html! {
        p.live id="live" role="status" hidden {}
        dialog.keys id="keys" aria-labelledby="keys-title" {
            h2 id="keys-title" { "Keys" }
            (keys::list())
            div.choices {
                (keys::switch())
                button type="button" data-close { "Close" }
            }
        }
    }
}
