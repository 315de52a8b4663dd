//! What values taken together are told as.

use cc_devops_http::reported::Sample;

/// A number that stands for many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Statistic {
    SampleCount,
    Average,
    Sum,
    Minimum,
    Maximum,
}

impl Statistic {
    /// The statistic of that name; none where it is none, or a percentile.
    pub(super) fn find(name: &str) -> Option<Self> {
        match name {
            "SampleCount" => Some(Self::SampleCount),
            "Average" => Some(Self::Average),
            "Sum" => Some(Self::Sum),
            "Minimum" => Some(Self::Minimum),
            "Maximum" => Some(Self::Maximum),
            _ => None,
        }
    }

    /// What it is of these values; none where nobody knows.
    pub(super) fn of(self, sample: Sample) -> Option<f64> {
        let value = match self {
            Self::SampleCount => sample.count,
            Self::Average => sample.average(),
            Self::Sum => sample.sum,
            Self::Minimum => sample.minimum,
            Self::Maximum => sample.maximum,
        };
        Some(value).filter(|value| value.is_finite())
    }

    /// What is said of one that is none.
    pub(super) fn unknown(name: &str, parameter: &str) -> String {
        let shown: String = name.chars().filter(|letter| !letter.is_control()).take(32).collect();
        format!(
            "The value {shown} for parameter {parameter} is not supported. No percentiles are kept here: ask for \
             SampleCount, Average, Sum, Minimum or Maximum."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statistic_that_nobody_knows_is_none() {
        let sample = Sample {
            minimum: f64::NAN,
            ..Sample::of(3.0).and(Sample::of(5.0))
        };
        let told = |name: &str| Statistic::find(name).and_then(|statistic| statistic.of(sample));
        let all = ["SampleCount", "Average", "Sum", "Maximum", "Minimum", "p99"].map(told);
        assert_eq!(all.to_vec(), [Some(2.0), Some(4.0), Some(8.0), Some(5.0), None, None]);
        assert!(Statistic::unknown("p99", "Stat").contains("p99"));
    }
}
