//! What is spent, as agents report it, held against MRR.

use std::collections::BTreeMap;

use cc_devops_alerts::{Condition, ConditionKind, ConditionLimits, Severity, wording};
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{Content, Record, RecordKey, RecordKind, StateChange};
use cc_devops_kernel::text::line;
use cc_devops_revenue::money::OutOfRange;
use cc_devops_revenue::spend::{Ratio, Spend, kept_since, ratio};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::ports::{PortError, PortErrorKind, PortResult, Ports};
use crate::record::RequestHead;

/// The list of what agents reported.
const LIST: &str = "cost";

/// The key of the condition.
const KEY: &str = "spend/ratio";

/// How many agents' reports are added up.
const MOST: usize = 100;

/// How often a write is tried that others came before.
const TRIES: u32 = 8;

/// What an agent reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reported {
    agent: AgentName,
    at: Timestamp,
    spend: Spend,
}

/// The ratio of each day on which there was one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Ratios(BTreeMap<Date, Ratio>);

/// What an agent is answered: the ratio now, where there is one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Kept {
    /// The first day of the period.
    from: Date,
    /// Its last day.
    to: Date,
    /// All spend of a month, in US dollars; `null` without MRR or a rate.
    #[serde(rename = "spendUSD")]
    spend_usd: Option<String>,
    /// MRR.
    #[serde(rename = "mrrUSD")]
    mrr_usd: Option<String>,
    /// Spend in per cent of MRR.
    percent: Option<i64>,
}

fn corrupt(error: serde_json::Error) -> PortError {
    PortError::new(PortErrorKind::Corrupt, "a report of costs cannot be written or read").because(error)
}

fn too_large(_: OutOfRange) -> PortError {
    PortError::new(PortErrorKind::Refused, "the costs are too large to be computed exactly")
}

fn today(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

/// Keeps what an agent reports, in the place of what it reported before. The same request again changes nothing.
pub(crate) async fn keep(ports: &Ports, spend: &Spend, head: &RequestHead) -> PortResult<Kept> {
    let reported = Reported {
        agent: head.agent.clone(),
        at: head.received_at,
        spend: spend.clone(),
    };
    let key = RecordKey::new(RecordKind::Source, format!("cost/{}", head.agent));
    replace(ports, key, Some(LIST), |before: Option<Reported>| {
        let newer = before.is_none_or(|before| before.at <= reported.at);
        newer.then(|| reported.clone())
    })
    .await?;
    let now = ports.clock.now();
    let ratio = now_spent(ports, now).await?.1;
    Ok(Kept {
        from: spend.period.from,
        to: spend.period.to,
        spend_usd: ratio.map(|ratio| ratio.spend_usd.to_string()),
        mrr_usd: ratio.map(|ratio| ratio.mrr_usd.to_string()),
        percent: ratio
            .and_then(|ratio| ratio.percent)
            .and_then(|percent| i64::try_from(percent).ok()),
    })
}

/// Writes a record anew, by what it holds; nothing is written where `change` gives nothing.
async fn replace<T: Serialize + for<'de> Deserialize<'de>>(
    ports: &Ports,
    key: RecordKey,
    list: Option<&str>,
    change: impl Fn(Option<T>) -> Option<T>,
) -> PortResult<()> {
    for _ in 0..TRIES {
        let record = ports.state.read_one(&key).await?;
        let before = record.as_ref().and_then(read);
        let Some(after) = change(before) else { return Ok(()) };
        let content = Content {
            due_at: None,
            list: list.map(str::to_owned),
            body: serde_json::to_string(&after).map_err(corrupt)?,
        };
        let change = StateChange {
            key: key.clone(),
            version: record.map_or(0, |record| record.version),
            content: Some(content),
        };
        match ports.state.write(&[change], None).await {
            Err(error) if error.kind == PortErrorKind::Superseded => {}
            written => return written,
        }
    }
    Err(PortError::new(
        PortErrorKind::Unavailable,
        "others report costs at the same time",
    ))
}

/// What a record holds; nothing, where it cannot be read.
fn read<T: for<'de> Deserialize<'de>>(record: &Record) -> Option<T> {
    let read = serde_json::from_str(&record.content.body);
    read.inspect_err(|error| tracing::error!(%error, record = record.key.name, "a report of costs cannot be read"))
        .ok()
}

/// What was reported, and what it comes to against the newest day's MRR.
async fn now_spent(ports: &Ports, now: Timestamp) -> PortResult<(Vec<Reported>, Option<Ratio>)> {
    let records = ports.state.list(RecordKind::Source, Some(LIST), None, MOST).await?;
    let reported: Vec<Reported> = records.iter().filter_map(read).collect();
    if reported.is_empty() {
        return Ok((reported, None));
    }
    let Some(day) = ports.revenue.latest().await? else {
        return Ok((reported, None));
    };
    let spends: Vec<Spend> = reported.iter().map(|one| one.spend.clone()).collect();
    let ratio = ratio(&spends, today(now), &day).map_err(too_large)?;
    Ok((reported, ratio))
}

/// Whether more is spent than is to be; the day's ratio is kept.
pub(super) async fn look(ports: &Ports, limits: &ConditionLimits, now: Timestamp) -> PortResult<Vec<Condition>> {
    let (reported, ratio) = now_spent(ports, now).await?;
    let Some(ratio) = ratio else { return Ok(Vec::new()) };
    let (date, key) = (today(now), RecordKey::new(RecordKind::Source, KEY));
    replace(ports, key, None, |before: Option<Ratios>| {
        let Ratios(mut kept) = before.unwrap_or_default();
        if kept.insert(date, ratio) == Some(ratio) {
            return None;
        }
        kept.retain(|day, _| *day >= kept_since(date));
        Some(Ratios(kept))
    })
    .await?;
    Ok(over(&reported, ratio, limits, now).into_iter().collect())
}

fn over(reported: &[Reported], ratio: Ratio, limits: &ConditionLimits, now: Timestamp) -> Option<Condition> {
    let limit = limits.spend_percent;
    let too_much = match ratio.percent {
        Some(percent) => percent > i128::from(limit),
        // Nothing comes in.
        None => ratio.spend_usd.0 > 0,
    };
    if limit == 0 || !too_much {
        return None;
    }
    let share = ratio
        .percent
        .map_or("without any MRR".to_owned(), |percent| format!("{percent} % of MRR"));
    let lines: Vec<String> = reported
        .iter()
        .map(|one| {
            let Spend {
                minor,
                currency,
                period,
            } = &one.spend;
            format!(
                "- {}: {} from {} to {}, reported {}",
                line(one.agent.as_str()),
                minor.money(*currency),
                period.from,
                period.to,
                one.at
            )
        })
        .collect();
    let known = format!(
        "Spend is {} US dollars a month, {share} ({} US dollars); more than {limit} % is told (spend_percent under \
         [alerts.conditions]).\n\n{}\n\nSee MRR with: cc-devops revenue report --dry-run",
        ratio.spend_usd,
        ratio.mrr_usd,
        lines.join("\n"),
    );
    let ends = "with the next report, or the next day's MRR, that brings the ratio below";
    let text = wording::text(ConditionKind::Spend, &known, ends);
    let kind = (ConditionKind::Spend, Severity::Warning);
    // The title has no figure: a ratio that moves is no news.
    let title = wording::title(&format!("Spend is above {limit} % of MRR"));
    Some(Condition::new(KEY, kind, now, title, text))
}
