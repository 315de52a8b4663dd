//! `deploys diff`: in what two plans differ, resource by resource.

use std::collections::BTreeMap;

use cc_devops_deploys::{PlanId, PropertyChange, Replacement, Row};
use serde_json::{Value, json};

use super::plan::{Plan, read};
use super::{get, plan_id};
use crate::client::Target;
use crate::context::Context;
use crate::error::CliError;
use crate::output::visible;

const AFTER_HELP: &str = "\
< is in the first plan alone, > in the second alone, ! in both and not the same. Of values that are hidden it
is said that they are hidden, and not whether they are the same: that the digests say.

Example:
  cc-devops deploys diff plan-0f3a8c21d4e5b6978810aacc plan-77aa01b2c3d4e5f60718293a";

/// Which plans.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Name of the one plan
    #[arg(value_name = "A")]
    first: String,
    /// Name of the other
    #[arg(value_name = "B")]
    second: String,
    #[command(flatten)]
    target: Target,
}

/// Runs `deploys diff`.
pub(super) async fn run(context: &Context, args: Args) -> Result<(), CliError> {
    let (first, second) = (plan_id(&args.first)?, plan_id(&args.second)?);
    let first: Plan = read(&plan(context, &args.target, &first).await?)?;
    let second: Plan = read(&plan(context, &args.target, &second).await?)?;
    let compared = Compared::new(&first, &second);
    context.output.answer(&compared.document(), || compared.text())
}

async fn plan(context: &Context, target: &Target, plan: &PlanId) -> Result<Value, CliError> {
    get(context, target, &["v1", "deploys", plan.as_str()], &[]).await
}

/// Two plans, side by side.
struct Compared<'p> {
    first: &'p Plan,
    second: &'p Plan,
    only_first: Vec<&'p Row>,
    only_second: Vec<&'p Row>,
    different: Vec<(&'p Row, &'p Row)>,
}

impl<'p> Compared<'p> {
    fn new(first: &'p Plan, second: &'p Plan) -> Self {
        let by_path = |plan: &'p Plan| -> BTreeMap<&'p str, &'p Row> {
            plan.changes.iter().map(|row| (row.path.as_str(), row)).collect()
        };
        let (of_first, mut of_second) = (by_path(first), by_path(second));
        let (mut only_first, mut different) = (Vec::new(), Vec::new());
        for (path, row) in of_first {
            match of_second.remove(path) {
                None => only_first.push(row),
                Some(other) if other != row => different.push((row, other)),
                Some(_) => {}
            }
        }
        Self {
            first,
            second,
            only_first,
            only_second: of_second.into_values().collect(),
            different,
        }
    }

    fn same(&self) -> bool {
        self.first.digest == self.second.digest
    }

    fn document(&self) -> Value {
        let head = |plan: &Plan| json!({"plan": plan.plan, "stack": plan.stack, "digest": plan.digest});
        let different: Vec<Value> = self
            .different
            .iter()
            .map(|(first, second)| json!({"path": first.path, "a": first, "b": second}))
            .collect();
        json!({
            "a": head(self.first),
            "b": head(self.second),
            "same": self.same(),
            "onlyA": self.only_first,
            "onlyB": self.only_second,
            "different": different,
        })
    }

    fn text(&self) -> String {
        let head = |sign: char, plan: &Plan| format!("{sign} {} of {}, digest {}", plan.plan, plan.stack, plan.digest);
        let mut lines = vec![head('<', self.first), head('>', self.second)];
        if self.same() {
            lines.push("they are the same".to_owned());
        }
        lines.extend(self.only_first.iter().map(|row| format!("< {}", title(row))));
        lines.extend(self.only_second.iter().map(|row| format!("> {}", title(row))));
        for (first, second) in &self.different {
            lines.push(format!("! {}", title(first)));
            lines.extend(details(first, second));
        }
        let unseen = self.only_first.is_empty() && self.only_second.is_empty() && self.different.is_empty();
        if unseen && !self.same() {
            lines.push(
                "what is shown of them is the same: they differ in values that are hidden, or in what no row tells"
                    .to_owned(),
            );
        }
        let lines: Vec<String> = lines.iter().map(|line| visible(line).into_owned()).collect();
        lines.join("\n")
    }
}

fn title(row: &Row) -> String {
    let mut words = format!("{} {} ({})", row.action.as_str(), row.path, row.resource_type);
    words.push_str(match row.replacement {
        Replacement::No => "",
        Replacement::Maybe => ", may be replaced",
        Replacement::Yes => ", is replaced",
    });
    if row.lost {
        words.push_str(", its data goes or may go");
    }
    words
}

/// In what two rows of one resource differ.
fn details(first: &Row, second: &Row) -> Vec<String> {
    let mut lines = Vec::new();
    if title(first) != title(second) {
        lines.push(format!("    < {}", title(first)));
        lines.push(format!("    > {}", title(second)));
    }
    let by_path = |row: &Row| -> BTreeMap<String, PropertyChange> {
        let properties = row.properties.iter().cloned();
        properties.map(|property| (property.path.clone(), property)).collect()
    };
    let (of_first, mut of_second) = (by_path(first), by_path(second));
    for (path, property) in of_first {
        match of_second.remove(&path) {
            None => lines.push(format!("    < {}", value(&property))),
            Some(other) if other != property => {
                lines.push(format!("    < {}", value(&property)));
                lines.push(format!("    > {}", value(&other)));
            }
            Some(_) => {}
        }
    }
    lines.extend(of_second.values().map(|property| format!("    > {}", value(property))));
    if lines.is_empty() {
        lines.push("    in what is told of it beside its properties".to_owned());
    }
    lines
}

fn value(property: &PropertyChange) -> String {
    if property.masked {
        return format!("{}: hidden", property.path);
    }
    let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    format!(
        "{}: {} -> {}",
        property.path,
        side(&property.before),
        side(&property.after)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(digest: char, changes: &Value) -> Plan {
        let document = json!({
            "plan": "plan-000000000000000000000000", "digest": digest.to_string().repeat(64), "requestId": "r",
            "stack": "shop-prod", "state": "waiting", "requestedBy": "ana", "madeAt": "2026-03-01T10:00:00Z",
            "expiresAt": "2026-03-02T10:00:00Z", "changes": changes,
            "summary": {
                "adds": 0, "modifies": 1, "removes": 0, "replacements": 0, "replacesStateful": false,
                "deletesStateful": false, "maybeReplacesStateful": false, "losesStateful": false, "changesIam": false,
                "drifted": false, "express": false, "unknownChange": false, "resourceTypes": [],
            },
        });
        read(&document).unwrap()
    }

    fn row(path: &str, properties: &Value) -> Value {
        json!({
            "path": path, "action": "Modify", "logicalId": path, "resourceType": "AWS::Lambda::Function",
            "replacement": "no", "stateful": false, "lost": false, "iam": false, "drifted": false, "masked": [],
            "properties": properties,
        })
    }

    #[test]
    fn what_differs_is_told_resource_by_resource() {
        let memory = |after: &str| json!([{"path": "/MemorySize", "before": "128", "after": after}]);
        let first = plan(
            'a',
            &json!([
                row("Gone", &json!([])),
                row("Same", &json!([])),
                row("Fn", &memory("256"))
            ]),
        );
        let second = plan(
            'b',
            &json!([
                row("Fn", &memory("512")),
                row("Same", &json!([])),
                row("New", &json!([]))
            ]),
        );
        let compared = Compared::new(&first, &second);
        let text = compared.text();
        for line in [
            "< Modify Gone (AWS::Lambda::Function)",
            "> Modify New (AWS::Lambda::Function)",
            "! Modify Fn (AWS::Lambda::Function)",
            "    < /MemorySize: 128 -> 256",
            "    > /MemorySize: 128 -> 512",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line:?} in\n{text}");
        }
        assert!(!text.contains("Same"), "{text}");
        let document = compared.document();
        assert_eq!(document["same"], false);
        assert_eq!(document["different"][0]["path"], "Fn");
    }

    #[test]
    fn hidden_values_are_never_said_to_be_the_same() {
        let hidden = json!([row("Fn", &json!([{"path": "/Environment", "masked": true}]))]);
        let (first, second) = (plan('a', &hidden), plan('b', &hidden));
        let text = Compared::new(&first, &second).text();
        assert!(text.contains("they differ in values that are hidden"), "{text}");
        let text = Compared::new(&first, &first).text();
        assert!(text.contains("they are the same"), "{text}");
    }
}
