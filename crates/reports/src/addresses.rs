//! Where people see what a report is about: on the server that was asked.

use std::fmt::Write;

use cc_devops_repos::audit::ScanReport;
use cc_devops_repos::report::RepositoryReport;

/// Where people see the repositories on GitHub itself.
pub const GITHUB: &str = "https://github.com";

/// A repository's page; `web` is where people see the server, without a trailing slash.
pub(crate) fn repository(web: &str, owner: &str, name: &str) -> String {
    format!("{web}/{}/{}", segment(owner), segment(name))
}

/// The page of what a part of a report is about: a repository, or the organisation itself.
pub(crate) fn subject(web: &str, report: &ScanReport, about: &RepositoryReport) -> String {
    if about.is_of_the_organization() {
        owner(web, &about.name)
    } else {
        repository(web, &report.owner, &about.name)
    }
}

/// The page of an owner.
pub(crate) fn owner(web: &str, owner: &str) -> String {
    format!("{web}/{}", segment(owner))
}

/// A segment of a path: nothing in it ends the address or begins another part of it.
fn segment(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            safe.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _written = write!(safe, "%{byte:02X}");
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_within_its_place() {
        assert_eq!(
            repository(GITHUB, "acme", "web.site"),
            "https://github.com/acme/web.site"
        );
        let hostile = repository("https://ghe.example", "acme", "<b>\"a/../b?c#d");
        assert_eq!(hostile, "https://ghe.example/acme/%3Cb%3E%22a%2F..%2Fb%3Fc%23d");
    }
}
