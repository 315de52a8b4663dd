//! What the watch and the alerts remember, in the ledger's table: one partition for each kind, sorted by name.
//!
//! `work` finds what is due and `time` what stands in a list. Each has one key for a kind or a list: agents, alerts and
//! messages are some thousands at most, and looking at one key costs a sixteenth of looking at all shards each minute.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::ports::{
    Content, PortError, PortErrorKind, PortResult, Record, RecordKey, RecordKind, StateChange, StateStore,
    check_changes, check_keys,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::batches::Pages;
use crate::error::{corrupt, port_error};
use crate::ledger::{gone, incomplete};
use crate::places::{sortable_time, time_of};
use crate::table::{Item, TIME, from_item, key, number, text, to_item};
use crate::{Backend, Shared};

/// A transaction takes 100 writes, and one is the audit row's.
const MOST_CHANGES: usize = 99;

/// What one transaction takes in all, with room for keys, names and the audit row: DynamoDB takes 4 MB.
const MOST_BYTES: usize = 3_500_000;

/// The most items that are asked of an index at once.
const PAGE: usize = 100;

impl Backend {
    /// What the watch and the alerts remember.
    pub fn state(&self) -> Arc<dyn StateStore> {
        Arc::new(DynamoState(self.shared.clone()))
    }
}

struct DynamoState(Arc<Shared>);

/// A record as it is stored.
#[derive(Serialize, Deserialize)]
struct Row {
    #[serde(rename = "PK")]
    partition: String,
    #[serde(rename = "SK")]
    name: String,
    version: u64,
    /// Which call wrote it.
    writer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<String>,
    body: String,
    #[serde(rename = "WPK", skip_serializing_if = "Option::is_none")]
    work: Option<String>,
    #[serde(rename = "WSK", skip_serializing_if = "Option::is_none")]
    due_place: Option<String>,
    #[serde(rename = "TPK", skip_serializing_if = "Option::is_none")]
    in_list: Option<String>,
    #[serde(rename = "TSK", skip_serializing_if = "Option::is_none")]
    list_place: Option<String>,
    /// When DynamoDB removes it, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<i64>,
}

impl Row {
    fn new(key: &RecordKey, version: u64, content: &Content, writer: &str) -> Self {
        let RecordKey { kind, name } = key;
        let Content { due_at, list, body } = content;
        Self {
            partition: partition(*kind),
            name: name.clone(),
            version,
            writer: writer.to_owned(),
            due: *due_at,
            list: list.clone(),
            body: body.clone(),
            work: due_at.map(|_| partition(*kind)),
            due_place: due_at.map(|at| format!("{}#{name}", sortable_time(at))),
            in_list: list.as_ref().map(|list| partition_of_list(*kind, list)),
            list_place: list.as_ref().map(|_| name.clone()),
            expires: due_at.filter(|_| kind.ends_when_due()).map(Timestamp::as_second),
        }
    }

    fn read(self, kind: RecordKind) -> Record {
        Record {
            key: RecordKey { kind, name: self.name },
            version: self.version,
            content: Content {
                due_at: self.due,
                list: self.list,
                body: self.body,
            },
        }
    }
}

fn partition(kind: RecordKind) -> String {
    format!("STATE#{}", kind.as_str())
}

fn partition_of_list(kind: RecordKind, list: &str) -> String {
    format!("STATE#{}#{list}", kind.as_str())
}

fn place(key_of: &RecordKey) -> Item {
    key(partition(key_of.kind), &key_of.name)
}

fn read(item: Item, kind: RecordKind) -> PortResult<Record> {
    let row: Row = from_item(item, &format!("a record ({})", kind.as_str()))?;
    Ok(row.read(kind))
}

#[async_trait]
impl StateStore for DynamoState {
    async fn read(&self, keys: &[RecordKey]) -> PortResult<Vec<Option<Record>>> {
        check_keys(keys)?;
        let found = self.current(keys.iter()).await?;
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    async fn due(&self, kind: RecordKind, until: Timestamp, limit: usize) -> PortResult<Vec<Record>> {
        // "$" comes behind the "#" that stands before the name.
        let bound = format!("{}$", sortable_time(until));
        let query = || {
            let query = self.0.query_work(&partition(kind), "WSK < :until");
            query.expression_attribute_values(":until", text(&bound))
        };
        let is_due = |record: &Record| record.content.due_at.is_some_and(|at| at <= until);
        self.found(kind, query, limit, is_due).await
    }

    async fn next_due(&self, kind: RecordKind) -> PortResult<Option<Timestamp>> {
        let query = self.0.query_work(&partition(kind), "").limit(1);
        let answer = query
            .send()
            .await
            .map_err(|error| port_error("dynamodb:Query", error))?;
        let Some(item) = answer.items.unwrap_or_default().into_iter().next() else {
            return Ok(None);
        };
        let place = item.get("WSK").and_then(|place| place.as_s().ok());
        let at = place
            .and_then(|place| place.split_once('#'))
            .and_then(|(at, _)| time_of(at));
        at.map(Some).ok_or_else(|| corrupt("a due time"))
    }

    async fn list(
        &self,
        kind: RecordKind,
        list: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> PortResult<Vec<Record>> {
        let Some(list) = list else {
            return self.list_all(kind, after, limit).await;
        };
        let query = || {
            let query = self.0.clients.dynamodb().query().table_name(self.0.table());
            let query = query
                .index_name(TIME)
                .expression_attribute_values(":list", text(partition_of_list(kind, list)));
            match after {
                None => query.key_condition_expression("TPK = :list"),
                Some(after) => query
                    .key_condition_expression("TPK = :list AND TSK > :after")
                    .expression_attribute_values(":after", text(after)),
            }
        };
        let is_in = |record: &Record| record.content.list.as_deref() == Some(list);
        self.found(kind, query, limit, is_in).await
    }

    async fn counts(&self, kind: RecordKind) -> PortResult<BTreeMap<Option<String>, u64>> {
        // The index of lists has the lists' keys alone, and does not say which lists there are.
        let query = || {
            let query = self.0.query(&partition(kind), "").consistent_read(false);
            query
                .projection_expression("#list")
                .expression_attribute_names("#list", "list")
        };
        let (mut counts, mut pages) = (BTreeMap::new(), Pages::new(query));
        while let Some(items) = pages.next(i32::MAX).await? {
            for item in items {
                let list = item.get("list").and_then(|list| list.as_s().ok()).cloned();
                *counts.entry(list).or_default() += 1;
            }
        }
        Ok(counts)
    }

    async fn write(&self, changes: &[StateChange], audit: Option<&AuditEntry>) -> PortResult<()> {
        check_changes(changes, MOST_CHANGES)?;
        let bytes: usize = changes
            .iter()
            .filter_map(|change| change.content.as_ref())
            .map(|content| content.body.len())
            .sum();
        if bytes > MOST_BYTES {
            let message = format!("{bytes} bytes are too many for one write, which takes {MOST_BYTES}");
            return Err(PortError::new(PortErrorKind::TooLarge, message));
        }
        match (changes, audit) {
            ([], None) => Ok(()),
            ([change], None) => self.put(change).await,
            (_, None) => {
                let refused = self.0.transact(self.writes(changes)?).await?;
                refused.or_else(|refused| superseded(changes, |write| refused.at(write)))
            }
            (_, Some(entry)) => self.on_record(changes, entry).await,
        }
    }

    fn most_changes(&self) -> usize {
        MOST_CHANGES
    }
}

/// Which record was in another version.
fn superseded(changes: &[StateChange], failed: impl Fn(usize) -> bool) -> PortResult<()> {
    let wrong = changes.iter().enumerate().find(|(write, _)| failed(*write));
    // What stood in the way of a transaction is one of its writes.
    Err(wrong.map_or_else(gone, |(_, change)| change.superseded()))
}

impl DynamoState {
    /// The records of keys as they are now.
    async fn current<'a>(&self, keys: impl Iterator<Item = &'a RecordKey>) -> PortResult<HashMap<RecordKey, Record>> {
        let wanted: BTreeSet<&RecordKey> = keys.filter(|key| !key.name.is_empty()).collect();
        let places: Vec<Item> = wanted.iter().map(|key| place(key)).collect();
        let mut found = HashMap::with_capacity(wanted.len());
        for item in self.0.get_many(&places).await? {
            let partition_of = item.get("PK").and_then(|pk| pk.as_s().ok()).cloned();
            let kind = RecordKind::ALL
                .into_iter()
                .find(|kind| Some(partition(*kind)) == partition_of)
                .ok_or_else(|| corrupt("a record"))?;
            let record = read(item, kind)?;
            found.insert(record.key.clone(), record);
        }
        Ok(found)
    }

    /// Records that an index names, as they are now: what it finds and is there no more is left out.
    async fn found(
        &self,
        kind: RecordKind,
        query: impl Fn() -> QueryFluentBuilder,
        limit: usize,
        is_there: impl Fn(&Record) -> bool,
    ) -> PortResult<Vec<Record>> {
        let (mut records, mut pages) = (Vec::new(), Pages::new(query));
        while records.len() < limit {
            let wanted = (limit - records.len()).min(PAGE);
            let Some(items) = pages.next(i32::try_from(wanted).unwrap_or(i32::MAX)).await? else {
                break;
            };
            let names = items.iter().filter_map(|item| item.get("SK")?.as_s().ok());
            let keys: Vec<RecordKey> = names.map(|name| RecordKey::new(kind, name)).collect();
            let mut current = self.current(keys.iter()).await?;
            let found = keys.iter().filter_map(|key| current.remove(key));
            records.extend(found.filter(&is_there));
        }
        Ok(records)
    }

    async fn list_all(&self, kind: RecordKind, after: Option<&str>, limit: usize) -> PortResult<Vec<Record>> {
        let range = if after.is_some() { "SK > :after" } else { "" };
        let query = || {
            let query = self.0.query(&partition(kind), range);
            match after {
                None => query,
                Some(after) => query.expression_attribute_values(":after", text(after)),
            }
        };
        let (mut records, mut pages) = (Vec::new(), Pages::new(query));
        while records.len() < limit {
            let wanted = i32::try_from(limit - records.len()).unwrap_or(i32::MAX);
            let Some(items) = pages.next(wanted).await? else { break };
            for item in items {
                records.push(read(item, kind)?);
            }
        }
        Ok(records)
    }

    /// Makes one change with one call, where no other goes with it.
    async fn put(&self, change: &StateChange) -> PortResult<()> {
        let Some(content) = &change.content else {
            let refused = self.0.transact(self.writes(std::slice::from_ref(change))?).await?;
            return refused.map_err(|_| change.superseded());
        };
        let writer = uuid::Uuid::now_v7().simple().to_string();
        let row = Row::new(&change.key, change.version.saturating_add(1), content, &writer);
        let call = self.0.clients.dynamodb().put_item().table_name(self.0.table());
        let call = call
            .set_item(Some(to_item(&row)?))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let call = match change.version {
            0 => call.condition_expression(IS_NOT),
            version => call
                .condition_expression(IS_IN_VERSION)
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":version", number(version)),
        };
        let Err(error) = call.send().await else { return Ok(()) };
        let Some(PutItemError::ConditionalCheckFailedException(refused)) = error.as_service_error() else {
            return Err(port_error("dynamodb:PutItem", error));
        };
        // The SDK tries again where an answer was lost: what stands there may be what this very call wrote.
        let wrote = refused.item().and_then(|item| item.get("writer")?.as_s().ok());
        if wrote == Some(&writer) {
            return Ok(());
        }
        Err(change.superseded())
    }

    async fn on_record(&self, changes: &[StateChange], entry: &AuditEntry) -> PortResult<()> {
        let refused = self.0.transact_on_record(self.writes(changes)?, entry).await?;
        refused.or_else(|refused| superseded(changes, |write| refused.at(write)))
    }

    fn writes(&self, changes: &[StateChange]) -> PortResult<Vec<TransactWriteItem>> {
        let writer = uuid::Uuid::now_v7().simple().to_string();
        changes.iter().map(|change| self.write_of(change, &writer)).collect()
    }

    fn write_of(&self, change: &StateChange, writer: &str) -> PortResult<TransactWriteItem> {
        let table = self.0.table();
        let write = TransactWriteItem::builder();
        let write = match (&change.content, change.version) {
            (Some(content), 0) => {
                let row = Row::new(&change.key, 1, content, writer);
                let put = Put::builder()
                    .table_name(table)
                    .set_item(Some(to_item(&row)?))
                    .condition_expression(IS_NOT);
                write.put(put.build().map_err(incomplete)?)
            }
            (Some(content), version) => {
                let row = Row::new(&change.key, version.saturating_add(1), content, writer);
                let put = Put::builder()
                    .table_name(table)
                    .set_item(Some(to_item(&row)?))
                    .condition_expression(IS_IN_VERSION)
                    .expression_attribute_names("#version", "version")
                    .expression_attribute_values(":version", number(version));
                write.put(put.build().map_err(incomplete)?)
            }
            (None, 0) => {
                let check = ConditionCheck::builder()
                    .table_name(table)
                    .set_key(Some(place(&change.key)))
                    .condition_expression(IS_NOT);
                write.condition_check(check.build().map_err(incomplete)?)
            }
            (None, version) => {
                let delete = Delete::builder()
                    .table_name(table)
                    .set_key(Some(place(&change.key)))
                    .condition_expression(IS_IN_VERSION)
                    .expression_attribute_names("#version", "version")
                    .expression_attribute_values(":version", number(version));
                write.delete(delete.build().map_err(incomplete)?)
            }
        };
        Ok(write.build())
    }
}

/// There is none yet.
const IS_NOT: &str = "attribute_not_exists(PK)";

/// It is as it was read.
const IS_IN_VERSION: &str = "#version = :version";
