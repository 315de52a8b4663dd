//! What would put a repository right, as far as the last audit tells. The commands look again before they plan.

use cc_devops_kernel::text;
use cc_devops_repos::hygiene::{KeptFinding, Remedy, RepositoryRecord};
use cc_devops_repos::report::Verdict;
use cc_devops_repos::snapshot::RepositoryId;
use maud::{Markup, html};

use super::shell_word;
use crate::components::code;

/// How many settings are shown with their difference.
const SHOWN: usize = 30;

/// The longest difference of a setting that is shown, in characters.
const DIFF: usize = 4_000;

/// What `repos fix` is for, and what people decide.
pub(super) fn fixes(record: &RepositoryRecord) -> Markup {
    let broken: Vec<KeptFinding<'_>> = record
        .findings()
        .filter(|found| found.verdict == Verdict::Fail)
        .collect();
    if broken.is_empty() {
        return html! { p { "Nothing is broken that was looked at." } };
    }
    let by = |wanted: fn(Remedy) -> bool| broken.iter().filter(move |found| wanted(Remedy::of(found.rule)));
    let fixed: Vec<_> = by(|remedy| remedy == Remedy::Fix).collect();
    let name = shell_word(&record.name);
    html! {
        @if !fixed.is_empty() && record.id != RepositoryId::ORGANIZATION {
            h3 { "What repos fix can change" }
            ul {
                @for found in &fixed { li { (found.rule.demand()) " " (code(found.rule.name())) } }
            }
            p {
                "The command reads the repository again and shows each change with its difference, or why it makes none: "
                (code(&format!("cc-devops repos fix {name}")))
                ". Carry it out with "
                (code(&format!("cc-devops repos fix {name} --apply")))
                "."
            }
        }
        @let people: Vec<_> = by(|remedy| matches!(remedy, Remedy::Person(_))).collect();
        @if !people.is_empty() {
            h3 { "What a person decides" }
            ul {
                @for found in people {
                    @if let Remedy::Person(why) = Remedy::of(found.rule) {
                        li { (found.rule.demand()) " " (code(found.rule.name())) ": " (why) "." }
                    }
                }
            }
        }
    }
}

/// The settings that are not as the policy names them.
pub(super) fn drift(record: &RepositoryRecord) -> Markup {
    let name = shell_word(&record.name);
    if record.settings.is_empty() && record.settings_unknown.is_empty() {
        return html! {
            p { "Every setting that the policy names is as it should be, or the policy names none of this repository." }
        };
    }
    html! {
        @if !record.settings.is_empty() {
            p { "What would change, as the last audit saw it:" }
            @for change in record.settings.iter().take(SHOWN) {
                details {
                    summary { (text::line(&change.place())) }
                    pre tabindex="0" { (text::lines(&beginning(&change.diff()))) }
                }
            }
            @if record.settings.len() > SHOWN || record.settings_cut {
                p { "There are more; the command shows them all." }
            }
            p {
                "Look again with " (code(&format!("cc-devops repos plan {name}")))
                ", and bring the settings to what the policy names with "
                (code(&format!("cc-devops repos apply {name}"))) "."
            }
        }
        @if !record.settings_unknown.is_empty() {
            p { "Not compared:" }
            ul {
                @for unknown in &record.settings_unknown {
                    li { (text::line(&unknown.setting)) ": " (text::line(&unknown.why)) "." }
                }
            }
        }
    }
}

/// As much of a difference as is shown.
fn beginning(diff: &str) -> String {
    let mut shown: String = diff.chars().take(DIFF).collect();
    if shown.len() < diff.len() {
        shown.push_str("\n…");
    }
    shown
}
