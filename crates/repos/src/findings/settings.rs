//! The rule on settings. Where the policy names none of a repository's, there is no finding of it.

use serde_json::json;

use super::{Case, Outcome, few};
use crate::settings::left_alone;
use crate::snapshot::Gap;

pub(super) fn drift(case: &Case<'_>) -> Outcome {
    if let Some(why) = left_alone(&case.repository.traits, case.settings) {
        return Outcome::not_applicable(format!("Its settings are left alone: {why}."));
    }
    let Some(drift) = &case.repository.settings else {
        return Outcome::unknown(
            "How its settings are",
            &Gap::NotRead("they were not looked at".to_owned()),
        );
    };
    let changed: Vec<String> = drift
        .changes
        .iter()
        .map(crate::settings::SettingChange::place)
        .collect();
    let unknown: Vec<&str> = drift.unknown.iter().map(|unknown| unknown.setting.as_str()).collect();
    let data = json!({"settings": changed, "unknown": drift.unknown});
    if !changed.is_empty() {
        let name = &case.repository.name;
        return Outcome::fail(
            format!("Not as the policy names them: {}.", few(changed.iter())),
            format!("Look with `cc-devops repos plan {name}`, and put it right with `cc-devops repos apply {name}`."),
        )
        .with(data);
    }
    match drift.unknown.first() {
        None => Outcome::pass("Settings are as the policy names them."),
        Some(first) => {
            let evidence = format!(
                "Not compared: {}. {}: {}.",
                few(unknown.iter()),
                first.setting,
                first.why
            );
            Outcome::new(crate::report::Verdict::Unknown, evidence).with(data)
        }
    }
}
