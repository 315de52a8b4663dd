//! `agents ping-url` and `agents badge`: addresses that cannot be guessed.

use cc_devops_fleet::badges::Badge;
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::names::AgentName;
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::public_url::public_url;
use crate::store::Opened;

/// Runs `agents ping-url`.
pub(super) async fn ping_url(
    context: &Context,
    opened: &Opened,
    name: &AgentName,
    rotate: bool,
) -> Result<(), CliError> {
    let watching = opened.capabilities.watching().await?;
    let address = if rotate {
        watching.rotate(name, Actor::Operator).await?
    } else {
        watching.ping_address(name, Actor::Operator).await?
    };
    let base = public_url(context, &opened.capabilities.settings)?;
    let (url, by_slug) = (base.clone() + &address.path(), base + &address.slug_path());
    let document = json!({"agent": name, "ping_url": url, "slug_url": by_slug, "rotated": rotate});
    context.output.content(&document, &url)?;
    if rotate {
        context.output.note("the old address has ended");
    }
    Ok(())
}

/// Runs `agents badge`, of one agent or of all.
pub(super) async fn badge(context: &Context, opened: &Opened, name: Option<&AgentName>) -> Result<(), CliError> {
    let badge = match name {
        Some(name) => {
            opened.watched(name).await?;
            Badge::Agent(name.clone())
        }
        None => Badge::All,
    };
    let key = opened.capabilities.badge_keys().await?.key(&badge);
    let base = public_url(context, &opened.capabilities.settings)?;
    let address = |form: &str| format!("{base}/badge/{key}.{form}");
    let document = json!({
        "agent": name,
        "svg": address("svg"),
        "json": address("json"),
        "shields": address("shields"),
    });
    let text = ["svg", "json", "shields"].map(address).join("\n");
    context.output.content(&document, &text)
}
