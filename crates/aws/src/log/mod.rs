//! The event log: what came to be, for those who fetch it, and what of it is still to be told.
//!
//! An event is one item, written with the conclusion it tells of. It stands at its place for good; who
//! of the outbox's consumers still waits for it is an attribute of it, and so nothing is moved or
//! deleted when it is told.
//!
//! **Places are counted, not read off a clock.** A writer takes the next numbers of a counter, and writes
//! its event there, where nothing stands yet. So the log is dense: a reader knows that an event is on
//! its way by the number that is missing. It waits for it a little, by its own watch, and then puts a
//! mark in its place: whoever wanted to write there finds the mark and takes another number. No reader
//! passes what may still come, however slow or stopped its writer was, and no two clocks are compared.

mod old;
mod reading;
mod row;
mod sequencer;

pub(crate) use old::between as old_between;
pub(crate) use row::{Entry, Failing, NewEvent, Progress, SetAsideMark, event_key, progress_item};
pub(crate) use sequencer::{FIRST, Place, Sequencer, note_subscribers};
