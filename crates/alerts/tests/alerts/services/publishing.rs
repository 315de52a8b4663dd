//! How what agents published ends.

use std::sync::atomic::Ordering;

use cc_devops_alerts::publishing::end_published;
use cc_devops_alerts::{Notice, Severity};
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{Content, RecordKey, RecordKind, StateChange, StateStore};
use futures::executor::block_on;

use super::store::*;

const DAY: i64 = 24 * 60 * 60;

fn publish(tried: &Tried, text: &str, second: i64) {
    *tried.clock.0.lock().unwrap() = at(second);
    let notice = Notice {
        subject: "Spend".to_owned(),
        text: text.to_owned(),
        severity: Severity::Warning,
    };
    let by = AgentName::new("Writer").unwrap();
    block_on(tried.alerts.publish(&notice, &by, Actor::Operator)).unwrap();
}

fn end(tried: &Tried, second: i64) {
    block_on(end_published(&*tried.store, &tried.conditions, at(second))).unwrap();
}

fn kept(tried: &Tried) -> usize {
    tried.records(RecordKind::Source).len()
}

#[test]
fn only_what_is_due_is_read_to_end_it() {
    let tried = Tried::new(plain(&["mail"]));
    publish(&tried, "first", 0);
    publish(&tried, "second", 60);
    let before = tried.store.lists.load(Ordering::SeqCst);
    end(&tried, DAY - 1);
    let after = tried.store.lists.load(Ordering::SeqCst);
    assert_eq!(after, before, "what is open is not listed");
    assert_eq!(kept(&tried), 2);
    end(&tried, DAY);
    assert_eq!(kept(&tried), 1);
    end(&tried, DAY + 60);
    assert_eq!(kept(&tried), 0);
}

#[test]
fn what_others_keep_under_the_same_kind_is_not_ended() {
    let tried = Tried::new(plain(&["mail"]));
    let counted = StateChange {
        key: RecordKey::new(RecordKind::Source, "requests/deployLambda"),
        version: 0,
        content: Some(Content {
            due_at: Some(at(0)),
            list: None,
            body: "{}".to_owned(),
        }),
    };
    block_on(tried.store.write(&[counted], None)).unwrap();
    publish(&tried, "first", 0);
    end(&tried, DAY);
    let left = tried.records(RecordKind::Source);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].key.name, "requests/deployLambda");
}
