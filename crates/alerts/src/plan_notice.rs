//! What people are shown of a plan that waits for them.

use cc_devops_kernel::names::{AgentName, FullStackName, Stage};
use cc_devops_kernel::text::counted;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A plan that waits to be approved or denied, as it is told. It holds nothing that its approver may not see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanNotice {
    /// Its name, `plan-…`.
    pub plan: String,
    /// What an approval is good for: SHA-256 as 64 hexadecimal digits.
    pub digest: String,
    /// The stack with its stage.
    pub stack: FullStackName,
    /// The stage.
    pub stage: Stage,
    /// Who asked for it.
    pub requested_by: AgentName,
    /// Until when it can be decided.
    pub expires_at: Timestamp,
    /// What it changes, as plain lines, losses of data first, secrets masked. It is cut between lines where it is long.
    pub tree: String,
}

impl PlanNotice {
    /// The command that shows all of it.
    pub fn show(&self) -> String {
        format!("cc-devops deploys show {}", self.plan)
    }

    /// The command that approves it.
    pub fn approve(&self) -> String {
        format!("cc-devops deploys approve {} --digest {}", self.plan, self.digest)
    }

    /// The command that denies it.
    pub fn deny(&self) -> String {
        format!("cc-devops deploys deny {} --reason \"why\"", self.plan)
    }

    /// The same with a tree of at most `most` bytes: whole lines from its beginning, and a last one that says how many
    /// are missing and how to see them.
    #[must_use]
    pub fn within(&self, most: usize) -> Self {
        Self {
            tree: self.tree_within(most, str::len),
            ..self.clone()
        }
    }

    /// The tree, where `size` of it is at most `most`; else as many lines from its beginning as are, with a last one
    /// that says how many are missing and how to see them. That one stands in any case.
    pub fn tree_within(&self, most: usize, size: impl Fn(&str) -> usize) -> String {
        let tree = self.tree.trim_end();
        if size(tree) <= most {
            return tree.to_owned();
        }
        let lines: Vec<&str> = tree.lines().collect();
        let more = |left: usize| {
            let left = u64::try_from(left).unwrap_or(u64::MAX);
            let lines = counted(left, "line is", "lines are");
            format!("… {lines} not shown here. See all with: {}", self.show())
        };
        // The longest that the last line can be.
        let room = most.saturating_sub(size(&more(lines.len())));
        let mut shown = String::new();
        let mut taken = 0;
        let mut used = 0;
        for line in &lines {
            used += size(line) + 1;
            if used > room {
                break;
            }
            shown.push_str(line);
            shown.push('\n');
            taken += 1;
        }
        shown.push_str(&more(lines.len() - taken));
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(tree: &str) -> PlanNotice {
        PlanNotice {
            plan: format!("plan-{}", "0".repeat(24)),
            digest: "a".repeat(64),
            stack: FullStackName::from_stored("shop-prod".into()),
            stage: Stage::new("prod").unwrap(),
            requested_by: AgentName::new("ana").unwrap(),
            expires_at: "2026-12-01T12:00:00Z".parse().unwrap(),
            tree: tree.into(),
        }
    }

    #[test]
    fn a_tree_is_cut_between_lines_and_says_so() {
        let lines: Vec<String> = (0..100).map(|number| format!("~ row {number} é\n")).collect();
        let tree = lines.concat();
        let notice = notice(&tree);
        assert_eq!(notice.tree_within(10_000, str::len), tree.trim_end());
        for most in [100, 150, 500, 1_000] {
            let cut = notice.within(most).tree;
            assert!(cut.len() <= most, "{most}: {cut}");
            let shown = cut.lines().count() - 1;
            let left = 100 - shown;
            assert_eq!(
                cut.lines().last().unwrap(),
                format!("… {left} lines are not shown here. See all with: {}", notice.show())
            );
            assert!(cut.lines().take(shown).all(|line| tree.lines().any(|all| all == line)));
        }
        assert_eq!(notice.within(0).tree.lines().count(), 1);
    }
}
