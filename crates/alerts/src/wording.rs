//! What every condition's text is made of: one line that says what is the matter, what is known of it and what to do,
//! when it ends by itself, and where the runbook tells more.

use cc_devops_kernel::text;

use crate::condition::ConditionKind;

/// The longest title, in characters.
pub const MAX_TITLE: usize = 200;

/// The longest text, in characters: room is left for it among others in every channel.
pub const MAX_TEXT: usize = 2_500;

/// The document that has a section for each kind of condition.
pub const RUNBOOK: &str = "docs/RUNBOOK-ALERTS.md";

/// One line, short enough, without anything hidden. Others may have chosen parts of it.
pub fn title(text: &str) -> String {
    text::line(text).chars().take(MAX_TITLE).collect()
}

/// What a condition's text says: what is known, when it ends by itself (`ends`, the end of a sentence that begins with
/// "It ends by itself"), and the section of the runbook. What is known is cut where it is too long.
pub fn text(kind: ConditionKind, known: &str, ends: &str) -> String {
    let shown = text::lines(known.trim_end());
    let mut whole: String = shown.chars().take(MAX_TEXT).collect();
    if whole.len() < shown.len() {
        whole.push_str(" …");
    }
    format!(
        "{whole}\n\nIt ends by itself {ends}. Runbook: {RUNBOOK}#{}",
        kind.as_str()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_short_line() {
        let shown = title(&format!("web\u{202e}\nhas {}", "x".repeat(300)));
        assert!(shown.starts_with("web\\u{202e}\\nhas x"), "{shown}");
        assert_eq!(shown.chars().count(), MAX_TITLE);
    }

    #[test]
    fn a_text_says_when_it_ends_and_where_to_read_on() {
        let whole = text(
            ConditionKind::Deploy,
            "it was rolled back\u{1b}[2J\n",
            "with the next deploy",
        );
        assert_eq!(
            whole,
            "it was rolled back\\u{1b}[2J\n\nIt ends by itself with the next deploy. Runbook: \
             docs/RUNBOOK-ALERTS.md#deploy"
        );
        let long = text(ConditionKind::Deploy, &"é".repeat(9_000), "then");
        assert!(long.contains("é …\n\nIt ends by itself then."), "{long}");
    }

    /// A section's anchor is its heading in lower case with hyphens, so each heading is the kind's own name.
    #[test]
    fn the_runbook_has_a_section_for_every_kind() {
        let runbook = include_str!("../../../docs/RUNBOOK-ALERTS.md");
        let headings: Vec<&str> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        for kind in ConditionKind::ALL {
            let section = runbook
                .split("\n## ")
                .find(|part| part.lines().next() == Some(kind.as_str()));
            let section = section.unwrap_or_else(|| panic!("no section `## {}` among {headings:?}", kind.as_str()));
            for part in ["**What it means.**", "**Look.**", "**Do.**", "**It ends by itself**"] {
                assert!(section.contains(part), "{}: no {part}", kind.as_str());
            }
        }
    }
}
