//! `fleet next`: a schedule in words, and when it is due next.

use cc_devops_fleet::schedule::Schedule;
use cc_devops_kernel::ports::{Clock, SystemClock};
use jiff::Timestamp;
use serde_json::json;

use super::super::schedules::{due_line, usage};
use super::super::times::parse_moment;
use crate::error::CliError;
use crate::output::Output;

const AFTER_HELP: &str = "\
EXPR is a period (`5m`; a whole number with s, m, h or d), a cron expression of five fields or a name such
as `@daily`, or one of systemd's OnCalendar, as `systemctl show` and timer units have it. What it can be
is said where it cannot be read. `agents set NAME` takes the same as --period, --cron and --on-calendar.

Examples:
  cc-devops fleet next \"0 6 * * mon-fri\" --tz Europe/Berlin
  cc-devops fleet next \"30 2 * * *\" --tz Europe/Berlin --from 2026-03-28    the night the clock jumps
  cc-devops fleet next \"Mon *-*-* 09:00\" --count 10 --json";

/// Which schedule.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The schedule
    #[arg(value_name = "EXPR")]
    expression: String,
    /// Zone whose wall clock it follows, as in Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    tz: String,
    /// From when on, instead of now: RFC 3339, a day, or how long ago
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    from: Option<Timestamp>,
    /// How many times to show
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    count: u16,
}

/// Runs `fleet next`.
pub(super) fn run(output: Output, args: &Args) -> Result<(), CliError> {
    let from = args.from.unwrap_or_else(|| SystemClock.now());
    let schedule = Schedule::read(&args.expression, &args.tz, from).map_err(usage)?;
    let next = schedule.next_times(from, args.count.into());
    let words = schedule.in_words();
    let document = json!({"schedule": words, "timezone": args.tz, "from": from, "next": next});
    output.answer(&document, || {
        let zone = schedule.zone();
        let lines = next.iter().map(|at| due_line(*at, &zone));
        std::iter::once(words.clone())
            .chain(lines)
            .collect::<Vec<_>>()
            .join("\n")
    })
}
