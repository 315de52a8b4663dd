//! Reads the configuration: the file, then the environment over it, then the schema over both.
//!
//! Every problem is collected before anything is said, so that one run of `config check` is enough.

use std::path::{Path, PathBuf};

use cc_devops_kernel::input;
use cc_devops_kernel::text::nearest;
use config::builder::DefaultState;
use config::{ConfigBuilder, File, FileFormat};
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::check::check;
use super::file::ConfigFile;
use super::problems::Origin;
use super::shape::{self, covers, required, schema};
use super::stacks::VARIABLE_NAME;
use super::{Problem, Settings};
use crate::error::AppError;

/// The file that is read when none is named and it stands in the current folder.
pub const DEFAULT_FILE: &str = "cc-devops.toml";

/// The configuration in force, and where it came from.
#[derive(Debug, Clone)]
pub struct LoadedSettings {
    /// The file; none where only defaults and the environment count.
    pub source: Option<PathBuf>,
    /// Every key with its value.
    pub file: ConfigFile,
    /// What it means.
    pub settings: Settings,
}

/// Reads the configuration: the file at `path`, or the one in the current folder, or none. The variables of the
/// environment count more, and `flags` more than those.
///
/// # Errors
/// Everything that is wrong.
pub fn load(path: Option<&Path>, flags: impl FnOnce(&mut ConfigFile)) -> Result<LoadedSettings, AppError> {
    let default = Path::new(DEFAULT_FILE);
    let source = path
        .or_else(|| default.is_file().then_some(default))
        .map(Path::to_path_buf);
    let text = match &source {
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| AppError::Usage(format!("cannot read the configuration {}: {error}", file.display())))?,
        None => String::new(),
    };
    let environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    of_text(&text, source, &environment, flags)
}

/// The same of a text that was read from `source`: relative paths in it count from that file's folder.
///
/// # Errors
/// Everything that is wrong.
pub fn of_text(
    text: &str,
    source: Option<PathBuf>,
    environment: &[(String, String)],
    flags: impl FnOnce(&mut ConfigFile),
) -> Result<LoadedSettings, AppError> {
    let folder = source
        .as_deref()
        .and_then(Path::parent)
        .unwrap_or_else(|| Path::new(""));
    let mut read = read(text, environment)?;
    if let Some(file) = &mut read.file {
        flags(file);
    }
    match finish(read, folder) {
        Ok((file, settings)) => Ok(LoadedSettings { source, file, settings }),
        Err(problems) => Err(AppError::Settings { file: source, problems }),
    }
}

impl LoadedSettings {
    /// Refuses a configuration that is right and that this process could not serve by: its commands could not be
    /// started, or its backend is not built in.
    ///
    /// # Errors
    /// What cannot be used.
    pub fn permitted(self) -> Result<Self, AppError> {
        let problems = self.settings.unusable_here();
        if problems.is_empty() {
            return Ok(self);
        }
        Err(AppError::Settings {
            file: self.source,
            problems,
        })
    }
}

/// What environment overrides start with.
const ENV_PREFIX: &str = "CC_DEVOPS__";

/// An environment override: the variable, and the path it sets.
struct Override {
    variable: String,
    path: String,
}

/// What reading gave: the configuration as far as it can be read, and everything wrong with it.
pub(crate) struct Read {
    /// The sound part.
    pub(crate) file: Option<ConfigFile>,
    /// What is wrong.
    pub(crate) problems: Vec<Problem>,
}

/// Reads the text of a file and the variables that override it.
pub(crate) fn read(text: &str, environment: &[(String, String)]) -> Result<Read, AppError> {
    let mut problems = Vec::new();
    let base = File::from_str(text, FileFormat::Toml);
    let in_file = match ConfigBuilder::<DefaultState>::default()
        .add_source(base.clone())
        .build()
    {
        Ok(config) => match config.try_deserialize::<Plain>() {
            Ok(Plain(value)) => value,
            Err(error) => {
                problems.push(Problem::new("", error.to_string()));
                return Ok(Read { file: None, problems });
            }
        },
        Err(error) => {
            problems.push(Problem::new("", error.to_string().trim_end().to_owned()));
            return Ok(Read { file: None, problems });
        }
    };

    let mut builder = ConfigBuilder::<DefaultState>::default().add_source(base);
    let mut overrides = Vec::new();
    for (variable, text) in environment {
        let Some(rest) = variable.strip_prefix(ENV_PREFIX) else {
            continue;
        };
        let path = override_path(rest, &in_file);
        match builder.clone().set_override(&path, override_value(text)) {
            Ok(with) => {
                builder = with;
                overrides.push(Override {
                    variable: variable.clone(),
                    path,
                });
            }
            Err(_) => problems.push(Problem::new(
                "",
                format!("the environment variable {variable} names no key; write {ENV_PREFIX}SECTION__KEY"),
            )),
        }
    }
    let value = builder
        .build()
        .and_then(config::Config::try_deserialize::<Plain>)
        .map_err(|error| AppError::internal("the configuration could not be put together", error))?;
    let Plain(mut value) = value;
    let found = against_schema(&value)?;
    for (problem, cut) in &found {
        let mut problem = problem.clone();
        problem.variable = overrides
            .iter()
            .find(|o| covers(&o.path, &problem.path) || covers(&problem.path, &o.path))
            .map(|o| o.variable.clone());
        problems.push(problem);
        remove(&mut value, cut);
    }
    // What the schema refused is cut out, so that the rest can still be checked in its meaning.
    let file = match serde_json::from_value::<ConfigFile>(value) {
        Ok(file) => Some(file),
        Err(error) if problems.is_empty() => {
            problems.push(Problem::new("", error.to_string()));
            None
        }
        Err(_) => None,
    };
    Ok(Read { file, problems })
}

/// A configuration in which no key means anything to a library.
struct Plain(Value);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input::value(input).map(Self)
    }
}

/// `SERVER__RATE_LIMIT_BURST` is `server.rate_limit_burst`. A stack's name may hold capitals and
/// `-`, which a variable's name cannot: the stack in the file that looks the same is meant.
fn override_path(rest: &str, in_file: &Value) -> String {
    let mut segments: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
    if let [section, name, ..] = segments.as_mut_slice()
        && section == "stacks"
    {
        let known = in_file.get("stacks").and_then(Value::as_object).and_then(|stacks| {
            stacks
                .keys()
                .find(|k| k.to_ascii_lowercase().replace('-', "_") == *name)
        });
        *name = known.cloned().unwrap_or_else(|| name.replace('_', "-"));
    }
    segments.join(".")
}

/// A variable's text as TOML would read it (`true`, `30`, `["dev"]`), or else as a string.
fn override_value(text: &str) -> config::Value {
    toml::from_str::<toml::Table>(&format!("value = {text}"))
        .ok()
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("value"))
        .and_then(as_config_value)
        .unwrap_or_else(|| config::Value::from(text))
}

fn as_config_value(value: toml::Value) -> Option<config::Value> {
    match value {
        toml::Value::Boolean(flag) => Some(flag.into()),
        toml::Value::Integer(number) => Some(number.into()),
        toml::Value::String(text) => Some(text.into()),
        toml::Value::Array(items) => {
            let items: Option<Vec<config::Value>> = items.into_iter().map(as_config_value).collect();
            items.map(config::Value::from)
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

/// A place in the configuration, as a JSON pointer.
type Pointer = String;

/// Every problem the schema finds, each with what to cut out so that the rest can be read.
fn against_schema(value: &Value) -> Result<Vec<(Problem, Pointer)>, AppError> {
    let schema = schema();
    let validator = jsonschema::validator_for(&schema)
        .map_err(|error| AppError::internal("the configuration's own schema is broken", error))?;
    let mut found: Vec<(Problem, Pointer)> = validator
        .iter_errors(value)
        .flat_map(|error| explain(&error, &schema))
        .collect();
    // The `config` crate keeps sections in hash maps, so they come in another order each time.
    found.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
    Ok(found)
}

fn explain(error: &ValidationError<'_>, schema: &Value) -> Vec<(Problem, Pointer)> {
    let pointer = error.instance_path().as_str().to_owned();
    let path = dotted(&pointer);
    let one = |message: String| vec![(Problem::new(path.clone(), message), pointer.clone())];
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => unexpected
            .iter()
            .map(|key| {
                let known = known_keys(schema, error.schema_path().as_str());
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                let full = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                let hint = nearest(key, &known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                let cut = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                (Problem::new(full, format!("there is no such key{hint}")), cut)
            })
            .collect(),
        // Nothing to cut out: what is missing has a default for the rest of the checks.
        ValidationErrorKind::Required { property } => {
            let message = required(property.as_str().unwrap_or_default());
            vec![(Problem::new(path, message), Pointer::new())]
        }
        ValidationErrorKind::Type { .. } => one(shape::must_be(&expected_type(error, schema))),
        ValidationErrorKind::Enum { options } => one(format!("must be one of {options}")),
        ValidationErrorKind::Constant { expected_value } => one(format!("must be {expected_value}")),
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            // The alternative is meant that the value has the type of: what is wrong within it says more.
            let of_type = |errors: &&Vec<ValidationError<'_>>| {
                let mut inner = errors
                    .iter()
                    .filter(|inner| inner.instance_path() == error.instance_path());
                !errors.is_empty()
                    && inner.all(|inner| {
                        let kind = inner.kind();
                        !matches!(
                            kind,
                            ValidationErrorKind::Type { .. } | ValidationErrorKind::Constant { .. }
                        )
                    })
            };
            match context.iter().find(of_type) {
                Some(errors) => errors.iter().flat_map(|inner| explain(inner, schema)).collect(),
                None => one(shape::must_be_alternative(schema.pointer(error.schema_path().as_str()))),
            }
        }
        ValidationErrorKind::Minimum { limit } => one(shape::must_be_at_least(limit)),
        ValidationErrorKind::Maximum { limit } => one(shape::must_be_at_most(limit)),
        ValidationErrorKind::MinItems { limit } => one(format!("must have at least {limit} entry")),
        ValidationErrorKind::MinLength { .. } => one("must not be empty".to_owned()),
        ValidationErrorKind::Pattern { pattern } if pattern == VARIABLE_NAME => {
            one("must be the name of an environment variable, without its value".to_owned())
        }
        // The library's own words, with the value left out: it may have been put here by mistake.
        _ => one(error.masked().to_string()),
    }
}

/// The keyword that failed stands at the end of its place in the schema; its holder is one up.
fn holder<'s>(error: &ValidationError<'_>, schema: &'s Value) -> Option<&'s Value> {
    let (place, _) = error.schema_path().as_str().rsplit_once('/')?;
    schema.pointer(place)
}

fn expected_type(error: &ValidationError<'_>, schema: &Value) -> String {
    holder(error, schema).map_or_else(String::new, shape::type_of)
}

/// The keys of the object whose `additionalProperties` stands at `place` in the schema.
fn known_keys(schema: &Value, place: &str) -> Vec<String> {
    let Some((object, _)) = place.rsplit_once('/') else {
        return Vec::new();
    };
    let properties = schema.pointer(object).and_then(|s| s.get("properties"));
    properties
        .and_then(Value::as_object)
        .map(|keys| keys.keys().cloned().collect())
        .unwrap_or_default()
}

/// `/stacks/cc-agent-x/command/0` is `stacks.cc-agent-x.command[0]`.
fn dotted(pointer: &str) -> String {
    let mut path = String::new();
    for segment in pointer.split('/').skip(1) {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        if segment.chars().all(|c| c.is_ascii_digit()) && !path.is_empty() {
            path.push('[');
            path.push_str(&segment);
            path.push(']');
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&segment);
        }
    }
    path
}

/// Cuts a place out. An entry of a list takes its list with it, so that later places stay right.
fn remove(value: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else {
        return;
    };
    match value.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.remove(&key.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(_)) => remove(value, parent),
        _ => {}
    }
}

/// Everything wrong with what was read, and the checked configuration where nothing is.
pub(crate) fn finish(read: Read, folder: &Path) -> Result<(ConfigFile, Settings), Vec<Problem>> {
    let Read { file, mut problems } = read;
    let Some(mut file) = file else { return Err(problems) };
    file.retention.settle();
    match check(&file, &Origin::of_file(folder)) {
        Ok(settings) if problems.is_empty() => Ok((file, settings)),
        Ok(_) => Err(problems),
        Err(more) => {
            // A key that the schema refused stands at its default now; nothing more to say of it, nor that it is missing.
            let known: Vec<String> = problems.iter().map(|p| p.path.clone()).collect();
            let is_said = |new: &Problem| {
                let missing = known.iter().find(|path| {
                    let key = path.strip_prefix(&new.path).and_then(|key| key.strip_prefix('.'));
                    key.is_some_and(|key| new.message == required(key))
                });
                missing.is_some() || known.contains(&new.path)
            };
            problems.extend(more.into_iter().filter(|new| new.path.is_empty() || !is_said(new)));
            Err(problems)
        }
    }
}
