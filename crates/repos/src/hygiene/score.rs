//! The score: of what is demanded, how much holds, each rule by how bad its breach is.

use crate::report::{Finding, Verdict};
use crate::rules::Severity;

/// Adds findings up to a score. What is exempt, not known, or says nothing here counts for nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    held: u64,
    demanded: u64,
}

impl Tally {
    /// Takes a finding.
    pub(super) fn count(&mut self, finding: &Finding) {
        let weight = weight(finding.severity);
        match finding.verdict {
            Verdict::Pass => {
                self.held += weight;
                self.demanded += weight;
            }
            Verdict::Fail => self.demanded += weight,
            Verdict::Unknown | Verdict::Unavailable | Verdict::NotApplicable | Verdict::Exempt => {}
        }
    }

    /// The score, from 0 to 100: rounded down, so that 100 says that nothing is broken. None where nothing is demanded.
    pub(super) fn score(self) -> Option<u8> {
        let score = self.held.saturating_mul(100).checked_div(self.demanded)?;
        u8::try_from(score).ok()
    }
}

/// How much a rule weighs: twice as much with each step of severity.
fn weight(severity: Severity) -> u64 {
    match severity {
        Severity::Low => 1,
        Severity::Medium => 2,
        Severity::High => 4,
        Severity::Critical => 8,
    }
}
