//! Which attributes of an item are given.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::expressions::{Expression, Path, Placeholders, Step, found};
use super::table::Item;
use super::validation;
use crate::fault::Fault;

/// Which attributes are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Projection {
    /// All of them.
    All,
    /// Those at these paths.
    Of(Vec<Path>),
}

impl Projection {
    /// What a caller asks for: by an expression, or by names as it was done before there were any.
    pub(crate) fn read(
        expression: Option<&str>,
        attributes: Option<Vec<String>>,
        placeholders: &mut Placeholders,
    ) -> Result<Self, Fault> {
        match (expression, attributes) {
            (Some(_), Some(_)) => Err(validation(
                "Can not use both expression and non-expression parameters in the same request: Non-expression \
                 parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}",
            )),
            (None, None) => Ok(Self::All),
            (None, Some(names)) => {
                let mut seen = BTreeSet::new();
                if let Some(name) = names.iter().find(|name| !seen.insert(name.as_str())) {
                    return Err(validation(format!(
                        "One or more parameter values were invalid: Duplicate value in attribute name: {name}"
                    )));
                }
                Ok(Self::Of(names.into_iter().map(|name| vec![Step::Name(name)]).collect()))
            }
            (Some(text), None) => {
                let paths = Expression::Projection.paths(text)?;
                let mut shown: Vec<String> = Vec::new();
                for path in &paths {
                    placeholders.use_path(Expression::Projection, path)?;
                    let path = placeholders.shown(path);
                    if shown.contains(&path) {
                        return Err(Expression::Projection.invalid(format!(
                            "Two document paths overlap with each other; must remove or rewrite one of these paths; path \
                             one: [{path}], path two: [{path}]"
                        )));
                    }
                    shown.push(path);
                }
                Ok(Self::Of(paths))
            }
        }
    }

    /// The item as it is given.
    pub(crate) fn document(&self, item: &Item, placeholders: &Placeholders) -> Value {
        let mut given = Map::new();
        match self {
            Self::All => given.extend(item.iter().map(|(name, value)| (name.clone(), value.document()))),
            Self::Of(paths) => {
                for path in paths {
                    if let (Some(value), [Step::Name(name)]) = (found(item, path, placeholders), path.as_slice()) {
                        given.insert(placeholders.name(name).to_owned(), value.document());
                    }
                }
            }
        }
        Value::Object(given)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::services::dynamodb::value::AttributeValue;

    fn item() -> Item {
        let text = |text: &str| AttributeValue::Text(text.to_owned());
        BTreeMap::from([
            ("PK".to_owned(), text("mrr")),
            ("date".to_owned(), text("2026-03-01")),
            ("mrrUSD".to_owned(), AttributeValue::Null),
        ])
    }

    fn given(expression: &str) -> Result<Value, String> {
        let names = BTreeMap::from([("#d".to_owned(), "date".to_owned())]);
        let mut placeholders = Placeholders::read(Some(names), None, None).unwrap();
        let projection = Projection::read(Some(expression), None, &mut placeholders).map_err(|fault| fault.message)?;
        Ok(projection.document(&item(), &placeholders))
    }

    #[test]
    fn what_is_named_is_given_where_it_is_there() {
        assert_eq!(
            given("#d, mrrUSD, nothing, PK.x").unwrap(),
            json!({
                "date": {"S": "2026-03-01"}, "mrrUSD": {"NULL": true}
            })
        );
        let all = Projection::All.document(&item(), &Placeholders::default());
        assert_eq!(all["PK"], json!({"S": "mrr"}));
        let by_name = Projection::read(None, Some(vec!["date".to_owned()]), &mut Placeholders::default()).unwrap();
        assert_eq!(
            by_name.document(&item(), &Placeholders::default()),
            json!({"date": {"S": "2026-03-01"}})
        );
    }

    #[test]
    fn what_cannot_be_named_is_refused() {
        for (expression, words) in [
            ("date", "reserved keyword: date"),
            ("#x", "not defined; attribute name: #x"),
            ("#d, #d", "paths overlap"),
            ("", "can not be empty"),
            ("PK,", "Syntax error"),
            ("PK SK", "Syntax error; token: \"SK\", near: \"PK SK\""),
            ("PK[0", "Syntax error; token: \"<EOF>\""),
            ("a & b", "Syntax error; token: \"&\""),
        ] {
            let refused = given(expression).unwrap_err();
            assert!(refused.contains(words), "{expression}: {refused}");
        }
        let twice = Projection::read(
            None,
            Some(vec!["PK".to_owned(), "PK".to_owned()]),
            &mut Placeholders::default(),
        );
        assert!(twice.unwrap_err().message.contains("Duplicate"));
    }
}
