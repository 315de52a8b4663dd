//! `outbox`: who is still to be told of events, what was given up, and giving it back.

use cc_devops_kernel::acts::Actor;
use cc_devops_outbox::ports::{Consumer, SetAside, Standing};
use cc_devops_requests::ports::Ports;
use cc_devops_requests::standing::give_back;
use serde_json::{Value, json};

use super::times::{show, show_or_dash};
use crate::context::Context;
use crate::error::CliError;
use crate::output::table;
use crate::store;

/// How many events that were set aside are shown for each consumer.
const SHOWN: usize = 100;

const LIST_HELP: &str = "\
Every event is taken to each consumer on its own: the webhooks' queue, the metrics, people, and on
AWS the bus and the log. What a consumer does not take is tried again for about a day, then set
aside. At most 100 events are shown for each consumer, oldest first.

Examples:
  cc-devops outbox list
  cc-devops outbox list people --json        prints {\"consumers\": [...], \"setAside\": [...]}";

const RETRY_HELP: &str = "\
Everything that was set aside for the consumer is told again, as if it had never failed. Mend what
was wrong first: `outbox list` says what that was.

Example:
  cc-devops outbox retry people";

/// What to do with the outbox.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show how each consumer stands, and the events that were set aside
    #[command(after_help = LIST_HELP)]
    List {
        /// Only this one: bus, log, webhooks, metrics or people
        #[arg(value_parser = consumer)]
        consumer: Option<Consumer>,
    },
    /// Give back to a consumer what was set aside for it
    #[command(after_help = RETRY_HELP)]
    Retry {
        /// Which one: bus, log, webhooks, metrics or people
        #[arg(value_parser = consumer)]
        consumer: Consumer,
    },
}

fn consumer(name: &str) -> Result<Consumer, String> {
    Consumer::find(name).ok_or_else(|| {
        let all = Consumer::ALL.map(Consumer::as_str).join(", ");
        format!("there is none of that name; it is one of {all}")
    })
}

/// Runs `outbox`.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    let opened = store::open(context).await?;
    let ports = &opened.ports;
    match command {
        Command::List { consumer } => list(context, ports, consumer).await,
        Command::Retry { consumer } => {
            known(ports, consumer)?;
            let given = give_back(ports, consumer, Actor::Operator).await?;
            context
                .output
                .answer(&json!({"consumer": consumer.as_str(), "givenBack": given}), || {
                    format!("gave {given} events back to {consumer}")
                })
        }
    }
}

fn known(ports: &Ports, consumer: Consumer) -> Result<(), CliError> {
    let there = ports.outbox.consumers();
    if there.contains(&consumer) {
        return Ok(());
    }
    let names: Vec<&str> = there.iter().map(|consumer| consumer.as_str()).collect();
    Err(CliError::Usage(format!(
        "this backend does not tell {consumer} by its outbox; it tells {}",
        names.join(", ")
    )))
}

async fn list(context: &Context, ports: &Ports, only: Option<Consumer>) -> Result<(), CliError> {
    if let Some(consumer) = only {
        known(ports, consumer)?;
    }
    let mut standings = ports.outbox.standing(ports.clock.now()).await?;
    standings.retain(|standing| only.is_none_or(|consumer| consumer == standing.consumer));
    let mut aside: Vec<(Consumer, SetAside)> = Vec::new();
    for standing in standings.iter().filter(|standing| standing.set_aside > 0) {
        let page = ports.outbox.set_aside(standing.consumer, None, SHOWN).await?;
        aside.extend(page.items.into_iter().map(|one| (standing.consumer, one)));
    }
    let document = json!({
        "consumers": standings.iter().map(standing_row).collect::<Vec<_>>(),
        "setAside": aside.iter().map(|(consumer, one)| aside_row(*consumer, one)).collect::<Vec<_>>(),
    });
    context.output.answer(&document, || text(&standings, &aside))
}

fn standing_row(standing: &Standing) -> Value {
    json!({
        "consumer": standing.consumer.as_str(),
        "oldest": standing.oldest,
        "waiting": standing.waiting,
        "failing": standing.failing,
        "setAside": standing.set_aside,
    })
}

fn about(aside: &SetAside) -> &str {
    aside.event.as_ref().map_or("cannot be read", |event| event.body.key())
}

fn aside_row(consumer: Consumer, aside: &SetAside) -> Value {
    let event = aside.event.as_ref().ok();
    json!({
        "consumer": consumer.as_str(),
        "event": aside.id,
        "about": event.map(|event| event.body.key()),
        "agent": event.map(|event| event.agent.as_str()),
        "failures": aside.failures,
        "error": aside.error,
        "at": aside.at,
    })
}

fn text(standings: &[Standing], aside: &[(Consumer, SetAside)]) -> String {
    let rows = standings.iter().map(|standing| {
        vec![
            standing.consumer.to_string(),
            show_or_dash(standing.oldest),
            standing.waiting.to_string(),
            standing.failing.to_string(),
            standing.set_aside.to_string(),
        ]
    });
    let mut text = table(&["CONSUMER", "OLDEST", "WAITING", "FAILING", "SET ASIDE"], rows);
    if !aside.is_empty() {
        let rows = aside.iter().map(|(consumer, one)| {
            vec![
                consumer.to_string(),
                about(one).to_owned(),
                show(one.at),
                one.failures.to_string(),
                one.error.clone(),
            ]
        });
        text.push_str("\n\n");
        text.push_str(&table(&["CONSUMER", "ABOUT", "SET ASIDE", "FAILURES", "ERROR"], rows));
    }
    text
}
