//! Whether what bounds the role for deploys is seen.

use aws_sdk_cloudformation::types::Parameter;
use cc_devops_aws::{Backend, DeployRole};
use cc_devops_kernel::ports::PortErrorKind;
use cc_devops_testkit::peers;

use crate::harness;

const TEMPLATE: &str = r#"{
  "Parameters": {"DeployRoleArn": {"Type": "String", "Default": ""}},
  "Resources": {"Kept": {"Type": "AWS::SSM::Parameter", "Properties": {
    "Name": "/plane/kept", "Type": "String", "Value": "x"}}}
}"#;

async fn role(backend: &Backend, name: &str, boundary: Option<&str>) -> String {
    let call = backend.clients().iam().create_role().role_name(name).path("/deploys/");
    let call = call.set_permissions_boundary(boundary.map(str::to_owned));
    let trust = r#"{"Version": "2012-10-17", "Statement": []}"#;
    let answer = call.assume_role_policy_document(trust).send().await.unwrap();
    answer.role.unwrap().arn
}

/// A control plane whose stack was deployed with that role.
async fn deployed(backend: &Backend, role: &str) {
    let parameter = Parameter::builder()
        .parameter_key("DeployRoleArn")
        .parameter_value(role);
    let call = backend.clients().cloudformation().create_stack();
    let call = call.stack_name(&backend.resources().stack).template_body(TEMPLATE);
    call.parameters(parameter.build()).send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_for_deploys_without_a_permissions_boundary_is_told_from_one_with() {
    let peer = peers::ministack().await;
    let backend = harness::bare(&peer);
    assert_eq!(
        backend.deploy_role().await.unwrap(),
        DeployRole::None,
        "nothing is deployed"
    );
    let open = role(&backend, "open", None).await;
    deployed(&backend, &open).await;
    assert_eq!(backend.deploy_role().await.unwrap(), DeployRole::Unbounded(open));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bounded_role_and_none_are_well_and_one_that_is_gone_is_said() {
    let peer = peers::ministack().await;
    let bounded = harness::bare(&peer);
    let arn = role(&bounded, "bounded", Some("arn:aws:iam::000000000000:policy/boundary")).await;
    deployed(&bounded, &arn).await;
    assert_eq!(bounded.deploy_role().await.unwrap(), DeployRole::Bounded(arn));

    let peer = peers::ministack().await;
    let none = harness::bare(&peer);
    deployed(&none, "").await;
    assert_eq!(none.deploy_role().await.unwrap(), DeployRole::None);

    let peer = peers::ministack().await;
    let gone = harness::bare(&peer);
    deployed(&gone, "arn:aws:iam::000000000000:role/gone").await;
    assert_eq!(gone.deploy_role().await.unwrap_err().kind, PortErrorKind::NotFound);
}
