//! What surrounds every page: navigation, what was done, the way out.

use axum::http::Uri;
use cc_devops_http::problem::Problem;
use maud::{DOCTYPE, Markup, html};

use crate::components::notice;
use crate::kinds::Kind;
use crate::section::Section;
use crate::signed_in::SignedIn;
use crate::{assets, key_list};
use cc_devops_kernel::health::Condition;

/// What stands around a page's content.
pub(crate) struct Frame<'a> {
    /// Where it is in the navigation.
    pub(crate) section: Option<Section>,
    pub(crate) title: &'a str,
    /// The kinds of things it shows.
    pub(crate) shows: &'a [Kind],
    /// Who looks at it, where that is known.
    pub(crate) signed_in: Option<&'a SignedIn>,
    /// What was done.
    pub(crate) said: Option<&'a str>,
}

/// A whole page.
pub(crate) fn page(frame: &Frame<'_>, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (frame.title) " · cc-devops" }
                link rel="stylesheet" href=(assets::STYLE.path());
                link rel="icon" type="image/svg+xml" href=(assets::ICON.path());
                @if frame.signed_in.is_some() {
                    link rel="modulepreload" href=(assets::MORPH.path());
                    script type="module" src=(assets::SCRIPT.path()) {}
                }
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                @if let Some(signed_in) = frame.signed_in {
                    (head(signed_in))
                    (navigation(frame.section))
                } @else {
                    header.top { (home()) }
                }
                (main(frame, content))
                @if frame.signed_in.is_some() {
                    (beside())
                }
            }
        }
    }
}

/// The part of a page that changes with what it shows.
pub(crate) fn main(frame: &Frame<'_>, content: &Markup) -> Markup {
    let shows = frame
        .shows
        .iter()
        .map(|kind| kind.as_str())
        .collect::<Vec<_>>()
        .join(" ");
    html! {
        main id="main" tabindex="-1" data-shows=(shows) data-since=[frame.signed_in.map(|who| &who.since)] {
            h1 { (frame.title) }
            @if let Some(said) = frame.said {
                (notice(Condition::Healthy, said))
            }
            (content)
        }
    }
}

/// The bar on top: the way home, the search, who looks, the way out. On a narrow screen the navigation unfolds below it.
fn head(signed_in: &SignedIn) -> Markup {
    html! {
        header.top {
            (home())
            details.menu { summary { "Menu" } }
            form.find method="get" action="/ui/requests" role="search" aria-label="Requests" {
                label.hidden for="find" { "Search requests" }
                input id="find" type="search" name="q" placeholder="Search requests" autocomplete="off"
                    aria-keyshortcuts="/";
                button.hidden type="submit" { "Search" }
            }
            form.out method="post" action="/ui/logout" {
                a href="/ui/keys" data-opens="keys" { "Keys" }
                span.who { (signed_in.agent.name) " (" (signed_in.agent.role.as_str()) ")" }
                button type="submit" { "Log out" }
            }
        }
    }
}

fn home() -> Markup {
    html! {
        a.brand href="/ui" {
            svg viewBox="0 0 16 16" width="18" height="18" aria-hidden="true" focusable="false" { path d=(MARK) {} }
            "cc-devops"
        }
    }
}

/// A block, seen from a corner.
const MARK: &str =
    "M8 .7l6.4 3.6v7.4L8 15.3l-6.4-3.6V4.3zM8 3L4.2 5.2 8 7.4l3.8-2.2zM3.6 7v3.6L7 12.5V9zm8.8 0L9 9v3.5l3.4-1.9z";

fn navigation(section: Option<Section>) -> Markup {
    html! {
        nav.places aria-label="Main" {
            ul {
                @for entry in Section::ALL {
                    li class=[entry.begins_group().then_some("apart")] {
                        a href=(entry.path()) aria-current=[(section == Some(entry)).then_some("page")] { (entry.word()) }
                    }
                }
            }
        }
    }
}

/// What the script works with beside the content, which stays when that is made anew: where it is said that a page is
/// not live, and the list of keys.
fn beside() -> Markup {
    html! {
        p.live id="live" role="status" hidden {}
        dialog.keys id="keys" aria-labelledby="keys-title" {
            h2 id="keys-title" { "Keys" }
            (key_list::list())
            div.choices {
                (key_list::switch())
                button type="button" data-close { "Close" }
            }
        }
    }
}

/// What a visitor is told where it went wrong.
pub(crate) fn refused(problem: &Problem) -> Markup {
    html! {
        p { (problem.detail()) }
        @if let Some(wait) = problem.wait() {
            p { "Try again in " (wait.as_secs().max(1)) " s." }
        }
        p { a href="/ui" { "Back to the overview" } }
    }
}

/// A page's address with one value of its query set, or taken away where it is empty; what was said after an act goes.
pub(crate) fn with_query(uri: &Uri, key: &str, value: &str) -> String {
    let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, kept) in pairs.filter(|(name, _)| name != key && name != "did") {
        query.append_pair(&name, &kept);
    }
    if !value.is_empty() {
        query.append_pair(key, value);
    }
    let query = query.finish();
    if query.is_empty() {
        uri.path().to_owned()
    } else {
        format!("{}?{query}", uri.path())
    }
}
