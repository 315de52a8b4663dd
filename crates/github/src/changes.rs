//! Planned changes, carried out.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_repos::fix::ChangeKind;
use crypto_box::PublicKey;
use crypto_box::aead::OsRng;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::client::{Client, Error, get, post, put};
use crate::place::Place;
use crate::settings;

/// Carries out a change. Returns what came of it.
pub(crate) async fn change(client: &Client, repository: &str, change: &ChangeKind) -> Result<String, Error> {
    let place = Place::of(client, repository)?;
    match change {
        ChangeKind::PutProtection { branch, body, .. } => {
            let ask = place.ask(
                put,
                &["branches", branch, "protection"],
                "protect the default branch of",
            );
            client.done(&ask.body(body.clone())).await?;
            Ok(format!("The branch {branch} is protected."))
        }
        ChangeKind::CreateRuleset { name, body, .. } => {
            let ask = place.ask(post, &["rulesets"], "write a ruleset into");
            let created: Linked = client.json(&ask.body(body.clone())).await?;
            Ok(match created.links.and_then(|links| links.html) {
                Some(html) => format!("The ruleset {name} is in force: {}", html.href),
                None => format!("The ruleset {name} is in force."),
            })
        }
        ChangeKind::SwitchOnAlerts => {
            let ask = place.ask(put, &["vulnerability-alerts"], "switch on the Dependabot alerts of");
            client.done(&ask).await?;
            Ok("Dependabot alerts are on.".to_owned())
        }
        ChangeKind::SwitchOnSecurityUpdates => {
            let ask = place.ask(put, &["automated-security-fixes"], "switch on the security updates of");
            client.done(&ask).await?;
            Ok("Dependabot security updates are on.".to_owned())
        }
        ChangeKind::RestrictWorkflowToken => {
            let ask = place.ask(
                put,
                &["actions", "permissions", "workflow"],
                "restrict the token of workflows in",
            );
            let body = json!({"default_workflow_permissions": "read"});
            client.done(&ask.body(body)).await?;
            Ok("The token of workflows may only read by default.".to_owned())
        }
        ChangeKind::SwitchOnSecretScanning {
            scanning,
            push_protection,
        } => place.secret_scanning(*scanning, *push_protection).await,
        ChangeKind::SetUpCodeScanning => {
            let ask = place.ask(put, &["code-scanning", "default-setup"], "set up code scanning in");
            client.done(&ask.patch().body(json!({"state": "configured"}))).await?;
            Ok("GitHub sets up code scanning; the first results come with its first run.".to_owned())
        }
        ChangeKind::WriteFile { path, before, after } => place.propose(path, before.as_deref(), after).await,
        ChangeKind::Setting(change) => settings::change(&place, change).await,
    }
}

#[derive(Debug, Deserialize)]
struct Linked {
    #[serde(default, rename = "_links")]
    links: Option<Links>,
}

#[derive(Debug, Deserialize)]
struct Links {
    #[serde(default)]
    html: Option<Href>,
}

#[derive(Debug, Deserialize)]
struct Href {
    href: String,
}

#[derive(Debug, Deserialize)]
struct Repository {
    default_branch: String,
}

#[derive(Debug, Deserialize)]
struct Reference {
    object: Object,
}

#[derive(Debug, Deserialize)]
struct Object {
    sha: String,
}

#[derive(Debug, Deserialize)]
struct Content {
    sha: String,
    #[serde(default)]
    content: String,
}

#[derive(Debug, Deserialize)]
struct Pull {
    html_url: String,
    state: String,
}

#[derive(Debug, Deserialize)]
struct PublicKeyOf {
    key_id: String,
    key: String,
}

impl Content {
    /// Its text, if it is one.
    fn text(&self) -> Option<String> {
        let packed: String = self.content.split_whitespace().collect();
        String::from_utf8(BASE64_STANDARD.decode(packed).ok()?).ok()
    }
}

impl Place<'_> {
    async fn secret_scanning(&self, scanning: bool, push_protection: bool) -> Result<String, Error> {
        let mut settings = serde_json::Map::new();
        let mut done = Vec::new();
        for (wanted, name, words) in [
            (scanning, "secret_scanning", "secret scanning"),
            (push_protection, "secret_scanning_push_protection", "push protection"),
        ] {
            if wanted {
                settings.insert(name.to_owned(), json!({"status": "enabled"}));
                done.push(words);
            }
        }
        let ask = self.ask(put, &[], "switch on secret scanning in").patch();
        let body = json!({"security_and_analysis": settings});
        self.client.done(&ask.body(body)).await?;
        Ok(format!("On by now: {}.", done.join(", ")))
    }

    /// Opens a pull request that makes the file say `after`.
    async fn propose(&self, path: &str, before: Option<&str>, after: &str) -> Result<String, Error> {
        let repository: Repository = self.client.json(&self.ask(get, &[], "read")).await?;
        let base = repository.default_branch;
        let standing = self.content(path, &base).await?;
        let says = standing.as_ref().map(Content::text);
        if says != before.map(|text| Some(text.to_owned())) {
            return Err(Error::Changed {
                what: format!("write {path} of {}/{}", self.owner, self.name),
            });
        }
        // The same proposal has the same branch, so that it is not made twice.
        let digest = hex::encode(Sha256::digest(after.as_bytes()));
        let branch = format!("cc-devops/dependabot-{}", digest.get(..10).unwrap_or(&digest));
        if let Some(pull) = self.proposed(&branch).await? {
            return match pull.state.as_str() {
                "open" => Ok(format!("It is proposed already: {}", pull.html_url)),
                _ => Err(Error::Refused {
                    what: format!("propose {path}"),
                    status: 409,
                    message: format!(
                        "a person closed the pull request {}; reopen it if it is wanted",
                        pull.html_url
                    ),
                    request: "none".to_owned(),
                }),
            };
        }
        self.branch(&branch, &base).await?;
        let there = self.content(path, &branch).await?;
        if there.as_ref().and_then(Content::text).as_deref() != Some(after) {
            let mut body = json!({
                "message": format!("{} {path}", if before.is_some() { "Update" } else { "Add" }),
                "content": BASE64_STANDARD.encode(after),
                "branch": branch,
            });
            if let (Some(there), Some(object)) = (there, body.as_object_mut()) {
                object.insert("sha".to_owned(), Value::from(there.sha));
            }
            let segments: Vec<&str> = std::iter::once("contents").chain(path.split('/')).collect();
            self.client
                .done(&self.ask(put, &segments, "write a file of").body(body))
                .await?;
        }
        let what = match before {
            None => "This adds the file, with an entry for each of them.",
            Some(_) => "This adds the entries that are missing; every line that stood stays.",
        };
        let ask = self.ask(post, &["pulls"], "open a pull request in").content();
        let pull: Pull = self
            .client
            .json(&ask.body(json!({
                "title": format!("Keep dependencies up to date: {path}"),
                "head": branch,
                "base": base,
                "body": format!(
                    "The repository policy asks that Dependabot looks after every package ecosystem here. {what}"
                ),
            })))
            .await?;
        Ok(format!("A pull request proposes it: {}", pull.html_url))
    }

    async fn content(&self, path: &str, branch: &str) -> Result<Option<Content>, Error> {
        let segments: Vec<&str> = std::iter::once("contents").chain(path.split('/')).collect();
        self.client
            .optional(&self.ask(get, &segments, "read a file of").with("ref", branch))
            .await
    }

    /// The pull request from this branch, an open one first.
    async fn proposed(&self, branch: &str) -> Result<Option<Pull>, Error> {
        let ask = self
            .ask(get, &["pulls"], "look for a pull request in")
            .with("head", format!("{}:{branch}", self.owner))
            .with("state", "all");
        let mut pulls: Vec<Pull> = self.client.json(&ask).await?;
        pulls.sort_by_key(|pull| pull.state != "open");
        Ok(pulls.into_iter().next())
    }

    /// Makes a branch, if it is not there.
    async fn branch(&self, branch: &str, base: &str) -> Result<(), Error> {
        let segments = |branch: &str| -> Vec<String> {
            let path = ["git", "ref", "heads"].into_iter().chain(branch.split('/'));
            path.map(ToOwned::to_owned).collect()
        };
        let read = |branch: &str| {
            let segments = segments(branch);
            let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
            self.ask(get, &segments, "read a branch of")
        };
        if self.client.optional::<Reference>(&read(branch)).await?.is_some() {
            return Ok(());
        }
        let base: Reference = self.client.json(&read(base)).await?;
        let ask = self.ask(post, &["git", "refs"], "make a branch in");
        let body = json!({"ref": format!("refs/heads/{branch}"), "sha": base.object.sha});
        self.client.done(&ask.body(body)).await
    }
}

/// Sets a secret for a repository's workflows, sealed with the repository's key.
/// Source: <https://docs.github.com/en/rest/guides/encrypting-secrets-for-the-rest-api>.
pub(crate) async fn put_secret(
    client: &Client,
    repository: &str,
    name: &str,
    value: &SecretValue,
) -> Result<(), Error> {
    let place = Place::of(client, repository)?;
    let ask = place.ask(
        get,
        &["actions", "secrets", "public-key"],
        "read the key for the secrets of",
    );
    let public: PublicKeyOf = client.json(&ask).await?;
    let broken = || Error::Refused {
        what: format!("seal a secret for {repository}"),
        status: 200,
        message: "the public key that GitHub gave is none".to_owned(),
        request: "none".to_owned(),
    };
    let bytes = BASE64_STANDARD.decode(&public.key).map_err(|_| broken())?;
    let key = PublicKey::from_slice(&bytes).map_err(|_| broken())?;
    let sealed = key.seal(&mut OsRng, value.expose().as_bytes()).map_err(|_| broken())?;
    let ask = place.ask(put, &["actions", "secrets", name], "set a secret of");
    let body = json!({"encrypted_value": BASE64_STANDARD.encode(sealed), "key_id": public.key_id});
    client.done(&ask.body(body)).await
}
