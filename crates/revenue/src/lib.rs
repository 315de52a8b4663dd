#![doc = include_str!("../README.md")]

pub mod currency;
pub mod customers;
pub mod day;
mod deductions;
pub mod discounts;
pub mod figure;
pub mod history;
pub mod lines;
pub mod model;
pub mod money;
pub mod movements;
pub mod policy;
pub mod ports;
pub mod pricing;
pub mod rates;
pub mod report;
pub mod reporting;
pub mod run;
pub mod totals;
pub mod transactions;
pub mod unkept;
