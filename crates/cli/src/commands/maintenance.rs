//! `maintenance`: whether the control plane does nothing unasked.

use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::health::Mode;
use jiff::Timestamp;
use serde_json::json;

use super::times::{parse_until, show};
use super::who::who;
use crate::context::Context;
use crate::error::CliError;
use crate::output::visible;
use crate::store;

const ON_HELP: &str = "\
The control plane watches, tells and serves requests, and changes nothing unasked: no repository is put
right, no report begins a change. Alerts go on, and each says so. It holds at once, in a running server too,
and until --until or `maintenance off`; it counts more than `mode` of the configuration and a function's MODE.

Examples:
  cc-devops maintenance on --reason \"moving the database\"
  cc-devops maintenance on --reason \"new disks\" --until 2h";

const OFF_HELP: &str = "\
Where the configuration says `mode = \"maintenance\"` it stays in maintenance mode, and that is said.

Example:
  cc-devops maintenance off";

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Do nothing unasked from now on
    #[command(after_help = ON_HELP)]
    On {
        /// Why; it is shown in the health, the audit trail and every alert
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Until when: RFC 3339, or how long from now, as in 2h
        #[arg(long, value_name = "TIME", value_parser = parse_until)]
        until: Option<Timestamp>,
        /// Who switches it on; without it, the user who gives the command
        #[arg(long, value_name = "WHO")]
        by: Option<String>,
    },
    /// Act again
    #[command(after_help = OFF_HELP)]
    Off {
        /// Who switches it off; without it, the user who gives the command
        #[arg(long, value_name = "WHO")]
        by: Option<String>,
    },
    /// Show whether it is on, why and until when
    Status,
}

/// Runs `maintenance`.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), CliError> {
    let opened = store::open(context).await?;
    let alerts = opened.capabilities.alerts();
    let configured = opened.capabilities.settings.mode == Mode::Maintenance;
    match command {
        Command::On { reason, until, by } => {
            alerts.maintenance_on(&reason, until, &who(by), Actor::Operator).await?;
        }
        Command::Off { by } => {
            alerts.maintenance_off(&who(by), Actor::Operator).await?;
        }
        Command::Status => {}
    }
    let kept = alerts.maintenance(opened.ports.clock.now()).await?;
    let document = json!({
        "maintenance": kept.is_some() || configured,
        "reason": kept.as_ref().map(|kept| &kept.reason),
        "by": kept.as_ref().map(|kept| &kept.by),
        "since": kept.as_ref().map(|kept| kept.since),
        "until": kept.as_ref().and_then(|kept| kept.until),
        "configured": configured,
    });
    context.output.answer(&document, || match (&kept, configured) {
        (Some(kept), _) => format!(
            "maintenance mode is on since {}, by {}{}: {}",
            show(kept.since),
            visible(&kept.by),
            kept.until
                .map_or_else(String::new, |until| format!(", until {}", show(until))),
            visible(&kept.reason)
        ),
        (None, true) => "maintenance mode is on, because the configuration says mode = \"maintenance\"".to_owned(),
        (None, false) => "maintenance mode is off".to_owned(),
    })
}
