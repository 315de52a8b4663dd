//! Objects of GraphQL as closures over the model.

use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use serde_json::{Map, Value};

use super::Context;

/// A field's value.
pub(super) enum Val<'m> {
    Leaf(Value),
    Object(Object<'m>),
    List(Vec<Val<'m>>),
    Null,
    /// Not answered, with GitHub's words.
    Refused(String),
}

impl Val<'_> {
    /// A field that the fake does not serve.
    pub(super) fn unknown(kind: &str, field: &str) -> Self {
        Self::Refused(format!("the fake GitHub does not serve {kind}.{field}"))
    }
}

/// A scalar.
pub(super) fn leaf<'m>(value: impl Into<Value>) -> Val<'m> {
    match value.into() {
        Value::Null => Val::Null,
        value => Val::Leaf(value),
    }
}

/// The arguments of a field.
pub(super) struct Args(Map<String, Value>);

impl Args {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let list = self.get(name).and_then(Value::as_array);
        let texts = list.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }

    pub(super) fn number(&self, name: &str) -> Option<usize> {
        usize::try_from(self.get(name)?.as_u64()?).ok()
    }
}

type Fields<'m> = dyn Fn(&str, &Args) -> Val<'m> + 'm;

/// An object: its type, and how its fields are found.
pub(super) struct Object<'m> {
    kind: &'static str,
    fields: Box<Fields<'m>>,
}

impl<'m> Object<'m> {
    pub(super) fn new(kind: &'static str, fields: impl Fn(&str, &Args) -> Val<'m> + 'm) -> Self {
        Self {
            kind,
            fields: Box::new(fields),
        }
    }
}

impl ObjectValue for Object<'_> {
    fn type_name(&self) -> &str {
        self.kind
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Result<ResolvedValue<'a>, FieldError> {
        let arguments = serde_json::to_value(info.arguments()).expect("arguments are JSON");
        let Value::Object(arguments) = arguments else {
            unreachable!("arguments are an object")
        };
        resolved((self.fields)(info.field_name(), &Args(arguments)))
    }
}

fn resolved<'a, 'm: 'a>(value: Val<'m>) -> Result<ResolvedValue<'a>, FieldError> {
    Ok(match value {
        Val::Leaf(value) => ResolvedValue::leaf(serde_json_bytes(value)),
        Val::Null => ResolvedValue::null(),
        Val::Object(object) => ResolvedValue::object(object),
        Val::List(list) => ResolvedValue::List(Box::new(list.into_iter().map(resolved))),
        Val::Refused(message) => return Err(FieldError { message }),
    })
}

/// The same value in the library's own type.
fn serde_json_bytes(value: Value) -> apollo_compiler::response::JsonValue {
    serde_json::from_value(value).expect("JSON is JSON")
}

/// A page of a list. A cursor is the number of the next entry.
pub(super) fn connection<'m, T: 'm>(
    context: Context<'m>,
    kind: &'static str,
    all: Vec<T>,
    args: &Args,
    each: impl Fn(T) -> Val<'m> + 'm,
) -> Val<'m> {
    context.lists.set(context.lists.get() + 1);
    let total = all.len();
    let Some(size) = args.number("first").or_else(|| args.number("last")) else {
        return Val::Refused("You must provide a `first` or `last` value to properly paginate.".to_owned());
    };
    if size > 100 {
        return Val::Refused(format!(
            "Requesting {size} records exceeds the `first` limit of 100 records."
        ));
    }
    let begin = match args.get("last") {
        Some(_) => total.saturating_sub(size),
        None => args.text("after").parse().unwrap_or(0),
    };
    let end = (begin + size).min(total);
    let page: Vec<Val<'m>> = all.into_iter().skip(begin).take(size).map(each).collect();
    // A closure is asked once for its nodes.
    let page = std::cell::RefCell::new(Some(page));
    Val::Object(Object::new(kind, move |field, _| match field {
        "totalCount" | "issueCount" => leaf(total),
        "nodes" => Val::List(page.borrow_mut().take().unwrap_or_default()),
        "pageInfo" => Val::Object(Object::new("PageInfo", move |field, _| match field {
            "hasNextPage" => leaf(end < total),
            "hasPreviousPage" => leaf(begin > 0),
            "endCursor" => leaf(end.to_string()),
            "startCursor" => leaf(begin.to_string()),
            other => Val::unknown("PageInfo", other),
        })),
        other => Val::unknown(kind, other),
    }))
}

/// Every entry of a list, where GitHub has no pages.
pub(super) fn list<'m, T: 'm>(all: Vec<T>, each: impl Fn(T) -> Val<'m>) -> Val<'m> {
    Val::List(all.into_iter().map(each).collect())
}
