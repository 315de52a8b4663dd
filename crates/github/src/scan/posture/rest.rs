//! What GitHub tells one repository at a time: the requests, and what their answers say.

use cc_devops_repos::snapshot::{
    ActionsPermissions, AllowedActions, CodeScanning, DependabotRun, Fact, Gap, SecretScanning, TokenPermission,
    Visibility, Webhook, WorkflowPermissions,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::ADMINISTRATION;
use crate::client::{Ask, Client, Conditional, Error, get};

const ACTIONS: &str = "Actions: read";
const WEBHOOKS: &str = "Webhooks: read";
const CODE_SCANNING: &str = "Code scanning alerts: read";

/// Why secret scanning is not there.
const NO_LICENCE: &str = "private repositories have it with GitHub Secret Protection or Advanced Security";

/// How many of Dependabot's runs are looked at.
const RUNS: usize = 100;

/// A repository that is asked about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'r> {
    pub(super) owner: &'r str,
    pub(super) name: &'r str,
    pub(super) visibility: Visibility,
}

/// What came of a request.
pub(super) enum Revalidated<T> {
    /// It is as it was under the name that was sent along.
    Unchanged,
    /// What it is now, and what GitHub calls this answer.
    Now(Fact<T>, Option<String>),
    /// A limit that lasts: nothing more can be asked, and why.
    Stopped(String),
}

impl Place<'_> {
    fn ask(self, rest: &[&str], what: &str) -> Ask {
        let path: Vec<&str> = ["repos", self.owner, self.name]
            .into_iter()
            .chain(rest.iter().copied())
            .collect();
        Ask::new(get(&path), format!("read {what} of {}/{}", self.owner, self.name))
    }

    pub(super) async fn workflow_permissions(
        self,
        client: &Client,
        etag: Option<String>,
    ) -> Revalidated<WorkflowPermissions> {
        let ask = self.ask(&["actions", "permissions", "workflow"], "the permissions of workflows");
        came(client, &ask, etag.as_deref(), ADMINISTRATION, permissions).await
    }

    pub(super) async fn actions(self, client: &Client, etag: Option<String>) -> Revalidated<ActionsPermissions> {
        let ask = self.ask(&["actions", "permissions"], "which actions are allowed");
        came(client, &ask, etag.as_deref(), ADMINISTRATION, actions).await
    }

    pub(super) async fn secret_scanning(self, client: &Client, etag: Option<String>) -> Revalidated<SecretScanning> {
        let ask = self.ask(&[], "the security settings");
        let public = self.visibility == Visibility::Public;
        let read = |of: Secured| secret_scanning(of.security_and_analysis.as_ref(), public);
        asked(client, &ask, etag.as_deref(), ADMINISTRATION, read).await
    }

    pub(super) async fn webhooks(self, client: &Client, etag: Option<String>) -> Revalidated<Vec<Webhook>> {
        let ask = self.ask(&["hooks"], "the webhooks").with("per_page", 100);
        came(client, &ask, etag.as_deref(), WEBHOOKS, webhooks).await
    }

    pub(super) async fn dependabot_runs(
        self,
        client: &Client,
        etag: Option<String>,
    ) -> Revalidated<Vec<DependabotRun>> {
        let ask = self.ask(&["actions", "runs"], "Dependabot's runs");
        let ask = ask.with("event", "dynamic").with("per_page", RUNS);
        came(client, &ask, etag.as_deref(), ACTIONS, dependabot_runs).await
    }

    pub(super) async fn code_scanning(self, client: &Client, etag: Option<String>) -> Revalidated<CodeScanning> {
        let ask = self.ask(
            &["code-scanning", "default-setup"],
            "the default setup of code scanning",
        );
        let came = asked(client, &ask, etag.as_deref(), ADMINISTRATION, |setup: Setup| {
            Fact::Known(CodeScanning {
                default_setup: setup.state.as_deref() == Some("configured"),
                languages: setup.languages.unwrap_or_default(),
                uploaded_by: None,
            })
        })
        .await;
        match came {
            Revalidated::Now(Fact::Known(setup), _) if !setup.default_setup => {
                // What else uploads results changes without it, so the next look asks anew.
                let uploaded_by = Some(self.uploaded_by(client).await);
                Revalidated::Now(Fact::Known(CodeScanning { uploaded_by, ..setup }), None)
            }
            came => came,
        }
    }

    /// The tool whose results were uploaded last.
    async fn uploaded_by(self, client: &Client) -> Fact<Option<String>> {
        let ask = self.ask(&["code-scanning", "analyses"], "the results of code scanning");
        match client.json::<Vec<Analysis>>(&ask.with("per_page", 1)).await {
            Ok(analyses) => {
                let tool = analyses.into_iter().next().and_then(|analysis| analysis.tool);
                Fact::Known(tool.and_then(|tool| tool.name))
            }
            // Where nothing was ever uploaded, GitHub answers so.
            Err(Error::NotFound { .. }) => Fact::Known(None),
            Err(error) => error.fact(CODE_SCANNING),
        }
    }
}

/// Makes a request, unless what was read under this name still stands; `read` says what the answer means.
pub(super) async fn asked<P: DeserializeOwned, T>(
    client: &Client,
    ask: &Ask,
    etag: Option<&str>,
    permission: &str,
    read: impl FnOnce(P) -> Fact<T>,
) -> Revalidated<T> {
    match client.conditional::<P>(ask, etag).await {
        Ok(Conditional::Unchanged) => Revalidated::Unchanged,
        Ok(Conditional::Now(answer, etag)) => Revalidated::Now(read(answer), etag),
        Err(error @ (Error::RateLimited { .. } | Error::SecondaryLimit { .. } | Error::WrongToken)) => {
            Revalidated::Stopped(error.to_string())
        }
        Err(error) => Revalidated::Now(error.fact(permission), None),
    }
}

/// The same where an answer always says something.
pub(super) async fn came<P: DeserializeOwned, T>(
    client: &Client,
    ask: &Ask,
    etag: Option<&str>,
    permission: &str,
    read: impl FnOnce(P) -> T,
) -> Revalidated<T> {
    asked(client, ask, etag, permission, |answer| Fact::Known(read(answer))).await
}

#[derive(Debug, Deserialize)]
pub(super) struct DefaultPermissions {
    default_workflow_permissions: String,
    #[serde(default)]
    can_approve_pull_request_reviews: bool,
}

#[expect(clippy::needless_pass_by_value, reason = "an answer becomes what it says")]
pub(super) fn permissions(answer: DefaultPermissions) -> WorkflowPermissions {
    WorkflowPermissions {
        token: if answer.default_workflow_permissions == "read" {
            TokenPermission::Read
        } else {
            TokenPermission::Write
        },
        may_approve: answer.can_approve_pull_request_reviews,
    }
}

#[derive(Debug, Deserialize)]
#[expect(clippy::struct_field_names, reason = "GitHub's names")]
pub(super) struct Allowed {
    #[serde(default)]
    enabled: Option<bool>,
    #[serde(default)]
    enabled_repositories: Option<String>,
    #[serde(default)]
    allowed_actions: Option<String>,
    #[serde(default)]
    sha_pinning_required: bool,
}

/// Of a repository or an organisation.
#[expect(clippy::needless_pass_by_value, reason = "an answer becomes what it says")]
pub(super) fn actions(answer: Allowed) -> ActionsPermissions {
    let nowhere = answer.enabled_repositories.as_deref() == Some("none");
    ActionsPermissions {
        enabled: answer.enabled.unwrap_or(!nowhere),
        allowed: match answer.allowed_actions.as_deref() {
            Some("local_only") => AllowedActions::LocalOnly,
            Some("selected") => AllowedActions::Selected,
            _ => AllowedActions::All,
        },
        sha_pinning_required: answer.sha_pinning_required,
    }
}

#[derive(Debug, Deserialize)]
struct Secured {
    #[serde(default)]
    security_and_analysis: Option<SecurityAndAnalysis>,
}

/// The security settings, which GitHub shows to those who administer.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::scan) struct SecurityAndAnalysis {
    #[serde(default)]
    advanced_security: Option<Status>,
    #[serde(default)]
    secret_scanning: Option<Status>,
    #[serde(default)]
    secret_scanning_push_protection: Option<Status>,
}

#[derive(Debug, Clone, Deserialize)]
struct Status {
    status: String,
}

/// What the security settings say about secret scanning.
pub(in crate::scan) fn secret_scanning(settings: Option<&SecurityAndAnalysis>, public: bool) -> Fact<SecretScanning> {
    let Some(settings) = settings else {
        return Fact::Unknown(Gap::Permission(ADMINISTRATION.to_owned()));
    };
    let enabled = |status: &Option<Status>| status.as_ref().is_some_and(|status| status.status == "enabled");
    let licensed = public || enabled(&settings.advanced_security);
    let fact = |status: &Option<Status>| match status {
        None => Fact::Unavailable("the server or the plan does not know it".to_owned()),
        Some(_) if enabled(status) => Fact::Known(true),
        Some(_) if licensed || enabled(&settings.secret_scanning) => Fact::Known(false),
        Some(_) => Fact::Unavailable(NO_LICENCE.to_owned()),
    };
    Fact::Known(SecretScanning {
        scanning: fact(&settings.secret_scanning),
        push_protection: fact(&settings.secret_scanning_push_protection),
    })
}

#[derive(Debug, Deserialize)]
struct Setup {
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    languages: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Analysis {
    #[serde(default)]
    tool: Option<Tool>,
}

#[derive(Debug, Deserialize)]
struct Tool {
    #[serde(default)]
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Hook {
    id: u64,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    active: bool,
    #[serde(default)]
    config: HookConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HookConfig {
    url: Option<String>,
    /// A text or a number.
    insecure_ssl: Option<Value>,
    /// Stars, where there is one.
    secret: Option<String>,
}

/// Webhooks without the parts of their addresses that may be secret.
pub(super) fn webhooks(hooks: Vec<Hook>) -> Vec<Webhook> {
    let web = hooks
        .into_iter()
        .filter(|hook| hook.name.as_deref().is_none_or(|name| name == "web"));
    web.map(|hook| {
        let url = hook.config.url.as_deref().and_then(|url| Url::parse(url).ok());
        let port = url.as_ref().and_then(Url::port);
        let host = url
            .as_ref()
            .and_then(Url::host_str)
            .unwrap_or("an address that is none");
        let insecure = hook.config.insecure_ssl.as_ref().is_some_and(|value| match value {
            Value::String(text) => text == "1",
            value => value.as_u64() == Some(1),
        });
        Webhook {
            id: hook.id,
            active: hook.active,
            host: port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
            https: url.as_ref().is_some_and(|url| url.scheme() == "https"),
            verified: !insecure,
            secret: hook.config.secret.is_some_and(|secret| !secret.is_empty()),
        }
    })
    .collect()
}

#[derive(Debug, Deserialize)]
struct Runs {
    #[serde(default)]
    workflow_runs: Vec<Run>,
}

#[derive(Debug, Deserialize)]
struct Run {
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    display_title: Option<String>,
    #[serde(default)]
    conclusion: Option<String>,
    html_url: String,
    created_at: Timestamp,
}

/// Dependabot's runs among those that GitHub starts itself, newest first.
fn dependabot_runs(answer: Runs) -> Vec<DependabotRun> {
    let own = answer.workflow_runs.into_iter().filter(|run| {
        run.path
            .as_deref()
            .is_some_and(|path| path.starts_with("dynamic/dependabot/"))
    });
    let mut runs: Vec<(Timestamp, DependabotRun)> = own
        .map(|run| {
            let title = run.display_title.unwrap_or_default();
            let found = DependabotRun {
                job: job(&title).to_owned(),
                conclusion: run.conclusion,
                url: run.html_url,
                on: run.created_at.to_zoned(TimeZone::UTC).date(),
            };
            (run.created_at, found)
        })
        .collect();
    runs.sort_by_key(|(created, _)| std::cmp::Reverse(*created));
    runs.into_iter().map(|(_, run)| run).collect()
}

/// The ecosystem and the folder of a run such as `npm_and_yarn in /web for lodash - Update #955`.
fn job(title: &str) -> &str {
    let title = title.split(" - Update #").next().unwrap_or(title);
    let job = title.split(" for ").next().unwrap_or(title).trim();
    // GitHub writes the root as `/` or `/.`.
    job.strip_suffix("/.")
        .map_or(job, |before| title.get(..=before.len()).unwrap_or(job))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scanning(settings: Value, public: bool) -> (Fact<bool>, Fact<bool>) {
        let settings: SecurityAndAnalysis = serde_json::from_value(settings).unwrap();
        match secret_scanning(Some(&settings), public) {
            Fact::Known(seen) => (seen.scanning, seen.push_protection),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn secret_scanning_is_unavailable_where_it_takes_a_licence() {
        let off = json!({"secret_scanning": {"status": "disabled"}, "secret_scanning_push_protection": {"status": "disabled"}});
        assert_eq!(scanning(off.clone(), true), (Fact::Known(false), Fact::Known(false)));
        let (private, push) = scanning(off.clone(), false);
        assert!(matches!((private, push), (Fact::Unavailable(_), Fact::Unavailable(_))));
        let mut licensed = off;
        licensed["advanced_security"] = json!({"status": "enabled"});
        assert_eq!(scanning(licensed, false), (Fact::Known(false), Fact::Known(false)));
        let half = json!({"secret_scanning": {"status": "enabled"}, "secret_scanning_push_protection": {"status": "disabled"}});
        assert_eq!(scanning(half, false), (Fact::Known(true), Fact::Known(false)));
        assert!(matches!(scanning(json!({}), true).0, Fact::Unavailable(_)));
        assert!(matches!(secret_scanning(None, true), Fact::Unknown(Gap::Permission(_))));
    }

    #[test]
    fn of_a_webhook_only_the_host_is_kept() {
        let hooks = json!([
            {"id": 1, "name": "web", "active": true,
             "config": {"url": "http://u:p@ci.example:8080/x?token=hidden", "insecure_ssl": "1"}},
            {"id": 2, "name": "web", "active": false,
             "config": {"url": "https://ci.example/", "insecure_ssl": 0, "secret": "********"}},
            {"id": 3, "name": "email", "active": true, "config": {"address": "a@b.example"}},
        ]);
        let hooks = webhooks(serde_json::from_value(hooks).unwrap());
        assert_eq!(hooks.len(), 2);
        assert_eq!(
            hooks[0],
            Webhook {
                id: 1,
                active: true,
                host: "ci.example:8080".to_owned(),
                https: false,
                verified: false,
                secret: false
            }
        );
        assert!(hooks[1].https && hooks[1].verified && hooks[1].secret && !hooks[1].active);
    }

    #[test]
    fn a_run_is_told_by_its_ecosystem_and_folder() {
        for (title, expected) in [
            (
                "npm_and_yarn in /web for lodash, axios - Update #955",
                "npm_and_yarn in /web",
            ),
            ("pip in /. - Update #1", "pip in /"),
            ("pip in / - Update #1", "pip in /"),
            (
                "github_actions in /. for actions/checkout - Update #7",
                "github_actions in /",
            ),
            ("something else", "something else"),
        ] {
            assert_eq!(job(title), expected, "{title}");
        }
        let run = |path: &str, hour: u8| {
            json!({"path": path, "display_title": "pip in / - Update #1", "conclusion": "failure",
                   "html_url": format!("https://github.com/r/{hour}"), "created_at": format!("2026-11-20T0{hour}:00:00Z")})
        };
        let runs = json!({"workflow_runs": [
            run("dynamic/dependabot/dependabot-updates", 1), run("dynamic/github-code-scanning/codeql", 2),
            run("dynamic/dependabot/dependabot-updates", 3),
        ]});
        let runs = dependabot_runs(serde_json::from_value(runs).unwrap());
        assert_eq!(runs.len(), 2);
        assert!(runs[0].url.ends_with("/3"));
    }
}
