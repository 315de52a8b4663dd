#![doc = include_str!("../README.md")]

pub mod access;
pub mod acts;
pub mod agent;
pub mod audit;
pub mod canonical;
pub mod course;
pub mod decision;
pub mod duration;
pub mod events;
pub mod health;
pub mod input;
pub mod installation;
pub mod names;
pub mod outcome;
pub mod paging;
pub mod port_error;
pub mod ports;
pub mod records;
pub mod schedule;
pub mod sealing;
pub mod secret;
pub mod signing;
pub mod stored;
pub mod text;

pub use installation::Installation;
