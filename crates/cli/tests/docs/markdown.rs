//! What stands in a document: its blocks, its examples, the commands it shows.

/// A fenced block: its language and its text.
#[derive(Clone)]
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) text: String,
}

pub(crate) fn blocks(document: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut indent = "";
    for line in document.lines() {
        // A block in a list stands further in.
        let line = if open.is_some() {
            line.strip_prefix(indent).unwrap_or(line)
        } else {
            let fence = line.trim_start();
            indent = line.strip_suffix(fence).unwrap_or_default();
            fence
        };
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                open = Some(Block {
                    language: language.to_owned(),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block does not end");
    blocks
}

pub(crate) fn section<'d>(document: &'d str, heading: &str) -> &'d str {
    let (_, rest) = document.split_once(&format!("\n## {heading}\n")).unwrap();
    rest.split_once("\n## ").map_or(rest, |(section, _)| section)
}

pub(crate) fn example(document: &str, name: &str) -> String {
    let marker = format!("<!-- example: {name} -->\n");
    let (_, rest) = document
        .split_once(&marker)
        .unwrap_or_else(|| panic!("there is no example {name}"));
    blocks(rest).first().unwrap().text.clone()
}

/// The programs that the documents call.
const PROGRAMS: [&str; 13] = [
    "aws",
    "cc-devops",
    "cp",
    "curl",
    "fuser",
    "git",
    "install",
    "kill",
    "make",
    "openssl",
    "printf",
    "rustup",
    "systemctl",
];

/// Every line of the document's shell blocks, each of which may go over several.
fn shell_lines(document: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for block in blocks(document).iter().filter(|block| block.language == "sh") {
        let mut open = String::new();
        for line in block.text.replace("\\\n", " ").lines() {
            open.push_str(line);
            if open.matches('\'').count().is_multiple_of(2) {
                lines.push(std::mem::take(&mut open));
            } else {
                open.push('\n');
            }
        }
        assert!(open.is_empty(), "a quote does not end: {open}");
    }
    lines
}

/// What stands as code in the document's text; it may begin on one line and end on the next.
fn code_in_text(document: &str) -> Vec<String> {
    let mut in_block = false;
    let text: Vec<&str> = document
        .lines()
        .filter(|line| {
            let is_fence = line.trim_start().starts_with("```");
            in_block ^= is_fence;
            !is_fence && !in_block
        })
        .collect();
    let text = text.join("\n");
    let code = text
        .split("\n\n")
        .flat_map(|paragraph| paragraph.split('`').skip(1).step_by(2));
    code.map(|code| code.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

/// Every command that a document shows, in a block or in its text, once each and without comments. A program's name alone
/// is none.
fn commands(document: &str) -> Vec<String> {
    let is_command = |code: &String| {
        code.split_once(' ')
            .is_some_and(|(program, _)| PROGRAMS.contains(&program))
    };
    let in_text = code_in_text(document).into_iter().filter(is_command);
    let mut found: Vec<String> = Vec::new();
    for line in shell_lines(document).into_iter().chain(in_text) {
        let command = line
            .split_once(" #")
            .map_or(line.as_str(), |(command, _)| command)
            .trim();
        if !command.is_empty() && !command.starts_with('#') && !found.iter().any(|known| known == command) {
            found.push(command.to_owned());
        }
    }
    found
}

/// Whether a command is the listed one, of which an ellipsis at the end leaves the rest open.
fn is_listed(listed: &str, command: &str) -> bool {
    match listed.strip_suffix('\u{2026}') {
        Some(beginning) => command.starts_with(beginning),
        None => command == listed,
    }
}

/// The commands of a document that are run, each with the code that it ends with: 0, or what `otherwise` says. What is
/// not run stands in `not_run` with the reason. So a command that is new in the document is run; one that is not there any
/// more must go from the lists.
pub(crate) fn to_run(document: &str, not_run: &[(&str, &str)], otherwise: &[(&str, i32)]) -> Vec<(String, i32)> {
    let shown = commands(document);
    let listed = not_run.iter().map(|(command, _)| *command);
    for listed in listed.chain(otherwise.iter().map(|(command, _)| *command)) {
        let is_shown = shown.iter().any(|command| is_listed(listed, command));
        assert!(is_shown, "`{listed}` is listed, and the document does not show it");
    }
    let runs = |command: &String| !not_run.iter().any(|(listed, _)| is_listed(listed, command));
    let code = |command: &str| {
        let of = otherwise.iter().find(|(listed, _)| is_listed(listed, command));
        of.map_or(0, |(_, code)| *code)
    };
    let run = shown.into_iter().filter(runs);
    run.map(|command| {
        let code = code(&command);
        (command, code)
    })
    .collect()
}

/// The words of every command line that a document shows, in a block or in its text.
pub(crate) fn command_lines(document: &str) -> Vec<Vec<String>> {
    shell_lines(document)
        .into_iter()
        .chain(code_in_text(document))
        .filter_map(|line| {
            line.split_once("cc-devops ")
                .map(|(before, rest)| (before.to_owned(), rest.to_owned()))
        })
        .filter(|(before, _)| before.is_empty() || before.ends_with("$(") || before.ends_with("| "))
        // Processes of its own, which nobody starts by hand.
        .filter(|(_, rest)| !rest.starts_with('@'))
        .map(|(_, rest)| words(&rest))
        .collect()
}

/// The words of a command, as a shell has them, to its end.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in command.chars() {
        match c {
            '"' => quoted = !quoted,
            '#' | '|' | '>' | ')' | '&' | '\u{2026}' if !quoted => break,
            c if c.is_whitespace() && !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}
