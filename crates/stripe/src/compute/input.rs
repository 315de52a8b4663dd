//! An input that is read more than once: looked at as a whole before anything is computed, so that what is
//! wrong with it is known before the first figure is told.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use cc_devops_revenue::figure::{ErrorCode, Figure, FigureError};
use tempfile::SpooledTempFile;

pub use super::duplicates::Duplicates;
use super::duplicates::{Found, Ids, Marks};
use super::source::Source;
use super::work::work;
use super::{ComputeError, Figures, Handing};
use crate::objects::Terms;

/// What of a pipe is kept in memory, in bytes; more is kept in a file without a name.
const IN_MEMORY: usize = 16 << 20;
/// How much is read at once, in bytes.
const BUFFER: usize = 1 << 20;

/// Subscriptions to be computed: a file, or what came through a pipe.
#[derive(Debug)]
pub struct Input(Kept);

#[derive(Debug)]
enum Kept {
    File(File),
    /// Gone when the process ends, however it ends.
    Spooled(Box<SpooledTempFile>),
}

/// An input that was looked at as a whole.
#[derive(Debug, Default)]
pub struct Checked {
    marks: Marks,
    list_incomplete: bool,
}

impl Checked {
    /// How many copies of subscriptions are left out.
    pub fn duplicates(&self) -> u64 {
        self.marks.copies.len() as u64
    }

    /// Whether the list says that it has more: it is only a part.
    pub fn list_incomplete(&self) -> bool {
        self.list_incomplete
    }
}

impl Input {
    /// A file.
    ///
    /// # Errors
    /// If it cannot be opened or, being a pipe, not be read.
    pub fn open(file: &Path) -> io::Result<Self> {
        let open = File::open(file)?;
        if open.metadata()?.is_file() {
            return Ok(Self(Kept::File(open)));
        }
        Self::from_pipe(open)
    }

    /// What comes through a pipe, which is read until its end.
    ///
    /// # Errors
    /// If it cannot be read or kept.
    pub fn from_pipe(mut pipe: impl Read) -> io::Result<Self> {
        let mut spooled = SpooledTempFile::new(IN_MEMORY);
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = match pipe.read(&mut buffer) {
                Ok(0) => return Ok(Self(Kept::Spooled(Box::new(spooled)))),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            spooled.write_all(buffer.get(..read).unwrap_or_default())?;
        }
    }

    /// From the beginning.
    fn reader(&mut self) -> io::Result<BufReader<&mut (dyn Read + Send)>> {
        let kept: &mut (dyn Read + Send) = match &mut self.0 {
            Kept::File(file) => {
                file.seek(SeekFrom::Start(0))?;
                file
            }
            Kept::Spooled(spooled) => {
                spooled.seek(SeekFrom::Start(0))?;
                spooled
            }
        };
        Ok(BufReader::with_capacity(BUFFER, kept))
    }

    /// Looks at the input as a whole: whether it is JSON, whether its list is complete, and which
    /// subscriptions are there more than once.
    ///
    /// # Errors
    /// [`ComputeError`].
    pub fn check(&mut self, how: Duplicates) -> Result<Checked, ComputeError> {
        let (ids, mut found) = (Ids::default(), Vec::new());
        let more = work(Source::open(self.reader()?)?, &ids, &mut found)?;
        let marks = match ids.suspects(found) {
            None => Marks::default(),
            Some(suspects) => {
                let mut found = Found::default();
                work(Source::open(self.reader()?)?, &suspects, &mut found)?;
                found.marks(how)
            }
        };
        Ok(Checked {
            marks,
            list_incomplete: more.unwrap_or(false),
        })
    }

    /// Computes every subscription, each once, and hands its figure to `each`, in the input's order. One that
    /// cannot be read or computed, or is there with different values, is a figure with an error.
    ///
    /// # Errors
    /// [`ComputeError`] if the input cannot be read, or with what `each` failed.
    pub fn figures<F>(&mut self, checked: &Checked, terms: Terms<'_>, mut each: F) -> Result<(), ComputeError>
    where
        F: FnMut(&Figure<'_>) -> io::Result<()> + Send,
    {
        let marks = &checked.marks;
        let mut copies = Places(&marks.copies);
        let mut contradicting = Places(&marks.contradicting);
        let mut conflicts = Places(&marks.conflicts);
        let mut place = 0_u64;
        let hand_over = |figures: &[Figure<'_>]| {
            for figure in figures {
                let here = place;
                place += 1;
                if copies.has(here) || contradicting.has(here) {
                    continue;
                }
                if conflicts.has(here) {
                    each(&conflict(figure))?;
                } else {
                    each(figure)?;
                }
            }
            Ok(())
        };
        let source = Source::open(self.reader()?)?;
        work(source, &Figures { terms }, Handing(hand_over))?;
        Ok(())
    }
}

/// The figure of a subscription of which there are several.
fn conflict(figure: &Figure<'_>) -> Figure<'static> {
    let message = format!(
        "the subscription {} is there more than once, with different values; take the copies out, or give \
         --duplicates newest, with which the last counts",
        figure.id
    );
    let error = FigureError::new(ErrorCode::ConflictingDuplicates, message);
    let figure = figure.clone().into_owned();
    Figure::failed(figure.id, figure.customer, error)
}

/// Places in ascending order, which are asked for in that order.
struct Places<'p>(&'p [u64]);

impl Places<'_> {
    fn has(&mut self, place: u64) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == place => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }
}
