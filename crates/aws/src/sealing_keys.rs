//! The pairs of keys that values are sealed to: items of the ledger's table, their private keys sealed under the
//! ledger's key, so that a pair and its audit row are one transaction. The public key stands in the parameter store,
//! where agents read it that only know the bus.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use aws_sdk_ssm::types::ParameterType;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_requests::ports::SealingKeys;
use cc_devops_requests::sealed_values::Replacing;
use cc_devops_requests::sealed_values::{SealingKey, SealingKeyId, SealingPair};
use jiff::Timestamp;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::batches::pages;
use crate::error::{corrupt, port_error};
use crate::ledger::incomplete;
use crate::table::{Item, from_item, key, number, text};
use crate::{Backend, Shared};

/// The partition. The newest pair stands last.
const PAIRS: &str = "SEALING";

/// Which pair is the newest: the fence of every change.
const NEWEST: &str = "NEWEST";

/// What a pair's place begins with; it sorts before [`NEWEST`].
const PAIR: &str = "KEY#";

impl Backend {
    /// The keys that values are sealed to.
    pub fn sealing_keys(&self) -> Arc<dyn SealingKeys> {
        Arc::new(DynamoSealingKeys(self.shared.clone()))
    }

    /// The key that agents find in the parameter store; none where none is published.
    pub async fn published_sealing_key(&self) -> PortResult<Option<SealingKey>> {
        let parameter = self.shared.own_sealing_parameter();
        match self.shared.parameter(&parameter).await? {
            None => Ok(None),
            Some(written) => serde_json::from_str(&written)
                .map(Some)
                .map_err(|error| corrupt(format_args!("the parameter {parameter}")).because(error)),
        }
    }
}

struct DynamoSealingKeys(Arc<Shared>);

#[derive(Deserialize)]
struct PairRow {
    #[serde(rename = "SK")]
    sk: String,
    id: SealingKeyId,
    created_at: Timestamp,
    #[serde(with = "serde_bytes")]
    sealed: Vec<u8>,
}

#[derive(Deserialize)]
struct Newest {
    id: SealingKeyId,
    number: i64,
}

fn newest_key() -> Item {
    key(PAIRS, NEWEST)
}

#[async_trait]
impl SealingKeys for DynamoSealingKeys {
    async fn pairs(&self) -> PortResult<Vec<SealingPair>> {
        let rows = self.0.pair_rows().await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let keys = self.0.keys().await?;
        rows.into_iter()
            .rev()
            .map(|row| {
                let damaged = || corrupt(format_args!("the sealing key {}", row.id));
                let opened = keys.open(("sealing key", row.id.as_str()), &row.sealed)?;
                let mut secret = Zeroizing::new([0; 32]);
                hex::decode_to_slice(opened.expose(), secret.as_mut_slice()).map_err(|_| damaged())?;
                let pair = SealingPair::new(secret, row.created_at);
                if *pair.id() == row.id { Ok(pair) } else { Err(damaged()) }
            })
            .collect()
    }

    async fn replace(&self, replacing: &Replacing) -> PortResult<Option<SealingPair>> {
        let shared = &self.0;
        let newest: Option<Newest> = shared.get(newest_key(), "the newest sealing key").await?;
        if newest.as_ref().map(|newest| &newest.id) != replacing.instead_of.as_ref() {
            return Ok(None);
        }
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(secret.as_mut_slice()).map_err(|error| {
            let message = "the system's source of random numbers failed";
            PortError::new(PortErrorKind::Unavailable, message).because(error)
        })?;
        let pair = SealingPair::new(secret, replacing.at);
        let writes = shared.pair_writes(&pair, newest.as_ref()).await?;
        match shared.transact_on_record(writes, &replacing.entry(&pair)).await? {
            Ok(()) => Ok(Some(pair)),
            Err(_) => Ok(None),
        }
    }

    async fn forget(&self, pairs: &[SealingKeyId]) -> PortResult<()> {
        for row in self.0.pair_rows().await? {
            if pairs.contains(&row.id) {
                let call = self.0.clients.dynamodb().delete_item().table_name(self.0.table());
                let deleted = call.set_key(Some(key(PAIRS, row.sk))).send().await;
                deleted.map_err(|error| port_error("dynamodb:DeleteItem", error))?;
            }
        }
        Ok(())
    }

    fn is_published(&self) -> bool {
        true
    }

    async fn publish(&self, published: &SealingKey) -> PortResult<()> {
        let document = serde_json::to_string(published).map_err(incomplete)?;
        for parameter in self.0.sealing_parameters() {
            // Read first: a parameter keeps a history, and is written a few times a year.
            if self.0.parameter(&parameter).await?.as_deref() != Some(document.as_str()) {
                self.0.write_parameter(&parameter, &document).await?;
            }
        }
        Ok(())
    }
}

impl Shared {
    /// The pairs' rows, the newest last.
    async fn pair_rows(&self) -> PortResult<Vec<PairRow>> {
        let query = || {
            self.query(PAIRS, "begins_with(SK, :pair)")
                .expression_attribute_values(":pair", text(PAIR))
        };
        let items = pages(query, usize::MAX).await?;
        items.into_iter().map(|item| from_item(item, "a sealing key")).collect()
    }

    /// The writes of a new pair: itself, and that it is the newest from now on.
    async fn pair_writes(&self, pair: &SealingPair, before: Option<&Newest>) -> PortResult<Vec<TransactWriteItem>> {
        let id = pair.id().as_str();
        let next = before.map_or(1, |newest| newest.number + 1);
        let secret = SecretValue::new(hex::encode(pair.secret()));
        let sealed = self.keys().await?.seal(("sealing key", id), &secret)?;
        let mut item = key(PAIRS, format!("{PAIR}{next:016}"));
        item.insert("id".to_owned(), text(id));
        item.insert("created_at".to_owned(), text(pair.created_at().to_string()));
        item.insert("sealed".to_owned(), AttributeValue::B(Blob::new(sealed)));
        let put = Put::builder()
            .table_name(self.table())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(PK)")
            .build()
            .map_err(incomplete)?;
        let update = Update::builder()
            .table_name(self.table())
            .set_key(Some(newest_key()))
            .update_expression("SET id = :id, #number = :number")
            .expression_attribute_names("#number", "number")
            .expression_attribute_values(":id", text(id))
            .expression_attribute_values(":number", number(next));
        let update = match before {
            None => update.condition_expression("attribute_not_exists(PK)"),
            Some(newest) => update
                .condition_expression("#number = :before")
                .expression_attribute_values(":before", number(newest.number)),
        };
        let update = update.build().map_err(incomplete)?;
        Ok(vec![
            TransactWriteItem::builder().update(update).build(),
            TransactWriteItem::builder().put(put).build(),
        ])
    }

    /// The parameters with the public key: the stage's own, and for the stage of requests that name none the one
    /// without a stage too.
    fn sealing_parameters(&self) -> Vec<String> {
        let mut all = vec![self.own_sealing_parameter()];
        if *self.installation.stages.default_stage() == self.resources.stage {
            all.push(self.resources.sealing_key.clone());
        }
        all
    }

    fn own_sealing_parameter(&self) -> String {
        format!("{}/{}", self.resources.sealing_key, self.resources.stage)
    }

    async fn parameter(&self, name: &str) -> PortResult<Option<String>> {
        match self.clients.ssm().get_parameter().name(name).send().await {
            Ok(answer) => Ok(answer.parameter.and_then(|parameter| parameter.value)),
            Err(error) if error.code() == Some("ParameterNotFound") => Ok(None),
            Err(error) => Err(port_error("ssm:GetParameter", error)),
        }
    }

    async fn write_parameter(&self, name: &str, value: &str) -> PortResult<()> {
        let call = self.clients.ssm().put_parameter().name(name).value(value);
        let call = call.r#type(ParameterType::String).overwrite(true);
        let call = call.description("The public key that values of secrets are sealed to; docs/DEVOPS_INTERFACE.md");
        call.send()
            .await
            .map(drop)
            .map_err(|error| port_error("ssm:PutParameter", error))
    }
}
