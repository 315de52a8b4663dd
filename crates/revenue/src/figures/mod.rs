//! The figures people ask their tools for, each exact and with the numbers it was computed from. `docs/MRR.md` defines
//! them with their sources.
//!
//! They are computed from the days that were kept, in one reporting currency: what stood on a day at that day's rates.
//! They follow subscriptions, whatever figure `mrrUSD` follows.

mod days;
mod entry;
mod missing;
mod name;
mod period;

use serde::Serialize;

pub use days::Days;
pub use entry::{Entry, Term};
pub use missing::Missing;
pub use name::{Name, Unit};
pub use period::{By, CHURN_DAYS, Period};

use days::{DayRange, Heads, Money};
use entry::Fraction;
use jiff::civil::Date;

use crate::currency::Currency;
use crate::day::Day;
use crate::money::{Exact, Total};
use crate::movements::Kind;

/// The figures of a period.
#[derive(Debug, Clone)]
pub struct Figures {
    /// The period.
    pub period: Period,
    /// The day that they are of: the last of the period that was kept.
    pub day: Option<Date>,
    /// The day at whose end the rates open, where it was kept.
    pub opening: Option<Date>,
    /// Whether everything of that day could be computed and converted.
    pub complete: bool,
    /// Whether that day was computed afterwards, from what the billing source still knew of it.
    pub reconstructed: bool,
    /// Every figure, in the order of [`Name::ALL`].
    pub entries: Vec<Entry>,
}

impl Figures {
    /// The figures of a period, in `currency`.
    pub fn of(days: &Days<'_>, period: Period, currency: Currency) -> Self {
        let day = days.newest(period.from, period.until).ok_or(Missing::Day {
            from: period.from,
            until: period.until,
        });
        let ground = Ground {
            days,
            currency,
            day,
            stretch: day.and_then(|day| DayRange::until(days, period.opening(), day, period.slack())),
        };
        let entry = |name| {
            let zero = zero(name);
            Entry::new(name, currency, ground.fraction(name), zero)
        };
        Self {
            period,
            day: day.ok().map(|day| day.date),
            opening: ground.stretch.as_ref().ok().map(|stretch| stretch.opening),
            complete: day.is_ok_and(|day| day.summary.complete),
            reconstructed: day.is_ok_and(|day| day.reconstructed.is_some()),
            entries: Name::ALL.map(entry).into(),
        }
    }

    /// The figure of a name.
    pub fn get(&self, name: Name) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}

/// The churn rate of customers over the 30 days that end with `date`: who churned, of those who paid at their beginning and
/// those who were new in them. Who came back is not in the denominator, and counts again when leaving again.
/// Source: <https://support.stripe.com/questions/calculating-subscriber-churn-rate-in-billing>.
///
/// # Errors
/// [`Missing`], where the 30 days are not all there.
pub fn customer_churn(days: &Days<'_>, date: Date) -> Result<Exact, Missing> {
    let day = days.newest(date, date).ok_or(Missing::Day {
        from: date,
        until: date,
    })?;
    let heads = churn_heads(days, day)?;
    let (churned, of) = (heads.moved(Kind::Churn), heads.opening + heads.moved(Kind::New));
    let whole = |number: u64| i64::try_from(number).map_err(|_| Missing::OutOfRange);
    Exact::fraction(whole(churned)?, whole(of)?).ok_or(Missing::Zero(zero(Name::CustomerChurn)))
}

fn churn_heads(days: &Days<'_>, day: &Day) -> Result<Heads, Missing> {
    Ok(DayRange::until(days, period::churn_opening(day.date), day, 0)?.heads())
}

/// What is 0 where a figure is divided by 0.
fn zero(name: Name) -> &'static str {
    match name {
        Name::Arpa => "nobody pays",
        Name::QuickRatio => "nothing was lost",
        Name::Ltv => "nobody churned in 30 days",
        Name::CustomerChurn => "nobody paid 30 days ago, and nobody came since",
        Name::TrialConversion => "no trial ended in 30 days",
        _ => "there was no MRR when it opened",
    }
}

/// What the figures of a period are computed from.
struct Ground<'d, 'a> {
    days: &'d Days<'a>,
    currency: Currency,
    day: Result<&'a Day, Missing>,
    stretch: Result<DayRange<'a>, Missing>,
}

impl Ground<'_, '_> {
    fn fraction(&self, name: Name) -> Result<Fraction, Missing> {
        let fraction = match name {
            Name::Mrr => Fraction::sum(self.rounded_mrr()?),
            Name::Arr => Fraction {
                times: 12,
                ..Fraction::sum(vec![self.mrr()?])
            },
            Name::Subscribers => Fraction::sum(vec![self.subscribers()?]),
            Name::Arpa => Fraction::over(vec![self.mrr()?], vec![self.subscribers()?]),
            Name::GrossRevenueChurn => self.rate(&[(Kind::Churn, false), (Kind::Contraction, false)])?,
            Name::NetRevenueChurn => self.rate(&[
                (Kind::Churn, false),
                (Kind::Contraction, false),
                (Kind::Expansion, true),
                (Kind::Reactivation, true),
            ])?,
            Name::Nrr => self.retention(&[(Kind::Expansion, false), (Kind::Contraction, true), (Kind::Churn, true)])?,
            Name::Grr => self.retention(&[(Kind::Contraction, true), (Kind::Churn, true)])?,
            Name::QuickRatio => {
                let money = self.money()?;
                let terms = |kinds: &[Kind]| kinds.iter().map(|kind| moved(&money, *kind)).collect();
                Fraction::over(
                    terms(&[Kind::New, Kind::Expansion, Kind::Reactivation]),
                    terms(&[Kind::Churn, Kind::Contraction]),
                )
            }
            Name::CustomerChurn => self.churn()?,
            Name::Ltv => self.lifetime_value()?,
            Name::TrialMrr | Name::TrialConversion | Name::CommittedMrr | Name::MrrAtRisk => self.outlook(name)?,
        };
        Ok(fraction)
    }

    /// Each currency's MRR converted and rounded once, as `mrrUSD` is.
    fn rounded_mrr(&self) -> Result<Vec<Term>, Missing> {
        let day = self.day?;
        let mut terms = Vec::new();
        for total in &day.summary.totals {
            let amount = self.converted(day, &total.mrr_exact, total.currency)?.rounded()?;
            let amount = i64::try_from(amount).map_err(|_| Missing::OutOfRange)?;
            terms.push(Term::money(
                format!("MRR in {}", total.currency),
                Total::from(Exact::whole(amount)),
            ));
        }
        if terms.is_empty() {
            terms.push(Term::money("MRR", Total::default()));
        }
        Ok(terms)
    }

    fn mrr(&self) -> Result<Term, Missing> {
        let day = self.day?;
        let totals = day.summary.totals.iter();
        let sum = self.added_up(day, totals.map(|total| (total.currency, &total.mrr_exact)))?;
        Ok(Term::money("MRR", sum))
    }

    fn converted(&self, day: &Day, amount: &Total, from: Currency) -> Result<Total, Missing> {
        let converted = day.rates.convert(amount, from, self.currency);
        converted.ok_or(Missing::Rate(from))
    }

    fn added_up<'t>(&self, day: &Day, amounts: impl Iterator<Item = (Currency, &'t Total)>) -> Result<Total, Missing> {
        day.rates.convert_all(amounts, self.currency).map_err(Missing::Rate)
    }

    fn subscribers(&self) -> Result<Term, Missing> {
        Ok(Term::count("subscribers", self.day?.summary.subscribers))
    }

    fn money(&self) -> Result<Money, Missing> {
        self.stretch
            .as_ref()
            .map_err(|missing| *missing)?
            .money(self.days, self.currency)
    }

    fn rate(&self, kinds: &[(Kind, bool)]) -> Result<Fraction, Missing> {
        let money = self.money()?;
        let terms = kinds.iter().map(|(kind, minus)| signed(&money, *kind, *minus));
        Ok(Fraction::over(
            terms.collect(),
            vec![Term::money("opening MRR", money.opening.clone())],
        ))
    }

    fn retention(&self, kinds: &[(Kind, bool)]) -> Result<Fraction, Missing> {
        let mut fraction = self.rate(kinds)?;
        let opening = fraction.denominator.clone();
        fraction.numerator.splice(0..0, opening);
        Ok(fraction)
    }

    fn churn(&self) -> Result<Fraction, Missing> {
        let heads = churn_heads(self.days, self.day?)?;
        Ok(Fraction::over(
            vec![Term::count(
                "customers who churned in 30 days",
                heads.moved(Kind::Churn),
            )],
            vec![
                Term::count("customers 30 days ago", heads.opening),
                Term::count("new customers since", heads.moved(Kind::New)),
            ],
        ))
    }

    fn lifetime_value(&self) -> Result<Fraction, Missing> {
        let [arpa, churn] = [Name::Arpa, Name::CustomerChurn].map(|name| {
            let entry = Entry::new(name, self.currency, self.fraction(name), zero(name));
            entry.value
        });
        let churn = Term {
            what: "customer churn over 30 days".to_owned(),
            minus: false,
            amount: churn?,
            unit: Unit::Share,
        };
        Ok(Fraction::over(vec![Term::money("ARPA", arpa?)], vec![churn]))
    }

    fn outlook(&self, name: Name) -> Result<Fraction, Missing> {
        let day = self.day?;
        let outlook = day.summary.outlook.as_ref().ok_or(Missing::NotComputed)?;
        if day.reconstructed.is_some() && matches!(name, Name::CommittedMrr | Name::MrrAtRisk) {
            return Err(Missing::Reconstructed);
        }
        let sum = |what: &str, part: fn(&crate::outlook::InCurrency) -> &Total| {
            let amounts = outlook.currencies.iter().map(|(from, amounts)| (*from, part(amounts)));
            Ok::<Term, Missing>(Term::money(what, self.added_up(day, amounts)?))
        };
        Ok(match name {
            Name::TrialMrr if outlook.trials_unknown > 0 => return Err(Missing::InTrial(outlook.trials_unknown)),
            Name::TrialMrr => Fraction::sum(vec![sum("in trials", |part| &part.trial)?]),
            Name::MrrAtRisk => Fraction::sum(vec![
                sum("past due", |part| &part.past_due)?,
                sum("collection paused", |part| &part.collection_paused)?,
            ]),
            Name::TrialConversion => {
                let trials = outlook.trials.ok_or(Missing::Trials)?;
                Fraction::over(
                    vec![Term::count("trials that became paying in 30 days", trials.converted)],
                    vec![Term::count("trials that ended in 30 days", trials.ended)],
                )
            }
            _ if outlook.later_unknown > 0 => return Err(Missing::Later(outlook.later_unknown)),
            _ => Fraction::sum(vec![
                self.mrr()?,
                sum("cancellations asked for", |part| &part.leaving)?.taken_away(),
                sum("next phases of schedules", |part| &part.next_phases)?,
                sum("what begins later", |part| &part.starting)?,
            ]),
        })
    }
}

fn moved(money: &Money, kind: Kind) -> Term {
    Term::money(kind.as_str(), money.moved(kind))
}

fn signed(money: &Money, kind: Kind, minus: bool) -> Term {
    let term = moved(money, kind);
    if minus { term.taken_away() } else { term }
}

impl Serialize for Figures {
    /// The figures by their names.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        struct ByName<'a>(&'a [Entry]);
        impl Serialize for ByName<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|entry| (entry.name, entry)))
            }
        }
        let mut fields = serializer.serialize_struct("Figures", 8)?;
        fields.serialize_field("period", &self.period.to_string())?;
        fields.serialize_field("from", &self.period.from)?;
        fields.serialize_field("until", &self.period.until)?;
        fields.serialize_field("day", &self.day)?;
        fields.serialize_field("opening", &self.opening)?;
        fields.serialize_field("complete", &self.complete)?;
        fields.serialize_field("reconstructed", &self.reconstructed)?;
        fields.serialize_field("figures", &ByName(&self.entries))?;
        fields.end()
    }
}

#[cfg(test)]
#[path = "../figures_tests.rs"]
mod tests;
