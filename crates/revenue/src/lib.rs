#![doc = include_str!("../README.md")]

pub mod breakdown;
pub mod cohorts;
pub mod currency;
pub mod customers;
pub mod day;
mod decimal;
pub mod discounts;
pub mod figure;
pub mod figures;
pub mod history;
pub mod in_currency;
pub mod lines;
pub mod model;
pub mod money;
pub mod movements;
pub mod outlook;
pub mod policy;
pub mod ports;
pub mod pricing;
pub mod rates;
pub mod report;
pub mod reporting;
pub mod run;
pub mod shares;
pub mod totals;
pub mod transactions;
