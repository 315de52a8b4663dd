//! A crash at every port call of what is done without a request: agents added, rotated and revoked, a day of MRR
//! kept and told. On any backend.

use cc_devops_fleet::{Enrolment, Token};
use cc_devops_kernel::acts::{ActError, Actor};
use cc_devops_kernel::audit::{AuditFilter, actions};
use cc_devops_kernel::ports::{PortErrorKind, PortResult};
use cc_devops_requests::ports::Ports;
use jiff::SignedDuration;
use jiff::civil::{Date, date};

use super::enumeration::{Backend, Report};
use super::{CrashPoint, CrashPoints, Moment};
use crate::outbox::waiting;
use crate::sample::{self, AGENT, OTHER_AGENT, agent_name};

const LIMIT: usize = 100;

/// One of the acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Add,
    Rotate,
    Revoke,
    KeepDay,
}

/// The agent's first token.
const FIRST: u8 = 1;
/// The one that the act gives it which is broken off.
const SECOND: u8 = 2;
/// The one that it is given when the act is made again.
const THIRD: u8 = 3;

/// Crashes at every port call of each act, before and after its effect, each time on a fresh backend, and checks
/// after the restart that the act and its trail, or the day and its event, are both there or neither, and that the
/// act can be made again.
pub async fn enumerate_acts<B: Backend>(fresh: impl AsyncFn() -> B) -> Report {
    let mut report = Report::default();
    for act in [Act::Add, Act::Rotate, Act::Revoke, Act::KeepDay] {
        let mut calls = 0;
        for moment in Moment::ALL {
            for call in 0.. {
                if !live(fresh().await, act, CrashPoint { call, moment }).await {
                    calls = call;
                    break;
                }
                report.runs += 1;
            }
        }
        report.calls += calls;
    }
    report
}

/// One crash of an act; whether it came.
async fn live<B: Backend>(mut backend: B, act: Act, point: CrashPoint) -> bool {
    let ports = backend.open().await;
    if matches!(act, Act::Rotate | Act::Revoke) {
        done(Act::Add, &ports, FIRST)
            .await
            .expect("a fresh backend takes the agent");
    }
    let points = CrashPoints::at(point);
    let broken = done(act, &points.wrap(&ports), SECOND).await;
    if !points.crashed() {
        broken.expect("without a crash it is done");
        return false;
    }
    assert!(broken.is_err(), "{act:?} {point:?}: a crash is no success");
    let ports = backend.open().await;
    let took_place = stands(act, &ports).await;
    if act == Act::Rotate && !took_place {
        assert!(opens(&ports, FIRST).await, "{point:?}: nobody is locked out");
    }
    // Whoever did not hear of it makes it again.
    match done(act, &ports, THIRD).await {
        Err(ActError::Port(error)) if act == Act::Add && took_place => {
            assert_eq!(error.kind, PortErrorKind::Exists, "{point:?}: it was done");
            done(Act::Rotate, &ports, THIRD)
                .await
                .expect("a rotation gives a token");
        }
        again => again.expect("it can be made again"),
    }
    assert!(stands(act, &ports).await, "{act:?} {point:?}");
    assert_eq!(
        opens(&ports, THIRD).await,
        matches!(act, Act::Add | Act::Rotate),
        "{act:?} {point:?}"
    );
    let verification = ports.audit.verify().await.expect("the trail can be verified");
    assert!(verification.breaks.is_empty(), "{act:?} {point:?}: {verification:?}");
    true
}

fn token(number: u8) -> Token {
    Token::from_random([number; 32])
}

async fn done(act: Act, ports: &Ports, number: u8) -> Result<(), ActError> {
    let (installation, name, token) = (sample::installation(), agent_name(AGENT), token(number));
    let enrolment = Enrolment::new(ports, &installation, Actor::Operator);
    match act {
        Act::Add => enrolment.add(sample::agent(AGENT).agent, &token).await,
        Act::Rotate => enrolment.rotate(&name, &token, SignedDuration::ZERO).await.map(drop),
        Act::Revoke => enrolment.revoke(&name).await,
        Act::KeepDay => Ok(keep_day(ports).await?),
    }
}

async fn keep_day(ports: &Ports) -> PortResult<()> {
    let day = sample::mrr_day(date(2026, 3, 1), 100);
    let news = sample::announcement("mrr/2026-03-01");
    ports.revenue.keep(&day, &agent_name(OTHER_AGENT), &news).await
}

/// Whether a token opens anything.
async fn opens(ports: &Ports, number: u8) -> bool {
    let now = ports.clock.now();
    let found = ports.agents.by_token(&token(number).hash(), now).await;
    found.expect("by_token").is_some()
}

/// Whether an act has taken place. It is on record if it has, and not if it has not.
async fn stands(act: Act, ports: &Ports) -> bool {
    let name = agent_name(AGENT);
    let (action, took_place) = match act {
        Act::Add => {
            let found = ports.agents.find(&name).await;
            (actions::AGENT_ADDED, found.expect("find").is_some())
        }
        Act::Rotate => {
            let rotated = opens(ports, SECOND).await || opens(ports, THIRD).await;
            (actions::TOKEN_ROTATED, rotated)
        }
        Act::Revoke => (actions::AGENT_REVOKED, !opens(ports, FIRST).await),
        Act::KeepDay => {
            let days = ports.revenue.days(Date::MIN, Date::MAX).await.expect("days");
            let told = !waiting(ports, 1_000).await.is_empty();
            assert_eq!(told, !days.is_empty(), "a day and its event are kept together");
            return !days.is_empty();
        }
    };
    let rows = ports.audit.list(&AuditFilter::default(), None, LIMIT).await;
    let rows = rows.expect("the trail can be listed").items;
    let on_record = rows.iter().any(|row| row.entry.action == action);
    assert_eq!(on_record, took_place, "{act:?}: it is on record if it was done");
    took_place
}
