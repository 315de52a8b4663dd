//! What the template tells the function for repositories, in environment variables.

use cc_devops_aws::Resources;
use cc_devops_core::Installation;
use cc_devops_core::health::Mode;
use cc_devops_core::names::SecretName;
use cc_devops_core::repos::policy::Policy;

use crate::settings::{BadVariable, GITHUB_TOKEN, bad, mode, resources, secret};

/// The settings, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What this installation is called.
    pub installation: Installation,
    /// What everything is called.
    pub resources: Resources,
    /// Whether issues are written unasked.
    pub mode: Mode,
    /// The owner whose repositories are looked after.
    pub owner: String,
    /// The secret that holds GitHub's token or App.
    pub token: SecretName,
    /// Where GitHub's REST API answers; none where it is GitHub's own address.
    pub github_url: Option<String>,
    /// What is demanded.
    pub policy: Policy,
}

impl Settings {
    /// Reads the variables; those that are missing have the wire contract's defaults.
    ///
    /// # Errors
    /// A variable that is missing or cannot be used.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, BadVariable> {
        let get = |name: &str| variable(name).filter(|text| !text.is_empty());
        let (installation, resources) = resources(&get)?;
        let token = secret(&get, &installation.namespace, GITHUB_TOKEN)?;
        let policy = get("REPOSITORY_POLICY").map_or(Ok(Policy::default()), |text| Policy::from_toml(&text));
        Ok(Self {
            mode: mode(&get)?,
            owner: get("GITHUB_OWNER").unwrap_or_else(|| "deepfoundai".to_owned()),
            token,
            github_url: get("GITHUB_API_URL"),
            policy: policy.map_err(|error| bad("REPOSITORY_POLICY", &error))?,
            installation,
            resources,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, BadVariable> {
        Settings::read(|name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn the_stage_alone_is_enough() {
        let settings = read(&[("STAGE", "dev")]).unwrap();
        assert_eq!(settings.token.as_str(), "/contentcraft/github/token");
        assert_eq!(settings.owner, "deepfoundai");
        assert_eq!(settings.policy, Policy::default());
    }

    #[test]
    fn a_policy_with_a_mistake_says_where() {
        let error = read(&[("STAGE", "dev"), ("REPOSITORY_POLICY", "[defaults]\nincluded = []")]).unwrap_err();
        assert!(error.to_string().contains("included"), "{error}");
    }
}
