//! What became of events at their consumers, and giving back what was set aside.
//!
//! An event changes only from the state that was read (its revision). Where somebody else changed it
//! meanwhile, it is read again, and what is still to be said of it is said then.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use cc_devops_kernel::ports::{PortError, PortErrorKind, PortResult};
use cc_devops_outbox::ports::{Consumer, Outcome, Settled};
use futures::{StreamExt, stream};
use jiff::Timestamp;

use crate::Shared;
use crate::error::{is_condition, port_error};
use crate::ledger::{gone, incomplete};
use crate::log::{Entry, Failing, Progress, SetAsideMark, event_key, progress_item};
use crate::table::{TRIES, expiry, number};

/// How many events one transaction settles.
const TOGETHER: usize = 100;

/// How many events are given back at once.
const AT_ONCE: usize = 8;

/// The longest error that is kept, in characters.
const LONGEST: usize = 500;

/// The attributes that say who waits for an event.
const ATTRIBUTES: [&str; 6] = ["pending", "failing", "aside", "reserved", "WPK", "WSK"];

impl Shared {
    /// Writes down what became of events.
    pub(super) async fn settle_events(&self, at: Timestamp, settled: &[Settled]) -> PortResult<()> {
        let mut of = BTreeMap::<i64, Vec<(Consumer, &Outcome)>>::new();
        for one in settled {
            of.entry(one.id).or_default().push((one.consumer, &one.outcome));
        }
        let of: Vec<_> = of.into_iter().collect();
        for together in of.chunks(TOGETHER) {
            self.settle_together(at, together).await?;
        }
        Ok(())
    }

    async fn settle_together(&self, at: Timestamp, of: &[(i64, Vec<(Consumer, &Outcome)>)]) -> PortResult<()> {
        let mut stale: Vec<i64> = Vec::new();
        for _ in 0..TRIES {
            let mut changes = Vec::new();
            for (place, outcomes) in of {
                let known = self.outbox.get(*place).filter(|_| !stale.contains(place));
                let entry = match known {
                    Some(entry) => Some(entry),
                    None => self.read_event(*place).await?,
                };
                let Some(entry) = entry else {
                    self.outbox.forget(*place);
                    continue;
                };
                match after(&entry, outcomes, at) {
                    Some(next) => changes.push((entry, next)),
                    None => self.outbox.keep(entry),
                }
            }
            stale = self.change_together(at, &changes).await?;
            if stale.is_empty() {
                return Ok(());
            }
        }
        Err(gone())
    }

    /// Changes events, all or none; those that were not as they were read.
    async fn change_together(&self, at: Timestamp, changes: &[(Entry, Progress)]) -> PortResult<Vec<i64>> {
        if let [(entry, next)] = changes {
            return Ok(if self.change_event(at, entry, next).await? {
                vec![]
            } else {
                vec![entry.place]
            });
        }
        if changes.is_empty() {
            return Ok(vec![]);
        }
        let writes = changes.iter().map(|(entry, next)| {
            let update = self.event_update(at, entry, next)?;
            Ok(TransactWriteItem::builder().update(update).build())
        });
        match self.transact(writes.collect::<PortResult<Vec<_>>>()?).await? {
            Ok(()) => {
                for (entry, next) in changes {
                    self.outbox.keep(changed(entry, next));
                }
                Ok(vec![])
            }
            Err(refused) => {
                let numbered = changes.iter().enumerate();
                let refused = numbered.filter(|(write, _)| refused.at(*write));
                Ok(refused.map(|(_, (entry, _))| entry.place).collect())
            }
        }
    }

    /// Changes one event; false where it was not as it was read.
    pub(super) async fn change_event(&self, at: Timestamp, entry: &Entry, next: &Progress) -> PortResult<bool> {
        let update = self.event_update(at, entry, next)?;
        let call = self
            .update(update.key)
            .update_expression(update.update_expression)
            .set_condition_expression(update.condition_expression)
            .set_expression_attribute_names(update.expression_attribute_names)
            .set_expression_attribute_values(update.expression_attribute_values);
        match call.send().await {
            Ok(_) => {
                self.outbox.keep(changed(entry, next));
                Ok(true)
            }
            Err(error) if is_condition(&error) => Ok(false),
            Err(error) => Err(port_error("dynamodb:UpdateItem", error)),
        }
    }

    /// The write that changes who waits for an event.
    pub(crate) fn event_update(&self, at: Timestamp, entry: &Entry, next: &Progress) -> PortResult<Update> {
        let next = next_revision(next);
        let mut item = progress_item(&next, entry.place)?;
        let mut sets = vec!["#revision = :revision".to_owned()];
        let mut removes = Vec::new();
        let mut update = Update::builder()
            .expression_attribute_names("#revision", "revision")
            .expression_attribute_values(":revision", number(next.revision));
        for name in ATTRIBUTES {
            update = update.expression_attribute_names(format!("#{name}"), name);
            match item.remove(name) {
                Some(value) => {
                    sets.push(format!("#{name} = :{name}"));
                    update = update.expression_attribute_values(format!(":{name}"), value);
                }
                None => removes.push(format!("#{name}")),
            }
        }
        update = update.expression_attribute_names("#expires", "expires");
        // What was set aside can be given back as long as the event is kept.
        if next.pending.is_empty() {
            sets.push("#expires = :expires".to_owned());
            let expires = number(expiry(at, self.resources.events_days));
            update = update.expression_attribute_values(":expires", expires);
        } else {
            removes.push("#expires".to_owned());
        }
        let update = match &entry.progress {
            Some(before) => update
                .condition_expression("#revision = :before")
                .expression_attribute_values(":before", number(before.revision)),
            // Nobody can say what it was; it is put right.
            None => update.condition_expression("attribute_exists(PK)"),
        };
        let removes = if removes.is_empty() {
            String::new()
        } else {
            format!(" REMOVE {}", removes.join(", "))
        };
        update
            .table_name(self.table())
            .set_key(Some(event_key(entry.place)))
            .update_expression(format!("SET {}{removes}", sets.join(", ")))
            .build()
            .map_err(incomplete)
    }

    /// The event at a place, as it is now.
    pub(crate) async fn read_event(&self, place: i64) -> PortResult<Option<Entry>> {
        let items = self.get_many(&[event_key(place)]).await?;
        Ok(items.into_iter().next().and_then(Entry::of))
    }

    /// Gives back to a consumer what was set aside for it.
    pub(super) async fn give_back_events(&self, consumer: Consumer, now: Timestamp) -> PortResult<u64> {
        let given: Vec<PortResult<bool>> = stream::iter(self.find_aside(consumer).await?)
            .map(|entry| self.give_one_back(entry, consumer, now))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        given
            .into_iter()
            .try_fold(0, |count, given| Ok(count + u64::from(given?)))
    }

    async fn give_one_back(&self, entry: Entry, consumer: Consumer, now: Timestamp) -> PortResult<bool> {
        let mut entry = entry;
        for _ in 0..TRIES {
            let mut next = entry.progress();
            if next.aside.remove(consumer.as_str()).is_none() {
                return Ok(false);
            }
            next.pending.insert(consumer.as_str().to_owned());
            next.failing.remove(consumer.as_str());
            if self.change_event(now, &entry, &next).await? {
                return Ok(true);
            }
            match self.read_event(entry.place).await? {
                Some(again) => entry = again,
                None => return Ok(false),
            }
        }
        Err(PortError::new(
            PortErrorKind::Unavailable,
            "an event changes too fast to be given back; try again",
        ))
    }
}

fn next_revision(next: &Progress) -> Progress {
    Progress {
        revision: next.revision.wrapping_add(1),
        ..next.clone()
    }
}

fn changed(entry: &Entry, next: &Progress) -> Entry {
    Entry {
        progress: Some(next_revision(next)),
        ..entry.clone()
    }
}

/// Who waits for an event after this; nothing where that changes nothing.
fn after(entry: &Entry, outcomes: &[(Consumer, &Outcome)], at: Timestamp) -> Option<Progress> {
    let before = entry.progress();
    let mut next = before.clone();
    for (consumer, outcome) in outcomes {
        let name = consumer.as_str();
        if !next.waits(*consumer) {
            continue;
        }
        let failures = next.failing.get(name).map_or(0, |failing| failing.failures);
        match outcome {
            Outcome::Done => {
                next.pending.remove(name);
                next.failing.remove(name);
            }
            Outcome::Again { at, error } => {
                // Said again, because the first answer was lost.
                let said = next.failing.get(name).is_some_and(|failing| failing.due == *at);
                if !said {
                    let failing = Failing {
                        failures: failures.saturating_add(1),
                        due: *at,
                        error: short(error),
                    };
                    next.failing.insert(name.to_owned(), failing);
                }
            }
            Outcome::SetAside { error } => {
                next.pending.remove(name);
                next.failing.remove(name);
                let aside = SetAsideMark {
                    failures: failures.saturating_add(1),
                    error: short(error),
                    at,
                };
                next.aside.insert(name.to_owned(), aside);
            }
        }
    }
    (next != before || entry.progress.is_none()).then_some(next)
}

fn short(error: &str) -> String {
    error.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;

    use super::*;

    #[test]
    fn what_is_said_twice_counts_once() {
        let entry = Entry {
            place: crate::log::FIRST + 1,
            event: Err("unreadable".to_owned()),
            at: None,
            progress: Some(Progress::new(None)),
        };
        let again = Outcome::Again {
            at: Timestamp::UNIX_EPOCH,
            error: "no".to_owned(),
        };
        let once = after(&entry, &[(Consumer::Bus, &again)], Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(once.failing["bus"].failures, 1);
        let entry = changed(&entry, &once);
        assert_eq!(after(&entry, &[(Consumer::Bus, &again)], Timestamp::UNIX_EPOCH), None);
    }

    #[test]
    fn nobody_left_to_tell_leaves_no_empty_set() {
        let item = progress_item(&Progress::default(), crate::log::FIRST + 1).unwrap();
        assert_eq!(item.keys().collect::<Vec<_>>(), ["revision"]);
        let waiting = progress_item(&Progress::new(None), crate::log::FIRST + 1).unwrap();
        assert!(matches!(&waiting["pending"], AttributeValue::Ss(names) if names.len() == 4));
    }
}
