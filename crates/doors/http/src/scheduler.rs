//! The worker that does what is to be done by the clock. Due times are persisted, so that a
//! restart neither skips a run nor repeats one; of several processes one runs the job.

use std::time::Duration;

use cc_devops_kernel::ports::PortResult;
use cc_devops_kernel::schedule::{CatchUp, Job};
use croner::Cron;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::{Instrument, info_span};

use crate::app::App;
use crate::error::ServerError;
use crate::hygiene;
use crate::job_end::JobEnd;
use crate::problem::Chain;
use crate::retention;
use crate::revenue;
use crate::sweep::look_after_waiting;

/// The longest sleep: a clock that is set shows after this at the latest.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// How long to wait after the store failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// A job and its times.
#[derive(Clone)]
pub(crate) struct Timetable {
    job: Job,
    cron: Cron,
}

impl Timetable {
    /// Reads the job's cron expression.
    pub(crate) fn of(job: Job) -> Result<Self, ServerError> {
        let cron = job.cron().parse().map_err(|source| ServerError::Schedule {
            job: job.as_str(),
            source,
        })?;
        Ok(Self { job, cron })
    }

    /// The first time after `now`.
    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let now = now.to_zoned(TimeZone::UTC);
        let next = self.cron.find_next_occurrence(&now, false).ok()?;
        Some(next.timestamp())
    }
}

/// Runs a job whenever it is due, until the server stops.
pub(crate) async fn run(app: App, timetable: Timetable) {
    let span = info_span!(parent: None, "job", job = timetable.job.as_str());
    async {
        loop {
            let sleep = match turn(&app, &timetable).await {
                Ok(sleep) => sleep,
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "the schedule could not be read; it is tried again");
                    AFTER_FAILURE
                }
            };
            if !app.pause(sleep).await {
                return;
            }
        }
    }
    .instrument(span)
    .await;
}

/// Runs the job if it is due, and says how long to sleep until the next look.
async fn turn(app: &App, timetable: &Timetable) -> PortResult<Duration> {
    let ports = app.ports();
    let now = ports.clock.now();
    let due = ports.schedule.due(timetable.job, now).await?;
    if due > now {
        let ahead = Duration::try_from(due.duration_since(now)).unwrap_or(LONGEST_SLEEP);
        return Ok(ahead.min(LONGEST_SLEEP));
    }
    let Some(next) = timetable.next(now) else {
        tracing::error!("the job has no next time");
        return Ok(LONGEST_SLEEP);
    };
    // The due time moves first, so that nobody else runs it: to the next time, or to when this run
    // counts as dead.
    let job = timetable.job;
    let held = match job.catch_up() {
        CatchUp::NextTime => next,
        CatchUp::Again { lease, .. } => now.saturating_add(lease).unwrap_or(next).min(next),
    };
    if !ports.schedule.advance(job, due, held).await? {
        return Ok(Duration::ZERO);
    }
    let end = work(app, job).await;
    if let CatchUp::Again { after, .. } = job.catch_up() {
        let now = ports.clock.now();
        let then = match end {
            JobEnd::Done => next,
            JobEnd::Failed => now.saturating_add(after).unwrap_or(next).min(next),
            JobEnd::BrokenOff => now,
        };
        // Where it was moved meanwhile, somebody wants another run.
        ports.schedule.advance(job, held, then).await?;
    }
    Ok(Duration::ZERO)
}

async fn work(app: &App, job: Job) -> JobEnd {
    match job {
        Job::Revenue => revenue::report(app).await,
        Job::Audit => hygiene::audit(app).await,
        Job::Workflows => hygiene::watch_workflows(app).await,
        Job::Retention => retention::forget(app).await,
        Job::Heartbeat => {
            if let Err(error) = app.control.own_heartbeat().await {
                tracing::warn!(error = %Chain(&error), "the own heartbeat was not sent");
            }
            if let Err(error) = app.control.keep_sealing_keys().await {
                tracing::warn!(error = %Chain(&error), "the sealing keys were not looked after; the next heartbeat does");
            }
            look_after_waiting(app).await;
            if let Err(error) = app.control.checkpoint().await {
                tracing::warn!(error = %Chain(&error), "the audit trail has no new checkpoint");
            }
            JobEnd::Done
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_time_lies_strictly_after_now() {
        let timetable = Timetable::of(Job::Heartbeat).unwrap();
        let next = |now: &str| timetable.next(now.parse().unwrap()).unwrap().to_string();
        assert_eq!(next("2026-03-01T10:00:00Z"), "2026-03-01T10:05:00Z");
        assert_eq!(next("2026-03-01T10:04:59.9Z"), "2026-03-01T10:05:00Z");
        assert_eq!(next("2026-12-31T23:59:00Z"), "2027-01-01T00:00:00Z");
    }
}
