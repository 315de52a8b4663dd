//! Change sets and plan files with known truth: what is said of them, what is hidden, and what their digests tell apart.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod digests;
#[cfg(test)]
mod neighbours;
#[cfg(test)]
mod places;
#[cfg(test)]
mod plan_files;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod sets;
#[cfg(test)]
mod unread;
