//! What `[github]` and `[repos]` mean.

use cc_devops_github::client::Trouble;
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::SecretName;
use cc_devops_repos::policy::Policy;

use super::file::ConfigFile;
use super::problems::Findings;

/// Which repositories are looked after, and what is demanded of them.
#[derive(Debug, Clone)]
pub struct RepositoriesSettings {
    /// The organisation or person; none where nobody said.
    pub owner: Option<String>,
    /// Where GitHub's REST API answers.
    pub api_url: String,
    /// The secret that holds the token or the App.
    pub token: SecretName,
    /// The secret that GitHub's webhook signs with.
    pub webhook: Option<SecretName>,
    /// What is demanded.
    pub policy: Policy,
    /// Who is told of trouble on the way to GitHub while it lasts; nobody, unless a person watches.
    pub trouble: Option<Trouble>,
}

/// Checks both sections.
pub(crate) fn check(
    file: &ConfigFile,
    installation: &Installation,
    findings: &mut Findings<'_>,
) -> Option<RepositoriesSettings> {
    let section = &file.github;
    let owner = match &section.owner {
        Some(name) => Some(findings.take("github.owner", login(name))?),
        None => None,
    };
    let namespace = &installation.namespace;
    let token = findings.secret("github.token_secret", namespace, &section.token_secret);
    let webhook = match &section.webhook_secret {
        Some(name) => Some(findings.secret("github.webhook_secret", namespace, name)?),
        None => None,
    };
    let policy = match (&file.repos.policy, findings.origin.repository_policy) {
        #[cfg(feature = "cli")]
        (Some(path), _) => policy(path, findings),
        (_, Some((text, read))) => findings.take("repos.policy", read(text)),
        (_, None) => Some(Policy::default()),
    };
    Some(RepositoriesSettings {
        owner,
        api_url: section.api_url.clone(),
        token: token?,
        webhook,
        policy: policy?,
        trouble: None,
    })
}

#[cfg(feature = "cli")]
fn policy(path: &str, findings: &mut Findings<'_>) -> Option<Policy> {
    let file = findings.file("repos.policy", path);
    let text = std::fs::read_to_string(&file).map_err(|error| format!("cannot read {}: {error}", file.display()));
    let text = findings.take("repos.policy", text)?;
    match Policy::from_toml(&text) {
        Ok(policy) => Some(policy),
        Err(errors) => {
            for problem in errors.0 {
                findings.add("repos.policy", format!("{}: {problem}", file.display()));
            }
            None
        }
    }
}

/// The login of a person or an organisation: letters, digits, `-` and, of managed users, `_`.
/// Source: <https://docs.github.com/en/enterprise-cloud@latest/admin/managing-iam/iam-configuration-reference/username-considerations-for-external-authentication>.
pub fn login(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if text.is_empty() || text.len() > 100 || !text.chars().all(fits) {
        return Err(format!(
            "{text:?} is no login of GitHub: write it as in https://github.com/LOGIN, letters, digits, - and _"
        ));
    }
    Ok(text.to_owned())
}
