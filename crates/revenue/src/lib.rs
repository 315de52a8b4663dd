#![doc = include_str!("../README.md")]

pub mod backfill;
mod comparison;
pub mod currency;
pub mod customer_movements;
pub mod customers;
pub mod day;
pub mod discounts;
pub mod figure;
pub mod history;
pub mod lines;
pub mod model;
pub mod money;
pub mod movements;
pub mod past;
pub mod policy;
pub mod ports;
pub mod pricing;
pub mod rates;
pub mod report;
pub mod reporting;
pub mod run;
mod subscription_amounts;
pub mod totals;
pub mod transactions;
