//! DynamoDB: the days' figures, as whoever looks after costs reads them from `BillingMetrics-{stage}`. Nothing is written
//! here.

mod capacity;
mod expressions;
mod key_condition;
mod number;
mod projection;
mod shapes;
mod table;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use cc_devops_revenue::billing_item::{PARTITION_KEY, SORT_KEY};
use cc_devops_revenue::ports::DayOrder;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::capacity::{Reading, ReturnConsumedCapacity};
use self::expressions::{Condition, Expression, Operand, Placeholders, Step, holds};
use self::key_condition::KeyCondition;
use self::projection::Projection;
use self::table::{Key, Table, Wanted};
use crate::fault::{Failed, Fault};
use crate::operation::{Call, Operation, Service};

/// How many keys one batch may name.
const MOST_KEYS: usize = 100;

/// What is served of it.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::of(
            Service::DynamoDb,
            "GetItem",
            (&shapes::GET_ITEM, &shapes::ITEM_GIVEN),
            get_item,
        ),
        Operation::of(
            Service::DynamoDb,
            "Query",
            (&shapes::QUERY, &shapes::ITEMS_FOUND),
            query,
        ),
        Operation::of(
            Service::DynamoDb,
            "BatchGetItem",
            (&shapes::BATCH_GET_ITEM, &shapes::BATCH_GIVEN),
            batch_get_item,
        ),
    ]
}

/// The caller's mistake.
fn validation(message: impl Into<String>) -> Fault {
    Fault::sender("ValidationException", message)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetItem {
    table_name: String,
    key: Map<String, Value>,
    attributes_to_get: Option<Vec<String>>,
    #[serde(default)]
    consistent_read: bool,
    #[serde(default)]
    return_consumed_capacity: ReturnConsumedCapacity,
    projection_expression: Option<String>,
    expression_attribute_names: Option<BTreeMap<String, String>>,
}

async fn get_item(call: Call, input: GetItem) -> Result<Value, Failed> {
    let table = Table::named(&call, &input.table_name)?;
    let (projection, placeholders) = projection(
        input.projection_expression.as_deref(),
        input.attributes_to_get,
        input.expression_attribute_names,
    )?;
    let key = Key::read(&input.key)?;
    let item = table.item(&key).await?;
    let mut reading = Reading::of(&input.table_name, input.consistent_read);
    reading.took(item.as_ref().map_or(0, table::size));
    Ok(json!({
        "Item": item.map(|item| projection.document(&item, &placeholders)),
        "ConsumedCapacity": reading.told(input.return_consumed_capacity),
    }))
}

/// Which attributes are given, of operations that have no other expression.
fn projection(
    expression: Option<&str>,
    attributes: Option<Vec<String>>,
    names: Option<BTreeMap<String, String>>,
) -> Result<(Projection, Placeholders), Fault> {
    let missing = expression.is_none().then_some("ProjectionExpression");
    let mut placeholders = Placeholders::read(names, None, missing)?;
    let projection = Projection::read(expression, attributes, &mut placeholders)?;
    placeholders.all_used()?;
    Ok((projection, placeholders))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueryInput {
    table_name: String,
    index_name: Option<String>,
    select: Option<String>,
    attributes_to_get: Option<Vec<String>>,
    limit: Option<usize>,
    #[serde(default)]
    consistent_read: bool,
    key_conditions: Option<Value>,
    query_filter: Option<Value>,
    conditional_operator: Option<String>,
    scan_index_forward: Option<bool>,
    exclusive_start_key: Option<Map<String, Value>>,
    #[serde(default)]
    return_consumed_capacity: ReturnConsumedCapacity,
    projection_expression: Option<String>,
    filter_expression: Option<String>,
    key_condition_expression: Option<String>,
    expression_attribute_names: Option<BTreeMap<String, String>>,
    expression_attribute_values: Option<Map<String, Value>>,
}

/// A query as it is carried out.
struct Asked {
    keys: KeyCondition,
    filter: Option<Condition>,
    projection: Projection,
    placeholders: Placeholders,
}

async fn query(call: Call, mut input: QueryInput) -> Result<Value, Failed> {
    let table = Table::named(&call, &input.table_name)?;
    let asked = asked(&mut input)?;
    let is_counted_only = selected(&input, &asked.projection)?;
    let partition = &asked.keys.partition;
    let wanted = Wanted {
        sort: asked.keys.sort.clone(),
        after: begin(input.exclusive_start_key.as_ref(), &asked.keys)?,
        order: match input.scan_index_forward {
            Some(false) => DayOrder::NewestFirst,
            _ => DayOrder::OldestFirst,
        },
        limit: input.limit.unwrap_or(usize::MAX),
    };
    let found = table.items(partition, &wanted).await?;
    let mut reading = Reading::of(&input.table_name, input.consistent_read);
    reading.took(found.bytes);
    let kept = found.items.iter().filter(|item| {
        let filter = asked.filter.as_ref();
        filter.is_none_or(|filter| holds(item, filter, &asked.placeholders))
    });
    let items: Vec<Value> = kept
        .map(|item| asked.projection.document(item, &asked.placeholders))
        .collect();
    let last = found.last.map(|sort| Key {
        partition: partition.clone(),
        sort,
    });
    Ok(json!({
        "Count": items.len(),
        "ScannedCount": found.items.len(),
        "Items": (!is_counted_only).then_some(items),
        "LastEvaluatedKey": last.as_ref().map(Key::document),
        "ConsumedCapacity": reading.told(input.return_consumed_capacity),
    }))
}

/// Reads a query's expressions, in the order in which DynamoDB finds fault with them.
fn asked(input: &mut QueryInput) -> Result<Asked, Fault> {
    for (is_given, name, instead) in [
        (
            input.key_conditions.is_some(),
            "KeyConditions",
            "KeyConditionExpression",
        ),
        (input.query_filter.is_some(), "QueryFilter", "FilterExpression"),
        (
            input.conditional_operator.is_some(),
            "ConditionalOperator",
            "FilterExpression",
        ),
    ] {
        if is_given {
            return Err(validation(format!(
                "{name} is not served at this door; say it in {instead}"
            )));
        }
    }
    if let Some(index) = &input.index_name {
        return Err(validation(format!(
            "The table does not have the specified index: {index}"
        )));
    }
    let Some(text) = &input.key_condition_expression else {
        return Err(validation(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
        ));
    };
    let mut placeholders = Placeholders::read(
        input.expression_attribute_names.take(),
        input.expression_attribute_values.as_ref(),
        None,
    )?;
    let condition = Expression::KeyCondition.condition(text)?;
    placeholders.use_in(Expression::KeyCondition, &condition)?;
    let filter = match &input.filter_expression {
        None => None,
        Some(text) => Some(filter(text, &mut placeholders)?),
    };
    let expression = input.projection_expression.as_deref();
    let projection = Projection::read(expression, input.attributes_to_get.take(), &mut placeholders)?;
    placeholders.all_used()?;
    Ok(Asked {
        keys: KeyCondition::of(&condition, &placeholders)?,
        filter,
        projection,
        placeholders,
    })
}

/// Which of the items found are given: by what is no key.
fn filter(text: &str, placeholders: &mut Placeholders) -> Result<Condition, Fault> {
    let condition = Expression::Filter.condition(text)?;
    placeholders.use_in(Expression::Filter, &condition)?;
    condition.each_operand(&mut |operand| {
        let (Operand::Path(path) | Operand::Size(path)) = operand else {
            return Ok(());
        };
        match path.first() {
            Some(Step::Name(name)) if [PARTITION_KEY, SORT_KEY].contains(&placeholders.name(name)) => {
                Err(validation(format!(
                    "Filter Expression can only contain non-primary key attributes: Primary key attribute: {}",
                    placeholders.name(name)
                )))
            }
            _ => Ok(()),
        }
    })?;
    Ok(condition)
}

/// Whether items are only counted.
fn selected(input: &QueryInput, projection: &Projection) -> Result<bool, Fault> {
    let is_projected = *projection != Projection::All;
    match input.select.as_deref() {
        Some("ALL_PROJECTED_ATTRIBUTES") => Err(validation(
            "One or more parameter values were invalid: ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an \
             IndexName",
        )),
        Some("SPECIFIC_ATTRIBUTES") if !is_projected => Err(validation(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
        )),
        Some(select @ ("ALL_ATTRIBUTES" | "COUNT")) if is_projected => Err(validation(format!(
            "Cannot specify the ProjectionExpression when choosing to get {select}"
        ))),
        select => Ok(select == Some("COUNT")),
    }
}

/// Behind which sort key a query begins.
fn begin(given: Option<&Map<String, Value>>, keys: &KeyCondition) -> Result<Option<String>, Fault> {
    let Some(given) = given else { return Ok(None) };
    let key = Key::read(given).map_err(|fault| Fault {
        message: format!("The provided starting key is invalid: {}", fault.message),
        ..fault
    })?;
    if key.partition != keys.partition {
        return Err(validation(
            "The provided starting key is outside query boundaries based on provided conditions",
        ));
    }
    if !keys.sort.holds(&key.sort) {
        return Err(validation(
            "The provided starting key does not match the range key predicate",
        ));
    }
    Ok(Some(key.sort))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchGetItem {
    request_items: BTreeMap<String, KeysAndAttributes>,
    #[serde(default)]
    return_consumed_capacity: ReturnConsumedCapacity,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeysAndAttributes {
    keys: Vec<Map<String, Value>>,
    attributes_to_get: Option<Vec<String>>,
    #[serde(default)]
    consistent_read: bool,
    projection_expression: Option<String>,
    expression_attribute_names: Option<BTreeMap<String, String>>,
}

async fn batch_get_item(call: Call, input: BatchGetItem) -> Result<Value, Failed> {
    let count: usize = input.request_items.values().map(|asked| asked.keys.len()).sum();
    if input.request_items.is_empty() {
        let message = "The requestItems parameter is required for BatchGetItem";
        return Err(validation(message).into());
    }
    if count > MOST_KEYS {
        return Err(validation("Too many items requested for the BatchGetItem call").into());
    }
    let (mut responses, mut consumed) = (Map::new(), Vec::new());
    for (name, asked) in input.request_items {
        let table = Table::named(&call, &name)?;
        let (projection, placeholders) = projection(
            asked.projection_expression.as_deref(),
            asked.attributes_to_get,
            asked.expression_attribute_names,
        )?;
        let keys: Vec<Key> = asked.keys.iter().map(Key::read).collect::<Result<_, _>>()?;
        let distinct: BTreeSet<(&str, &str)> = keys.iter().map(|key| (&*key.partition, &*key.sort)).collect();
        if distinct.len() < keys.len() {
            return Err(validation("Provided list of item keys contains duplicates").into());
        }
        let mut reading = Reading::of(&name, asked.consistent_read);
        let mut items = Vec::new();
        for key in &keys {
            let item = table.item(key).await?;
            reading.took(item.as_ref().map_or(0, table::size));
            items.extend(item.map(|item| projection.document(&item, &placeholders)));
        }
        consumed.extend(reading.told(input.return_consumed_capacity));
        responses.insert(name, Value::Array(items));
    }
    Ok(json!({
        "Responses": responses,
        "UnprocessedKeys": {},
        "ConsumedCapacity": (!consumed.is_empty()).then_some(consumed),
    }))
}

#[cfg(test)]
mod tests;
