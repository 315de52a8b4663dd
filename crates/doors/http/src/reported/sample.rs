//! What is reported.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// A metric's name, with what tells it from others of that name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Metric {
    /// Whose metrics it is among, such as `Agent/CostSentinel`.
    pub namespace: String,
    /// What is measured.
    pub name: String,
    /// Of what.
    pub dimensions: BTreeMap<String, String>,
}

/// Values taken together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sample {
    /// How many there are.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// The smallest.
    pub minimum: f64,
    /// The largest.
    pub maximum: f64,
}

impl Sample {
    /// One value.
    pub fn of(value: f64) -> Self {
        Self::repeated(value, 1.0)
    }

    /// One value that was there so often.
    pub fn repeated(value: f64, count: f64) -> Self {
        Self {
            count,
            sum: value * count,
            minimum: value,
            maximum: value,
        }
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.count <= 0.0
    }

    /// Their average; 0 of none.
    pub fn average(&self) -> f64 {
        if self.is_empty() { 0.0 } else { self.sum / self.count }
    }

    /// Both taken together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            minimum: self.minimum.min(other.minimum),
            maximum: self.maximum.max(other.maximum),
        }
    }
}

/// What is reported of a metric at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Datum {
    /// When it was so; none where it says no more than when it was sent.
    pub at: Option<Timestamp>,
    /// In which unit, as CloudWatch names them.
    pub unit: String,
    /// The values.
    pub sample: Sample,
}

/// What there is of a metric in one step of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The minute in which the step begins, counted from 1970 UTC.
    pub minute: i64,
    /// In which unit.
    pub unit: String,
    /// The values.
    pub sample: Sample,
}
