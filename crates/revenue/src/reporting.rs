//! The day's report: read, computed, compared with the day before, kept, told.

use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde::Serialize;

use super::breakdown::{Breakdown, Key};
use super::comparison::{Compared, compare};
use super::conditions::{self, Before, FALL_PERCENT};
use super::day::{Day, PERIOD_DAYS, period_until};
use super::figure::Figure;
use super::lines::Explain;
use super::money::OutOfRange;
use super::movements::{ConvertError, Converted, Statement};
use super::outlook::{EndedTrials, TRIAL_DAYS};
use super::policy::Policy;
use super::rates::Rates;
use super::report::{Summary, Usd};
pub use super::report_error::ReportError;
use super::run::Run;
use crate::currency::Currency;
use crate::ports::{Billing, RateSource, RevenuePorts, RevenueStore, Wanted};
use cc_devops_alerts::ConditionChange;
use cc_devops_kernel::events::Announcement;
use cc_devops_kernel::installation::Installation;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};

/// How old the rates of the last report may be to stand in where no newer ones can be had.
const OLDEST_RATES: SignedDuration = SignedDuration::from_hours(24 * 10);

/// The `detail-type` of a day's event; the wire contract has it.
pub const DAY_DETAIL_TYPE: &str = "MRR Calculation Complete";

/// The `source` of a day's event; the wire contract has it.
pub fn billing_source(installation: &Installation) -> String {
    format!("{}.billing", installation.namespace)
}

/// Computes MRR and keeps it.
pub struct Reporter {
    billing: Arc<dyn Billing>,
    pub(super) rates: Arc<dyn RateSource>,
    pub(super) ports: RevenuePorts,
    pub(super) settings: ReportingSettings,
    fall_percent: u8,
}

/// How MRR is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportingSettings {
    /// Whose MRR it is.
    pub installation: Installation,
    /// The definition.
    pub policy: Policy,
    /// The agent that the event is for.
    pub reader: AgentName,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// The moment the figures are of, in Unix seconds; now, where it is not said.
    pub as_of: Option<i64>,
    /// Whether the day is kept and told.
    pub keep: bool,
    /// Whether the figures handed over have their lines.
    pub explain: Explain,
}

impl Reporter {
    /// A reporter over these systems.
    pub fn new(
        billing: Arc<dyn Billing>,
        rates: Arc<dyn RateSource>,
        ports: impl Into<RevenuePorts>,
        settings: ReportingSettings,
    ) -> Self {
        Self {
            billing,
            rates,
            ports: ports.into(),
            settings,
            fall_percent: FALL_PERCENT,
        }
    }

    /// The same, where people are told of a fall of MRR by more than these per cent of the day before; never, where they
    /// are 0.
    #[must_use]
    pub fn telling_falls_over(mut self, percent: u8) -> Self {
        self.fall_percent = percent;
        self
    }

    /// Where subscriptions are billed.
    pub fn billing(&self) -> &dyn Billing {
        &*self.billing
    }

    /// How MRR is reported.
    pub fn settings(&self) -> &ReportingSettings {
        &self.settings
    }

    /// The daily job: keeps the day and tells it. A failure is a condition until a day is complete. `None` where no
    /// billing source is configured and none ever was.
    ///
    /// # Errors
    /// [`ReportError`].
    pub async fn daily(&self) -> Result<Option<Day>, ReportError> {
        let ask = Ask {
            as_of: None,
            keep: true,
            explain: Explain::No,
        };
        let error = match self.report(ask, &mut |_| ControlFlow::Continue(())).await {
            Ok(day) => return Ok(Some(day)),
            Err(error) => error,
        };
        if matches!(&error, ReportError::Port(port) if port.kind == PortErrorKind::NotFound)
            && matches!(self.ports.revenue.latest().await, Ok(None))
        {
            return Ok(None);
        }
        self.note_failure(&error).await;
        Err(error)
    }

    /// Computes MRR; every figure is handed to `each` while it goes on, which may break it off. The day
    /// is kept after all else has succeeded; a run that failed leaves what was kept as it was.
    ///
    /// # Errors
    /// [`ReportError`].
    pub async fn report(
        &self,
        ask: Ask,
        each: &mut (dyn for<'f> FnMut(&Figure<'f>) -> ControlFlow<()> + Send),
    ) -> Result<Day, ReportError> {
        let as_of = ask.as_of.unwrap_or_else(|| self.ports.clock.now().as_second());
        let date = date_of(as_of)?;
        let store = &self.ports.revenue;
        let latest = store.latest().await?;
        let base = match latest {
            Some(latest) if latest.date > date && ask.keep => return Err(ReportError::Past { latest: latest.date }),
            Some(latest) if latest.date > date => last_before(store.as_ref(), date).await?,
            Some(latest) if latest.date == date => match latest.compared_with {
                Some(base) => store.day(base).await?,
                None => None,
            },
            other => other,
        };
        let base = base.filter(Day::holds_customers);
        let (run, products) = self.read(ask, as_of, each).await?;
        let period = period_until(as_of);
        let transactions = self.billing.transactions(period.0, period.1).await?;
        let rates = self.newest_rates(base.as_ref()).await;
        let transactions = transactions.figure(&rates)?;
        let mut summary = Summary::new(&run, &self.settings.policy, as_of, &rates, Some(transactions))?;
        if let (Some(outlook), Some(ended)) = (&mut summary.outlook, self.ended_trials(as_of).await) {
            outlook.take_ended_trials(run.totals().converted_trials(), ended);
        }
        let compared_with = base.as_ref().map(|base| base.date);
        let Compared {
            statement: movements,
            customer_movements,
        } = compare(&**store, run, date, compared_with, ask.keep).await?;
        let by_product = Some(products.kept(&rates));
        let rates_before = base.as_ref().map_or(&rates, |base| &base.rates);
        let movements_usd = in_dollars(&movements, rates_before, &rates)?;
        let policy_changed = base
            .as_ref()
            .is_some_and(|base| (base.summary.policy, base.summary.options) != (summary.policy, summary.options));
        let before = self.complete_before(base, &summary).await?;
        let day = Day {
            date,
            at: self.ports.clock.now(),
            summary,
            rates,
            period,
            compared_with,
            policy_changed,
            movements,
            movements_usd,
            customer_movements: Some(customer_movements),
            reconstructed: None,
            by_product,
        };
        if ask.keep {
            let news = self.news(&day)?;
            store.keep(&day, &self.settings.reader, &news).await?;
            self.note(&conditions::of_day(&day, before, self.fall_percent)).await?;
        }
        Ok(day)
    }

    /// The figure of the last complete day, within a week of the last that was kept: a figure that is a part is none to
    /// compare with, and another definition of MRR is no fall.
    async fn complete_before(&self, base: Option<Day>, summary: &Summary) -> PortResult<Option<Before>> {
        let comparable = |day: &Day| {
            let same = (day.summary.policy, day.summary.options) == (summary.policy, summary.options);
            let mrr_usd = day.mrr_usd().filter(|_| same && day.summary.complete)?;
            Some(Before {
                date: day.date,
                mrr_usd,
            })
        };
        let Some(base) = base else { return Ok(None) };
        if base.summary.complete {
            return Ok(comparable(&base));
        }
        let days = self
            .ports
            .revenue
            .days(base.date.saturating_sub(7.days()), base.date)
            .await?;
        Ok(days.iter().rev().find_map(comparable))
    }

    /// The trials that ended within 30 days with their subscriptions. No day is lost for them: where they cannot be read,
    /// they are not known.
    async fn ended_trials(&self, as_of: i64) -> Option<EndedTrials> {
        let read = self.billing.ended_trials(as_of - TRIAL_DAYS * 86_400 + 1, as_of).await;
        read.unwrap_or_else(|error| {
            tracing::warn!(%error, "trials that were cancelled could not be read; their conversion is not known");
            None
        })
    }

    /// The newest rates; those of the last report where none can be had.
    pub(super) async fn newest_rates(&self, base: Option<&Day>) -> Rates {
        let error = match self.rates.newest().await {
            Ok(rates) => return rates,
            Err(error) => error,
        };
        let oldest = self
            .ports
            .clock
            .now()
            .saturating_sub(OLDEST_RATES)
            .unwrap_or(Timestamp::MIN);
        let kept = base.filter(|base| base.at >= oldest).map(|base| &base.rates);
        tracing::warn!(
            %error,
            date = kept.and_then(Rates::date).map(tracing::field::display),
            "no newer exchange rates can be had; those of the last report are used"
        );
        kept.cloned().unwrap_or_else(Rates::none)
    }

    /// Reads and adds up all figures, by product too.
    async fn read(
        &self,
        ask: Ask,
        as_of: i64,
        each: &mut (dyn for<'f> FnMut(&Figure<'f>) -> ControlFlow<()> + Send),
    ) -> Result<(Run, Breakdown), ReportError> {
        let wanted = Wanted {
            options: &self.settings.policy.options,
            as_of,
            explain: match ask.explain {
                Explain::No => Explain::Shares,
                more => more,
            },
        };
        let mut run = Run::with_subscriptions();
        let mut products = Breakdown::new(Key::Product, Vec::new());
        let mut ended = None;
        let mut take = |figure: &Figure<'_>| {
            products.add(figure);
            if let Err(error) = run.add(figure) {
                ended = Some(error.into());
            } else if each(figure).is_break() {
                ended = Some(ReportError::BrokenOff);
            }
            match ended {
                None => ControlFlow::Continue(()),
                Some(_) => ControlFlow::Break(()),
            }
        };
        self.billing.figures(wanted, &mut take).await?;
        match ended {
            None => Ok((run, products)),
            Some(error) => Err(error),
        }
    }

    /// The day's event, section 4 of the wire contract.
    fn news(&self, day: &Day) -> Result<Announcement, serde_json::Error> {
        let detail = Detail {
            source: "stripe-mrr-reporter",
            action: "mrr_calculated",
            figures: Figures::of(day),
        };
        Ok(Announcement {
            key: format!("mrr/{}", day.date),
            source: billing_source(&self.settings.installation),
            detail_type: DAY_DETAIL_TYPE.to_owned(),
            detail: serde_json::to_string(&detail)?,
            timestamp: day.at,
        })
    }

    /// Says that a run failed. It is open until a day is complete, however often the run fails.
    async fn note_failure(&self, error: &ReportError) {
        let now = self.ports.clock.now();
        let date = now.to_zoned(TimeZone::UTC).date();
        if let Err(error) = self.note(&[conditions::failed(error, date, now)]).await {
            tracing::error!(%error, "people could not be told that MRR was not computed");
        }
    }

    async fn note(&self, changes: &[ConditionChange]) -> PortResult<()> {
        let noted = self.ports.conditions.note(changes, self.ports.clock.now()).await;
        noted.map_err(|error| {
            let message = format!(
                "what people are to be told of the run could not be written: {}",
                error.message
            );
            PortError::new(error.kind, message)
        })
    }
}

/// What moved, in US dollars: the opening at the rates before. `None` where a currency has no rate.
pub(super) fn in_dollars(moved: &Statement, before: &Rates, now: &Rates) -> Result<Option<Converted>, OutOfRange> {
    match moved.converted(Currency::USD, before, now) {
        Ok(converted) => Ok(Some(converted)),
        Err(ConvertError::NoRate(_)) => Ok(None),
        Err(ConvertError::OutOfRange(error)) => Err(error),
        Err(ConvertError::Unbalanced) => {
            tracing::error!("the converted movements do not add up, and are left out");
            Ok(None)
        }
    }
}

/// The last day that was kept before a date. Most are asked for soon after.
pub(super) async fn last_before(store: &dyn RevenueStore, date: Date) -> PortResult<Option<Day>> {
    let Ok(until) = date.yesterday() else { return Ok(None) };
    for days in [7, 100] {
        let from = until.saturating_sub(days.days());
        if let Some(day) = store.days(from, until).await?.pop() {
            return Ok(Some(day));
        }
    }
    Ok(store.days(Date::MIN, until).await?.pop())
}

/// The event's detail.
#[derive(Serialize)]
struct Detail {
    source: &'static str,
    action: &'static str,
    #[serde(flatten)]
    figures: Figures,
}

/// A day's figures, as others are told them: in the event, in the function's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// The policy's figure in US dollars; `null` where it cannot be known.
    #[serde(rename = "mrrUSD")]
    pub mrr_usd: Option<Usd>,
    /// Whether everything could be computed and converted.
    pub complete: bool,
    /// The policy's name.
    pub policy: &'static str,
    /// The day, UTC.
    pub date: Date,
    /// How many days the charges and refunds are of.
    pub period_days: u32,
    /// Charges of the period in US dollars.
    pub charges_usd: Option<Usd>,
    /// Refunds of the period in US dollars.
    pub refunds_usd: Option<Usd>,
    /// How many charges.
    pub charge_count: u64,
    /// How many refunds.
    pub refund_count: u64,
    /// Charges and refunds together.
    pub total_transactions: u64,
    /// How many customers pay.
    pub subscribers: u64,
    /// The average per subscriber in US dollars.
    #[serde(rename = "arpaUSD")]
    pub arpa_usd: Option<Usd>,
    /// When the run ended.
    pub timestamp: Timestamp,
}

impl Figures {
    /// Those of a day.
    pub fn of(day: &Day) -> Self {
        let transactions = day.summary.transactions;
        Self {
            mrr_usd: day.summary.mrr_usd,
            complete: day.summary.complete,
            policy: day.summary.policy.name(),
            date: day.date,
            period_days: PERIOD_DAYS,
            charges_usd: transactions.and_then(|figure| figure.charges).map(Usd),
            refunds_usd: transactions.and_then(|figure| figure.refunds).map(Usd),
            charge_count: transactions.map_or(0, |figure| figure.charge_count),
            refund_count: transactions.map_or(0, |figure| figure.refund_count),
            total_transactions: transactions.map_or(0, |figure| figure.total_transactions),
            subscribers: day.summary.subscribers,
            arpa_usd: day.summary.arpa_usd,
            timestamp: day.at,
        }
    }
}

fn date_of(as_of: i64) -> Result<Date, ReportError> {
    let at = Timestamp::from_second(as_of).map_err(|_| ReportError::NoDate(as_of))?;
    Ok(at.to_zoned(TimeZone::UTC).date())
}
