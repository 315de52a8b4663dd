//! What a supervisor does, from the order to the last word.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::signal::unix::{Signal, SignalKind, signal};
use zeroize::Zeroizing;

use super::super::output::{Output, Source};
use super::super::redaction::Secrets;
use super::plan_file::Place;
use super::process_tree::ProcessTree;
use super::{Ending, ExitRecord, Order, starting};

/// How long to go on reading after everything has ended: another process may have been given the pipe.
const DRAIN: Duration = Duration::from_millis(500);

/// Takes the order, carries it out, and gives the last word.
pub(super) async fn watch() -> ExitRecord {
    match try_watch().await {
        Ok(word) => word,
        Err(error) => ExitRecord::of(Ending::NotStarted {
            message: error.to_string(),
        }),
    }
}

async fn try_watch() -> io::Result<ExitRecord> {
    let mut stop = Stop::listen()?;
    // Before the first child: none may end unheard.
    let ended = signal(SignalKind::child())?;
    let Some(mut order) = stop.order().await? else {
        return Ok(ExitRecord::of(Ending::NotBegun));
    };
    let secrets = Secrets::new(order.secrets.iter().map(super::Bytes::expose));
    let output = Arc::new(Mutex::new(Output::new(secrets)));
    let plan = Place::of(&mut order)?;
    let made = match &plan {
        Some(plan) => plan.make().await,
        None => Ok(()),
    };
    let started = match made.and_then(|()| starting::start(&order)) {
        Ok(started) => started,
        Err(error) => {
            if let Some(plan) = &plan {
                // What is left is empty, or says what the server has on record; why there is no more is said.
                let _left = plan.remove().await;
            }
            return Err(error);
        }
    };
    let limit = Duration::from_millis(order.limit_ms);
    drop(order);
    let readers = tokio::spawn({
        let output = Arc::clone(&output);
        async move {
            tokio::join!(
                collect(started.stdout.into(), Source::Stdout, &output),
                collect(started.stderr.into(), Source::Stderr, &output)
            );
        }
    });
    let mut tree = ProcessTree::of(started.leader, ended);
    let ending = see_to_its_end(&mut tree, limit, &mut stop, &output).await;
    let abort = readers.abort_handle();
    if tokio::time::timeout(DRAIN, readers).await.is_err() {
        abort.abort();
    }
    // Nothing of the command is left that could write to it.
    let written = match (&ending, &plan) {
        (Ok(Ending::Exited { status: 0 }), Some(plan)) if plan.is_to_be_written() => Some(plan.take().await),
        _ => None,
    };
    if let Some(plan) = &plan
        && let Err(error) = plan.remove().await
    {
        held(&output).note(&format!("the plan's file could not be removed: {error}"));
    }
    // Nothing reads any more, so that what is there now is all there is.
    let output = std::mem::replace(&mut *held(&output), Output::new(Secrets::new([])));
    let ending = ending.unwrap_or_else(|error| Ending::Lost {
        message: error.to_string(),
    });
    Ok(ExitRecord {
        output: Some(output.finish()),
        written,
        ..ExitRecord::of(ending)
    })
}

/// Comes when the command has ended, and whatever it started with it.
async fn see_to_its_end(
    tree: &mut ProcessTree,
    limit: Duration,
    stop: &mut Stop,
    output: &Mutex<Output>,
) -> io::Result<Ending> {
    let stopped = tokio::select! {
        status = tree.leader_ended() => {
            let status = status?;
            if tree.end_the_rest().await? {
                held(output).note("what the command left running was ended");
            }
            return Ok(Ending::Exited { status });
        }
        () = tokio::time::sleep(limit) => Ending::TimedOut,
        () = stop.asked() => Ending::Stopped,
    };
    tree.end().await?;
    Ok(stopped)
}

async fn collect(fd: OwnedFd, source: Source, output: &Mutex<Output>) {
    let Ok(mut pipe) = pipe::Receiver::from_owned_fd(fd) else {
        return;
    };
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        held(output).push(source, buffer.get(..read).unwrap_or_default());
    }
}

fn held(output: &Mutex<Output>) -> MutexGuard<'_, Output> {
    output.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the server says, a line each: first what to run, then that it is to stop.
struct Orders {
    pipe: pipe::Receiver,
    unread: Zeroizing<Vec<u8>>,
}

impl Orders {
    /// The next line. None once the server has ended. Nothing is lost where the waiting is given up.
    async fn next(&mut self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let after = self.unread.split_off(end.saturating_add(1));
                return Ok(Some(std::mem::replace(&mut self.unread, Zeroizing::new(after))));
            }
            if self.pipe.read_buf(&mut *self.unread).await? == 0 {
                return Ok(None);
            }
        }
    }
}

/// Whether the supervisor is told to stop: by the server over the pipe, which also holds while this process is
/// only becoming a supervisor, or by anybody's signal.
struct Stop {
    orders: Orders,
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn listen() -> io::Result<Self> {
        let pipe = pipe::Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?)?;
        Ok(Self {
            orders: Orders {
                pipe,
                unread: Zeroizing::default(),
            },
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// What to run. None where the server ended before it had said all of it, or somebody sent a signal.
    async fn order(&mut self) -> io::Result<Option<Order>> {
        let line = tokio::select! {
            line = self.orders.next() => line?,
            _ = self.terminate.recv() => None,
            _ = self.interrupt.recv() => None,
        };
        Ok(line.map(|line| serde_json::from_slice(&line)).transpose()?)
    }

    async fn asked(&mut self) {
        let told = async {
            if !matches!(self.orders.next().await, Ok(Some(_))) {
                // The server has ended, and the command goes on.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = told => {}
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
