//! Talks to the running control plane over HTTP, as any agent does.
//!
//! The server is found through the data folder, and so is the admin's token, unless the command
//! line says otherwise. The admin's token never goes to an address beyond this machine by itself.

use std::path::PathBuf;
use std::time::Duration;

use cc_devops_kernel::input;
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbound::loopback::is_loopback_url;
use cc_devops_outbound::{
    Certificates, Error, HttpClient, HttpOptions, Method, PlainHttp, Request, StatusCode, Trust, Url, bearer,
};
use cc_devops_requests::sealed_values::SealingKey;
use serde_json::Value;

use crate::context::Context;
use crate::data_dir::{DataDir, read_token};
use crate::error::CliError;
use crate::pinned::{self, Fingerprint};
use crate::public_url::{listening, reachable};
use crate::store;

/// How long an answer may take beside the time it is asked to wait.
const PATIENCE: Duration = Duration::from_mins(1);

/// No answer of a control plane comes near it.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// Which server, and in whose name.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct Target {
    /// Address of the control plane; without it, the server that runs on the data folder
    #[arg(long, env = "CC_DEVOPS_URL", value_name = "URL")]
    pub(crate) url: Option<Url>,
    /// Token to present; other users of the machine can see it here, so prefer --token-file
    #[arg(
        long,
        env = "CC_DEVOPS_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        conflicts_with = "token_file"
    )]
    token: Option<Hidden>,
    /// File that holds the token; without it, the admin's token in the data folder
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// A token from the command line or the environment, which `Debug` does not show.
#[derive(Clone)]
struct Hidden(SecretValue);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[hidden]")
    }
}

impl std::str::FromStr for Hidden {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(SecretValue::new(text.trim().to_owned())))
    }
}

/// A connection to the control plane.
pub(crate) struct Client {
    http: HttpClient,
    base: Url,
    token: Option<SecretValue>,
    patience: Duration,
}

/// What the control plane answered.
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: Value,
}

impl Client {
    /// A client with a token.
    pub(crate) fn authenticated(context: &Context, target: &Target) -> Result<Self, CliError> {
        let mut client = Self::anonymous(context, target.url.as_ref())?;
        let token = match (&target.token, &target.token_file) {
            (Some(Hidden(token)), _) => token.clone(),
            (None, Some(file)) => read_token(file)?,
            (None, None) if target.url.is_none() || is_loopback_url(&client.base) => {
                read_token(&DataDir::new(&context.global.data_dir).token_file())?
            }
            (None, None) => {
                return Err(CliError::Usage(format!(
                    "the admin's token stays on this machine: name a token for {} with --token-file",
                    client.base
                )));
            }
        };
        client.token = Some(token);
        Ok(client)
    }

    /// A client with the token that was named, or with the admin's where it is at hand and the server
    /// is on this machine; else without one.
    pub(crate) fn with_a_token_at_hand(context: &Context, target: &Target) -> Result<Self, CliError> {
        let mut client = Self::anonymous(context, target.url.as_ref())?;
        client.token = match (&target.token, &target.token_file) {
            (Some(Hidden(token)), _) => Some(token.clone()),
            (None, Some(file)) => Some(read_token(file)?),
            (None, None) if target.url.is_none() || is_loopback_url(&client.base) => {
                read_token(&DataDir::new(&context.global.data_dir).token_file()).ok()
            }
            (None, None) => None,
        };
        Ok(client)
    }

    /// A client without a token.
    pub(crate) fn anonymous(context: &Context, url: Option<&Url>) -> Result<Self, CliError> {
        let (base, certificate) = match url {
            Some(url) => (url.clone(), None),
            None => running_server(context)?,
        };
        let trust = match certificate {
            Some(certificate) => {
                let tls =
                    pinned::client(certificate).map_err(|error| CliError::internal("TLS cannot be spoken", error))?;
                Trust::Configured(Box::new(tls))
            }
            None if base.scheme() == "https" => own_certificates(context)?,
            None => Trust::System,
        };
        let options = HttpOptions {
            connect_timeout: Duration::from_secs(5),
            largest_answer: LARGEST_ANSWER,
            // Whoever names an address, and a token for it, may have a network that nobody else is on.
            plain_http: PlainHttp::Anywhere,
            trust,
            ..HttpOptions::default()
        };
        let http = HttpClient::configured(&base, options).map_err(|error| match error {
            Error::PlainHttp if base.cannot_be_a_base() => no_address(&base),
            Error::PlainHttp => unreachable(&base, error),
            error => CliError::internal("the HTTP client cannot be made", error),
        })?;
        Ok(Self {
            http,
            base,
            token: None,
            patience: PATIENCE,
        })
    }

    /// The same client, which waits for an answer no longer than that.
    pub(crate) fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Where the control plane is.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// Asks for what stands under `path`, segment by segment. `wait` is how many seconds the server
    /// may hold its answer back. Whatever the status, what came back is given back.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<Vec<u8>>,
        wait: u64,
    ) -> Result<Answer, CliError> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => {
                segments.pop_if_empty().extend(path);
            }
            Err(()) => {
                return Err(no_address(&self.base));
            }
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = Request::new(method, url).within(self.patience.saturating_add(Duration::from_secs(wait)));
        if let Some(token) = &self.token {
            let token = bearer(token.expose())
                .map_err(|_| CliError::Usage("the token has characters that no token has".to_owned()))?;
            request = request.authorization(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = self
            .http
            .send(request)
            .await
            .map_err(|error| unreachable(&self.base, error))?;
        let status = answer.status.as_u16();
        let body = input::document(&answer.body).map_err(|error| {
            let message = format!("{} does not answer as a control plane does (HTTP {status})", self.base);
            match status {
                // A proxy's own words.
                429 | 502..=504 => CliError::Answer { status, message },
                _ => CliError::Unreachable {
                    message,
                    source: Some(error.into()),
                },
            }
        })?;
        Ok(Answer { status, body })
    }

    /// The key that values are to be sealed to.
    pub(crate) async fn sealing_key(&self) -> Result<SealingKey, CliError> {
        let answer = self
            .ask(Method::GET, &["v1", "sealing-key"], &[], None, 0)
            .await?
            .success()?;
        serde_json::from_value(answer).map_err(|error| CliError::Unreachable {
            message: format!("{} does not answer as a control plane does", self.base),
            source: Some(error.into()),
        })
    }
}

fn no_address(base: &Url) -> CliError {
    CliError::Usage(format!("{base} is no address of a control plane"))
}

/// What it means that no whole answer came.
fn unreachable(base: &Url, error: Error) -> CliError {
    if let Error::TimedOut(_) = error {
        return CliError::TimedOut {
            message: format!(
                "the control plane at {base} did not answer in time; it hangs, is stopped or is overloaded: look at \
                 its process and its log"
            ),
        };
    }
    if error.is_tls() {
        return CliError::Tls {
            message: format!(
                "what answers at {base} does not show a certificate that is trusted for it, or speaks no TLS; name \
                 the control plane by the host its certificate is for, or by its data folder"
            ),
            source: error.into(),
        };
    }
    let message = match error {
        Error::TooLarge { .. } => format!("{base} does not answer as a control plane does"),
        _ => format!("the control plane at {base} does not answer; is it running? Start it with `cc-devops serve`"),
    };
    CliError::Unreachable {
        message,
        source: Some(error.into()),
    }
}

impl Answer {
    /// The body of a success, or the problem the server named.
    pub(crate) fn success(self) -> Result<Value, CliError> {
        if StatusCode::from_u16(self.status).is_ok_and(|status| status.is_success()) {
            return Ok(self.body);
        }
        let text = |name: &str| self.body.get(name).and_then(Value::as_str);
        let sentence = text("detail")
            .or_else(|| text("title"))
            .unwrap_or("the server gave no reason");
        let reason = text("reason").map_or_else(String::new, |reason| format!(" ({reason})"));
        let hint = if self.status == 401 {
            "; check the token: `cc-devops agents rotate NAME` makes a new one"
        } else {
            ""
        };
        Err(CliError::Answer {
            status: self.status,
            message: format!("{sentence}{reason}{hint}"),
        })
    }
}

/// Where the server on the data folder is, and by which certificate it is known.
fn running_server(context: &Context) -> Result<(Url, Option<Fingerprint>), CliError> {
    let dir = DataDir::new(&context.global.data_dir);
    if !store::exists(dir.path()) {
        return Err(CliError::OtherFolder {
            folder: dir.path().to_owned(),
        });
    }
    let Some(server) = dir.running()? else {
        return Err(CliError::Unreachable {
            message: format!(
                "no control plane runs on the data folder {}; start one with `cc-devops serve`, or name one with --url",
                dir.path().display()
            ),
            source: None,
        });
    };
    let url = Url::parse(&listening(reachable(server.address), server.tls))
        .map_err(|error| CliError::internal("the server's address is no URL", error))?;
    Ok((url, server.certificate))
}

/// Trust in the server's own certificate too, because it is ours.
fn own_certificates(context: &Context) -> Result<Trust, CliError> {
    let config = context.load_settings()?;
    let Some(tls) = &config.settings.server.tls else {
        return Ok(Trust::System);
    };
    let pem = std::fs::read(&tls.certificate)
        .map_err(|error| CliError::open(format!("cannot read {}", tls.certificate.display()), error))?;
    let certificates = Certificates::from_pem(&pem)
        .map_err(|error| CliError::open(format!("{} holds no certificate", tls.certificate.display()), error))?;
    Ok(Trust::Also(certificates))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ExitCodes;

    #[test]
    fn a_problem_is_told_in_the_servers_words() {
        let answer = Answer {
            status: 403,
            body: serde_json::json!({"title": "Forbidden", "detail": "no policy permits it", "reason": "security_violation"}),
        };
        let error = answer.success().unwrap_err();
        assert_eq!(error.to_string(), "no policy permits it (security_violation)");
        assert_eq!(error.code(ExitCodes::Common), 4);
    }
}
