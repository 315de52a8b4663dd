//! A server whose schema lacks fields of today's.

use std::collections::BTreeSet;

use apollo_compiler::ExecutableDocument;
use apollo_compiler::executable::{Selection, SelectionSet};
use serde_json::{Value, json};

/// The refusal of a query that asks for a field the server lacks, as GitHub Enterprise Server words it. `lacks` holds
/// such as `Ref.rules`, or a type's name.
pub(super) fn refusal(document: &ExecutableDocument, lacks: &BTreeSet<String>) -> Option<Value> {
    if lacks.is_empty() {
        return None;
    }
    let mut errors = Vec::new();
    for operation in document.operations.iter() {
        let name = operation.name.as_ref().map_or("", |name| name.as_str());
        looked_at(&operation.selection_set, &format!("query {name}"), lacks, &mut errors);
    }
    for (name, fragment) in &document.fragments {
        looked_at(&fragment.selection_set, &format!("fragment {name}"), lacks, &mut errors);
    }
    (!errors.is_empty()).then(|| json!({"errors": errors}))
}

fn looked_at(set: &SelectionSet, within: &str, lacks: &BTreeSet<String>, errors: &mut Vec<Value>) {
    for selection in &set.selections {
        match selection {
            Selection::Field(field) => {
                let (of, name) = (set.ty.as_str(), field.name.as_str());
                if lacks.contains(&format!("{of}.{name}")) {
                    errors.push(json!({
                        "path": [within, name], "locations": [{"line": 1, "column": 1}],
                        "extensions": {"code": "undefinedField", "typeName": of, "fieldName": name},
                        "message": format!("Field '{name}' doesn't exist on type '{of}'"),
                    }));
                    continue;
                }
                looked_at(&field.selection_set, within, lacks, errors);
            }
            Selection::InlineFragment(fragment) => {
                let of = fragment.type_condition.as_ref().map_or("", |name| name.as_str());
                if lacks.contains(of) {
                    errors.push(json!({
                        "path": [within, format!("... on {of}")], "locations": [{"line": 1, "column": 1}],
                        "extensions": {"code": "undefinedType", "typeName": of},
                        "message": format!("No such type {of}, so it can't be a fragment condition"),
                    }));
                    continue;
                }
                looked_at(&fragment.selection_set, within, lacks, errors);
            }
            Selection::FragmentSpread(_) => {}
        }
    }
}
