//! The contracts of the schedule, the request metrics, the health checks and the clock.

use std::sync::atomic::{AtomicI64, Ordering};

use cc_devops_kernel::health::Condition;
use cc_devops_kernel::outcome::Status;
use cc_devops_kernel::schedule::Job;
use cc_devops_outbox::ports::{Counted, RequestSample, RequestStep, RequestTotals, Steps, minute_of};
use cc_devops_requests::ports::Ports;
use jiff::SignedDuration;

use crate::sample::after;

/// The schedule keeps what it promises: a due time stays until it is moved, by one mover.
pub async fn schedule(fresh: impl AsyncFn() -> Ports) {
    let ports = fresh().await;
    let schedule = &*ports.schedule;
    let job = Job::Heartbeat;
    assert!(
        !schedule.advance(job, after(1), after(2)).await.unwrap(),
        "a due time that was never set cannot be moved"
    );
    assert_eq!(
        schedule.due(job, after(300)).await.unwrap(),
        after(300),
        "the first due time is taken"
    );
    assert_eq!(schedule.due(job, after(900)).await.unwrap(), after(300), "and kept");
    assert!(
        schedule.advance(job, after(300), after(600)).await.unwrap(),
        "who knows it may move it"
    );
    assert!(
        !schedule.advance(job, after(300), after(900)).await.unwrap(),
        "who comes second may not"
    );
    assert_eq!(
        schedule.due(job, after(1)).await.unwrap(),
        after(600),
        "the move is kept"
    );

    let (one, two) = tokio::join!(
        schedule.advance(job, after(600), after(900)),
        schedule.advance(job, after(600), after(900))
    );
    assert!(one.unwrap() != two.unwrap(), "of two at once one moves it");
}

/// The metrics keep what they promise: sums by action and status, without foreign actions, and what ended in a
/// step of time.
pub async fn metrics(fresh: impl AsyncFn() -> Ports) {
    let ports = fresh().await;
    let numbers = AtomicI64::new(1);
    let now = ports.clock.now();
    let sample = |action: &str, status, latency_ms| RequestSample {
        event: numbers.fetch_add(1, Ordering::Relaxed),
        action: action.to_owned(),
        status,
        latency_ms,
        at: now,
    };
    assert!(
        ports.metrics.totals().await.unwrap().is_empty(),
        "nothing is counted at first"
    );
    ports.metrics.record(&[]).await.unwrap();
    let first = [
        sample("putSecret", Status::Success, 10),
        sample("putSecret", Status::Success, 20),
        sample("putSecret", Status::Error, 5),
        sample("dropTables\n\"x\"", Status::Error, 1),
    ];
    ports.metrics.record(&first).await.unwrap();
    let second = [
        sample("putSecret", Status::Success, 30),
        sample("deployLambda", Status::Success, 60_000),
        sample("unknown", Status::Error, 2),
    ];
    ports.metrics.record(&second).await.unwrap();

    let mut totals = ports.metrics.totals().await.unwrap();
    totals.sort_by_key(|totals| (totals.action.clone(), totals.status.as_str()));
    let expected = [
        ("deployLambda", Status::Success, 1, 60_000),
        ("putSecret", Status::Error, 1, 5),
        ("putSecret", Status::Success, 3, 60),
        ("unknown", Status::Error, 2, 3),
    ]
    .map(|(action, status, count, latency_ms_sum)| RequestTotals {
        action: action.to_owned(),
        status,
        count,
        latency_ms_sum,
    });
    assert_eq!(
        totals, expected,
        "sums by action and status; what is none of ours is `unknown`"
    );

    let day = Steps::of_last_day(now);
    let steps = ports.metrics.by_step(day).await.unwrap();
    assert_eq!(steps.len(), 288, "a step in which nothing ended is there too");
    let counted: Vec<_> = steps.iter().filter(|step| step.ended + step.failed > 0).collect();
    let now_counted = Counted {
        minute: minute_of(now),
        ended: 7,
        failed: 3,
        latency_ms_sum: 60_068,
        latency_ms_max: 60_000,
    };
    let last = day.add_up([now_counted]).pop().unwrap();
    // Not every store tells latencies by step.
    let told = counted.iter().map(|step| match step.latency_ms_sum {
        0 => RequestStep {
            latency_ms_sum: last.latency_ms_sum,
            latency_ms_max: last.latency_ms_max,
            ..**step
        },
        _ => **step,
    });
    assert_eq!(told.collect::<Vec<_>>(), [last], "what ended now is in the newest step");
    let yesterday = Steps {
        until: now.saturating_sub(SignedDuration::from_hours(1)).unwrap(),
        ..day
    };
    let before = ports.metrics.by_step(yesterday).await.unwrap();
    assert!(before.iter().all(|step| step.ended == 0), "and in none before it");
}

/// The checks keep what they promise: on fresh ports everything works, under a name, and trying it
/// finds nothing else than looking.
pub async fn checks(fresh: impl AsyncFn() -> Ports) {
    let ports = fresh().await;
    let checks = ports.checks.check().await;
    for _ in 0..2 {
        assert_eq!(ports.checks.probe().await, checks, "trying says the same");
        assert_eq!(ports.checks.check().await, checks, "and so does looking after it");
    }
    assert!(!checks.is_empty(), "there is something to check");
    for check in &checks {
        assert!(!check.name.is_empty(), "every check has a name");
        assert_eq!(check.status, Condition::Healthy, "fresh ports work: {check:?}");
        assert_eq!(check.message, None, "what works needs no words");
    }
    let mut names: Vec<&str> = checks.iter().map(|check| check.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), checks.len(), "no two checks share a name");
}

/// The clock keeps what it promises: it does not stand before itself.
pub async fn clock(fresh: impl AsyncFn() -> Ports) {
    let ports = fresh().await;
    let first = ports.clock.now();
    assert!(ports.clock.now() >= first, "a later reading is not earlier");
}
