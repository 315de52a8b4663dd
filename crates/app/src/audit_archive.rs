//! The folder where audit rows are exported before they are cut off: a file for each section, named for its
//! first and last row.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use cc_devops_files::NewFile;
use cc_devops_kernel::audit::{AuditRow, Section};
use cc_devops_kernel::ports::{AuditArchive, PortError, PortErrorKind, PortResult};

/// A folder of exports.
pub struct FileArchive {
    folder: PathBuf,
}

impl FileArchive {
    /// An archive in a folder, which exists.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }
}

#[async_trait]
impl AuditArchive for FileArchive {
    async fn keep(&self, section: &Section) -> PortResult<String> {
        let name = format!("audit-{:012}-{:012}.ndjson", section.first, section.last);
        let (path, rows) = (self.folder.join(&name), section.rows.clone());
        let kept = tokio::task::spawn_blocking(move || keep(&path, &rows)).await;
        match kept {
            Ok(result) => result.map(|()| name),
            Err(error) => Err(PortError::new(PortErrorKind::Refused, "an export ended early").because(error)),
        }
    }
}

fn keep(path: &Path, rows: &[AuditRow]) -> PortResult<()> {
    match write(path, rows) {
        Ok(()) => Ok(()),
        // A crash between the export and the cut leaves the file of the rows that are to be cut now.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match holds(path, rows) {
            Ok(true) => Ok(()),
            Ok(false) => Err(PortError::new(
                PortErrorKind::Exists,
                format!(
                    "{} holds other audit rows: move it away, then the trail is cut",
                    path.display()
                ),
            )),
            Err(error) => Err(failed(path, error)),
        },
        Err(error) => Err(failed(path, error)),
    }
}

fn failed(path: &Path, error: io::Error) -> PortError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => PortErrorKind::Full,
        _ => PortErrorKind::Refused,
    };
    let message = format!(
        "cannot export audit rows to {}, so none is cut off: see retention.audit_export_dir",
        path.display()
    );
    PortError::new(kind, message).because(error)
}

fn write(path: &Path, rows: &[AuditRow]) -> io::Result<()> {
    let mut export = Export::create(path)?;
    for row in rows {
        export.row(row)?;
    }
    export.finish()
}

/// A file of audit rows in the making, one a line.
pub struct Export(BufWriter<NewFile>);

impl Export {
    /// Begins the file that is to stand at `path`, where nothing may stand.
    pub fn create(path: &Path) -> io::Result<Self> {
        NewFile::create(path).map(|file| Self(BufWriter::with_capacity(1 << 16, file)))
    }

    /// Writes a row.
    pub fn row(&mut self, row: &AuditRow) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, row)?;
        self.0.write_all(b"\n")
    }

    /// Puts the file in its place, durably.
    pub fn finish(self) -> io::Result<()> {
        self.0.into_inner().map_err(io::IntoInnerError::into_error)?.finish()
    }
}

/// Whether the file has all of those rows.
fn holds(path: &Path, rows: &[AuditRow]) -> io::Result<bool> {
    let lines: HashSet<String> = BufReader::new(File::open(path)?).lines().collect::<Result<_, _>>()?;
    for row in rows {
        if !lines.contains(&serde_json::to_string(row)?) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use cc_devops_kernel::audit::{AuditEntry, ChainHash, Verifier, link};
    use cc_devops_kernel::outcome::Status;
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    fn section(numbers: std::ops::RangeInclusive<i64>, word: &str) -> Section {
        let mut prev_hash = ChainHash::GENESIS;
        let rows = numbers.clone().map(|seq| {
            let entry = AuditEntry {
                at: Timestamp::UNIX_EPOCH,
                principal: None,
                agent: None,
                action: "putSecret".to_owned(),
                request_id: None,
                stage: None,
                resource: None,
                status: Status::Success,
                reason: None,
                detail: json!({"word": word}),
            };
            let hash = link(prev_hash, seq, &entry);
            let row = AuditRow {
                chain: None,
                seq,
                entry,
                prev_hash,
                hash,
            };
            prev_hash = hash;
            row
        });
        let rows: Vec<_> = rows.collect();
        Section {
            cuts: Vec::new(),
            first: *numbers.start(),
            last: *numbers.end(),
            hash: rows.last().unwrap().hash,
            rows,
        }
    }

    #[tokio::test]
    async fn a_section_is_exported_once_under_its_first_and_last_row() {
        let folder = tempfile::tempdir().unwrap();
        let archive = FileArchive::new(folder.path().to_owned());
        let rows = section(1..=3, "one");
        let name = archive.keep(&rows).await.unwrap();
        assert_eq!(name, "audit-000000000001-000000000003.ndjson");
        assert_eq!(
            archive.keep(&rows).await.unwrap(),
            name,
            "what is there is not written again"
        );
        let text = std::fs::read_to_string(folder.path().join(&name)).unwrap();
        let mut verifier = Verifier::of_part(None);
        for line in text.lines() {
            verifier.take(&serde_json::from_str(line).unwrap());
        }
        let verification = verifier.finish();
        assert_eq!((verification.rows, verification.breaks), (3, vec![]));

        let error = archive.keep(&section(1..=3, "another")).await.unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Exists, "another one is not overwritten");
        assert_eq!(std::fs::read_to_string(folder.path().join(&name)).unwrap(), text);
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_refused() {
        let archive = FileArchive::new("/nonexistent".into());
        let error = archive.keep(&section(1..=1, "one")).await.unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Refused);
        assert!(error.message.contains("none is cut off"), "{error}");
    }
}
