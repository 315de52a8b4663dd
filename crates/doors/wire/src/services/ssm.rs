//! Systems Manager: the parameters that an installation tells. The list of enabled agents is written, too, and merged.

use cc_devops_fleet::parameters::{NotWritten, Parameter, ParameterKind};
use cc_devops_http::access::{ReadParameters, WriteParameters};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fault::{Failed, Fault};
use crate::model::{List, Member, Shape, Text};
use crate::operation::{Call, Operation, Service};

/// How many parameters a page has, unless fewer are asked for.
const PAGE: usize = 10;

const NAME: Shape = Text::of(1, 2_048).shape();
const KIND: Shape = Text::among(&["String", "StringList", "SecureString"]).shape();
const TIER: Shape = Text::among(&["Standard", "Advanced", "Intelligent-Tiering"]).shape();
const TAG: Text = Text::of(1, 128).like(r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$");
const VERSION: Shape = Shape::Long {
    min: i64::MIN,
    max: i64::MAX,
};

static PARAMETER: [Member; 8] = [
    Member::optional("Name", NAME),
    Member::optional("Type", KIND),
    Member::optional("Value", Text::ANY.shape()),
    Member::optional("Version", VERSION),
    Member::optional("Selector", Text::of(0, 128).shape()),
    Member::optional("LastModifiedDate", Shape::Timestamp),
    Member::optional("ARN", Text::ANY.shape()),
    Member::optional("DataType", Text::of(0, 128).shape()),
];
static PARAMETERS: List = List::of(Shape::Structure(&PARAMETER), 0, usize::MAX);
static NAMES: List = List::of(NAME, 1, 10);
static GET_INPUT: [Member; 2] = [
    Member::required("Name", NAME),
    Member::optional("WithDecryption", Shape::Boolean),
];
static GET_OUTPUT: [Member; 1] = [Member::optional("Parameter", Shape::Structure(&PARAMETER))];
static SEVERAL_INPUT: [Member; 2] = [
    Member::required("Names", Shape::List(&NAMES)),
    Member::optional("WithDecryption", Shape::Boolean),
];
static SEVERAL_OUTPUT: [Member; 2] = [
    Member::optional("Parameters", Shape::List(&PARAMETERS)),
    Member::optional("InvalidParameters", Shape::List(&NAMES)),
];
static FILTER_VALUES: List = List::of(Text::of(1, 1_024).shape(), 1, 50);
static FILTER: [Member; 3] = [
    Member::required(
        "Key",
        Text::of(1, 132)
            .like("^(tag:.+|Name|Type|KeyId|Path|Label|Tier|DataType)$")
            .shape(),
    ),
    Member::optional("Option", Text::of(1, 10).shape()),
    Member::optional("Values", Shape::List(&FILTER_VALUES)),
];
static FILTERS: List = List::of(Shape::Structure(&FILTER), 0, usize::MAX);
static PATH_INPUT: [Member; 6] = [
    Member::required("Path", NAME),
    Member::optional("Recursive", Shape::Boolean),
    Member::optional("ParameterFilters", Shape::List(&FILTERS)),
    Member::optional("WithDecryption", Shape::Boolean),
    Member::optional("MaxResults", Shape::Integer { min: 1, max: 10 }),
    Member::optional("NextToken", Text::ANY.shape()),
];
static PATH_OUTPUT: [Member; 2] = [
    Member::optional("Parameters", Shape::List(&PARAMETERS)),
    Member::optional("NextToken", Text::ANY.shape()),
];
static TAG_MEMBERS: [Member; 2] = [
    Member::required("Key", TAG.shape()),
    Member::required(
        "Value",
        Text {
            min: 0,
            max: 256,
            ..TAG
        }
        .shape(),
    ),
];
static TAGS: List = List::of(Shape::Structure(&TAG_MEMBERS), 0, 1_000);
static PUT_INPUT: [Member; 11] = [
    Member::required("Name", NAME),
    Member::optional("Description", Text::of(0, 1_024).shape()),
    // AWS's model has no bound, and AWS refuses an empty one.
    Member::required("Value", Text::of(1, usize::MAX).shape()),
    Member::optional("Type", KIND),
    Member::optional("KeyId", Text::of(1, 256).like("^([a-zA-Z0-9:/_-]+)$").shape()),
    Member::optional("Overwrite", Shape::Boolean),
    Member::optional("AllowedPattern", Text::of(0, 1_024).shape()),
    Member::optional("Tags", Shape::List(&TAGS)),
    Member::optional("Tier", TIER),
    Member::optional("Policies", Text::of(1, 4_096).shape()),
    Member::optional("DataType", Text::of(0, 128).shape()),
];
static PUT_OUTPUT: [Member; 2] = [Member::optional("Version", VERSION), Member::optional("Tier", TIER)];

/// What is served of it.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::of(Service::Ssm, "GetParameter", (&GET_INPUT, &GET_OUTPUT), get_parameter),
        Operation::of(
            Service::Ssm,
            "GetParameters",
            (&SEVERAL_INPUT, &SEVERAL_OUTPUT),
            get_parameters,
        ),
        Operation::of(
            Service::Ssm,
            "GetParametersByPath",
            (&PATH_INPUT, &PATH_OUTPUT),
            get_parameters_by_path,
        ),
        Operation::of(Service::Ssm, "PutParameter", (&PUT_INPUT, &PUT_OUTPUT), put_parameter),
    ]
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ParameterAnswer {
    name: String,
    r#type: &'static str,
    value: String,
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<String>,
    last_modified_date: Timestamp,
    #[serde(rename = "ARN")]
    arn: String,
    data_type: &'static str,
}

impl ParameterAnswer {
    fn new(call: &Call, parameter: Parameter, selector: Option<&str>) -> Self {
        Self {
            arn: call.arn("ssm", &format!("parameter{}", parameter.name)),
            name: parameter.name,
            r#type: match parameter.kind {
                ParameterKind::Text => "String",
                ParameterKind::List => "StringList",
            },
            value: parameter.value,
            version: parameter.version,
            selector: selector.map(|selector| format!(":{selector}")),
            last_modified_date: parameter.changed_at,
            data_type: "text",
        }
    }
}

/// A parameter as it is asked for: by its name or its ARN, at times with a version or a label behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted<'a> {
    name: &'a str,
    selector: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    fn read(text: &'a str) -> Self {
        let of_arn = text.strip_prefix("arn:aws:ssm:").and_then(|rest| {
            let (_region, rest) = rest.split_once(':')?;
            let (_account, rest) = rest.split_once(':')?;
            rest.strip_prefix("parameter")
        });
        let text = of_arn.unwrap_or(text);
        match text.split_once(':') {
            Some((name, selector)) => Self {
                name,
                selector: Some(selector),
            },
            None => Self {
                name: text,
                selector: None,
            },
        }
    }

    /// Whether a version is the one that is asked for: the newest is the only one that is kept.
    fn is_of(self, version: u64) -> bool {
        self.selector
            .is_none_or(|selector| selector.parse::<u64>() == Ok(version))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetParameter {
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Got {
    parameter: ParameterAnswer,
}

async fn get_parameter(call: Call, asked: GetParameter) -> Result<Got, Failed> {
    let wanted = Wanted::read(&asked.name);
    let permitted = call.permitted::<ReadParameters>()?;
    let Some(parameter) = permitted.find(wanted.name).await? else {
        return Err(Fault::sender("ParameterNotFound", format!("Parameter {} not found.", asked.name)).into());
    };
    if !wanted.is_of(parameter.version) {
        let message = format!(
            "Systems Manager could not find version {} of {}. Verify the version and try again; the newest alone is kept \
             here.",
            wanted.selector.unwrap_or_default(),
            wanted.name
        );
        return Err(Fault::sender("ParameterVersionNotFound", message).into());
    }
    Ok(Got {
        parameter: ParameterAnswer::new(&call, parameter, wanted.selector),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetParameters {
    names: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GotSeveral {
    parameters: Vec<ParameterAnswer>,
    invalid_parameters: Vec<String>,
}

async fn get_parameters(call: Call, asked: GetParameters) -> Result<GotSeveral, Failed> {
    let permitted = call.permitted::<ReadParameters>()?;
    let mut got = GotSeveral {
        parameters: Vec::new(),
        invalid_parameters: Vec::new(),
    };
    for name in asked.names {
        let wanted = Wanted::read(&name);
        let found = permitted.find(wanted.name).await?;
        match found.filter(|parameter| wanted.is_of(parameter.version)) {
            Some(parameter) => got
                .parameters
                .push(ParameterAnswer::new(&call, parameter, wanted.selector)),
            None => got.invalid_parameters.push(name),
        }
    }
    Ok(got)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetParametersByPath {
    path: String,
    #[serde(default)]
    recursive: bool,
    #[serde(default)]
    parameter_filters: Vec<serde_json::Value>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    parameters: Vec<ParameterAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

async fn get_parameters_by_path(call: Call, asked: GetParametersByPath) -> Result<Page, Failed> {
    if !is_path(&asked.path) {
        return Err(Fault::sender(
            "ValidationException",
            "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward \
             slash \"/\". It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ \
             (underscore).",
        )
        .into());
    }
    if !asked.parameter_filters.is_empty() {
        return Err(Fault::sender(
            "InvalidFilterKey",
            "The specified filter option is not valid: filters are not served here, and there are few parameters; \
             choose from what is answered.",
        )
        .into());
    }
    let after = asked.next_token.unwrap_or_default();
    if !after.is_empty() && !is_path(&after) {
        return Err(Fault::sender("InvalidNextToken", "The specified token is not valid.").into());
    }
    let permitted = call.permitted::<ReadParameters>()?;
    let mut below = permitted.below(&asked.path, asked.recursive).await?;
    below.retain(|parameter| parameter.name > after);
    let most = asked.max_results.unwrap_or(PAGE);
    let has_more = below.len() > most;
    below.truncate(most);
    Ok(Page {
        next_token: below.last().filter(|_| has_more).map(|last| last.name.clone()),
        parameters: below
            .into_iter()
            .map(|parameter| ParameterAnswer::new(&call, parameter, None))
            .collect(),
    })
}

fn is_path(text: &str) -> bool {
    let is_of_a_path = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | '/');
    text.starts_with('/') && !text.contains("//") && text.chars().all(is_of_a_path)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutParameter {
    name: String,
    value: String,
    r#type: Option<String>,
    key_id: Option<String>,
    #[serde(default)]
    overwrite: bool,
    allowed_pattern: Option<String>,
    #[serde(default)]
    tags: Vec<serde_json::Value>,
    tier: Option<String>,
    policies: Option<String>,
    data_type: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    version: u64,
    tier: &'static str,
}

async fn put_parameter(call: Call, asked: PutParameter) -> Result<Put, Failed> {
    let name = Wanted::read(&asked.name);
    if let Some(fault) = not_kept(&asked).filter(|_| asked.overwrite) {
        return Err(fault.into());
    }
    let permitted = call.permitted::<WriteParameters>()?;
    let written = permitted.write(name.name, &asked.value, asked.overwrite).await;
    match written {
        Ok(version) => Ok(Put {
            version,
            tier: "Standard",
        }),
        Err(why) => Err(not_written(why)),
    }
}

/// What is said of something that AWS keeps with a parameter, and that is not kept here.
fn not_kept(asked: &PutParameter) -> Option<Fault> {
    let invalid = |what: &str| Some(Fault::sender("ValidationException", what));
    match asked.r#type.as_deref() {
        None | Some("String") => {}
        Some(_) => {
            return Some(Fault::sender(
                "UnsupportedParameterType",
                "The parameter type isn't supported: parameters are written here with the type String.",
            ));
        }
    }
    if !asked.tags.is_empty() {
        return invalid(
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please \
             remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or \
             RemoveTagsFromResource.",
        );
    }
    if asked
        .allowed_pattern
        .as_deref()
        .is_some_and(|pattern| !pattern.is_empty())
    {
        return invalid("AllowedPattern is not kept here: leave it out.");
    }
    if asked.policies.as_deref().is_some_and(|policies| policies != "[]") {
        return invalid("Policies are not kept here: leave them out.");
    }
    if asked.key_id.is_some() {
        return invalid(
            "KeyId is for parameters of the type SecureString, and parameters are written here with the type String.",
        );
    }
    if asked.tier.as_deref() == Some("Advanced") {
        return invalid("Parameters are of the tier Standard here: leave Tier out.");
    }
    if asked.data_type.as_deref().is_some_and(|of| !matches!(of, "" | "text")) {
        return invalid("Parameters are of the data type text here: leave DataType out.");
    }
    None
}

fn not_written(why: NotWritten) -> Failed {
    match why {
        NotWritten::Exists => Fault::sender(
            "ParameterAlreadyExists",
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
        )
        .into(),
        NotWritten::ReadOnly => Fault::sender(
            "AccessDeniedException",
            "the parameter says how the installation is configured: it is changed in the server's configuration",
        )
        .into(),
        NotWritten::NoSuch => Fault::sender(
            "AccessDeniedException",
            "the control plane keeps no parameters but its own, which docs/AWS-SDK.md lists: where AWS is to keep this \
             one, leave AWS_ENDPOINT_URL_SSM out of the environment of the program that writes it",
        )
        .into(),
        NotWritten::Act(error) => Failed::Problem(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_parameter_is_asked_for_by_name_or_arn_and_version() {
        let wanted = |name, selector| Wanted { name, selector };
        let list = "/contentcraft/agents/enabled";
        assert_eq!(Wanted::read(list), wanted(list, None));
        let arn = format!("arn:aws:ssm:us-east-1:000000000000:parameter{list}");
        assert_eq!(Wanted::read(&arn), wanted(list, None));
        let arn = format!("{arn}:7");
        assert_eq!(Wanted::read(&arn), wanted(list, Some("7")));
        assert!(wanted(list, None).is_of(3) && wanted(list, Some("3")).is_of(3));
        assert!(!wanted(list, Some("2")).is_of(3) && !wanted(list, Some("live")).is_of(3));
    }

    #[test]
    fn what_is_not_kept_is_refused_and_not_left_out() {
        let said = |more: serde_json::Value| {
            let mut asked = json!({"Name": "/x", "Value": "A"});
            asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let asked: PutParameter = serde_json::from_value(asked).unwrap();
            not_kept(&asked).map(|fault| fault.code.into_owned())
        };
        let fine =
            json!({"Type": "String", "Tier": "Standard", "DataType": "text", "AllowedPattern": "", "Description": "d"});
        assert_eq!(said(fine), None);
        assert_eq!(said(json!({})), None);
        for kind in ["StringList", "SecureString"] {
            assert_eq!(said(json!({"Type": kind})).as_deref(), Some("UnsupportedParameterType"));
        }
        for refused in [
            json!({"Tags": [{"Key": "a", "Value": "b"}]}),
            json!({"AllowedPattern": ".*"}),
            json!({"Policies": "[{}]"}),
            json!({"KeyId": "alias/x"}),
            json!({"Tier": "Advanced"}),
            json!({"DataType": "aws:ec2:image"}),
        ] {
            assert_eq!(
                said(refused.clone()).as_deref(),
                Some("ValidationException"),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_path_is_one() {
        assert!(is_path("/contentcraft/") && is_path("/"));
        for none in ["contentcraft", "", "/a//b", "/a b"] {
            assert!(!is_path(none), "{none}");
        }
    }
}
