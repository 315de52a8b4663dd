//! What a command printed: without the secrets we know of, and bounded.
//!
//! Each pipe is redacted as a stream of its own, so that what the other prints in between hides nothing. Only
//! then are the two put together, line by line in the order in which lines ended, and the middle forgotten.

use std::collections::VecDeque;
use std::iter;
use std::sync::Arc;

use super::redaction::{Secrets, Stream};

/// How much is kept from the start and from the end, in bytes each.
const KEPT: usize = 32 * 1024;
/// How much of a pipe may wait for the end of its line, or for the other pipe's turn, before it is given without that.
const LINE: usize = 4 * 1024;

/// Which of a command's pipes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Stdout,
    Stderr,
}

/// Collects output as it comes.
pub(super) struct Output {
    secrets: Arc<Secrets>,
    stdout: Pipe,
    stderr: Pipe,
    /// Whose lines have ended, in their order: what could begin a secret is held back over the end of its line, and what
    /// the other pipe says meanwhile comes after it.
    ended: VecDeque<Source>,
    kept: Kept,
}

#[derive(Default)]
struct Pipe {
    stream: Stream,
    /// What is clean and was not given yet.
    lines: Vec<u8>,
}

impl Output {
    pub(super) fn new(secrets: Secrets) -> Self {
        Self::keeping(KEPT, Arc::new(secrets))
    }

    /// One that keeps so many bytes from the start and from the end.
    fn keeping(room: usize, secrets: Arc<Secrets>) -> Self {
        Self {
            secrets,
            stdout: Pipe::default(),
            stderr: Pipe::default(),
            ended: VecDeque::new(),
            kept: Kept::of(room),
        }
    }

    /// Takes the next bytes of a pipe.
    pub(super) fn push(&mut self, source: Source, bytes: &[u8]) {
        let secrets = Arc::clone(&self.secrets);
        let pipe = self.pipe(source);
        pipe.stream.push(&secrets, bytes, &mut pipe.lines);
        self.ended.extend(iter::repeat_n(source, line_ends(bytes)));
        self.give_lines();
        let lines = &mut self.pipe(source).lines;
        if lines.len() > LINE {
            let last = lines.iter().rposition(|byte| *byte == b'\n');
            let rest = lines.split_off(last.map_or(lines.len(), |last| last + 1));
            let given = std::mem::replace(lines, rest);
            self.forget_ends(source, line_ends(&given));
            self.kept.push(source, &given);
            self.give_lines();
        }
    }

    fn pipe(&mut self, source: Source) -> &mut Pipe {
        match source {
            Source::Stdout => &mut self.stdout,
            Source::Stderr => &mut self.stderr,
        }
    }

    /// Gives the lines whose turn it is.
    fn give_lines(&mut self) {
        while let Some(source) = self.ended.front().copied() {
            let turns = self.ended.iter().take_while(|next| **next == source).count();
            let lines = &mut self.pipe(source).lines;
            let ends = lines.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
            let (given, whole) = ends.take(turns).fold((0, 0), |(given, _), (at, _)| (given + 1, at + 1));
            let rest = lines.split_off(whole);
            let whole = std::mem::replace(lines, rest);
            self.kept.push(source, &whole);
            self.ended.drain(..given);
            if given < turns {
                return;
            }
        }
    }

    /// Takes the first turns of a pipe that did not wait for them.
    fn forget_ends(&mut self, source: Source, mut count: usize) {
        self.ended.retain(|next| {
            let is_one = *next == source && count > 0;
            count -= usize::from(is_one);
            !is_one
        });
    }

    /// Adds a line of our own.
    pub(super) fn note(&mut self, note: &str) {
        self.push(Source::Stderr, format!("[{note}]\n").as_bytes());
    }

    /// The text to keep.
    pub(super) fn finish(mut self) -> String {
        let secrets = Arc::clone(&self.secrets);
        for pipe in [&mut self.stdout, &mut self.stderr] {
            let stream = std::mem::take(&mut pipe.stream);
            stream.finish(&secrets, &mut pipe.lines);
        }
        self.give_lines();
        let Self {
            stdout,
            stderr,
            mut kept,
            ..
        } = self;
        for (source, rest) in [(Source::Stdout, stdout.lines), (Source::Stderr, stderr.lines)] {
            kept.push(source, &rest);
        }
        kept.text()
    }
}

fn line_ends(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').skip(1).count()
}

/// The beginning and the end of what is clean.
struct Kept {
    room: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: usize,
    /// The pipe whose line has no end yet.
    open: Option<Source>,
}

impl Kept {
    fn of(room: usize) -> Self {
        Self {
            room,
            head: Vec::new(),
            tail: VecDeque::new(),
            dropped: 0,
            open: None,
        }
    }

    fn push(&mut self, source: Source, bytes: &[u8]) {
        let Some(last) = bytes.last() else { return };
        // Two halves of a line, one of each pipe, would make something that neither printed.
        if self.open.is_some_and(|open| open != source) {
            self.add(b"\n");
        }
        self.add(bytes);
        self.open = (*last != b'\n').then_some(source);
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = self.room.saturating_sub(self.head.len()).min(bytes.len());
        let (head, rest) = bytes.split_at(room);
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let excess = self.tail.len().saturating_sub(self.room);
        self.tail.drain(..excess);
        self.dropped += excess;
    }

    fn text(self) -> String {
        let (front, back) = self.tail.as_slices();
        if self.dropped == 0 {
            return String::from_utf8_lossy(&[&self.head, front, back].concat()).into_owned();
        }
        format!(
            "{}\n[… {} bytes left out …]\n{}",
            String::from_utf8_lossy(&self.head),
            self.dropped,
            String::from_utf8_lossy(&[front, back].concat()),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    const ROOM: usize = 64;
    const SECRET: &str = "kQ7zT0pLx2VbN9cR4mYs8WdG1hJf6AuE5iZo3XtB";

    fn secrets() -> Arc<Secrets> {
        static SECRETS: LazyLock<Arc<Secrets>> = LazyLock::new(|| Arc::new(Secrets::new([SECRET.as_bytes()])));
        Arc::clone(&SECRETS)
    }

    fn kept(pushes: &[(Source, &str)], room: usize) -> String {
        let mut output = Output::keeping(room, secrets());
        for (source, text) in pushes {
            output.push(*source, text.as_bytes());
        }
        output.finish()
    }

    /// No four characters in a row of the secret.
    #[track_caller]
    fn assert_clean(text: &str, what: &str) {
        for part in SECRET.as_bytes().windows(4) {
            let part = std::str::from_utf8(part).unwrap();
            assert!(!text.contains(part), "{part} of the secret is left, {what}: {text}");
        }
    }

    #[test]
    fn no_part_of_a_secret_is_kept_wherever_it_stands() {
        // Every place from the first byte to behind the last cut, with lines that end and that do not.
        for at in 0..3 * ROOM + SECRET.len() {
            for filler in [".", "\n", ". \n"] {
                let before: String = filler.chars().cycle().take(at).collect();
                let after: String = filler.chars().cycle().take(3 * ROOM).collect();
                let text = format!("{before}{SECRET}{after}");
                assert_clean(&kept(&[(Source::Stdout, &text)], ROOM), &format!("at {at}"));
            }
        }
    }

    #[test]
    fn no_part_of_a_secret_is_kept_where_the_other_pipe_speaks_in_between() {
        for at in 0..2 * ROOM + SECRET.len() {
            let before = ".".repeat(at);
            for cut in 1..SECRET.len() {
                let (first, second) = SECRET.split_at(cut);
                let pushes = [
                    (Source::Stdout, before.as_str()),
                    (Source::Stdout, first),
                    (Source::Stderr, "!"),
                    (Source::Stdout, second),
                    (Source::Stdout, "........"),
                ];
                assert_clean(&kept(&pushes, ROOM), &format!("at {at}, cut after {cut}"));
            }
        }
    }

    #[test]
    fn no_part_of_a_secret_is_kept_where_what_is_printed_breaks_off() {
        for end in 0..SECRET.len() {
            let text = format!("key={}", &SECRET[..end]);
            assert_clean(&kept(&[(Source::Stderr, &text)], ROOM), &format!("after {end}"));
        }
    }

    #[test]
    fn the_lines_of_both_pipes_stand_in_their_order_and_are_not_mixed() {
        let pushes = [
            (Source::Stdout, "one\ntw"),
            (Source::Stderr, "error\n"),
            (Source::Stdout, "o\nthree"),
            (Source::Stderr, "end"),
        ];
        assert_eq!(kept(&pushes, ROOM), "one\nerror\ntwo\nthree\nend");
    }

    #[test]
    fn what_is_held_back_over_the_end_of_its_line_keeps_its_place_but_holds_up_little() {
        let held = "ends as a part of the secret begins: t\n";
        let errors = "an error\n".repeat(3);
        let pushes = [(Source::Stdout, held), (Source::Stderr, errors.as_str())];
        assert_eq!(kept(&pushes, 1_000), format!("{held}{errors}"));

        let many = "an error\n".repeat(LINE);
        let mut output = Output::keeping(2 * many.len(), secrets());
        output.push(Source::Stdout, held.as_bytes());
        for line in many.split_inclusive('\n') {
            output.push(Source::Stderr, line.as_bytes());
            assert!(output.stderr.lines.len() <= LINE && output.ended.len() <= LINE);
        }
        let text = output.finish();
        assert_eq!(text.len(), many.len() + held.len());
        assert!(text.contains(held), "nothing is lost");
    }

    #[test]
    fn long_output_keeps_both_ends() {
        let text = kept(&[(Source::Stdout, &format!("begin{}end", "x".repeat(5 * ROOM)))], ROOM);
        assert!(text.starts_with("begin") && text.ends_with("end"), "{text}");
        assert!(
            text.contains(&format!("{} bytes left out", 5 * ROOM + 8 - 2 * ROOM)),
            "{text}"
        );
    }
}
