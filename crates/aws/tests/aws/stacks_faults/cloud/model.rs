//! The stacks, their change sets and their events.

use std::collections::BTreeMap;

/// What an action answers: its result's XML, or status, code and sentence of an error.
pub(crate) type Answer = Result<String, (u16, &'static str, String)>;

/// How an executed change ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Succeeds,
    /// It ends in this state.
    EndsAs(&'static str),
    KeepsChanging,
    /// The execution begins only in words: the stack does not move.
    NeverBegins,
    /// The execution fails before the stack moves.
    FailsAtOnce,
}

/// How a change set comes to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Making {
    /// It can be executed after so many looks.
    Ready(usize),
    /// It fails, for this reason.
    Failed(&'static str),
    /// It is made, and then the stack is changed by somebody else.
    Overtaken,
}

/// An event that a change leaves: the resource, its type, its status, and why.
pub(crate) type Event = (&'static str, &'static str, &'static str, &'static str);

/// A stack, and how it will behave.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    pub(crate) status: &'static str,
    pub(crate) fate: Fate,
    pub(crate) making: Making,
    /// What the change's resources report, oldest first, when it ends.
    pub(crate) reports: Vec<Event>,
    /// The request's change set.
    pub(crate) change_set: Option<ChangeSet>,
    /// What was reported, newest first, each with the token of the operation it belongs to.
    pub(crate) events: Vec<(String, Event)>,
    pub(crate) parameters: Vec<&'static str>,
    pub(crate) tags: Vec<(&'static str, &'static str)>,
    /// What CloudFormation checks early and does not pass: the resource, where, and why.
    pub(crate) failed_checks: Vec<(&'static str, &'static str, &'static str)>,
}

#[derive(Debug, Clone)]
pub(crate) struct ChangeSet {
    name: String,
    looks: usize,
    pub(crate) execution: &'static str,
    /// What its request said of it: its description and its parameters, as XML.
    said: String,
}

/// Which of an event's resources is the stack itself.
const ITSELF: &str = "";

impl Stack {
    pub(crate) fn new(fate: Fate) -> Self {
        Self {
            status: "CREATE_COMPLETE",
            fate,
            making: Making::Ready(0),
            reports: Vec::new(),
            change_set: None,
            events: vec![(
                "somebody-elses".to_owned(),
                (ITSELF, "AWS::CloudFormation::Stack", "CREATE_COMPLETE", ""),
            )],
            parameters: Vec::new(),
            tags: Vec::new(),
            failed_checks: Vec::new(),
        }
    }

    fn report(&mut self, token: &str, event: Event) {
        self.events.insert(0, (token.to_owned(), event));
    }

    fn begin(&mut self, token: &str) {
        let change_set = self.change_set.as_mut().unwrap();
        match self.fate {
            Fate::NeverBegins => change_set.execution = "EXECUTE_IN_PROGRESS",
            Fate::FailsAtOnce => change_set.execution = "EXECUTE_FAILED",
            _ => {
                change_set.execution = "EXECUTE_IN_PROGRESS";
                self.status = "UPDATE_IN_PROGRESS";
                self.report(token, (ITSELF, "AWS::CloudFormation::Stack", "UPDATE_IN_PROGRESS", ""));
            }
        }
    }

    /// A look at a stack that changes finds it changing, and moves it to its end.
    fn look(&mut self) -> &'static str {
        let seen = self.status;
        let end = match self.fate {
            Fate::Succeeds => "UPDATE_COMPLETE",
            Fate::EndsAs(status) => status,
            _ => return seen,
        };
        if let Some(change_set) = &mut self.change_set
            && change_set.execution == "EXECUTE_IN_PROGRESS"
        {
            change_set.execution = if end == "UPDATE_COMPLETE" {
                "EXECUTE_COMPLETE"
            } else {
                "EXECUTE_FAILED"
            };
            let token = change_set.name.clone();
            for event in self.reports.clone() {
                self.report(&token, event);
            }
            self.report(&token, (ITSELF, "AWS::CloudFormation::Stack", end, ""));
            self.status = end;
        }
        seen
    }
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) stacks: BTreeMap<String, Stack>,
    pub(super) effects: Vec<String>,
}

/// A field of a call. Names and tokens need no decoding.
pub(super) fn field(body: &str, name: &str) -> Option<String> {
    let mut fields = body.split('&').filter_map(|field| field.split_once('='));
    fields
        .find(|(field, _)| *field == name)
        .map(|(_, value)| value.to_owned())
}

/// A value as the caller meant it.
pub(crate) fn decoded(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let digits = others.get(..2).filter(|_| *first == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(byte);
            rest = &others[2..];
        } else {
            bytes.push(if *first == b'+' { b' ' } else { *first });
            rest = others;
        }
    }
    String::from_utf8(bytes).unwrap()
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// What a change set repeats of the call that made it.
fn repeated(body: &str) -> String {
    let text = |name: &str| field(body, name).map(|value| escaped(&decoded(&value)));
    let description = text("Description").unwrap_or_default();
    let parameters = (1..).map_while(|number| {
        let key = text(&format!("Parameters.member.{number}.ParameterKey"))?;
        let value = text(&format!("Parameters.member.{number}.ParameterValue")).unwrap_or_default();
        Some(format!(
            "<ParameterKey>{key}</ParameterKey><ParameterValue>{value}</ParameterValue>"
        ))
    });
    format!(
        "<Description>{description}</Description>{}",
        members("Parameters", parameters)
    )
}

impl Model {
    pub(super) fn answer(&mut self, action: &str, body: &str) -> Answer {
        let name = field(body, "StackName").unwrap_or_default();
        if action == "GetTemplateSummary" {
            return Ok(members(
                "Parameters",
                ["<ParameterKey>Declared</ParameterKey>".to_owned()],
            ));
        }
        // The events of a change set are asked for by its ARN alone.
        let name = match (action, name.is_empty()) {
            ("DescribeEvents", true) => self.stacks.keys().next().cloned().unwrap_or_default(),
            _ => name,
        };
        let Some(stack) = self.stacks.get_mut(&name) else {
            let message = format!("Stack [{name}] does not exist");
            return Err((400, "ValidationError", message));
        };
        let wanted = field(body, "ChangeSetName").unwrap_or_default();
        let by_arn = |set: &ChangeSet| wanted.ends_with(&format!("changeSet%2F{}%2F77", set.name));
        let found = stack
            .change_set
            .as_ref()
            .is_some_and(|set| set.name == wanted || by_arn(set));
        let page: usize = field(body, "NextToken").map_or(0, |page| page.parse().unwrap());
        let answer = match action {
            "DescribeStacks" => Ok(describe(&name, stack)),
            "DescribeStackEvents" => Ok(events(&name, stack, page)),
            "CreateChangeSet" if found => Err((
                400,
                "AlreadyExistsException",
                format!("ChangeSet {wanted} cannot be created due to a mismatch with existing attribute Template"),
            )),
            "CreateChangeSet" => {
                let looks = match stack.making {
                    Making::Ready(looks) => looks,
                    _ => 0,
                };
                stack.change_set = Some(ChangeSet {
                    name: wanted,
                    looks,
                    execution: "AVAILABLE",
                    said: repeated(body),
                });
                Ok(String::new())
            }
            _ if !found => Err((404, "ChangeSetNotFound", format!("ChangeSet [{wanted}] does not exist"))),
            "DescribeChangeSet" => Ok(change_set(&name, stack, page)),
            "DescribeEvents" => Ok(checks(stack)),
            "GetTemplate" => Ok("<TemplateBody>{}</TemplateBody>".to_owned()),
            "DeleteChangeSet" => {
                stack.change_set = None;
                Ok(String::new())
            }
            "ExecuteChangeSet" => execute(stack, &field(body, "ClientRequestToken").unwrap_or_default()),
            _ => panic!("the adapter has no business calling {action}"),
        };
        if answer.is_ok() {
            self.effects.push(action.to_owned());
        }
        answer
    }
}

fn execute(stack: &mut Stack, token: &str) -> Answer {
    let change_set = stack.change_set.as_ref().unwrap();
    let refused = |why: &str| Err((400, "InvalidChangeSetStatus", format!("ChangeSet {why}")));
    if change_set.execution != "AVAILABLE" {
        return refused("cannot be executed in its current execution status");
    }
    if stack.status.ends_with("_IN_PROGRESS") {
        return refused("cannot be executed while the stack is being changed");
    }
    stack.begin(token);
    Ok(String::new())
}

fn stack_id(name: &str) -> String {
    format!("arn:aws:cloudformation:us-east-1:123456789012:stack/{name}/0d6c")
}

fn members(list: &str, items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items
        .into_iter()
        .map(|item| format!("<member>{item}</member>"))
        .collect();
    let items = items.concat();
    format!("<{list}>{items}</{list}>")
}

fn describe(name: &str, stack: &mut Stack) -> String {
    let parameters = stack
        .parameters
        .iter()
        .map(|key| format!("<ParameterKey>{key}</ParameterKey><ParameterValue>****</ParameterValue>"));
    let tags = stack
        .tags
        .iter()
        .map(|(key, value)| format!("<Key>{key}</Key><Value>{value}</Value>"));
    let (parameters, tags) = (members("Parameters", parameters), members("Tags", tags));
    let status = stack.look();
    let stack = format!(
        "<StackId>{}</StackId><StackName>{name}</StackName><StackStatus>{status}</StackStatus>\
         <CreationTime>2026-01-01T00:00:00Z</CreationTime>{parameters}{tags}",
        stack_id(name),
    );
    members("Stacks", [stack])
}

/// A few events a page, so that whoever reads only the first page misses the rest.
fn events(name: &str, stack: &Stack, page: usize) -> String {
    const PAGE: usize = 3;
    let id = stack_id(name);
    let of_page = stack.events.iter().enumerate().skip(page * PAGE).take(PAGE);
    let of_page = of_page.map(|(number, (token, (resource, kind, status, why)))| {
        let (logical, physical) = if *resource == ITSELF {
            (name, id.clone())
        } else {
            (*resource, format!("physical-{resource}"))
        };
        format!(
            "<StackId>{id}</StackId><StackName>{name}</StackName><EventId>{number}</EventId>\
             <LogicalResourceId>{logical}</LogicalResourceId><PhysicalResourceId>{physical}</PhysicalResourceId>\
             <ResourceType>{kind}</ResourceType><ResourceStatus>{status}</ResourceStatus>\
             <ResourceStatusReason>{why}</ResourceStatusReason><Timestamp>2026-01-01T00:00:00Z</Timestamp>\
             <ClientRequestToken>{token}</ClientRequestToken>"
        )
    });
    let next = if (page + 1) * PAGE < stack.events.len() {
        format!("<NextToken>{}</NextToken>", page + 1)
    } else {
        String::new()
    };
    members("StackEvents", of_page) + &next
}

/// What did not pass the early checks of a change set.
fn checks(stack: &Stack) -> String {
    let failed = stack.failed_checks.iter().map(|(resource, path, why)| {
        format!(
            "<EventId>1</EventId><EventType>VALIDATION_ERROR</EventType><LogicalResourceId>{resource}</LogicalResourceId>\
             <ValidationStatus>FAILED</ValidationStatus><ValidationPath>{path}</ValidationPath>\
             <ValidationStatusReason>{why}</ValidationStatusReason>"
        )
    });
    members("OperationEvents", failed)
}

/// Two changes, on a page each.
fn change_set(name: &str, stack: &mut Stack, page: usize) -> String {
    let making = stack.making;
    let set = stack.change_set.as_mut().unwrap();
    let (status, execution, why) = match making {
        Making::Failed(why) => ("FAILED", "UNAVAILABLE", why),
        Making::Overtaken => ("CREATE_COMPLETE", "OBSOLETE", ""),
        Making::Ready(_) if set.looks > 0 => {
            set.looks -= usize::from(page == 0);
            ("CREATE_IN_PROGRESS", "UNAVAILABLE", "")
        }
        Making::Ready(_) => ("CREATE_COMPLETE", set.execution, ""),
    };
    let change = |logical: &str, replacement: &str| {
        format!(
            "<Type>Resource</Type><ResourceChange><Action>Modify</Action>\
             <LogicalResourceId>{logical}</LogicalResourceId><ResourceType>AWS::Lambda::Function</ResourceType>\
             <Replacement>{replacement}</Replacement></ResourceChange>"
        )
    };
    let (changes, next) = if page == 0 {
        (change("First", "False"), "<NextToken>1</NextToken>")
    } else {
        (change("Second", "True"), "")
    };
    format!(
        "<ChangeSetId>arn:aws:cloudformation:us-east-1:123456789012:changeSet/{}/77</ChangeSetId>\
         <ChangeSetName>{}</ChangeSetName><StackId>{}</StackId><StackName>{name}</StackName><Status>{status}</Status>\
         <ExecutionStatus>{execution}</ExecutionStatus><StatusReason>{why}</StatusReason>{}{}{next}",
        set.name,
        set.name,
        stack_id(name),
        set.said,
        members("Changes", [changes]),
    )
}
