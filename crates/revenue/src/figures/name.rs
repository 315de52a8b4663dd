//! The figures by name, and how each is written.

use serde::{Serialize, Serializer};

/// A figure. `docs/MRR.md` defines each, with its source and a worked example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// Monthly recurring revenue.
    Mrr,
    /// Annual recurring revenue.
    Arr,
    /// Customers who pay.
    Subscribers,
    /// Average revenue per account.
    Arpa,
    /// The share of revenue that was lost.
    GrossRevenueChurn,
    /// The share of revenue that was lost, less what customers added.
    NetRevenueChurn,
    /// Net revenue retention.
    Nrr,
    /// Gross revenue retention.
    Grr,
    /// What was won for each unit lost.
    QuickRatio,
    /// The share of customers who left in 30 days.
    CustomerChurn,
    /// Lifetime value.
    Ltv,
    /// What trials would add.
    TrialMrr,
    /// The share of trials that became paying.
    TrialConversion,
    /// MRR after what is agreed already.
    CommittedMrr,
    /// MRR that may not be paid.
    MrrAtRisk,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Minor units of the reporting currency.
    Money,
    /// A part of 1, shown in percent.
    Share,
    /// So many times.
    Ratio,
    /// Whole things, such as customers.
    Count,
}

impl Name {
    /// Every figure, in the order of a table.
    pub const ALL: [Self; 15] = [
        Self::Mrr,
        Self::Arr,
        Self::Subscribers,
        Self::Arpa,
        Self::GrossRevenueChurn,
        Self::NetRevenueChurn,
        Self::Nrr,
        Self::Grr,
        Self::QuickRatio,
        Self::CustomerChurn,
        Self::Ltv,
        Self::TrialMrr,
        Self::TrialConversion,
        Self::CommittedMrr,
        Self::MrrAtRisk,
    ];

    /// The name for programs and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mrr => "mrr",
            Self::Arr => "arr",
            Self::Subscribers => "subscribers",
            Self::Arpa => "arpa",
            Self::GrossRevenueChurn => "gross_revenue_churn",
            Self::NetRevenueChurn => "net_revenue_churn",
            Self::Nrr => "nrr",
            Self::Grr => "grr",
            Self::QuickRatio => "quick_ratio",
            Self::CustomerChurn => "customer_churn",
            Self::Ltv => "ltv",
            Self::TrialMrr => "trial_mrr",
            Self::TrialConversion => "trial_conversion",
            Self::CommittedMrr => "committed_mrr",
            Self::MrrAtRisk => "mrr_at_risk",
        }
    }

    /// The figure of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|figure| figure.as_str() == name)
    }

    /// How it is computed, in words.
    pub fn formula(self) -> &'static str {
        match self {
            Self::Mrr => "each currency's MRR, converted and rounded once, added up",
            Self::Arr => "12 × MRR",
            Self::Subscribers => "customers who pay more than 0",
            Self::Arpa => "MRR ÷ subscribers",
            Self::GrossRevenueChurn => "(churn + contraction) ÷ opening MRR",
            Self::NetRevenueChurn => "(churn + contraction − expansion − reactivation) ÷ opening MRR",
            Self::Nrr => "(opening MRR + expansion − contraction − churn) ÷ opening MRR",
            Self::Grr => "(opening MRR − contraction − churn) ÷ opening MRR",
            Self::QuickRatio => "(new + expansion + reactivation) ÷ (churn + contraction)",
            Self::CustomerChurn => "customers who churned in 30 days ÷ (customers 30 days ago + new ones since)",
            Self::Ltv => "ARPA ÷ customer churn over 30 days",
            Self::TrialMrr => "what subscriptions and items in their trials are worth once it ends",
            Self::TrialConversion => "trials that became paying in 30 days ÷ trials that ended in 30 days",
            Self::CommittedMrr => "MRR − cancellations asked for + next phases of schedules + what begins later",
            Self::MrrAtRisk => "MRR past due + MRR whose collection is paused",
        }
    }

    /// What it counts.
    pub fn unit(self) -> Unit {
        match self {
            Self::Mrr | Self::Arr | Self::Arpa | Self::Ltv | Self::TrialMrr | Self::CommittedMrr | Self::MrrAtRisk => {
                Unit::Money
            }
            Self::Subscribers => Unit::Count,
            Self::QuickRatio => Unit::Ratio,
            Self::GrossRevenueChurn
            | Self::NetRevenueChurn
            | Self::Nrr
            | Self::Grr
            | Self::CustomerChurn
            | Self::TrialConversion => Unit::Share,
        }
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
