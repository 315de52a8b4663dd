#![doc = include_str!("../README.md")]

mod args;
mod client;
mod commands;
mod confirmation;
mod context;
mod credentials;
mod data_dir;
mod error;
mod file_limit;
mod logging;
mod output;
mod pinned;
mod public_url;
mod sealing;
mod serve;
mod store;
mod trail;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use args::{Cli, Command};
use context::Context;
use error::CliError;
use output::Output;

/// A request makes and drops some two hundred small things across threads; the C library's allocator spends a quarter of
/// a heartbeat on that, this one a few hundredths.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keep_memory_out_of_core_dumps();
    if let Some(ended) = cc_devops_embedded::stacks::take_part() {
        return ended;
    }
    let cli = Cli::parse();
    let output = Output::new(cli.global.json);
    let codes = cli.command.exit_codes();
    match run(cli, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = error.code(codes);
            output.error(&error, code);
            ExitCode::from(code)
        }
    }
}

/// A core dump would put secrets and keys on the disk. This holds for whatever is started from here, too.
fn keep_memory_out_of_core_dumps() {
    // No dump is as short as one byte. Zero would do for files alone: a program that dumps are piped to, as apport is,
    // gets them whatever the limit (core(5)), except for one, which the kernel takes for a no (fs/coredump.c).
    let least = Rlimit {
        current: Some(1),
        maximum: Some(1),
    };
    if setrlimit(Resource::Core, least).is_err() {
        // It is zero and may not be raised: this process at least is not dumped through a pipe either.
        let _not_told = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

fn run(cli: Cli, output: Output) -> Result<(), CliError> {
    let context = Context {
        global: cli.global,
        output,
    };
    match cli.command {
        // Only the server has work for more than one thread, and logs as the configuration says.
        Command::Serve(args) => {
            let loaded = context.load_settings()?;
            logging::start(&context.global, Some(&loaded.file.log))?;
            block_on(
                &mut tokio::runtime::Builder::new_multi_thread(),
                serve::run(&context, args, loaded),
            )
        }
        Command::Operation(operation) => {
            logging::start(&context.global, None)?;
            block_on(
                &mut tokio::runtime::Builder::new_current_thread(),
                commands::run(&context, *operation),
            )
        }
        Command::Completions(args) => commands::completions::run(&args, &mut Cli::command()),
        Command::Man(args) => commands::man::run(&args, Cli::command()),
    }
}

fn block_on<F>(builder: &mut tokio::runtime::Builder, work: F) -> Result<(), CliError>
where
    F: Future<Output = Result<(), CliError>>,
{
    let runtime = builder
        .enable_all()
        .build()
        .map_err(|error| CliError::internal("the runtime cannot be started", error))?;
    runtime.block_on(work)
}
