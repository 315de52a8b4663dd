//! Monthly Recurring Revenue: pure. Subscriptions in, exact figures and their reasons out.
//!
//! [`figure`](figure::figure) computes one subscription, [`run::Run`] adds a run of them up,
//! [`movements::Movements`] compares it with the one before, [`report::Report`] is what is printed.
//! [`reporting::Reporter`] does all of it, over the ports, once a day.
//! Money is an exact number of minor units ([`money::Exact`]) until it is shown.

pub mod currency;
pub mod customers;
pub mod day;
pub mod discounts;
pub mod figure;
pub mod history;
pub mod lines;
pub mod model;
pub mod money;
pub mod movements;
pub mod policy;
pub mod pricing;
pub mod rates;
pub mod report;
pub mod reporting;
pub mod run;
pub mod totals;
pub mod transactions;
