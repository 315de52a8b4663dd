//! What its operations take and give, as DynamoDB's model has it.

use crate::model::{List, Map, Member, Shape, Text};

const NAME: Text = Text::of(0, 65_535);
const TABLE: Shape = Text::of(1, 1_024).shape();
const ANY: Shape = Text::ANY.shape();

static VALUE: [Member; 10] = [
    Member::optional("S", ANY),
    Member::optional("N", ANY),
    Member::optional("B", Shape::Blob { max: usize::MAX }),
    Member::optional("SS", Shape::List(&TEXTS)),
    Member::optional("NS", Shape::List(&TEXTS)),
    Member::optional("BS", Shape::List(&BLOBS)),
    Member::optional("M", Shape::Map(&ATTRIBUTES)),
    Member::optional("L", Shape::List(&VALUES)),
    Member::optional("NULL", Shape::Boolean),
    Member::optional("BOOL", Shape::Boolean),
];
static TEXTS: List = List::of(ANY, 0, usize::MAX);
static BLOBS: List = List::of(Shape::Blob { max: usize::MAX }, 0, usize::MAX);
static VALUES: List = List::of(Shape::Structure(&VALUE), 0, usize::MAX);
/// An item, or a key.
static ATTRIBUTES: Map = Map::of(NAME, Shape::Structure(&VALUE), usize::MAX);
static ITEMS: List = List::of(Shape::Map(&ATTRIBUTES), 0, usize::MAX);
static ATTRIBUTE_NAMES: List = List::of(NAME.shape(), 1, usize::MAX);
/// What stands for names.
static NAMES: Map = Map::of(Text::ANY, NAME.shape(), usize::MAX);
/// What stands for values.
static NAMED_VALUES: Map = Map::of(Text::ANY, Shape::Structure(&VALUE), usize::MAX);

const RETURN_CONSUMED_CAPACITY: Shape = Text::among(&["INDEXES", "TOTAL", "NONE"]).shape();

pub(crate) static GET_ITEM: [Member; 7] = [
    Member::required("TableName", TABLE),
    Member::required("Key", Shape::Map(&ATTRIBUTES)),
    Member::optional("AttributesToGet", Shape::List(&ATTRIBUTE_NAMES)),
    Member::optional("ConsistentRead", Shape::Boolean),
    Member::optional("ReturnConsumedCapacity", RETURN_CONSUMED_CAPACITY),
    Member::optional("ProjectionExpression", ANY),
    Member::optional("ExpressionAttributeNames", Shape::Map(&NAMES)),
];

static CONDITION: [Member; 2] = [
    Member::optional("AttributeValueList", Shape::List(&VALUES)),
    Member::required(
        "ComparisonOperator",
        Text::among(&[
            "EQ",
            "NE",
            "IN",
            "LE",
            "LT",
            "GE",
            "GT",
            "BETWEEN",
            "NOT_NULL",
            "NULL",
            "CONTAINS",
            "NOT_CONTAINS",
            "BEGINS_WITH",
        ])
        .shape(),
    ),
];
static CONDITIONS: Map = Map::of(NAME, Shape::Structure(&CONDITION), usize::MAX);

pub(crate) static QUERY: [Member; 17] = [
    Member::required("TableName", TABLE),
    Member::optional("IndexName", Text::of(3, 255).like("[a-zA-Z0-9_.-]+").shape()),
    Member::optional(
        "Select",
        Text::among(&[
            "ALL_ATTRIBUTES",
            "ALL_PROJECTED_ATTRIBUTES",
            "SPECIFIC_ATTRIBUTES",
            "COUNT",
        ])
        .shape(),
    ),
    Member::optional("AttributesToGet", Shape::List(&ATTRIBUTE_NAMES)),
    Member::optional(
        "Limit",
        Shape::Integer {
            min: 1,
            max: i32::MAX as i64,
        },
    ),
    Member::optional("ConsistentRead", Shape::Boolean),
    Member::optional("KeyConditions", Shape::Map(&CONDITIONS)),
    Member::optional("QueryFilter", Shape::Map(&CONDITIONS)),
    Member::optional("ConditionalOperator", Text::among(&["AND", "OR"]).shape()),
    Member::optional("ScanIndexForward", Shape::Boolean),
    Member::optional("ExclusiveStartKey", Shape::Map(&ATTRIBUTES)),
    Member::optional("ReturnConsumedCapacity", RETURN_CONSUMED_CAPACITY),
    Member::optional("ProjectionExpression", ANY),
    Member::optional("FilterExpression", ANY),
    Member::optional("KeyConditionExpression", ANY),
    Member::optional("ExpressionAttributeNames", Shape::Map(&NAMES)),
    Member::optional("ExpressionAttributeValues", Shape::Map(&NAMED_VALUES)),
];

static KEYS: List = List::of(Shape::Map(&ATTRIBUTES), 1, 100);
static KEYS_AND_ATTRIBUTES: [Member; 5] = [
    Member::required("Keys", Shape::List(&KEYS)),
    Member::optional("AttributesToGet", Shape::List(&ATTRIBUTE_NAMES)),
    Member::optional("ConsistentRead", Shape::Boolean),
    Member::optional("ProjectionExpression", ANY),
    Member::optional("ExpressionAttributeNames", Shape::Map(&NAMES)),
];
static BATCH: Map = Map::of(Text::of(1, 1_024), Shape::Structure(&KEYS_AND_ATTRIBUTES), 100);

pub(crate) static BATCH_GET_ITEM: [Member; 2] = [
    Member::required("RequestItems", Shape::Map(&BATCH)),
    Member::optional("ReturnConsumedCapacity", RETURN_CONSUMED_CAPACITY),
];

static UNITS: [Member; 1] = [Member::optional("CapacityUnits", Shape::Double)];
static CAPACITY: [Member; 3] = [
    Member::optional("TableName", TABLE),
    Member::optional("CapacityUnits", Shape::Double),
    Member::optional("Table", Shape::Structure(&UNITS)),
];
static CAPACITIES: List = List::of(Shape::Structure(&CAPACITY), 0, usize::MAX);

pub(crate) static ITEM_GIVEN: [Member; 2] = [
    Member::optional("Item", Shape::Map(&ATTRIBUTES)),
    Member::optional("ConsumedCapacity", Shape::Structure(&CAPACITY)),
];

const COUNT: Shape = Shape::Integer {
    min: 0,
    max: i32::MAX as i64,
};

pub(crate) static ITEMS_FOUND: [Member; 5] = [
    Member::optional("Items", Shape::List(&ITEMS)),
    Member::optional("Count", COUNT),
    Member::optional("ScannedCount", COUNT),
    Member::optional("LastEvaluatedKey", Shape::Map(&ATTRIBUTES)),
    Member::optional("ConsumedCapacity", Shape::Structure(&CAPACITY)),
];

static RESPONSES: Map = Map::of(Text::of(1, 1_024), Shape::List(&ITEMS), usize::MAX);

pub(crate) static BATCH_GIVEN: [Member; 3] = [
    Member::optional("Responses", Shape::Map(&RESPONSES)),
    Member::optional("UnprocessedKeys", Shape::Map(&BATCH)),
    Member::optional("ConsumedCapacity", Shape::List(&CAPACITIES)),
];
