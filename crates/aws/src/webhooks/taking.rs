//! How deliveries are taken by a sender: endpoint by endpoint, in turns.

use std::collections::{HashMap, VecDeque};

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use cc_devops_kernel::ports::{PortErrorKind, PortResult};
use cc_devops_outbox::webhooks::{Delivery, Line, Places, SubscriptionId, take_turns};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::DynamoWebhooks;
use super::rows::{
    DeliveryRow, OLD_WAITING, SubscriptionRow, behind, dead_of, deliveries_of, delivery_key, subscription_key,
    under_way_to, waiting_for, waiting_place,
};
use crate::batches::pages;
use crate::error::port_error;
use crate::places::{sortable, sortable_time};
use crate::table::{Item, expiry, from_item, held, key, number, text, to_item};

/// How many endpoints are looked at once.
const AT_ONCE: usize = 8;

/// How many deliveries of older versions are moved in one look.
const MOVED: usize = 25;

/// Where a delivery stands in the index, which sorts by when it is due, and whose it is.
type Found = (String, String, SubscriptionId);

impl DynamoWebhooks {
    pub(super) async fn claim(
        &self,
        (now, until): (Timestamp, Timestamp),
        limit: usize,
        places: &Places,
    ) -> PortResult<Vec<Delivery>> {
        let rows = DynamoWebhooks::subscriptions(self).await?;
        self.take_over_old(&rows, now).await?;
        self.move_old().await?;
        let on = rows.iter().filter(|row| row.disabled_at.is_none());
        let looks: Vec<_> = on.map(|row| self.line(row, now, limit, places)).collect();
        let lines: Vec<Line<Found>> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
        let chosen = take_turns(lines, limit, places);
        let keys: Vec<Item> = chosen.iter().map(|(_, sk, id)| key(deliveries_of(id), sk)).collect();
        let mut found = HashMap::new();
        for item in self.shared.get_many(&keys).await? {
            let place = (text_in(&item, "PK"), text_in(&item, "SK"));
            found.insert(place, item);
        }
        let due = sortable_time(now);
        let mut claimed = Vec::new();
        for (_, sk, id) in chosen {
            let place = (Some(deliveries_of(&id)), Some(sk));
            let (Some(item), Some(subscription)) = (found.remove(&place), rows.iter().find(|row| row.id == id)) else {
                continue;
            };
            match from_item::<DeliveryRow>(item.clone(), "a delivery") {
                // The index may lag; the row says whether it is due.
                Ok(row) if row.due > due => {}
                Ok(row) => claimed.extend(self.take(row, item, subscription, until).await?),
                Err(error) => self.set_aside(item, &id, &error.message).await?,
            }
        }
        Ok(claimed)
    }

    /// What is due to an endpoint, as much as there is room for.
    async fn line(
        &self,
        row: &SubscriptionRow,
        now: Timestamp,
        limit: usize,
        places: &Places,
    ) -> PortResult<Line<Found>> {
        let under_way = under_way_to(&row.id);
        let held = self.under_way(&under_way, now, places.most_of_one()).await?;
        let standing = places.standing(&row.id, row.failing_since.is_some());
        let own = places.own(&row.id);
        let room = places.room(standing, held, own).min(limit);
        let mut due = Vec::new();
        if room > 0 {
            // What waits, and what a sender did not come back with.
            for part in [waiting_for(&row.id), under_way] {
                let found = self.due(&part, now, room).await?;
                due.extend(found.into_iter().map(|(place, sk)| (place, sk, row.id.clone())));
            }
            due.sort();
            due.truncate(room);
        }
        Ok(Line {
            standing,
            held,
            own,
            due: VecDeque::from(due),
        })
    }

    /// How many deliveries are under way whose lease has not ended; no more than `most` are counted.
    async fn under_way(&self, part: &str, now: Timestamp, most: usize) -> PortResult<usize> {
        let call = self
            .shared
            .query_work(part, "WSK > :now")
            .expression_attribute_values(":now", text(behind(&sortable_time(now))))
            .select(Select::Count)
            .set_limit(i32::try_from(most.clamp(1, 1_000)).ok());
        let answer = call.send().await.map_err(|error| port_error("dynamodb:Query", error))?;
        Ok(usize::try_from(answer.count).unwrap_or_default())
    }

    /// What is due of a part of the index, the longest waiting first.
    async fn due(&self, part: &str, now: Timestamp, limit: usize) -> PortResult<Vec<(String, String)>> {
        let query = || {
            self.shared
                .query_work(part, "WSK < :behind")
                .expression_attribute_values(":behind", text(behind(&sortable_time(now))))
        };
        let found = pages(query, limit.clamp(1, 100)).await?;
        let place = |item: &Item| Some((text_in(item, "WSK")?, text_in(item, "SK")?));
        Ok(found.iter().filter_map(place).collect())
    }

    /// Moves deliveries of older versions to the partitions of their subscriptions. They all stand
    /// in one part of the index; once that is empty the look at it finds nothing.
    async fn move_old(&self) -> PortResult<()> {
        let shared = &self.shared;
        let found = pages(|| shared.query_work(OLD_WAITING, ""), MOVED).await?;
        let keys: Vec<Item> = found.iter().filter_map(key_of).collect();
        for item in shared.get_many(&keys).await? {
            let Some(from) = key_of(&item) else { continue };
            match from_item::<DeliveryRow>(item.clone(), "a delivery") {
                Ok(row) => {
                    let standing = shared.get::<SubscriptionRow>(subscription_key(&row.subscription), "a subscription");
                    if standing.await?.is_none() {
                        self.remove(from).await?;
                    } else {
                        self.moved(from, to_item(&row.moved_over())?).await?;
                    }
                }
                Err(error) => {
                    if let Some(id) = text_in(&item, "subscription") {
                        self.set_aside(item, &SubscriptionId(id), &error.message).await?;
                    } else {
                        tracing::error!(%error, "a webhook delivery cannot be read, nor whose it is");
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes a delivery until `until`; none where somebody was first, or it cannot be made.
    async fn take(
        &self,
        row: DeliveryRow,
        item: Item,
        subscription: &SubscriptionRow,
        until: Timestamp,
    ) -> PortResult<Option<Delivery>> {
        let event = match row.event() {
            Ok(event) => event,
            // It will be no better the next time, and holds up no other.
            Err(error) => {
                self.set_aside(item, &subscription.id, &error.message).await?;
                return Ok(None);
            }
        };
        if !self.lease(&row, until).await? {
            return Ok(None);
        }
        let keys = self.shared.keys().await?;
        match keys.open(("webhook", &subscription.id.0), &subscription.secret) {
            Ok(secret) => Ok(Some(Delivery {
                id: row.id,
                message_id: row.message_id,
                subscription: subscription.subscription(),
                secret,
                event,
                attempt: row.attempts + 1,
            })),
            // One damaged subscription must not hold up the others.
            Err(error) if error.kind == PortErrorKind::Corrupt => {
                tracing::error!(subscription = %subscription.id.0, %error, "a webhook cannot be signed");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Leases a delivery until `until`; false where somebody was first.
    async fn lease(&self, row: &DeliveryRow, until: Timestamp) -> PortResult<bool> {
        let until = sortable_time(until);
        let call = self
            .shared
            .update(delivery_key(&row.subscription, row.id))
            .update_expression("SET due = :until, WPK = :under_way, WSK = :place ADD attempts :one")
            .condition_expression("due = :due AND attempts = :attempts")
            .expression_attribute_values(":under_way", text(under_way_to(&row.subscription)))
            .expression_attribute_values(":place", text(waiting_place(&until, row.id)))
            .expression_attribute_values(":until", text(until))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":attempts", number(row.attempts))
            .expression_attribute_values(":due", text(&row.due));
        held(call).await
    }

    /// Makes a dead letter of a delivery that cannot be read, as it is.
    async fn set_aside(&self, item: Item, id: &SubscriptionId, error: &str) -> PortResult<()> {
        tracing::error!(subscription = %id.0, error, "a webhook delivery cannot be read; it is set aside");
        let Some(from) = key_of(&item) else { return Ok(()) };
        let now = self.shared.clock.now();
        let mut letter = item;
        letter.remove("WPK");
        letter.remove("WSK");
        letter.insert("PK".to_owned(), text(dead_of(id)));
        letter.insert("SK".to_owned(), text(sortable(self.shared.places.next(now))));
        letter.insert("error".to_owned(), text(error));
        letter.insert("buried_at".to_owned(), text(now.to_string()));
        let ends = expiry(now, self.shared.resources.dead_letters_days);
        letter.insert("expires".to_owned(), number(ends));
        self.moved(from, letter).await.map(drop)
    }
}

pub(super) fn text_in(item: &Item, name: &str) -> Option<String> {
    item.get(name).map(AttributeValue::as_s).and_then(Result::ok).cloned()
}

/// The primary key in an item.
pub(super) fn key_of(item: &Item) -> Option<Item> {
    Some(key(text_in(item, "PK")?, text_in(item, "SK")?))
}
