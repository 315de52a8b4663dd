//! The only place that prints: answers on standard output, everything said about them on standard
//! error. With `--json` an answer is one JSON document, or one a line where a command says so.
//!
//! What others wrote moves no cursor and turns no line: texts for people show their control characters and marks of
//! direction; on a terminal, so do JSON and what is printed as it is.

use std::borrow::Cow;
use std::io::{BufWriter, ErrorKind, IsTerminal, Stdout, Write};
use std::os::fd::AsFd;

use cc_devops_kernel::text;
pub(crate) use cc_devops_kernel::text::line as visible;
use cc_devops_reports::{cut, wrap};
use cc_devops_requests::record;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::json;

use crate::error::CliError;

/// Where a command's answers go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// For people, or with `json` for programs.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a person looks at standard output.
    pub(crate) fn is_terminal(self) -> bool {
        !self.json && std::io::stdout().is_terminal()
    }

    /// How many columns and rows a picture may have: those of the terminal, within what is readable.
    pub(crate) fn size(self) -> (u16, u16) {
        let (columns, rows) = match rustix::termios::tcgetwinsize(std::io::stdout()) {
            Ok(size) if self.is_terminal() && size.ws_col > 0 => (size.ws_col, size.ws_row),
            _ => (80, 40),
        };
        (columns.clamp(40, 160), (rows / 2).clamp(10, 24))
    }

    /// Whether a program reads the answers.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// The answer: `value` for programs; for people a text of sentences, within the width of the terminal.
    pub(crate) fn prose<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) -> Result<(), CliError> {
        if self.json {
            Self::json_line(value)
        } else {
            Self::sentences(&text())
        }
    }

    /// Text for people that is the answer, within the width of the terminal.
    pub(crate) fn sentences(text: &str) -> Result<(), CliError> {
        write_out(&within(text, columns(&std::io::stdout())))
    }

    /// The answer: `value` for programs; for people a text whose lines are wanted as they are, such as a table or a
    /// diff.
    pub(crate) fn answer<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) -> Result<(), CliError> {
        if self.json {
            Self::json_line(value)
        } else {
            write_out(&text::lines(&text()))
        }
    }

    /// The answer: `value` for programs; for people a text of theirs, such as a secret's value, as it is.
    pub(crate) fn content<T: Serialize>(self, value: &T, text: &str) -> Result<(), CliError> {
        if self.json {
            Self::json_line(value)
        } else {
            write_out(&on_screen(text, text::lines))
        }
    }

    /// One JSON document on a line of its own, whoever reads it.
    pub(crate) fn json_line<T: Serialize>(value: &T) -> Result<(), CliError> {
        let text =
            serde_json::to_string(value).map_err(|error| CliError::internal("an answer is no valid JSON", error))?;
        write_out(&on_screen(&text, text::json))
    }

    /// One large JSON document, written as it is made.
    pub(crate) fn json_stream<T: Serialize>(value: &T) -> Result<(), CliError> {
        if std::io::stdout().is_terminal() {
            return Self::json_line(value);
        }
        match streamed(std::io::stdout(), |out| line_of_json(out, value)) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(cannot_write),
        }
    }

    /// A JSON document as the answer: on one line for programs, indented for people.
    pub(crate) fn document(self, value: &serde_json::Value) -> Result<(), CliError> {
        self.answer(value, || text::json(&format!("{value:#}")).into_owned())
    }

    /// Text that is the answer for everybody, such as a completion script: as it is, but on a terminal.
    pub(crate) fn raw(text: &str) -> Result<(), CliError> {
        write_out(&on_screen(text.trim_end_matches('\n'), text::lines))
    }

    /// A remark for a person; programs are not bothered.
    pub(crate) fn note(self, text: &str) {
        if !self.json {
            write_err(&told(text));
        }
    }

    /// Asks a person, on standard error; the answer is read on the same line.
    pub(crate) fn ask(question: &str) {
        let mut out = std::io::stderr().lock();
        // Whoever cannot be asked does not answer.
        let _unheard = write!(out, "{}", visible(question)).and_then(|()| out.flush());
    }

    /// Says why a command did not succeed and ends with `code`, with everything underneath.
    pub(crate) fn error(self, error: &CliError, code: u8) {
        if error.is_told() {
            return;
        }
        let mut causes = Vec::new();
        let mut below = std::error::Error::source(error);
        while let Some(cause) = below {
            causes.push(cause.to_string());
            below = cause.source();
        }
        let problems = error.problems();
        if self.json {
            let mut document = json!({"error": error.to_string(), "causes": causes, "exitCode": code});
            if let Some(object) = document.as_object_mut()
                && !problems.is_empty()
            {
                object.insert("problems".to_owned(), json!(problems));
            }
            write_err(&text::json(&document.to_string()));
            return;
        }
        let mut text = format!("error: {error}");
        for cause in causes {
            text.push_str("\n  because: ");
            text.push_str(&cause);
        }
        for problem in problems {
            text.push_str("\n  ");
            text.push_str(&problem.to_string());
        }
        write_err(&told(&text));
    }

    /// Says on the line of the progress what keeps it from going on; the next progress takes its place.
    pub(crate) fn trouble(sentence: &str) {
        let line = visible(sentence);
        let columns = usize::from(columns(&std::io::stderr()).unwrap_or(80));
        write_now(&format!("\r\u{1b}[K{}", cut(&line, columns.saturating_sub(1))));
    }

    /// Whether somebody sees how far a long piece of work is.
    pub(crate) fn shows_progress(self) -> bool {
        !self.json && std::io::stderr().is_terminal()
    }

    /// Shows on a terminal how far a long piece of work is.
    pub(crate) fn progress(self, doing: &'static str) -> Progress {
        Progress {
            doing,
            shown: self.shows_progress(),
            last: None,
        }
    }
}

/// Hands over what collects small writes for `out`, and passes on what is left.
pub(crate) fn streamed<W: Write>(
    out: W,
    write: impl FnOnce(&mut BufWriter<W>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    write(&mut out)?;
    out.flush()
}

/// Writes a JSON document as it is made, on a line of its own.
pub(crate) fn line_of_json<T: Serialize>(out: &mut impl Write, value: &T) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)
}

/// A JSON answer with a list too long to be held: the list is written as it comes, and what is known
/// at its end behind it.
pub(crate) struct LongList {
    out: BufWriter<Stdout>,
    is_empty: bool,
}

impl LongList {
    /// Begins the answer with its list.
    pub(crate) fn begin(name: &str) -> Result<Self, CliError> {
        let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout());
        write!(out, "{{\"{name}\":[").map_err(cannot_write)?;
        Ok(Self { out, is_empty: true })
    }

    /// Writes the next entry of the list.
    pub(crate) fn entry<T: Serialize>(&mut self, entry: &T) -> std::io::Result<()> {
        self.out.write_all(if self.is_empty { b"\n" } else { b",\n" })?;
        self.is_empty = false;
        let text = serde_json::to_string(entry)?;
        self.out.write_all(on_screen(&text, text::json).as_bytes())
    }

    /// Ends the list, and writes the fields of `rest`, which is an object, behind it.
    pub(crate) fn end<T: Serialize>(mut self, rest: &T) -> Result<(), CliError> {
        let text = serde_json::to_string(rest);
        let text = text.map_err(|error| CliError::internal("an answer is no valid JSON", error))?;
        let fields = text.strip_prefix('{').unwrap_or(&text);
        let fields = on_screen(fields, text::json);
        let written = writeln!(self.out, "\n],{fields}").and_then(|()| self.out.flush());
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(cannot_write),
        }
    }
}

fn cannot_write(error: std::io::Error) -> CliError {
    CliError::write("cannot write to standard output", error)
}

/// How far a long piece of work is, on one line of the terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    doing: &'static str,
    shown: bool,
    last: Option<u64>,
}

impl Progress {
    /// Says that the work began.
    pub(crate) fn start(&self) {
        if self.shown {
            write_now(&format!("\r{} ...", self.doing));
        }
    }

    /// Says how much of how much is done.
    pub(crate) fn of(&mut self, done: u64, total: u64) {
        if !self.shown || self.last == Some(done) {
            return;
        }
        self.last = Some(done);
        self.bar(done, total, "");
    }

    /// Says how much of how much is done of a request, as the control plane tells it.
    pub(crate) fn of_request(&mut self, progress: &record::Progress) {
        if self.shown && self.last != Some(progress.done) {
            self.last = Some(progress.done);
            self.bar(progress.done, progress.of, &format!(" {}", visible(&progress.what)));
        }
    }

    fn bar(&self, done: u64, total: u64, what: &str) {
        let filled = usize::try_from((done * 20).checked_div(total.max(done)).unwrap_or_default()).unwrap_or_default();
        let bar = format!(
            "{}{}",
            "\u{2588}".repeat(filled),
            "\u{2591}".repeat(20 - filled.min(20))
        );
        write_now(&format!("\r\u{1b}[K{} {bar} {done} of {total}{what}", self.doing));
    }

    /// Says how much is done.
    pub(crate) fn at(&mut self, done: u64) {
        if !self.shown || self.last == Some(done) {
            return;
        }
        self.last = Some(done);
        write_now(&format!("\r\u{1b}[K{} {done}", self.doing));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            write_now("\r\u{1b}[K");
        }
    }
}

/// A table with a head, columns apart by two spaces.
pub(crate) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    table_within(head, rows, None)
}

/// The same, at most so many columns of a terminal wide.
pub(crate) fn table_within(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>, width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    if let Some(width) = width {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width);
    }
    table.set_header(head.to_vec());
    for row in rows {
        table.add_row(row.iter().map(|cell| visible(cell).into_owned()).collect::<Vec<_>>());
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// The text as a terminal gets it; whatever else reads it gets it as it is.
fn on_screen(text: &str, shown: impl FnOnce(&str) -> Cow<'_, str>) -> Cow<'_, str> {
    if std::io::stdout().is_terminal() {
        shown(text)
    } else {
        Cow::Borrowed(text)
    }
}

fn write_out(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        // The reader has seen enough, as `head` does.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(cannot_write),
    }
}

/// The columns of a terminal; none where it is none.
fn columns(stream: &(impl IsTerminal + AsFd)) -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (stream.is_terminal() && size.ws_col > 0).then_some(size.ws_col)
}

/// A text for a person on standard error, within the width of the terminal.
fn told(text: &str) -> String {
    within(text, columns(&std::io::stderr()))
}

/// A text for a person with no line wider than a terminal's columns; where there is none, its lines are as they are.
/// What is hidden is written out first, because that makes a line wider.
fn within(text: &str, columns: Option<u16>) -> String {
    let shown = text::lines(text);
    match columns {
        Some(width) => wrap(&shown, width),
        None => shown.into_owned(),
    }
}

fn write_err(text: &str) {
    // Nobody is left to be told when standard error is closed.
    let _closed = writeln!(std::io::stderr().lock(), "{text}");
}

fn write_now(text: &str) {
    let mut err = std::io::stderr().lock();
    let _closed = write!(err, "{text}").and_then(|()| err.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_no_trailing_blanks() {
        let text = table(&["NAME", "STATE"], [vec!["a".to_owned(), "up".to_owned()]]);
        assert_eq!(text, "NAME  STATE\na     up");
    }

    #[test]
    fn what_is_written_out_is_within_the_width_too() {
        let hostile = "web \u{202e}\u{202e}\u{202e} fine, and so on";
        let text = within(hostile, Some(30));
        assert!(text.lines().all(|line| line.len() <= 30), "{text}");
        assert!(text.contains("u{202e}") && text.lines().count() > 1, "{text}");
        assert_eq!(within("a\u{1b}b  c", None), "a\\u{1b}b  c");
    }

    #[test]
    fn what_others_wrote_stays_in_its_cell() {
        let hostile = "a\u{1b}[2J\nfine  up\u{202e}";
        let text = table(&["MESSAGE", "STATE"], [vec![hostile.to_owned(), "down".to_owned()]]);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("a\\u{1b}[2J\\nfine  up\\u{202e}"), "{text}");
    }
}
