//! What the operations take and give.

use crate::model::{List, Map, Member, Shape, Text};

const ID: Shape = Text::of(1, 2048).shape();
const ARN: Shape = Text::of(20, 2048).shape();
const NAME: Shape = Text::of(1, 256).shape();
const VERSION_ID: Shape = Text::of(32, 64).shape();
const STAGE: Shape = Text::of(1, 256).shape();
const DESCRIPTION: Shape = Text::of(0, 2048).shape();
const KMS_KEY: Shape = Text::of(0, 2048).shape();
const VALUE: Shape = Text::of(1, 65_536).shape();
const BYTES: Shape = Shape::Blob { max: 65_536 };
const KIND: Shape = Text::of(0, 256).shape();
const REGION: Shape = Text::of(1, 128).like(r"^([a-z]+-)+\d+$").shape();

static STAGES: List = List::of(STAGE, 1, 20);

static TAG: [Member; 2] = [
    Member::optional("Key", Text::of(1, 128).shape()),
    Member::optional("Value", Text::of(0, 256).shape()),
];
static TAGS: List = List::of(Shape::Structure(&TAG), 0, usize::MAX);

static REPLICA: [Member; 2] = [
    Member::optional("Region", REGION),
    Member::optional("KmsKeyId", KMS_KEY),
];
static REPLICAS: List = List::of(Shape::Structure(&REPLICA), 1, usize::MAX);

static VERSIONS_TO_STAGES: Map = Map::of(Text::of(32, 64), Shape::List(&STAGES), usize::MAX);

pub(super) static GET: [Member; 3] = [
    Member::required("SecretId", ID),
    Member::optional("VersionId", VERSION_ID),
    Member::optional("VersionStage", STAGE),
];

pub(super) static GOT: [Member; 6] = [
    Member::optional("ARN", ARN),
    Member::optional("Name", NAME),
    Member::optional("VersionId", VERSION_ID),
    Member::optional("SecretString", VALUE),
    Member::optional("VersionStages", Shape::List(&STAGES)),
    Member::optional("CreatedDate", Shape::Timestamp),
];

pub(super) static DESCRIBE: [Member; 1] = [Member::required("SecretId", ID)];

pub(super) static DESCRIBED: [Member; 8] = [
    Member::optional("ARN", ARN),
    Member::optional("Name", NAME),
    Member::optional("Description", DESCRIPTION),
    Member::optional("LastChangedDate", Shape::Timestamp),
    Member::optional("LastAccessedDate", Shape::Timestamp),
    Member::optional("Tags", Shape::List(&TAGS)),
    Member::optional("VersionIdsToStages", Shape::Map(&VERSIONS_TO_STAGES)),
    Member::optional("CreatedDate", Shape::Timestamp),
];

pub(super) static PUT: [Member; 6] = [
    Member::required("SecretId", ID),
    Member::optional("ClientRequestToken", VERSION_ID),
    Member::optional("SecretBinary", BYTES),
    Member::optional("SecretString", VALUE),
    Member::optional("VersionStages", Shape::List(&STAGES)),
    Member::optional("RotationToken", Text::of(36, 256).like(r"^[a-zA-Z0-9\-]+$").shape()),
];

pub(super) static CREATE: [Member; 11] = [
    Member::required("Name", Text::of(1, 512).shape()),
    Member::optional("ClientRequestToken", VERSION_ID),
    Member::optional("Description", DESCRIPTION),
    Member::optional("KmsKeyId", KMS_KEY),
    Member::optional("SecretBinary", BYTES),
    Member::optional("SecretString", VALUE),
    Member::optional("Tags", Shape::List(&TAGS)),
    Member::optional("AddReplicaRegions", Shape::List(&REPLICAS)),
    Member::optional("ForceOverwriteReplicaSecret", Shape::Boolean),
    Member::optional("Type", KIND),
    Member::optional("CrossAccountPrimaryARN", ARN),
];

pub(super) static UPDATE: [Member; 7] = [
    Member::required("SecretId", ID),
    Member::optional("ClientRequestToken", VERSION_ID),
    Member::optional("Description", DESCRIPTION),
    Member::optional("KmsKeyId", KMS_KEY),
    Member::optional("SecretBinary", BYTES),
    Member::optional("SecretString", VALUE),
    Member::optional("Type", KIND),
];

pub(super) static WRITTEN: [Member; 3] = [
    Member::optional("ARN", ARN),
    Member::optional("Name", NAME),
    Member::optional("VersionId", VERSION_ID),
];

pub(super) static WRITTEN_WITH_STAGES: [Member; 4] = [
    Member::optional("ARN", ARN),
    Member::optional("Name", NAME),
    Member::optional("VersionId", VERSION_ID),
    Member::optional("VersionStages", Shape::List(&STAGES)),
];

static FILTER_VALUES: List = List::of(
    Text::of(0, 512).like(r"^\!?[a-zA-Z0-9 :_@\/\+\=\.\-\!]*$").shape(),
    1,
    10,
);
static FILTER: [Member; 2] = [
    Member::optional(
        "Key",
        Text::among(&[
            "description",
            "name",
            "tag-key",
            "tag-value",
            "primary-region",
            "owning-service",
            "all",
        ])
        .shape(),
    ),
    Member::optional("Values", Shape::List(&FILTER_VALUES)),
];
static FILTERS: List = List::of(Shape::Structure(&FILTER), 0, 10);

pub(super) static LIST: [Member; 6] = [
    Member::optional("IncludePlannedDeletion", Shape::Boolean),
    Member::optional("MaxResults", Shape::Integer { min: 1, max: 100 }),
    Member::optional("NextToken", Text::of(1, 4096).shape()),
    Member::optional("Filters", Shape::List(&FILTERS)),
    Member::optional("SortOrder", Text::among(&["asc", "desc"]).shape()),
    Member::optional(
        "SortBy",
        Text::among(&["created-date", "last-accessed-date", "last-changed-date", "name"]).shape(),
    ),
];

static ENTRY: [Member; 7] = [
    Member::optional("ARN", ARN),
    Member::optional("Name", NAME),
    Member::optional("Description", DESCRIPTION),
    Member::optional("LastChangedDate", Shape::Timestamp),
    Member::optional("Tags", Shape::List(&TAGS)),
    Member::optional("SecretVersionsToStages", Shape::Map(&VERSIONS_TO_STAGES)),
    Member::optional("CreatedDate", Shape::Timestamp),
];
static ENTRIES: List = List::of(Shape::Structure(&ENTRY), 0, usize::MAX);

pub(super) static LISTED: [Member; 2] = [
    Member::optional("SecretList", Shape::List(&ENTRIES)),
    Member::optional("NextToken", Text::of(1, 4096).shape()),
];
