//! A part of the page, read by its own right: one that fails takes nothing else down.

use cc_devops_http::access::{Permitted, Privilege};
use cc_devops_http::problem::Problem;

use crate::gate::AnyVisitor;

/// What became of reading a part.
#[derive(Debug)]
pub(super) enum Part<T> {
    /// It was read.
    Here(T),
    /// It could not be read: why, and what to do.
    Failed(String),
    /// The visitor may not see it.
    NotYours,
}

impl<T> Part<T> {
    /// What was read.
    pub(super) fn here(&self) -> Option<&T> {
        match self {
            Self::Here(found) => Some(found),
            Self::Failed(_) | Self::NotYours => None,
        }
    }
}

/// Reads a part, where the visitor may see it.
pub(super) async fn read<P, T, E>(
    visitor: &Permitted<AnyVisitor>,
    reading: impl AsyncFnOnce(Permitted<P>) -> Result<T, E>,
) -> Part<T>
where
    P: Privilege,
    E: Into<Problem>,
{
    let Ok(permitted) = visitor.also::<P>() else {
        return Part::NotYours;
    };
    match reading(permitted).await {
        Ok(found) => Part::Here(found),
        Err(error) => {
            let problem: Problem = error.into();
            Part::Failed(problem.detail().to_owned())
        }
    }
}
