//! How far the trail had come, kept in a small file beside the database: an older database, or one whose
//! write-ahead log is gone, does not hold the row that the file names.
//!
//! The file has two lines of a fixed length, written in turn and in place, so that a crash spoils one at most.
//! Each holds a place, its hash, and a MAC, of another kind since records have theirs: beside such a line, a database
//! of an older schema was put there. It is written after what it tells of is durable, and may lag; it is never ahead.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use cc_devops_files as files;
use cc_devops_kernel::audit::{ChainHash, Mark};
use rusqlite::{Connection, OptionalExtension};
use rustix::fs::{FlockOperation, OFlags};

use super::Head;
use super::cutting::Standing;
use crate::vault::StoreKeys;

/// The file's name in the data directory.
pub(crate) const FILE: &str = "audit.head";

/// A place of 20 digits, a hash and a MAC in hex, with what stands between and behind them.
const LINE: usize = 20 + 1 + 64 + 1 + 64 + 1;

/// Why the trail in the database may not be the newest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrailMismatch {
    /// It ends before the place it had come to.
    #[error(
        "the audit trail had come to row {} and ends at row {}: an older database was put in place, or its \
         write-ahead log is lost",
        kept.seq, found.seq
    )]
    Behind {
        /// What is kept beside the database.
        kept: Mark,
        /// Where the trail ends.
        found: Mark,
    },
    /// It goes on from an earlier place, another way.
    #[error(
        "row {} of the audit trail is not the one that stood there: the trail went on from an older database",
        kept.seq
    )]
    Another {
        /// What is kept beside the database.
        kept: Mark,
    },
    /// What was kept is gone.
    #[error("{FILE} is missing, which says how far the audit trail had come")]
    Missing,
    /// What was kept was not written by this store.
    #[error("{FILE}, which says how far the audit trail had come, was not written by this store")]
    Foreign,
}

/// What the file holds.
pub(crate) enum Found {
    /// There is none.
    Nothing,
    /// No line of it is this store's.
    Foreign,
    /// How far the trail had come.
    Kept {
        /// The farthest place.
        mark: Mark,
        /// Whether a version whose records have a MAC kept it.
        with_records: bool,
    },
}

impl Found {
    /// Whether there is no such file.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// Whether a version whose records have a MAC kept it.
    pub(crate) fn is_of_records(&self) -> bool {
        matches!(self, Self::Kept { with_records: true, .. })
    }
}

/// The file.
#[derive(Clone)]
pub(crate) struct Kept(PathBuf);

impl Kept {
    /// The file in a data directory.
    pub(crate) fn in_folder(dir: &Path) -> Self {
        Self(dir.join(FILE))
    }

    /// Whether there is one, whoever wrote it.
    pub(crate) fn exists(&self) -> bool {
        self.0.symlink_metadata().is_ok()
    }

    fn open(&self) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&self.0)
    }

    /// Reads it.
    pub(crate) fn find(&self, keys: &StoreKeys) -> io::Result<Found> {
        match self.open() {
            Ok(file) => Ok(Lines::read(&file, keys)?.found()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Keeps a place, unless one as far is kept already; with `sync`, it survives a loss of power as well.
    pub(crate) fn keep(&self, mark: Mark, keys: &StoreKeys, sync: bool) -> io::Result<()> {
        let file = match self.open() {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.replace(mark, keys),
            Err(error) => return Err(error),
        };
        // Several processes keep it.
        rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
        let newest = Lines::read(&file, keys)?.newest();
        if newest.is_none_or(|(_, kept)| kept.mark.seq < mark.seq) {
            let place = newest.map_or(0, |(place, _)| 1 - place);
            file.write_all_at(line(mark, keys).as_bytes(), (place * LINE) as u64)?;
        }
        if sync { file.sync_data() } else { Ok(()) }
    }

    /// Keeps a place whatever was kept before.
    pub(crate) fn replace(&self, mark: Mark, keys: &StoreKeys) -> io::Result<()> {
        let line = line(mark, keys);
        files::replace(&self.0, format!("{line}{line}").as_bytes())
    }

    /// What speaks against the trail in the database, in the caller's view of it. The file was read before.
    pub(crate) fn doubt(found: &Found, conn: &Connection, expected: bool) -> rusqlite::Result<Option<TrailMismatch>> {
        let kept = match found {
            Found::Nothing => return Ok(expected.then_some(TrailMismatch::Missing)),
            Found::Foreign => return Ok(Some(TrailMismatch::Foreign)),
            Found::Kept { mark, .. } => *mark,
        };
        let end = Head::read(conn)?.map_or(GENESIS, |head| head.mark());
        if end.seq < kept.seq {
            return Ok(Some(TrailMismatch::Behind { kept, found: end }));
        }
        Ok(match at(conn, kept.seq)? {
            Some(mark) if mark != kept => Some(TrailMismatch::Another { kept }),
            // A row that is neither there nor cut off is the chain's own break.
            _ => None,
        })
    }
}

const GENESIS: Mark = Mark {
    seq: 0,
    hash: ChainHash::GENESIS,
};

/// The row at a place: itself, or the cut right behind it.
pub(super) fn at(conn: &Connection, seq: i64) -> rusqlite::Result<Option<Mark>> {
    if seq == 0 {
        return Ok(Some(GENESIS));
    }
    let hash = conn
        .prepare_cached("SELECT hash FROM audit WHERE seq = ?1")?
        .query_row([seq], |row| row.get(0).map(ChainHash))
        .optional()?;
    let hash = match hash {
        Some(hash) => Some(hash),
        None => Standing::read(conn)?.filter(|cut| cut.seq == seq).map(|cut| cut.hash),
    };
    Ok(hash.map(|hash| Mark { seq, hash }))
}

fn line(mark: Mark, keys: &StoreKeys) -> String {
    let mac = ChainHash(keys.audit_kept_mac(mark.seq, &mark.hash.0, true));
    format!("{:020} {} {mac}\n", mark.seq, mark.hash)
}

/// One line.
#[derive(Clone, Copy)]
struct Line {
    mark: Mark,
    /// Whether a version whose records have a MAC wrote it.
    with_records: bool,
}

/// Both lines; what is not this store's is none.
struct Lines([Option<Line>; 2]);

impl Lines {
    fn read(file: &File, keys: &StoreKeys) -> io::Result<Self> {
        let mut lines = [None; 2];
        for (place, found) in lines.iter_mut().enumerate() {
            let mut bytes = [0; LINE];
            match file.read_exact_at(&mut bytes, (place * LINE) as u64) {
                Ok(()) => *found = parse(&bytes, keys),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self(lines))
    }

    /// The farther one, and which of the two it is.
    fn newest(&self) -> Option<(usize, Line)> {
        let lines = self.0.iter().enumerate();
        lines
            .filter_map(|(place, line)| line.map(|line| (place, line)))
            .max_by_key(|(_, line)| line.mark.seq)
    }

    /// What they say together.
    fn found(&self) -> Found {
        let with_records = self.0.iter().flatten().any(|line| line.with_records);
        self.newest()
            .map_or(Found::Foreign, |(_, Line { mark, .. })| Found::Kept {
                mark,
                with_records,
            })
    }
}

fn parse(bytes: &[u8], keys: &StoreKeys) -> Option<Line> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut words = text.strip_suffix('\n')?.split(' ');
    let seq = words.next()?.parse().ok()?;
    let hash = ChainHash::try_from(words.next()?.to_owned()).ok()?;
    let mac = ChainHash::try_from(words.next()?.to_owned()).ok()?;
    let with_records = [true, false]
        .into_iter()
        .find(|with_records| mac.0 == keys.audit_kept_mac(seq, &hash.0, *with_records))?;
    words.next().is_none().then_some(Line {
        mark: Mark { seq, hash },
        with_records,
    })
}
