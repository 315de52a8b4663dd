//! The commands' way to AWS in a program that was built without it. There never is a backend to call these with: who
//! asks for one was told so in [`crate::store::on_aws`].

#![expect(clippy::unused_async, reason = "their twins in `bus` ask an account")]

use cc_devops_requests::sealed_values::SealingKey;
use serde_json::Value;

use super::submitted::Submitted;
use crate::error::CliError;
use crate::output::Output;
use crate::store::AwsBackend as Backend;

pub(super) fn stage(backend: &Backend) -> &str {
    match *backend {}
}

pub(super) async fn sealing_key(backend: &Backend) -> Result<(Option<SealingKey>, &str), CliError> {
    match *backend {}
}

pub(super) async fn invoke(backend: &Backend, _payload: &Value) -> Result<Value, CliError> {
    match *backend {}
}

pub(super) async fn function_health(backend: &Backend) -> Result<Value, CliError> {
    match *backend {}
}

pub(super) async fn put(backend: &Backend, _event: &Value) -> Result<Backend, CliError> {
    match *backend {}
}

pub(super) async fn outcome(
    backend: &Backend,
    _sent: Backend,
    _wait: u64,
    _output: Output,
) -> Result<Submitted, CliError> {
    match *backend {}
}
