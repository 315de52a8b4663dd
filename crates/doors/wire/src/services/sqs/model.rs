//! What the operations of SQS take and give.

use crate::model::{List, Map, Member, Shape, Text};

const INTEGER: Shape = Shape::Integer {
    min: i32::MIN as i64,
    max: i32::MAX as i64,
};

/// A list as SQS has it in a form and in XML: its items stand side by side under their own name.
const fn flat(of: Shape, item: &'static str) -> List {
    List {
        of,
        min: 0,
        max: usize::MAX,
        item,
        flat: true,
    }
}

/// What a queue may be asked for.
const QUEUE_ATTRIBUTE: Text = Text::among(&[
    "All",
    "Policy",
    "VisibilityTimeout",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
    "ApproximateNumberOfMessagesDelayed",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "FifoQueue",
    "ContentBasedDeduplication",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "DeduplicationScope",
    "FifoThroughputLimit",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
]);

/// What a message may be asked for.
const SYSTEM_ATTRIBUTE: Text = Text::among(&[
    "All",
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
]);

const fn attributes(key: Text) -> Map {
    Map {
        key,
        of: Text::ANY.shape(),
        max: usize::MAX,
        entry: "Attribute",
        key_name: "Name",
        value_name: "Value",
        flat: true,
    }
}

/// What a message may be asked for by the older name of that list, which is all that older SDKs know: of what a queue may be
/// asked for as well, nothing comes of a message.
const EITHER_ATTRIBUTE: Text = Text::among(&[
    "All",
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
    "Policy",
    "VisibilityTimeout",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
    "ApproximateNumberOfMessagesDelayed",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "FifoQueue",
    "ContentBasedDeduplication",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "DeduplicationScope",
    "FifoThroughputLimit",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
]);

const QUEUE_ATTRIBUTES: Map = attributes(QUEUE_ATTRIBUTE);
const SYSTEM_ATTRIBUTES: Map = attributes(SYSTEM_ATTRIBUTE);
const QUEUE_ATTRIBUTE_NAMES: List = flat(QUEUE_ATTRIBUTE.shape(), "AttributeName");
const EITHER_ATTRIBUTE_NAMES: List = flat(EITHER_ATTRIBUTE.shape(), "AttributeName");
const SYSTEM_ATTRIBUTE_NAMES: List = flat(SYSTEM_ATTRIBUTE.shape(), "MessageSystemAttributeName");
const MESSAGE_ATTRIBUTE_NAMES: List = flat(Text::ANY.shape(), "MessageAttributeName");

const QUEUE_URL: Member = Member::required("QueueUrl", Text::ANY.shape());
const RECEIPT_HANDLE: Member = Member::required("ReceiptHandle", Text::ANY.shape());
const ATTRIBUTE_NAMES: Member =
    Member::optional("AttributeNames", Shape::List(&QUEUE_ATTRIBUTE_NAMES)).called("AttributeName");

/// Nothing is answered.
pub(super) const NOTHING: &[Member] = &[];

pub(super) const GET_QUEUE_URL: &[Member] = &[
    Member::required("QueueName", Text::ANY.shape()),
    Member::optional("QueueOwnerAWSAccountId", Text::ANY.shape()),
];

pub(super) const QUEUE_URL_GOT: &[Member] = &[Member::optional("QueueUrl", Text::ANY.shape())];

pub(super) const RECEIVE_MESSAGE: &[Member] = &[
    QUEUE_URL,
    Member::optional("AttributeNames", Shape::List(&EITHER_ATTRIBUTE_NAMES)).called("AttributeName"),
    Member::optional("MessageSystemAttributeNames", Shape::List(&SYSTEM_ATTRIBUTE_NAMES))
        .called("MessageSystemAttributeName"),
    Member::optional("MessageAttributeNames", Shape::List(&MESSAGE_ATTRIBUTE_NAMES)).called("MessageAttributeName"),
    Member::optional("MaxNumberOfMessages", INTEGER),
    Member::optional("VisibilityTimeout", INTEGER),
    Member::optional("WaitTimeSeconds", INTEGER),
    Member::optional("ReceiveRequestAttemptId", Text::ANY.shape()),
];

const MESSAGE: Shape = Shape::Structure(&[
    Member::optional("MessageId", Text::ANY.shape()),
    Member::optional("ReceiptHandle", Text::ANY.shape()),
    Member::optional("MD5OfBody", Text::ANY.shape()),
    Member::optional("Body", Text::ANY.shape()),
    Member::optional("Attributes", Shape::Map(&SYSTEM_ATTRIBUTES)).called("Attribute"),
]);

const MESSAGES: List = flat(MESSAGE, "Message");

pub(super) const MESSAGES_RECEIVED: &[Member] =
    &[Member::optional("Messages", Shape::List(&MESSAGES)).called("Message")];

pub(super) const DELETE_MESSAGE: &[Member] = &[QUEUE_URL, RECEIPT_HANDLE];

const DELETION: Shape = Shape::Structure(&[Member::required("Id", Text::ANY.shape()), RECEIPT_HANDLE]);
const DELETIONS: List = flat(DELETION, "DeleteMessageBatchRequestEntry");

pub(super) const DELETE_MESSAGE_BATCH: &[Member] = &[
    QUEUE_URL,
    Member::required("Entries", Shape::List(&DELETIONS)).called("DeleteMessageBatchRequestEntry"),
];

const DELETED: Shape = Shape::Structure(&[Member::required("Id", Text::ANY.shape())]);
const ALL_DELETED: List = flat(DELETED, "DeleteMessageBatchResultEntry");
const NOT_DELETED: Shape = Shape::Structure(&[
    Member::required("Id", Text::ANY.shape()),
    Member::required("SenderFault", Shape::Boolean),
    Member::required("Code", Text::ANY.shape()),
    Member::optional("Message", Text::ANY.shape()),
]);
const ALL_NOT_DELETED: List = flat(NOT_DELETED, "BatchResultErrorEntry");

pub(super) const BATCH_DELETED: &[Member] = &[
    Member::required("Successful", Shape::List(&ALL_DELETED)).called("DeleteMessageBatchResultEntry"),
    Member::required("Failed", Shape::List(&ALL_NOT_DELETED)).called("BatchResultErrorEntry"),
];

pub(super) const CHANGE_MESSAGE_VISIBILITY: &[Member] = &[
    QUEUE_URL,
    RECEIPT_HANDLE,
    Member::required("VisibilityTimeout", INTEGER),
];

pub(super) const GET_QUEUE_ATTRIBUTES: &[Member] = &[QUEUE_URL, ATTRIBUTE_NAMES];

pub(super) const QUEUE_ATTRIBUTES_GOT: &[Member] =
    &[Member::optional("Attributes", Shape::Map(&QUEUE_ATTRIBUTES)).called("Attribute")];
