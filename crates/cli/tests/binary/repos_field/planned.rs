//! What a case expects of `repos fix`: what it proposes, and what it changes.

use serde_json::Value;

use super::asked::Asked;
use super::expected::{Seen, finding, pattern};
use super::world::dependabot_path;
use super::{entries, name_of, text};

impl Seen<'_> {
    /// The Dependabot file that is proposed, by the newest pull request.
    pub(crate) fn proposed(&self) -> Option<String> {
        self.world.github.read(|model| {
            let of = model.get(&self.world.full_name);
            let pull = of.pulls().into_iter().next_back()?.pull.as_ref()?;
            let path = dependabot_path(self.case);
            of.text(&pull.head, path)
        })
    }

    pub(crate) fn adds(&self, wanted: &Value) -> Vec<String> {
        let pair = |pair: &Value| {
            (
                pair[0].as_str().unwrap().to_owned(),
                pair[1].as_str().unwrap().to_owned(),
            )
        };
        let mut wanted: Vec<(String, String)> = wanted.as_array().unwrap().iter().map(pair).collect();
        wanted.sort();
        let (old, new) = (self.world.dependabot.clone().unwrap_or_default(), self.proposed());
        let added = entries::added(&old, new.as_deref().unwrap_or(&old));
        let mut wrong = Vec::new();
        if added != wanted {
            wrong.push(format!("added are {added:?}: {new:?}"));
        }
        let pulls: Vec<(u64, String)> = self.world.github.read(|model| {
            let pulls = model.get(&self.world.full_name).pulls().into_iter();
            pulls
                .map(|pull| (pull.number, pull.body.clone().unwrap_or_default()))
                .collect()
        });
        if pulls.len() != usize::from(!wanted.is_empty()) {
            wrong.push(format!("there are {} pull requests", pulls.len()));
        }
        let [(number, body)] = pulls.as_slice() else {
            return wrong;
        };
        if self.world.dependabot.is_none()
            && pattern("(?i)lines?\\b.*\\b(stay|kept|keep|stand|unchanged)").is_match(body)
        {
            wrong.push(format!("there was no line that could stay: {body}"));
        }
        // GitHub takes what is proposed, and it covers what was left out.
        self.world
            .github
            .change(|model| model.merge_pull(&self.world.full_name, *number, "ada"));
        let after = self.world.one(self.case, "repos explain NAME --json", None);
        for rule in ["dependabot_file", "dependabot_coverage"] {
            let found = finding(&after.answer, name_of(self.case), rule);
            if text(found, "verdict") != "pass" {
                wrong.push(format!("once it is merged: {found}"));
            }
        }
        wrong
    }

    pub(crate) fn plan_warns(&self, wanted: bool) -> Vec<String> {
        let changes = |asked: &Asked| -> Vec<Value> {
            let plans = asked.answer["plans"].as_array().cloned().unwrap_or_default();
            plans
                .iter()
                .flat_map(|plan| plan["changes"].as_array().cloned().unwrap_or_default())
                .collect()
        };
        let warned = |change: &Value| change["warnings"].as_array().is_some_and(|all| !all.is_empty());
        let warns = |asked: &Asked| {
            if asked.ask.contains("--json") {
                changes(asked).iter().any(warned)
            } else {
                pattern("(?i)warning|nobody (else )?(could|can) approve").is_match(&asked.words())
            }
        };
        let others = self.asked.iter().filter(|asked| warns(asked) != wanted);
        others
            .map(|asked| format!("{} warns: {}", asked.ask, !wanted))
            .collect()
    }

    pub(crate) fn settings(&self, wanted: &Value) -> Vec<String> {
        let (alerts, fixes, paused) = self.world.github.read(|model| {
            let of = model.get(&self.world.full_name);
            (of.vulnerability_alerts, of.security_fixes, of.security_fixes_paused)
        });
        let updates = match (fixes, paused) {
            (_, true) => "paused",
            (true, false) => "enabled",
            (false, false) => "disabled",
        };
        let wrong = wanted.as_object().unwrap().iter().filter_map(|(key, wanted)| {
            let fits = match key.as_str() {
                "vulnerability_alerts" => *wanted == alerts,
                "security_updates" => wanted == updates,
                other => panic!("the runner does not know the setting `{other}`"),
            };
            (!fits).then(|| format!("{key}: alerts are {alerts}, updates {updates}"))
        });
        wrong.collect()
    }
}
