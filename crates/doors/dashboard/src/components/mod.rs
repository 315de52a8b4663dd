//! The dozen pieces that pages are made of. docs/DASHBOARD.md says what each is for.

mod forms;
mod shown;
mod status;
mod tables;
mod times;

pub(crate) use forms::{button, confirm, field, filter, select};
pub(crate) use shown::{code, empty, facts, fields, figure, notice, panel, section, stat, written};
pub(crate) use status::{Tone, shape, status};
pub(crate) use tables::{Column, pager, table};
pub(crate) use times::{age, moment, moment_or};
