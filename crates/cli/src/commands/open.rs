//! `open`: a link that signs in to the dashboard, and the browser with it.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use cc_devops_outbound::loopback::is_loopback_url;
use cc_devops_outbound::{Method, Url};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::times::show;
use crate::client::{Client, Target};
use crate::context::Context;
use crate::error::CliError;

const AFTER_HELP: &str = "\
The link is good once, for a minute, and as good as the token that asks for it: the session it begins may what
the token may, and ends with it. That it was made, and that it was used, stands in the audit trail. Where no
browser can be opened, the link is printed all the same. While a browser is started, other users of the machine
can see its command line; --no-browser starts none.

Examples:
  cc-devops open
  cc-devops open --no-browser
  cc-devops open --url https://devops.example.com --token-file ana.token
  cc-devops open --json   prints {\"url\", \"expiresAt\"}";

/// What opens an address in the browser that its user chose.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// Which control plane, and whether to open a browser.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Which server, and whose token
    #[command(flatten)]
    target: Target,
    /// Print the link and open no browser
    #[arg(long)]
    no_browser: bool,
}

/// Runs `open`.
pub(crate) async fn run(context: &Context, args: &Args) -> Result<(), CliError> {
    let client = Client::authenticated(context, &args.target)?;
    let path = ["v1", "dashboard", "links"];
    let body = client.ask(Method::POST, &path, &[], None, 0).await?.success()?;
    let (url, ends) = read(&body).ok_or_else(|| CliError::Unreachable {
        message: format!("{} does not answer as a control plane does", client.base()),
        source: None,
    })?;
    let url = from_here(url, client.base());
    let output = context.output;
    output.answer(&json!({"url": url.as_str(), "expiresAt": ends}), || {
        url.as_str().to_owned()
    })?;
    let opened = !output.is_json() && !args.no_browser && browse(&url);
    let what = if opened {
        "your browser should open it now"
    } else {
        "open it in a browser"
    };
    output.note(&format!("{what}; it is good once, until {}", show(ends)));
    Ok(())
}

fn read(body: &Value) -> Option<(Url, Timestamp)> {
    let url = Url::parse(body.get("url")?.as_str()?).ok()?;
    let web = matches!(url.scheme(), "http" | "https");
    let ends = body.get("expiresAt")?.as_str()?.parse().ok()?;
    web.then_some((url, ends))
}

/// The link as it is good here: a server elsewhere that knows no public address names its own machine, and is reached as it
/// was just now.
fn from_here(url: Url, base: &Url) -> Url {
    if !is_loopback_url(&url) || is_loopback_url(base) {
        return url;
    }
    let mut there = base.clone();
    if let Ok(mut segments) = there.path_segments_mut() {
        segments
            .pop_if_empty()
            .extend(url.path_segments().into_iter().flatten());
    }
    there.set_query(url.query());
    there
}

/// Opens a browser and does not wait for it. False where there is none to be opened.
fn browse(url: &Url) -> bool {
    let mut command = Command::new(OPENER);
    command.arg(url.as_str());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // It is not ended with this command, and does not read from the terminal.
    command.process_group(0).spawn().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_where_the_server_was_reached() {
        let here = |url: &str, base: &str| from_here(url.parse().unwrap(), &base.parse().unwrap()).to_string();
        let link = "/ui/open?key=a1";
        for (url, base, expected) in [
            (
                "http://127.0.0.1:8787",
                "http://127.0.0.1:8787/",
                "http://127.0.0.1:8787",
            ),
            (
                "http://127.0.0.1:8787",
                "http://localhost:9000/",
                "http://127.0.0.1:8787",
            ),
            (
                "http://127.0.0.1:8787",
                "https://far.example.org/",
                "https://far.example.org",
            ),
            (
                "http://127.0.0.1:8787",
                "https://far.example.org/devops/",
                "https://far.example.org/devops",
            ),
            (
                "https://devops.example.org",
                "https://10.0.0.5/",
                "https://devops.example.org",
            ),
        ] {
            assert_eq!(here(&format!("{url}{link}"), base), format!("{expected}{link}"));
        }
    }

    #[test]
    fn only_a_web_address_is_opened() {
        let of = |url: &str| read(&json!({"url": url, "expiresAt": "2026-03-01T06:01:00Z"}));
        assert!(of("https://devops.example.org/ui/open?key=a1").is_some());
        assert!(of("file:///etc/passwd").is_none());
        assert!(of("--help").is_none());
        assert!(read(&json!({"url": "https://a/"})).is_none());
    }
}
