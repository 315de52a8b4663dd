//! What a run says of conditions: that it failed, that its day is only a part, that MRR fell.

use cc_devops_alerts::{Condition, ConditionChange, ConditionKind, Severity, wording};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::day::Day;
use crate::report::Usd;
use crate::report_error::ReportError;

/// The key of a run that failed or is only a part.
pub const RUN: &str = "revenue/run";

/// The key of an MRR that fell.
pub const FELL: &str = "revenue/fell";

/// By how many per cent of the day before MRR falls before people are told, where no setting says it.
pub const FALL_PERCENT: u8 = 10;

/// What MRR is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Before {
    pub(super) date: Date,
    pub(super) mrr_usd: Usd,
}

/// The run of a date failed.
pub(super) fn failed(error: &ReportError, date: Date, now: Timestamp) -> ConditionChange {
    let known = format!(
        "The daily MRR run failed: {error}\n\nThe last figure stands as it was. The run is tried again; try it yourself \
         with: cc-devops revenue report"
    );
    run(&format!("MRR of {date} could not be computed"), &known, now)
}

fn run(title: &str, known: &str, since: Timestamp) -> ConditionChange {
    let text = wording::text(ConditionKind::Revenue, known, "with the next run whose day is complete");
    let kind = (ConditionKind::Revenue, Severity::Warning);
    Condition::new(RUN, kind, since, wording::title(title), text).opened()
}

/// What a kept day says. `before` is what it is compared with, where it can be; a fall of more than `percent` of it is
/// told, and none where that is 0.
pub(super) fn of_day(day: &Day, before: Option<Before>, percent: u8) -> Vec<ConditionChange> {
    let mut changes = vec![if day.summary.complete {
        ConditionChange::Resolved {
            key: RUN.to_owned(),
            at: day.at,
            title: format!("MRR of {} is complete", day.date),
        }
    } else {
        let known = format!(
            "Not every subscription could be computed, or a currency has no rate: the figure of {} is only a part.\n\n\
             See which, and what each code means: cc-devops revenue report --dry-run, docs/MRR.md",
            day.date
        );
        run(&format!("MRR of {} is incomplete", day.date), &known, day.at)
    }];
    // A part is none to compare.
    if let (Some(before), Some(now), true) = (before, day.mrr_usd(), day.summary.complete) {
        changes.push(fell(day, before, now, percent));
    }
    changes
}

fn fell(day: &Day, before: Before, now: Usd, percent: u8) -> ConditionChange {
    let fall = before.mrr_usd.0.saturating_sub(now.0);
    let more = percent > 0
        && before.mrr_usd.0 > 0
        && fall.saturating_mul(100) > before.mrr_usd.0.saturating_mul(i128::from(percent));
    if !more {
        return ConditionChange::Resolved {
            key: FELL.to_owned(),
            at: day.at,
            title: format!(
                "MRR of {} is {now} US dollars and did not fall by more than {percent} %",
                day.date
            ),
        };
    }
    let share = fall.saturating_mul(100) / before.mrr_usd.0.max(1);
    let title = format!("MRR fell by {share} % from {} to {}", before.date, day.date);
    let known = format!(
        "MRR was {} US dollars on {} and is {now} on {}: a fall of {share} %, where more than {percent} % is told \
         (mrr_fall_percent under [alerts.conditions]).\n\nSee who left and who pays less: cc-devops revenue movements",
        before.mrr_usd, before.date, day.date
    );
    let ends = "with the next day that does not fall as far";
    let text = wording::text(ConditionKind::Revenue, &known, ends);
    let kind = (ConditionKind::Revenue, Severity::Warning);
    Condition::new(FELL, kind, day.at, wording::title(&title), text).opened()
}
