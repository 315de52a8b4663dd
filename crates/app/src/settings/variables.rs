//! A function's variables, as the template names them: which setting each of them is, and how its text is written.
//! What a setting may be and what it means stands in [`file`] and is checked where the file's is.
//!
//! [`file`]: super::file

use std::path::Path;

use cc_devops_kernel::input;
use cc_devops_repos::policy::Policy as RepositoryPolicy;
use cc_devops_revenue::policy::Policy;
use serde_json::{Value, json};

use super::check::check;
use super::file::ConfigFile;
use super::problems::{Origin, ReadPolicy};
use super::shape::{self, covers, schema};
use super::{Problem, Settings, rate};

/// A variable that a function reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// What it is called.
    pub name: &'static str,
    /// The setting that it is, as a path in the configuration file.
    pub setting: &'static str,
    /// How its text is written.
    pub form: Form,
}

/// How a variable's text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As the value is.
    Plain,
    /// Parts with commas in between.
    List,
    /// A preset, options, or both: `transactions`, `stripe-default,day_factor=30`.
    RevenuePolicy,
    /// What one unit of each currency is worth in dollars: `eur=1.08,jpy=0.0067`.
    FixedRates,
    /// The whole section, as JSON: `{"routes": [{"match": {"severity": "critical"}, "channels": ["topic"]}]}`.
    Section,
    /// The text of the file that the setting names.
    Contents,
}

const fn plain(name: &'static str, setting: &'static str) -> Variable {
    let form = Form::Plain;
    Variable { name, setting, form }
}

const fn written(name: &'static str, setting: &'static str, form: Form) -> Variable {
    Variable { name, setting, form }
}

/// Every variable of a function. Where two are one setting, the later one counts.
pub const VARIABLES: [Variable; 38] = [
    plain("STAGE", "aws.stage"),
    written("STAGES", "installation.stages", Form::List),
    plain("AGENT_NAME", "installation.agent"),
    plain("NAMESPACE", "installation.namespace"),
    plain("MODE", "mode"),
    plain("POLICY_SET", "policy.set"),
    plain("DEPLOY_TIMEOUT_SECONDS", "requests.deploy_timeout_seconds"),
    plain("REQUESTS_DAYS", "retention.requests_days"),
    plain("EVENTS_DAYS", "retention.events_days"),
    plain("DEAD_LETTERS_DAYS", "retention.dead_letters_days"),
    plain("AUDIT_DAYS", "retention.audit_days"),
    plain("LEDGER_TABLE", "aws.ledger_table"),
    plain("BILLING_TABLE", "aws.billing_table"),
    plain("LEDGER_KEY_SECRET", "aws.ledger_key"),
    plain("ENABLED_AGENTS_PARAMETER", "aws.enabled_agents"),
    plain("SEALING_KEY_PARAMETER", "aws.sealing_key"),
    plain("EVENT_BUS", "aws.event_bus"),
    plain("STACK_NAME", "aws.stack"),
    // Lambda sets it. Where another function asks, it is told which one is the control plane's.
    plain("AWS_LAMBDA_FUNCTION_NAME", "aws.function"),
    plain("CONTROL_PLANE_FUNCTION", "aws.function"),
    plain("REPOSITORIES_FUNCTION", "aws.repositories_function"),
    plain("ALERT_TOPIC_ARN", "aws.alert_topic_arn"),
    plain("FLEET_WATCH", "aws.watch"),
    plain("DEPLOY_ROLE_ARN", "aws.deploy_role_arn"),
    plain("TEMPLATE_BUCKET", "aws.template_bucket"),
    written("ALERTS", "alerts", Form::Section),
    written("DEPLOYS", "deploys", Form::Section),
    written("STACKS", "stacks", Form::Section),
    written("REVENUE_POLICY", "revenue.policy", Form::RevenuePolicy),
    written("REVENUE_RATES", "revenue.fixed_rates", Form::FixedRates),
    plain("RATES_URL", "revenue.rates_url"),
    plain("COST_CONTROL_AGENT", "revenue.cost_control"),
    plain("STRIPE_API_URL", "stripe.api_url"),
    plain("STRIPE_KEY_SECRET", "stripe.key_secret"),
    plain("GITHUB_OWNER", "github.owner"),
    plain("GITHUB_API_URL", "github.api_url"),
    plain("GITHUB_TOKEN_SECRET", "github.token_secret"),
    written(REPOSITORY_POLICY, "repos.policy", Form::Contents),
];

/// The text of the repository policy, which in the file is the name of another.
const REPOSITORY_POLICY: &str = "REPOSITORY_POLICY";

/// How long a claimed request belongs to an invocation, in seconds: longer than a function may run.
const LEASE_SECONDS: u32 = 120;

/// Variables that cannot be used; all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadVariables(pub Vec<Problem>);

impl std::fmt::Display for BadVariables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            match &problem.variable {
                Some(name) => write!(f, "the environment variable {name}: {}", problem.message)?,
                None => write!(f, "{problem}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for BadVariables {}

/// Reads a function's variables; those that are missing or empty have their setting's default, which for the lease of a
/// request is 120 s, longer than a function may run.
///
/// # Errors
/// Every variable that is missing or cannot be used.
pub fn of_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Settings, BadVariables> {
    read(variable, None)
}

/// As [`of_variables`], with `REPOSITORY_POLICY`: the text of the repository policy. Only the function that audits has it,
/// and what reads TOML is a part of its package alone.
///
/// # Errors
/// Every variable that is missing or cannot be used, and everything that is wrong with the policy.
pub fn of_variables_and_policy(variable: impl Fn(&str) -> Option<String>) -> Result<Settings, BadVariables> {
    read(variable, Some(RepositoryPolicy::from_toml))
}

fn read(variable: impl Fn(&str) -> Option<String>, read_policy: Option<ReadPolicy>) -> Result<Settings, BadVariables> {
    let get = |name: &str| variable(name).filter(|text| !text.is_empty());
    let mut problems = Vec::new();
    if get("STAGE").is_none() {
        problems.push(said(
            "STAGE",
            "aws.stage",
            "is missing; it says whose resources these are",
        ));
    }
    if get("REVENUE_RATES").is_some() && get("RATES_URL").is_some() {
        problems.push(said(
            "RATES_URL",
            "revenue.rates_url",
            "counts only without REVENUE_RATES",
        ));
    }
    let mut settings = json!({"backend": "aws", "requests": {"lease_seconds": LEASE_SECONDS}});
    let shapes = schema();
    for known in VARIABLES {
        let Some(text) = get(known.name) else { continue };
        match value_of(known, &text, &shapes) {
            Ok(values) => {
                for (keys, value) in values {
                    put(&mut settings, keys, value);
                }
            }
            Err(message) => problems.push(said(known.name, known.setting, message)),
        }
    }
    let mut file = match serde_json::from_value::<ConfigFile>(settings) {
        Ok(file) => file,
        Err(error) => {
            problems.push(Problem::new("", error.to_string()));
            return Err(BadVariables(problems));
        }
    };
    file.retention.settle();
    let policy = get(REPOSITORY_POLICY);
    let origin = Origin {
        folder: Path::new(""),
        repository_policy: policy.as_deref().zip(read_policy),
        whole_secret_names: true,
    };
    match check(&file, &origin) {
        Ok(settings) if problems.is_empty() => Ok(settings),
        Ok(_) => Err(BadVariables(problems)),
        Err(more) => {
            // What was refused for its shape stands at its default now; nothing more to say of it.
            let news = more
                .into_iter()
                .filter(|new| !problems.iter().any(|old| covers(&old.path, &new.path)));
            let named: Vec<Problem> = news.map(|problem| by_variable(problem, &get)).collect();
            problems.extend(named);
            Err(BadVariables(problems))
        }
    }
}

/// The keys that lead to a setting.
type Keys = Vec<String>;

/// What a variable sets.
fn value_of(variable: Variable, text: &str, schema: &Value) -> Result<Vec<(Keys, Value)>, String> {
    let parts = || text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let path: Keys = variable.setting.split('.').map(str::to_owned).collect();
    match variable.form {
        Form::Plain => {
            let setting = shape::of(schema, variable.setting);
            let value = setting.map_or_else(|| Ok(text.into()), |setting| shape::read(setting, text))?;
            Ok(vec![(path, value)])
        }
        Form::List => {
            let parts: Vec<&str> = text.split(',').map(str::trim).collect();
            Ok(vec![(path, json!(parts))])
        }
        Form::RevenuePolicy => {
            let mut parts = parts().peekable();
            let preset = parts.next_if(|part| !part.contains('='));
            let mut values: Vec<(Keys, Value)> = preset.map(|name| (path, name.into())).into_iter().collect();
            for part in parts {
                let Some((option, value)) = part.split_once('=') else {
                    // Refused with the sentence for what is no assignment.
                    let mut policy = Policy::default();
                    return policy.assign(part).map(|()| values).map_err(|error| error.to_string());
                };
                let option = ["revenue", "options", option.trim()].map(str::to_owned);
                values.push((option.into(), value.trim().into()));
            }
            Ok(values)
        }
        Form::FixedRates => {
            let rates = ["revenue", "rates"].map(str::to_owned);
            let mut values = vec![(rates.into(), json!("fixed"))];
            for part in parts() {
                let bad =
                    || format!("write a rate as the dollars that one unit is worth, such as eur=1.08, not {part}");
                let (currency, dollars) = part.split_once('=').ok_or_else(bad)?;
                let (currency, _) = rate(currency, dollars).map_err(|_| bad())?;
                let of = [path.clone(), vec![currency.to_string()]].concat();
                values.push((of, dollars.trim().into()));
            }
            Ok(values)
        }
        Form::Section => {
            let section = input::document(text.as_bytes()).map_err(|error| format!("it is no JSON: {error}"))?;
            // Read for its own sake, so that what is wrong is said of this variable.
            let alone = json!({variable.setting: section.clone()});
            serde_json::from_value::<ConfigFile>(alone).map_err(|error| error.to_string())?;
            Ok(vec![(path, section)])
        }
        Form::Contents => Ok(Vec::new()),
    }
}

/// Puts a value where the keys lead.
fn put(settings: &mut Value, keys: Keys, value: Value) {
    let mut place = settings;
    for key in keys {
        if !place.is_object() {
            *place = json!({});
        }
        let Some(section) = place.as_object_mut() else { return };
        place = section.entry(key).or_insert(Value::Null);
    }
    *place = value;
}

fn said(variable: &str, path: &str, message: impl Into<String>) -> Problem {
    Problem {
        variable: Some(variable.to_owned()),
        ..Problem::new(path, message)
    }
}

/// A problem with the variable that set what is wrong, or could set it.
fn by_variable(problem: Problem, get: &dyn Fn(&str) -> Option<String>) -> Problem {
    let mut matching = VARIABLES.iter().rev().filter(|known| known.is_of(&problem.path));
    let set = matching.clone().find(|known| get(known.name).is_some());
    let Some(variable) = set.or_else(|| matching.next()) else {
        return problem;
    };
    let mut message = problem.message;
    if variable.name == "STAGE" {
        message.push_str("; STAGES names them");
    }
    if variable.form == Form::Section {
        message = format!("{}: {message}", problem.path);
    }
    said(variable.name, &problem.path, message)
}

impl Variable {
    /// Whether a problem at that path may be this variable's.
    fn is_of(&self, path: &str) -> bool {
        let more = match self.form {
            Form::RevenuePolicy => covers("revenue.options", path),
            Form::FixedRates => covers("revenue.rates", path),
            Form::Plain | Form::List | Form::Section | Form::Contents => false,
        };
        more || covers(self.setting, path)
    }
}

#[cfg(test)]
#[cfg(feature = "aws")]
mod tests;
