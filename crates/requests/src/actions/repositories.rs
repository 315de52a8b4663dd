//! What the actions on repositories have in common: how a repository is named, and who does the work.

use cc_devops_kernel::acts::Author;
use cc_devops_kernel::names::RepositoryName;
use cc_devops_kernel::outcome::{Failure, Reason};
use cc_devops_policy::{Access, Resource};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::effect::{Effect, EffectContext, EffectEnd, EffectError, EffectProgress, in_effect};
use super::params::{Params, broken_name};
use crate::effects::RepositoryWork;

/// The repository that has to be named.
pub(super) fn required(params: &mut Params) -> Result<RepositoryName, Failure> {
    RepositoryName::new(params.required("repository")?).map_err(broken_name)
}

/// The repository, or all of them.
pub(super) fn optional(params: &mut Params) -> Result<Option<RepositoryName>, Failure> {
    let name = params.optional("repository")?;
    name.map(RepositoryName::new).transpose().map_err(broken_name)
}

impl Effect for RepositoryWork {
    fn resource(&self) -> Resource {
        self.repository()
            .map_or(Resource::ControlPlane, |name| Resource::Repository(name.clone()))
    }

    fn also_asks(&self) -> Vec<Access> {
        match self {
            // Who sets a secret somewhere learns it there.
            Self::SetSecrets { secrets, .. } => {
                let reading = |name: &cc_devops_kernel::names::SecretName| Access::ReadSecret { name: name.clone() };
                secrets.values().map(reading).collect()
            }
            Self::Check { .. } | Self::Monitor { .. } | Self::Protect { .. } => Vec::new(),
        }
    }

    fn carry_out<'a>(&'a self, context: EffectContext<'a>) -> BoxFuture<'a, Result<EffectProgress, EffectError>> {
        async move {
            let Some(worker) = context.repositories else {
                let message = "this control plane looks after no repositories; an operator gives it a GitHub token";
                return Ok(EffectProgress::refused(Failure::new(
                    Reason::MissingDependency,
                    message,
                )));
            };
            let author = Author::of(context.head);
            if worker
                .hand_over(context.claim, self, &author)
                .await
                .map_err(in_effect)?
            {
                return Ok(EffectProgress::Elsewhere);
            }
            let outcome = worker
                .carry_out(self, &author, context.handle)
                .await
                .map_err(in_effect)?;
            Ok(EffectProgress::Ended(EffectEnd::with(outcome.map(within_an_event))))
        }
        .boxed()
    }
}

/// The largest result, in bytes: an event may have 256 KiB, a row of the ledger somewhat more.
const LARGEST_RESULT: usize = 180_000;

/// A result that fits into an event. Of all repositories only the summary may be left.
pub fn within_an_event(result: Value) -> Value {
    if result.to_string().len() <= LARGEST_RESULT {
        return result;
    }
    let Value::Object(mut fields) = result else {
        return json!({"shortened": true});
    };
    fields.retain(|_, value| value.to_string().len() <= LARGEST_RESULT / 10);
    fields.insert("shortened".to_owned(), json!(true));
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_fits_into_an_event() {
        let small = json!({"repositories": [1, 2], "summary": {}});
        assert_eq!(within_an_event(small.clone()), small);
        let large = json!({"repositories": "x".repeat(LARGEST_RESULT), "summary": {"repositories": 9}});
        let fits = json!({"summary": {"repositories": 9}, "shortened": true});
        assert_eq!(within_an_event(large), fits);
    }
}
