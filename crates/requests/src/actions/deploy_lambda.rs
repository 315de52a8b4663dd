//! `deployLambda`: changes a stack. The change is planned first, and carried out when it is permitted
//! ([`crate::deploys`]). One change at a time per stack: the request holds it until the change has ended.

use std::collections::BTreeMap;

use cc_devops_kernel::names::{StackName, Stage};
use cc_devops_kernel::outcome::Failure;
use cc_devops_policy::{On, Resource};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::action::{Action, Asked, Carrying};
use super::effect::{Effect, EffectContext, EffectError, EffectProgress};
use super::params::{Kind, Param, Params, broken_name, invalid};
use crate::effects::{DeployLambda, Template};

/// CloudFormation's limits.
pub(crate) const MAX_TEMPLATE_BYTES: usize = 1_000_000;
const MAX_URL_BYTES: usize = 5_120;
const MAX_PARAMETERS: usize = 200;
const MAX_PARAMETER_BYTES: usize = 4_096;
const MAX_TAGS: usize = 50;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;
const CAPABILITIES: [&str; 3] = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"];

/// `deployLambda`.
pub static ACTION: Action = Action {
    name: "deployLambda",
    summary: "Changes a stack, one change at a time; never the control plane's own.",
    params: &[
        Param {
            name: "stackName",
            rule: "required, without the stage: a letter, then letters, digits and `-`, at most 95 characters",
            kind: Kind::Text,
        },
        Param {
            name: "stage",
            rule: "optional; counts more than the `stage` of `detail`",
            kind: Kind::Text,
        },
        Param {
            name: "templateUrl",
            rule: "optional: an `https` address of at most 5,120 bytes",
            kind: Kind::Text,
        },
        Param {
            name: "templateBody",
            rule: "optional: 1 to 1,000,000 bytes; not together with `templateUrl`",
            kind: Kind::Text,
        },
        Param {
            name: "parameters",
            rule: "optional: an object of at most 200 strings (numbers and booleans are taken as text) of at most \
                   4,096 bytes; names are a letter, then letters, digits and `_`, at most 255",
            kind: Kind::Named,
        },
        Param {
            name: "capabilities",
            rule: "optional: a list of `CAPABILITY_IAM`, `CAPABILITY_NAMED_IAM`, `CAPABILITY_AUTO_EXPAND`",
            kind: Kind::Texts,
        },
        Param {
            name: "tags",
            rule: "optional: an object of at most 50, keys of 1 to 128 and values of at most 256 characters",
            kind: Kind::Named,
        },
        Param {
            name: "planOnly",
            rule: "optional: `true` plans the change and answers what it would do; nothing is carried out",
            kind: Kind::Flag,
        },
    ],
    on: On::Stack,
    staged: true,
    carrying: Carrying::StackChange,
    read,
};

fn read(mut params: Params, asked: &Asked<'_>) -> Result<Box<dyn Effect>, Failure> {
    let stack = StackName::new(params.required("stackName")?).map_err(broken_name)?;
    let stage = match params.optional("stage")? {
        Some(name) => asked.installation.stages.find(&name).map_err(invalid)?,
        None => asked.stage.clone(),
    };
    let template = match (params.optional("templateUrl")?, params.optional("templateBody")?) {
        (Some(_), Some(_)) => return Err(invalid("give `templateUrl` or `templateBody`, not both")),
        (Some(url), None) => {
            if !url.starts_with("https://") || url.len() > MAX_URL_BYTES {
                return Err(invalid(format!(
                    "`templateUrl` must be an https address of at most {MAX_URL_BYTES} bytes"
                )));
            }
            Some(Template::Url(url))
        }
        (None, Some(body)) => {
            if body.is_empty() || body.len() > MAX_TEMPLATE_BYTES {
                return Err(invalid(format!(
                    "`templateBody` must have 1 to {MAX_TEMPLATE_BYTES} bytes; put a larger one where `templateUrl` can name it"
                )));
            }
            Some(Template::Body(body))
        }
        (None, None) => None,
    };
    let parameters = params.texts("parameters")?;
    check_parameters(&parameters)?;
    let capabilities = params.list("capabilities")?;
    if !capabilities.iter().all(|c| CAPABILITIES.contains(&c.as_str())) {
        let known = CAPABILITIES.join(", ");
        return Err(invalid(format!(
            "`capabilities` names one that does not exist; use: {known}"
        )));
    }
    let tags = params.texts("tags")?;
    let tag_fits = |(key, value): (&String, &String)| {
        (1..=MAX_TAG_KEY).contains(&key.chars().count()) && value.chars().count() <= MAX_TAG_VALUE
    };
    if tags.len() > MAX_TAGS || !tags.iter().all(tag_fits) {
        return Err(invalid(format!(
            "`tags` may hold {MAX_TAGS} tags, with keys of 1 to {MAX_TAG_KEY} and values of at most {MAX_TAG_VALUE} characters"
        )));
    }
    let plan_only = params.flag("planOnly")?;
    let change = DeployLambda {
        stack,
        stage,
        template,
        parameters,
        capabilities,
        tags,
    };
    Ok(Box::new(Deploy { change, plan_only }))
}

fn check_parameters(parameters: &BTreeMap<String, String>) -> Result<(), Failure> {
    if parameters.len() > MAX_PARAMETERS {
        return Err(invalid(format!(
            "`parameters` has {} entries; at most {MAX_PARAMETERS} are allowed",
            parameters.len()
        )));
    }
    for (name, value) in parameters {
        let named = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && name.len() <= 255;
        if !named {
            return Err(invalid(
                "the names in `parameters` must be a letter, then letters, digits and `_`, 255 at most",
            ));
        }
        if value.len() > MAX_PARAMETER_BYTES || value.contains('\0') {
            return Err(invalid(format!(
                "the value of `parameters.{name}` must have at most {MAX_PARAMETER_BYTES} bytes and no NUL"
            )));
        }
    }
    Ok(())
}

/// A deploy as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deploy {
    /// The change.
    pub change: DeployLambda,
    /// Whether it is to be planned, and not carried out.
    pub plan_only: bool,
}

impl Effect for Deploy {
    fn resource(&self) -> Resource {
        Resource::Stack(self.change.stack.clone())
    }

    fn stage(&self) -> Option<&Stage> {
        Some(&self.change.stage)
    }

    fn carry_out<'a>(&'a self, context: EffectContext<'a>) -> BoxFuture<'a, Result<EffectProgress, EffectError>> {
        context.plane.plan_deploy(self, context).boxed()
    }
}
