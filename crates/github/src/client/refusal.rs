//! What GitHub means when it refuses. That a permission is missing is one reason among several, and the others want
//! other advice: no permission helps against a plan, a single sign-on, a rule on tokens or a list of addresses.

use super::error::Error;

/// The header that says where a token is authorised for an organisation's single sign-on: `required; url=…`.
/// Source: <https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api#personal-access-tokens-and-saml-sso>.
pub(super) const SINGLE_SIGN_ON: &str = "x-github-sso";

/// The address in [`SINGLE_SIGN_ON`].
pub(super) fn sso_address(header: &str) -> Option<String> {
    let address = header.split(';').find_map(|part| part.trim().strip_prefix("url="))?;
    address.starts_with("https://").then(|| address.to_owned())
}

/// The refusal that these words of GitHub are, where they are about something else than a permission. `sso` is what
/// [`SINGLE_SIGN_ON`] says.
pub(super) fn known(what: &str, message: &str, sso: Option<&str>) -> Option<Error> {
    let (what, words) = (what.to_owned(), message.to_owned());
    let says = |part: &str| message.to_ascii_lowercase().contains(part);
    if says("upgrade to github") || says("security must be enabled") {
        return Some(Error::Plan { what, message: words });
    }
    if says("saml enforcement") || sso.is_some_and(|header| header.starts_with("required")) {
        return Some(Error::SingleSignOn {
            what,
            address: sso.and_then(sso_address),
        });
    }
    if says("ip allow list") {
        return Some(Error::IpAllowList { what });
    }
    if says("lifetime") && says("token") {
        return Some(Error::TokenLifetime { what, message: words });
    }
    if says("forbids access via a") && says("token") {
        return Some(Error::TokenKind { what, message: words });
    }
    if says("archived so is read-only") {
        return Some(Error::ReadOnly { what });
    }
    None
}

/// Whether these words of a GraphQL answer say that the server does not know something that was asked for; what.
pub(super) fn unknown_to_the_server(message: &str) -> Option<String> {
    let around = |middle: &str| {
        let (before, behind) = message.split_once(middle)?;
        Some((before.strip_prefix("Field '")?, behind.split('\'').next()?))
    };
    if let Some((field, of)) = around("' doesn't exist on type '") {
        return Some(format!("{of}.{field}"));
    }
    if let Some((field, argument)) = around("' doesn't accept argument '") {
        return Some(format!("{field}({argument}:)"));
    }
    let named = message.strip_prefix("No such type ")?;
    Some(named.split(',').next().unwrap_or(named).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// GitHub's words from public reports and its documentation, and what must stand in ours.
    #[test]
    fn each_refusal_has_its_own_advice() {
        for (words, advice) in [
            (
                "Upgrade to GitHub Pro or make this repository public to enable this feature.",
                "plan",
            ),
            (
                "Upgrade to GitHub Team or GitHub Enterprise to enable this feature.",
                "plan",
            ),
            (
                "Advanced Security must be enabled for this repository to use code scanning.",
                "plan",
            ),
            (
                "Resource protected by organization SAML enforcement. You must grant your OAuth token access to this \
                 organization.",
                "single sign-on",
            ),
            (
                "The 'acme' organization forbids access via a fine-grained personal access tokens if the token's \
                 lifetime is greater than 366 days. Please adjust your token's lifetime at the following URL: \
                 https://github.com/settings/personal-access-tokens/1",
                "lifetime",
            ),
            (
                "`acme` forbids access via a personal access token (classic). Please use a GitHub App, OAuth App, or a \
                 personal access token with fine-grained permissions.",
                "kind",
            ),
            (
                "Although you appear to have the correct authorization credentials, the `acme` organization has an IP \
                 allow list enabled, and your IP address is not permitted to access this resource.",
                "IP allow list",
            ),
            ("Repository was archived so is read-only.", "archived"),
        ] {
            let error = known("read the repositories of acme", words, None).unwrap();
            let told = error.to_string();
            assert!(told.contains(advice), "{told}");
            assert!(
                !told.contains("give it the permission") && !told.contains("does not exist"),
                "{told}"
            );
        }
        for permission in [
            "Resource not accessible by personal access token",
            "Must have admin rights to Repository.",
        ] {
            assert!(known("read it", permission, None).is_none(), "{permission}");
        }
    }

    #[test]
    fn a_single_sign_on_says_where() {
        let header = "required; url=https://github.com/orgs/acme/sso?authorization_request=AB%3D";
        let told = known("read it", "Forbidden", Some(header)).unwrap().to_string();
        assert!(
            told.contains("https://github.com/orgs/acme/sso?authorization_request=AB%3D"),
            "{told}"
        );
        let partial = "partial-results; organizations=21955855";
        assert!(known("read it", "Forbidden", Some(partial)).is_none());
        assert_eq!(sso_address("required; url=javascript:alert(1)"), None);
    }

    #[test]
    fn an_older_server_is_known_by_what_it_does_not_know() {
        for (words, what) in [
            ("Field 'rules' doesn't exist on type 'Ref'", Some("Ref.rules")),
            (
                "Field 'stateReason' doesn't accept argument 'enableDuplicate'",
                Some("stateReason(enableDuplicate:)"),
            ),
            (
                "No such type RepositoryRuleset, so it can't be a fragment condition",
                Some("RepositoryRuleset"),
            ),
            ("Could not resolve to a Repository with the name 'a/b'.", None),
        ] {
            assert_eq!(unknown_to_the_server(words).as_deref(), what, "{words}");
        }
    }
}
