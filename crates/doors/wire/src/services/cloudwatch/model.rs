//! The models of what is served of CloudWatch.

use crate::model::{List, Map, Member, Shape, Text};

const UNIT: Shape = Text::among(&[
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
])
.shape();

const NAMESPACE: Shape = Text::of(1, 255).like("[^:].*").shape();
const NAME: Shape = Text::of(1, 255).shape();
const PERIOD: Shape = Shape::Integer {
    min: 1,
    max: 2_147_483_647,
};

static DIMENSION: [Member; 2] = [
    Member::required("Name", Text::of(1, 255).shape()),
    Member::required("Value", Text::of(1, 1_024).shape()),
];
static DIMENSIONS: List = List::of(Shape::Structure(&DIMENSION), 0, 30);
static DOUBLES: List = List::of(Shape::Double, 0, usize::MAX);

static STATISTIC_SET: [Member; 4] = [
    Member::required("SampleCount", Shape::Double),
    Member::required("Sum", Shape::Double),
    Member::required("Minimum", Shape::Double),
    Member::required("Maximum", Shape::Double),
];
static DATUM: [Member; 9] = [
    Member::required("MetricName", NAME),
    Member::optional("Dimensions", Shape::List(&DIMENSIONS)),
    Member::optional("Timestamp", Shape::Timestamp),
    Member::optional("Value", Shape::Double),
    Member::optional("StatisticValues", Shape::Structure(&STATISTIC_SET)),
    Member::optional("Values", Shape::List(&DOUBLES)),
    Member::optional("Counts", Shape::List(&DOUBLES)),
    Member::optional("Unit", UNIT),
    Member::optional("StorageResolution", PERIOD),
];
static DATA: List = List::of(Shape::Structure(&DATUM), 0, usize::MAX);

const fn attributes(longest_key: usize, most: usize) -> Map {
    Map::of(Text::of(1, longest_key), Text::of(1, 2_048).shape(), most)
}

static KEY_ATTRIBUTES: Map = attributes(32, 4);
static ATTRIBUTES: Map = attributes(256, 10);
static ENTITY: [Member; 2] = [
    Member::optional("KeyAttributes", Shape::Map(&KEY_ATTRIBUTES)),
    Member::optional("Attributes", Shape::Map(&ATTRIBUTES)),
];
static ENTITY_DATUM: [Member; 2] = [
    Member::optional("Entity", Shape::Structure(&ENTITY)),
    Member::optional("MetricData", Shape::List(&DATA)),
];
static ENTITY_DATA: List = List::of(Shape::Structure(&ENTITY_DATUM), 0, usize::MAX);

/// What PutMetricData takes.
pub(super) static PUT_METRIC_DATA: [Member; 4] = [
    Member::required("Namespace", NAMESPACE),
    Member::optional("MetricData", Shape::List(&DATA)),
    Member::optional("EntityMetricData", Shape::List(&ENTITY_DATA)),
    Member::optional("StrictEntityValidation", Shape::Boolean),
];

static STATISTICS: List = List::of(
    Text::among(&["SampleCount", "Average", "Sum", "Minimum", "Maximum"]).shape(),
    1,
    5,
);
static EXTENDED: List = List::of(Text::ANY.shape(), 1, 10);

/// What GetMetricStatistics takes.
pub(super) static GET_METRIC_STATISTICS: [Member; 9] = [
    Member::required("Namespace", NAMESPACE),
    Member::required("MetricName", NAME),
    Member::optional("Dimensions", Shape::List(&DIMENSIONS)),
    Member::required("StartTime", Shape::Timestamp),
    Member::required("EndTime", Shape::Timestamp),
    Member::required("Period", PERIOD),
    Member::optional("Statistics", Shape::List(&STATISTICS)),
    Member::optional("ExtendedStatistics", Shape::List(&EXTENDED)),
    Member::optional("Unit", UNIT),
];

static DATAPOINT: [Member; 7] = [
    Member::optional("Timestamp", Shape::Timestamp),
    Member::optional("SampleCount", Shape::Double),
    Member::optional("Average", Shape::Double),
    Member::optional("Sum", Shape::Double),
    Member::optional("Minimum", Shape::Double),
    Member::optional("Maximum", Shape::Double),
    Member::optional("Unit", UNIT),
];
static DATAPOINTS: List = List::of(Shape::Structure(&DATAPOINT), 0, usize::MAX);

/// What GetMetricStatistics gives.
pub(super) static METRIC_STATISTICS: [Member; 2] = [
    Member::optional("Label", Text::ANY.shape()),
    Member::optional("Datapoints", Shape::List(&DATAPOINTS)),
];

static METRIC: [Member; 3] = [
    Member::optional("Namespace", NAMESPACE),
    Member::optional("MetricName", NAME),
    Member::optional("Dimensions", Shape::List(&DIMENSIONS)),
];
static METRIC_STAT: [Member; 4] = [
    Member::required("Metric", Shape::Structure(&METRIC)),
    Member::required("Period", PERIOD),
    Member::required("Stat", Text::ANY.shape()),
    Member::optional("Unit", UNIT),
];
static QUERY: [Member; 7] = [
    Member::required("Id", Text::of(1, 255).shape()),
    Member::optional("MetricStat", Shape::Structure(&METRIC_STAT)),
    Member::optional("Expression", Text::of(1, 2_048).shape()),
    Member::optional("Label", Text::ANY.shape()),
    Member::optional("ReturnData", Shape::Boolean),
    Member::optional("Period", PERIOD),
    Member::optional("AccountId", Text::of(1, 255).shape()),
];
static QUERIES: List = List::of(Shape::Structure(&QUERY), 0, usize::MAX);
static LABEL_OPTIONS: [Member; 1] = [Member::optional("Timezone", Text::ANY.shape())];

/// What GetMetricData takes.
pub(super) static GET_METRIC_DATA: [Member; 7] = [
    Member::required("MetricDataQueries", Shape::List(&QUERIES)),
    Member::required("StartTime", Shape::Timestamp),
    Member::required("EndTime", Shape::Timestamp),
    Member::optional("NextToken", Text::ANY.shape()),
    Member::optional(
        "ScanBy",
        Text::among(&["TimestampDescending", "TimestampAscending"]).shape(),
    ),
    Member::optional(
        "MaxDatapoints",
        Shape::Integer {
            min: -2_147_483_648,
            max: 2_147_483_647,
        },
    ),
    Member::optional("LabelOptions", Shape::Structure(&LABEL_OPTIONS)),
];

static TIMESTAMPS: List = List::of(Shape::Timestamp, 0, usize::MAX);
static MESSAGE: [Member; 2] = [
    Member::optional("Code", Text::ANY.shape()),
    Member::optional("Value", Text::ANY.shape()),
];
static MESSAGES: List = List::of(Shape::Structure(&MESSAGE), 0, usize::MAX);
static RESULT: [Member; 6] = [
    Member::optional("Id", Text::of(1, 255).shape()),
    Member::optional("Label", Text::ANY.shape()),
    Member::optional("Timestamps", Shape::List(&TIMESTAMPS)),
    Member::optional("Values", Shape::List(&DOUBLES)),
    Member::optional(
        "StatusCode",
        Text::among(&["Complete", "InternalError", "PartialData", "Forbidden"]).shape(),
    ),
    Member::optional("Messages", Shape::List(&MESSAGES)),
];
static RESULTS: List = List::of(Shape::Structure(&RESULT), 0, usize::MAX);

/// What GetMetricData gives.
pub(super) static METRIC_DATA: [Member; 3] = [
    Member::optional("MetricDataResults", Shape::List(&RESULTS)),
    Member::optional("NextToken", Text::ANY.shape()),
    Member::optional("Messages", Shape::List(&MESSAGES)),
];
