#![doc = include_str!("../README.md")]

mod fault;
mod model;
mod operation;
mod services;
