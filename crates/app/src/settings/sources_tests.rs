//! Every setting that two sources can give is read from the file, from the environment and from a function's variables,
//! and comes to the same value, or to the same sentence.

use serde_json::{Value, json};

use super::shape::{self, schema};
use super::variables::{Form, VARIABLES, Variable, of_variables_and_policy};
use super::{Settings, of_text};
use crate::AppError;

/// What came of reading.
type Read = Result<String, Vec<(String, String)>>;

fn seen(settings: &Settings) -> String {
    format!("{settings:?}")
}

/// A file for the stage `dev` on AWS as a function serves it, with more keys set.
fn file(more: &[(&str, Value)], environment: &[(&str, &str)]) -> Read {
    let mut table = json!({"backend": "aws", "aws": {"stage": "dev"}, "requests": {"lease_seconds": 120}});
    for (path, value) in more {
        let mut place = &mut table;
        for key in path.split('.') {
            place = &mut place[key];
        }
        *place = value.clone();
    }
    let environment: Vec<(String, String)> = environment
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    let text = toml::to_string(&table).unwrap();
    match of_text(&text, None, &environment, |_| {}) {
        Ok(loaded) => Ok(seen(&loaded.settings)),
        Err(AppError::Settings { problems, .. }) => Err(problems.into_iter().map(|p| (p.path, p.message)).collect()),
        Err(other) => panic!("{other}"),
    }
}

fn variables(given: &[(&str, &str)]) -> Read {
    let given = [&[("STAGE", "dev")], given].concat();
    // The later one counts, as in an environment.
    let read = of_variables_and_policy(|name| {
        let found = given.iter().rev().find(|(known, _)| *known == name);
        found.map(|(_, text)| (*text).to_owned())
    });
    match read {
        Ok(settings) => Ok(seen(&settings)),
        Err(bad) => Err(bad
            .0
            .into_iter()
            .map(|p| (p.path, p.message.trim_end_matches("; STAGES names them").to_owned()))
            .collect()),
    }
}

/// Texts for a setting: some that it takes, some that it does not.
fn samples(variable: Variable, schema: &Value) -> (Vec<String>, Vec<String>) {
    let setting = shape::of(schema, variable.setting).unwrap_or_else(|| panic!("{} is no setting", variable.setting));
    let documented = setting.get("description").and_then(Value::as_str);
    assert!(
        documented.is_some_and(|text| text.ends_with('.')),
        "{}",
        variable.setting
    );
    if shape::type_of(setting) == "a whole number" {
        let limit = |name: &str| setting.get(name).and_then(Value::as_i64).unwrap();
        let (least, most) = (limit("minimum"), limit("maximum"));
        let bad = [(least - 1).to_string(), (most + 1).to_string(), "many".to_owned()];
        return (vec![(least + 1).to_string()], bad.into());
    }
    let (good, bad) = match variable.setting {
        "mode" => ("maintenance", Some("asleep")),
        "policy.set" => ("whole-namespace", Some("none")),
        "aws.stage" => ("prod", Some("qa")),
        "aws.watch" => ("disabled", Some("sometimes")),
        "installation.agent" | "revenue.cost_control" => ("Other", Some("9lives")),
        "installation.namespace" => ("other", Some("a b")),
        "stripe.key_secret" | "github.token_secret" => ("a/b", Some("a b")),
        "github.owner" => ("someone", Some("a/b")),
        "stripe.api_url" | "github.api_url" | "revenue.rates_url" => ("http://127.0.0.1:1", None),
        path if path.starts_with("aws.") => ("other", None),
        path => panic!("say what {path} takes"),
    };
    (vec![good.to_owned()], bad.map(str::to_owned).into_iter().collect())
}

#[test]
fn a_setting_is_the_same_from_each_source() {
    let schema = schema();
    let standing = variables(&[]).unwrap();
    for variable in VARIABLES.into_iter().filter(|variable| variable.form == Form::Plain) {
        let (good, bad) = samples(variable, &schema);
        let override_name = format!("CC_DEVOPS__{}", variable.setting.to_uppercase().replace('.', "__"));
        for (text, is_good) in good
            .iter()
            .map(|text| (text, true))
            .chain(bad.iter().map(|text| (text, false)))
        {
            let value = text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number));
            let of_file = file(&[(variable.setting, value)], &[]);
            let of_environment = file(&[], &[(&override_name, text)]);
            let of_variable = variables(&[(variable.name, text)]);
            assert_eq!(of_file.is_ok(), is_good, "{} = {text}: {of_file:?}", variable.setting);
            assert_eq!(of_environment, of_file, "{override_name} = {text}");
            assert_eq!(of_variable, of_file, "{} = {text}", variable.name);
            if is_good {
                assert_ne!(of_variable.unwrap(), standing, "{} counts", variable.name);
            }
        }
    }
}

#[test]
fn what_a_variable_writes_in_its_own_way_is_the_same_setting() {
    let stages = file(&[("installation.stages", json!(["dev", "qa"]))], &[]);
    assert_eq!(variables(&[("STAGES", "dev, qa")]), stages);
    let bad = file(&[("installation.stages", json!(["dev", "Q"]))], &[]);
    assert!(bad.is_err());
    assert_eq!(variables(&[("STAGES", "dev,Q")]), bad);

    let policy = file(
        &[
            ("revenue.policy", json!("transactions")),
            ("revenue.options", json!({"day_factor": "30"})),
        ],
        &[],
    );
    assert_eq!(variables(&[("REVENUE_POLICY", "transactions,day_factor=30")]), policy);
    let none = file(&[("revenue.policy", json!("mine"))], &[]);
    assert_eq!(variables(&[("REVENUE_POLICY", "mine")]), none);

    let fixed = json!({"eur": "1.25"});
    let rates = file(
        &[("revenue.rates", json!("fixed")), ("revenue.fixed_rates", fixed)],
        &[],
    );
    assert_eq!(variables(&[("REVENUE_RATES", "eur=1.25")]), rates);
}

#[test]
fn no_variable_is_named_twice_and_each_is_a_setting() {
    let schema = schema();
    for (at, variable) in VARIABLES.iter().enumerate() {
        assert!(shape::of(&schema, variable.setting).is_some(), "{}", variable.setting);
        let before = VARIABLES.iter().take(at);
        assert!(
            before.into_iter().all(|other| other.name != variable.name),
            "{}",
            variable.name
        );
    }
}
