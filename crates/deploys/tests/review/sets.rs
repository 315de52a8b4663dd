//! Change sets as CloudFormation describes them, made to measure.

use cc_devops_deploys::shown::{View, bounded, markdown, tree};
use cc_devops_deploys::{
    ChangeSetDocuments, DigestKey, PlanDigest, Reviewed, Row, StatefulTypes, digest, review_documents,
};
use serde_json::{Value, json};

/// The ARN of a set.
pub(crate) fn arn(id: &str) -> String {
    format!("arn:aws:cloudformation:eu-central-1:123456789012:changeSet/set-{id}/{id}")
}

/// A set that can be carried out.
pub(crate) fn set(id: &str, changes: &[Value]) -> Value {
    json!({
        "ChangeSetName": format!("set-{id}"), "ChangeSetId": arn(id), "StackName": "orders", "Parameters": [],
        "CreationTime": "2026-11-20T09:15:02.517000+00:00", "ExecutionStatus": "AVAILABLE",
        "Status": "CREATE_COMPLETE", "Capabilities": [], "Tags": [], "Changes": changes,
    })
}

/// The value with these members too.
pub(crate) fn with(mut value: Value, more: &Value) -> Value {
    for (name, member) in more.as_object().unwrap() {
        value[name] = member.clone();
    }
    value
}

/// A change of a resource, with these members too.
pub(crate) fn change(id: &str, resource_type: &str, action: &str, more: &Value) -> Value {
    let change = json!({"Action": action, "LogicalResourceId": id, "ResourceType": resource_type});
    json!({"Type": "Resource", "ResourceChange": with(change, more)})
}

/// A detail that replaces nothing.
pub(crate) fn detail(path: &str, before: &str, after: &str) -> Value {
    json!({
        "Target": {
            "Attribute": "Properties", "Name": path.split('/').nth(2), "RequiresRecreation": "Never", "Path": path,
            "BeforeValue": before, "AfterValue": after, "AttributeChangeType": "Modify",
        },
        "Evaluation": "Static", "ChangeSource": "DirectModification",
    })
}

/// A function that is changed in these.
pub(crate) fn worker(details: &[Value]) -> Value {
    change(
        "Worker",
        "AWS::Lambda::Function",
        "Modify",
        &json!({"Details": details}),
    )
}

pub(crate) fn read(root: Value) -> Reviewed {
    read_nested(root, [])
}

pub(crate) fn read_nested<const N: usize>(root: Value, nested: [(&str, Value); N]) -> Reviewed {
    let nested = nested.into_iter().map(|(id, set)| (id.to_owned(), set)).collect();
    review_documents(&ChangeSetDocuments { root, nested }, &StatefulTypes::default())
}

pub(crate) fn row<'a>(reviewed: &'a Reviewed, path: &str) -> &'a Row {
    let found = reviewed.rows.iter().find(|row| row.path == path);
    found.unwrap_or_else(|| panic!("no row {path} in {:?}", reviewed.rows))
}

pub(crate) fn digest_of(reviewed: &Reviewed) -> PlanDigest {
    digest(reviewed, &DigestKey::new([7; 32]))
}

/// Everything that anybody is shown, in every form.
pub(crate) fn shown(reviewed: &Reviewed) -> String {
    let view = View::of(reviewed);
    let written = json!({
        "rows": reviewed.rows, "summary": reviewed.summary, "about": reviewed.about, "text": reviewed.text,
        "notes": reviewed.notes, "why": reviewed.standing.why(),
    });
    [
        tree(&view),
        markdown(&view),
        bounded(&view, 2900),
        written.to_string(),
        format!("{reviewed:?}").split("unseen:").next().unwrap().to_owned(),
    ]
    .join("\n")
}
