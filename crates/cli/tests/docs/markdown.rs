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

/// Every line of the document's shell blocks, and what stands as code in its text.
fn code(document: &str) -> impl Iterator<Item = String> {
    let in_blocks = blocks(document)
        .into_iter()
        .filter(|block| block.language == "sh")
        .flat_map(|block| {
            let joined = block.text.replace("\\\n", " ");
            joined.lines().map(str::to_owned).collect::<Vec<_>>()
        });
    let in_text = document
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2).map(str::to_owned));
    in_blocks.chain(in_text)
}

/// Every call of `cc-devops` that a document shows on a line of its own or in its text, once each and without
/// comments.
pub(crate) fn calls(document: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in code(document) {
        let Some(call) = line.strip_prefix("cc-devops ") else {
            continue;
        };
        let call = call.split(['#', '>']).next().unwrap_or_default().trim().to_owned();
        if !found.contains(&call) {
            found.push(call);
        }
    }
    found
}

/// The words of every command line that a document shows, in a block or in its text.
pub(crate) fn command_lines(document: &str) -> Vec<Vec<String>> {
    code(document)
        .filter_map(|line| {
            line.split_once("cc-devops ")
                .map(|(before, rest)| (before.to_owned(), rest.to_owned()))
        })
        .filter(|(before, _)| before.is_empty() || before.ends_with("$(") || before.ends_with("| "))
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
