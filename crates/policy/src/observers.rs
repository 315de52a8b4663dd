//! What observers may see, where the policies say nothing of them.

use cedar_policy::PolicySet as CedarSet;
use serde_json::Value;

/// The shipped rules for observers, as Cedar: part of every shipped set, and added to policies none of which speaks of
/// observers.
pub const OBSERVER_RULES: &str = include_str!("observers.cedar");

/// What the rules are called among policies' files. No file is called so.
pub(super) const FILE: &str = "cc-devops/observers";

/// Whether a policy speaks of observers: of one by name, or of all.
pub(super) fn are_spoken_of(policies: &CedarSet) -> bool {
    // A policy that was parsed has a form in JSON.
    policies
        .policies()
        .filter_map(|policy| policy.to_json().ok())
        .any(|form| speaks(&form))
}

fn speaks(form: &Value) -> bool {
    match form {
        Value::Object(members) => members.iter().any(|(key, value)| match value {
            // `principal is Observer`, and `Observer::"ana"`.
            Value::String(kind) => matches!(key.as_str(), "entity_type" | "type") && kind == "Observer",
            _ => speaks(value),
        }),
        Value::Array(items) => items.iter().any(speaks),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;
    use crate::tests::{agent, ask, installation, vocabulary};
    use crate::{On, Policy, PolicySet, Role};

    /// What they see.
    const LOOKS: [&str; 16] = [
        "readRequests",
        "readEvents",
        "readDeploys",
        "listAgents",
        "readAlerts",
        "readWebhooks",
        "listSecrets",
        "readAudit",
        "readRepositories",
        "readPolicies",
        "readSettings",
        "readMetrics",
        "readHealth",
        "readRevenue",
        "readBillingFigures",
        "describeStacks",
    ];

    /// What an observer may of all that can be asked, on all that it can be asked of.
    fn may(policy: &Policy) -> Vec<&'static str> {
        let looker = agent("Looker", Role::Observer);
        let resources = |on| match on {
            On::Secret => vec![
                "/contentcraft/looker/key",
                "/contentcraft/writer/key",
                "/contentcraft/github/token",
            ],
            On::Stack => vec!["cc-agent-looker", "cc-agent-writer"],
            On::Stacks => vec!["cc-agent-looker", "cc-agent-writer", "*"],
            On::Repository => vec!["web"],
            On::Repositories => vec!["web", "*"],
            On::Agent => vec!["Looker", "Writer"],
            On::Agents => vec!["Looker", "Writer", "*"],
            On::ControlPlane => vec!["*"],
        };
        let mut may = Vec::new();
        for rule in vocabulary().rules() {
            let resources = resources(rule.on);
            let allowed = resources
                .iter()
                .filter(|on| ask(policy, &looker, rule.action, on))
                .count();
            assert!(
                allowed == 0 || allowed == resources.len(),
                "{} on some alone",
                rule.action
            );
            if allowed > 0 {
                may.push(rule.action);
            }
        }
        may.sort_unstable();
        may
    }

    fn own(text: &str) -> Policy {
        Policy::parse(
            &[("own.cedar".to_owned(), text.to_owned())],
            &installation(),
            vocabulary(),
        )
        .unwrap()
    }

    fn looks() -> Vec<&'static str> {
        let mut looks = LOOKS.to_vec();
        looks.sort_unstable();
        looks
    }

    #[test]
    fn an_observer_sees_everything_but_secrets_and_changes_nothing() {
        for set in PolicySet::ALL {
            let policy = Policy::shipped(set, &installation(), vocabulary());
            assert_eq!(may(&policy), looks(), "{}", set.as_str());
        }
    }

    #[test]
    fn policies_that_do_not_speak_of_observers_let_them_look() {
        let policy = own("permit (principal is Admin, action, resource);");
        assert!(policy.has_shipped_observer_rules());
        assert_eq!(may(&policy), looks());
        // What everybody may, they may not by that.
        let policy = own("permit (principal, action, resource);");
        assert_eq!(may(&policy), looks());
        // What nobody may, they may not either.
        let policy = own(r#"permit (principal is Admin, action, resource);
            forbid (principal, action == Action::"readRevenue", resource);"#);
        let mut fewer = looks();
        fewer.retain(|action| *action != "readRevenue");
        assert_eq!(may(&policy), fewer);
    }

    #[test]
    fn policies_that_speak_of_observers_decide_alone() {
        let policy = own(r#"permit (principal is Admin, action, resource);
            permit (principal is Observer, action in [Action::"listAgents", Action::"manageAlerts"], resource);"#);
        assert!(!policy.has_shipped_observer_rules());
        // The rules for plans are about whoever asked for one, which takes a right of its own.
        assert_eq!(
            may(&policy),
            ["applyPlan", "carryApproval", "listAgents", "manageAlerts"]
        );
        let policy = own(r#"permit (principal is Admin, action, resource);
            permit (principal == Observer::"Other", action == Action::"listAgents", resource);"#);
        assert_eq!(may(&policy), ["applyPlan", "carryApproval"]);
    }

    #[test]
    fn policies_speak_of_observers_by_name_or_of_all_of_them() {
        let speaks = |text: &str| are_spoken_of(&CedarSet::from_str(text).unwrap());
        assert!(speaks(OBSERVER_RULES));
        assert!(speaks(r#"forbid (principal == Observer::"ana", action, resource);"#));
        assert!(speaks(
            "permit (principal, action, resource) when { principal is Observer };"
        ));
        assert!(!speaks(
            r#"permit (principal is Admin, action, resource) when { principal.name == "Observer" };"#
        ));
    }
}
