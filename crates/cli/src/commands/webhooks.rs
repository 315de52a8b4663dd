//! `webhooks`: who is told over HTTP, how their endpoints do, and what was given up.

use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::paging::Cursor;
use cc_devops_outbound::Guard;
use cc_devops_outbox::webhooks::{
    DeadLetter, Subscription, SubscriptionId, SubscriptionStatus, Subscriptions, signing_secret,
};
use cc_devops_requests::ports::Ports;
use serde_json::{Value, json};

use super::times::{show, show_or_dash};
use crate::context::Context;
use crate::error::CliError;
use crate::output::table;
use crate::store;

/// How many dead letters are read at once.
const PAGE: usize = 200;

const ADD_HELP: &str = "\
The signing secret is shown once and cannot be shown again. The address is https, or http to this
machine itself; where it leads into a private network, `egress.allow` must name that.

Examples:
  cc-devops webhooks add https://example.org/devops
  cc-devops webhooks add http://127.0.0.1:9000/devops --agent ContentOrchestrator";

const ENABLE_HELP: &str = "\
What waited for it is delivered, and what comes to be from now on is queued. What came to be while it
was off was not: its owner finds that in GET /v1/events.

Example:
  cc-devops webhooks enable wh_0197c2d1a9f07d10a3f6b1f0d7a7c001";

const REPLAY_HELP: &str = "\
Every dead letter of the subscription is delivered again, from the first attempt on, with the
webhook-id it had. Mend what was wrong first: `webhooks dead` says what that was.

Example:
  cc-devops webhooks replay wh_0197c2d1a9f07d10a3f6b1f0d7a7c001";

/// What to do with webhooks.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the subscriptions and how their endpoints do
    List,
    /// Add a subscription and show its signing secret
    #[command(after_help = ADD_HELP)]
    Add {
        /// Where to POST
        url: String,
        /// Only events for this agent
        #[arg(long)]
        agent: Option<AgentName>,
    },
    /// Remove a subscription and all that waits for it
    Remove {
        /// The subscription
        id: String,
    },
    /// Switch an endpoint on again that was switched off
    #[command(after_help = ENABLE_HELP)]
    Enable {
        /// The subscription
        id: String,
    },
    /// Show the deliveries that were given up
    Dead {
        /// The subscription
        id: String,
    },
    /// Deliver again what was given up
    #[command(after_help = REPLAY_HELP)]
    Replay {
        /// The subscription
        id: String,
    },
}

/// Runs `webhooks`.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    let config = context.load_settings()?.settings;
    let opened = store::open(context).await?;
    let ports = &opened.ports;
    // Whoever may open the store is the operator.
    let acts = Subscriptions::new(ports, Actor::Operator);
    let output = &context.output;
    match command {
        Command::List => {
            let all = ports.webhooks.statuses().await?;
            let document: Vec<Value> = all.iter().map(row).collect();
            output.answer(&json!({"webhooks": document}), || list_text(&all))?;
        }
        Command::Add { url, agent } => {
            let read = Guard::new(config.server.egress).read(&url);
            let origin = read.map_err(|refused| CliError::Usage(refused.to_string()))?.origin();
            let subscription = Subscription {
                id: SubscriptionId(format!("wh_{}", uuid::Uuid::now_v7().simple())),
                url,
                agent,
                created_at: ports.clock.now(),
            };
            let mut bits = [0; 32];
            getrandom::fill(&mut bits)
                .map_err(|error| CliError::Failed(format!("the operating system gives no random bits: {error}")))?;
            let secret = signing_secret(bits);
            let status = acts.add(&subscription, &secret, &origin.ascii_serialization()).await?;
            let mut document = row(&status);
            if let Value::Object(fields) = &mut document {
                fields.insert("secret".to_owned(), json!(secret.expose()));
            }
            let id = &subscription.id.0;
            output.answer(&document, || format!("added {id}\nsecret {}", secret.expose()))?;
            output.note("keep the secret now; it cannot be shown again");
        }
        Command::Remove { id } => {
            let id = SubscriptionId(id);
            acts.remove(&id).await?;
            output.answer(&json!({"id": id, "removed": true}), || format!("removed {}", id.0))?;
        }
        Command::Enable { id } => {
            let id = SubscriptionId(id);
            let status = acts.enable(&id).await?;
            output.answer(&row(&status), || format!("{} is on", id.0))?;
        }
        Command::Dead { id } => {
            let id = SubscriptionId(id);
            acts.find(&id).await?;
            let letters = dead_letters(ports, &id).await?;
            let document: Vec<Value> = letters.iter().map(letter).collect();
            output.answer(&json!({"deadLetters": document}), || letters_text(&letters))?;
        }
        Command::Replay { id } => {
            let id = SubscriptionId(id);
            let replayed = acts.replay(&id).await?;
            output.answer(&json!({"id": id, "replayed": replayed}), || {
                format!("gave {replayed} dead letters back to {}", id.0)
            })?;
        }
    }
    Ok(())
}

async fn dead_letters(ports: &Ports, id: &SubscriptionId) -> Result<Vec<DeadLetter>, CliError> {
    let (mut letters, mut after): (Vec<DeadLetter>, Option<Cursor>) = (Vec::new(), None);
    loop {
        let page = ports.webhooks.dead_letters(id, after, PAGE).await?;
        letters.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(letters);
        }
    }
}

fn state(status: &SubscriptionStatus) -> &'static str {
    match (status.endpoint.disabled_at, status.endpoint.failing_since) {
        (Some(_), _) => "off",
        (None, Some(_)) => "failing",
        (None, None) => "on",
    }
}

fn row(status: &SubscriptionStatus) -> Value {
    let (subscription, endpoint) = (&status.subscription, &status.endpoint);
    json!({
        "id": subscription.id,
        "url": subscription.url,
        "agent": subscription.agent,
        "createdAt": subscription.created_at,
        "enabled": endpoint.disabled_at.is_none(),
        "disabledAt": endpoint.disabled_at,
        "failingSince": endpoint.failing_since,
        "lastError": endpoint.last_error,
        "deadLetters": status.dead_letters,
    })
}

fn list_text(all: &[SubscriptionStatus]) -> String {
    let rows = all.iter().map(|status| {
        let (subscription, endpoint) = (&status.subscription, &status.endpoint);
        vec![
            subscription.id.0.clone(),
            subscription.url.clone(),
            subscription
                .agent
                .as_ref()
                .map_or_else(|| "all".to_owned(), ToString::to_string),
            state(status).to_owned(),
            show_or_dash(endpoint.failing_since),
            status.dead_letters.to_string(),
            endpoint.last_error.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    });
    let columns = [
        "WEBHOOK",
        "URL",
        "AGENT",
        "STATE",
        "FAILING SINCE",
        "DEAD",
        "LAST ERROR",
    ];
    table(&columns, rows)
}

fn letter(letter: &DeadLetter) -> Value {
    json!({
        "messageId": letter.message_id,
        "about": letter.event.body.key(),
        "agent": letter.event.agent,
        "attempts": letter.attempts,
        "error": letter.error,
        "buriedAt": letter.buried_at,
    })
}

fn letters_text(letters: &[DeadLetter]) -> String {
    let rows = letters.iter().map(|letter| {
        vec![
            letter.message_id.clone(),
            letter.event.body.key().to_owned(),
            letter.event.agent.to_string(),
            letter.attempts.to_string(),
            show(letter.buried_at),
            letter.error.clone(),
        ]
    });
    table(&["MESSAGE", "ABOUT", "AGENT", "ATTEMPTS", "GIVEN UP", "ERROR"], rows)
}
