//! Days that were kept, as the figures read them: what lies between two of them, in customers and in money.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::missing::Missing;
use crate::currency::Currency;
use crate::day::Day;
use crate::money::Total;
use crate::movements::Kind;

/// Days that were kept, by date.
#[derive(Debug, Clone)]
pub struct Days<'a>(BTreeMap<Date, &'a Day>);

impl<'a> Days<'a> {
    /// Days in any order; of two of one date the last counts.
    pub fn new(days: impl IntoIterator<Item = &'a Day>) -> Self {
        Self(days.into_iter().map(|day| (day.date, day)).collect())
    }

    /// The first of them.
    pub fn first(&self) -> Option<&'a Day> {
        self.0.first_key_value().map(|(_, day)| *day)
    }

    /// The newest from `from` until `until`, both inclusive.
    pub fn newest(&self, from: Date, until: Date) -> Option<&'a Day> {
        if from > until {
            return None;
        }
        self.0.range(from..=until).next_back().map(|(_, day)| *day)
    }

    /// The days that one of these was compared with, and that are not among them: their rates are needed, too.
    pub fn wanted(&self) -> Vec<Date> {
        let before = self.0.values().filter_map(|day| day.compared_with);
        before.filter(|date| !self.0.contains_key(date)).collect()
    }

    fn get(&self, date: Date) -> Option<&'a Day> {
        self.0.get(&date).copied()
    }
}

/// The days of a stretch, each compared with the one before it: the first with the opening.
#[derive(Debug, Clone)]
pub(super) struct DayRange<'a> {
    /// The day at whose end it opens.
    pub(super) opening: Date,
    /// Newest first; never empty.
    days: Vec<&'a Day>,
}

/// How many customers there were and how they moved. One who pays in two currencies counts in each.
#[derive(Debug, Clone, Default)]
pub(super) struct Heads {
    /// Who paid at the opening.
    pub(super) opening: u64,
    moved: BTreeMap<Kind, u64>,
}

impl Heads {
    pub(super) fn moved(&self, kind: Kind) -> u64 {
        self.moved.get(&kind).copied().unwrap_or_default()
    }
}

/// MRR and what moved it, in minor units of one currency, exact.
#[derive(Debug, Clone)]
pub(super) struct Money {
    pub(super) opening: Total,
    moved: BTreeMap<Kind, Total>,
}

impl Money {
    /// What a kind came to, without its sign.
    pub(super) fn moved(&self, kind: Kind) -> Total {
        self.moved.get(&kind).map(Total::magnitude).unwrap_or_default()
    }
}

impl<'a> DayRange<'a> {
    /// The days after `opening` until `last`, each compared with the one before. The opening may lie up to `slack` days
    /// before, where that day itself was not kept.
    ///
    /// # Errors
    /// [`Missing`], where the days do not reach back to it.
    pub(super) fn until(days: &Days<'a>, opening: Date, last: &'a Day, slack: i32) -> Result<Self, Missing> {
        let mut found = vec![last];
        let mut at = last;
        loop {
            let Some(before) = at.compared_with else {
                return Err(Missing::KeptSince(at.date));
            };
            if before <= opening {
                let late = opening.since(before).map_or(i32::MAX, |span| span.get_days());
                return if late <= slack {
                    Ok(Self {
                        opening: before,
                        days: found,
                    })
                } else {
                    Err(Missing::Opening(opening))
                };
            }
            at = days.get(before).ok_or(Missing::Opening(before))?;
            found.push(at);
        }
    }

    pub(super) fn heads(&self) -> Heads {
        let mut heads = Heads::default();
        for day in &self.days {
            for (kind, moved) in day.movements.currencies.values().flat_map(|sheet| &sheet.moved) {
                *heads.moved.entry(*kind).or_default() += moved.customers;
            }
        }
        let first = self
            .days
            .last()
            .into_iter()
            .flat_map(|day| day.movements.currencies.values());
        heads.opening = first.map(|sheet| sheet.opening_customers).sum();
        heads
    }

    /// The money in `to`: the opening at the rates of its day, each movement at those of its own.
    ///
    /// # Errors
    /// [`Missing`] where a rate or the day of the opening is not there.
    pub(super) fn money(&self, days: &Days<'_>, to: Currency) -> Result<Money, Missing> {
        let mut money = Money {
            opening: Total::default(),
            moved: BTreeMap::new(),
        };
        for day in &self.days {
            for (&from, sheet) in &day.movements.currencies {
                for (kind, moved) in &sheet.moved {
                    let amount = day.rates.convert(&moved.amount, from, to).ok_or(Missing::Rate(from))?;
                    let sum = money.moved.entry(*kind).or_default();
                    *sum = sum.plus(&amount);
                }
            }
        }
        let sheets = self.days.last().into_iter().flat_map(|day| &day.movements.currencies);
        for (&from, sheet) in sheets.filter(|(_, sheet)| !sheet.opening.is_zero()) {
            let amount = if from == to {
                sheet.opening.clone()
            } else {
                let day = days.get(self.opening).ok_or(Missing::Opening(self.opening))?;
                let converted = day.rates.convert(&sheet.opening, from, to);
                converted.ok_or(Missing::Rate(from))?
            };
            money.opening = money.opening.plus(&amount);
        }
        Ok(money)
    }
}
