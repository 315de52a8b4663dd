//! The addresses of pages about one thing.

use std::fmt::Write;

use cc_devops_deploys::PlanId;
use cc_devops_kernel::names::AgentName;
use maud::{Markup, html};

/// One part of a path: what could be read as something else is written with `%`.
pub(crate) fn segment(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            written.push(char::from(byte));
        } else {
            let _ = write!(written, "%{byte:02X}");
        }
    }
    written
}

/// A path of several parts, whose slashes stay.
pub(crate) fn segments(path: &str) -> String {
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// A page with one value in its query.
pub(crate) fn with(path: &str, key: &str, value: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair(key, value)
        .finish();
    format!("{path}?{query}")
}

/// The page of a plan.
pub(crate) fn plan(plan: &PlanId) -> String {
    format!("/ui/deploys/{plan}")
}

/// The page of what was deployed to a stack, named with its stage.
pub(crate) fn stack(stack: &str) -> String {
    format!("/ui/deploys/stacks/{}", segment(stack))
}

/// The page of a repository.
pub(crate) fn repository(name: &str) -> String {
    format!("/ui/repositories/{}", segment(name))
}

/// The page of an alert, by its condition's key.
pub(crate) fn alert(key: &str) -> String {
    with("/ui/alerts/alert", "key", key)
}

/// An agent's name, as a link to its page.
pub(crate) fn to_agent(name: &str) -> Markup {
    html! { a href=(format!("/ui/agents/{}", segment(name))) { (name) } }
}

/// The same where it is an agent, and else who it is.
pub(crate) fn to_agent_or(name: Option<&AgentName>, nobody: &str) -> Markup {
    name.map_or_else(|| html! { (nobody) }, |name| to_agent(name.as_str()))
}

/// A request's full id, as a link to its page.
pub(crate) fn to_request(id: &str) -> Markup {
    let shown = cc_devops_kernel::text::line(id);
    html! { a href=(format!("/ui/requests/{}", segment(id))) { (shown) } }
}

/// A stack with its stage, as a link to what was deployed to it.
pub(crate) fn to_stack(name: &str) -> Markup {
    html! { a href=(stack(name)) { (name) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_an_address_is_read_as_itself() {
        assert_eq!(segment("a/b ?#%é"), "a%2Fb%20%3F%23%25%C3%A9");
        assert_eq!(segments("/a b/c?"), "/a%20b/c%3F");
        assert_eq!(alert("agent/A&b=c"), "/ui/alerts/alert?key=agent%2FA%26b%3Dc");
    }
}
