//! Where somebody is led who has signed in: to a page of ours, whatever the address says.

use axum::http::Uri;
use url::Url;

use crate::links;

/// Where it leads who wants nothing, or nothing of ours.
const START: &str = "/ui";

/// The longest address that somebody is led back to, in bytes.
const LONGEST: usize = 2_000;

/// Pages that only sign in or out.
const WAYS_IN: [&str; 3] = ["/ui/login", "/ui/open", "/ui/logout"];

/// Where somebody signs in who wanted to see this.
pub(crate) fn address(wanted: &Uri) -> String {
    let wanted = wanted.path_and_query().map_or(START, |wanted| wanted.as_str());
    links::with("/ui/login", "next", &ours(wanted))
}

/// The page of ours that an address names, as a browser would understand it; the first page where it names none.
pub(crate) fn ours(next: &str) -> String {
    read(next).unwrap_or_else(|| START.to_owned())
}

fn read(next: &str) -> Option<String> {
    // A browser passes over some control characters, and takes a backslash for a slash.
    let is_plain = next.len() <= LONGEST && next.chars().all(|c| !c.is_control() && c != '\\');
    if !is_plain || !next.starts_with('/') || next.starts_with("//") {
        return None;
    }
    let here = Url::parse("http://here.invalid/").ok()?;
    // This goes up where `..` says so, however that is written.
    let read = here.join(next).ok()?;
    let path = read.path();
    let is_ours = path == START || path.starts_with("/ui/");
    if read.origin() != here.origin() || !is_ours || WAYS_IN.contains(&path) {
        return None;
    }
    Some(match read.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        for ours_alone in [
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "\\/evil.example",
            "https://evil.example",
            "https:evil.example",
            "https:/ui",
            "javascript:alert(1)",
            "data:text/html,x",
            "/",
            "",
            "ui",
            "ui/agents",
            " /ui",
            "/ui/../..//evil.example",
            "/ui/../../evil.example",
            "/ui/..//evil.example",
            "/ui/%2e%2e/%2e%2e//evil.example",
            "/ui/%2E./.%2e//evil.example",
            "/ui/..;/evil",
            "/ui\\..\\..\\evil.example",
            "/ui/\\evil.example",
            "/ui\t/agents",
            "/\t/evil.example",
            "/ui\r\nSet-Cookie: a=b",
            "/ui\u{0}",
            "/ui\u{85}x",
            "/uix",
            "/ui@evil.example",
            "/ui.evil.example",
            "/v1/agents",
            "@evil.example",
            "?next=/ui",
            "#/ui",
            "/ui/login?next=/ui/agents",
            "/ui/logout",
            "/ui/open?key=1",
        ] {
            let led = ours(ours_alone);
            // What stays below /ui is ours whatever follows.
            assert!(led == "/ui" || led == "/ui/..;/evil", "{ours_alone:?} leads to {led:?}");
        }
        assert_eq!(ours(&format!("/ui/{}", "a".repeat(3_000))), "/ui");
    }

    #[test]
    fn a_page_of_ours_is_led_to() {
        for (next, led) in [
            ("/ui", "/ui"),
            ("/ui/", "/ui/"),
            ("/ui?days=7", "/ui?days=7"),
            ("/ui/agents?state=down&q=a%2Fb", "/ui/agents?state=down&q=a%2Fb"),
            ("/ui/requests/a%2F..%2Fb", "/ui/requests/a%2F..%2Fb"),
            ("/ui/secrets/contentcraft/x/", "/ui/secrets/contentcraft/x/"),
            ("/ui/agents#top", "/ui/agents"),
            ("/ui/a/../agents", "/ui/agents"),
            ("/ui//evil.example", "/ui//evil.example"),
        ] {
            assert_eq!(ours(next), led);
        }
        let wanted = "/ui/agents?state=down".parse().unwrap();
        assert_eq!(address(&wanted), "/ui/login?next=%2Fui%2Fagents%3Fstate%3Ddown");
    }
}
