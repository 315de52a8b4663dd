//! The contract of the housekeeping: what is old is forgotten, what is needed is not, and a trail that was cut
//! still holds.

use std::collections::BTreeMap;

use cc_devops_kernel::audit::{AuditFilter, AuditRow, actions};
use cc_devops_kernel::paging::Cursor;
use cc_devops_kernel::ports::{PortErrorKind, SecretVersion, SecretWrite};
use cc_devops_kernel::secret::SecretValue;
use cc_devops_outbox::ports::{Consumer, Outcome};
use cc_devops_outbox::webhooks::{Places, Subscription, SubscriptionId};
use cc_devops_requests::ports::Ports;
use cc_devops_requests::record::{NewRequest, Receipt};
use cc_devops_requests::retention::Kept;
use jiff::Timestamp;

use super::refused;
use crate::outbox::{keys, log_and_queue, settle, settle_all, waiting};
use crate::sample::{self, AGENT, after, agent_name, head, request_id, request_of, secret_name, stack};

/// A day in seconds.
const DAY: i64 = 86_400;

/// Housekeeping keeps what it promises: what ended before a time is forgotten in steps, and nothing that is
/// still needed is. Where things end by themselves, only the latter can be seen.
pub async fn retention(fresh: impl AsyncFn() -> Ports) {
    nothing_is_forgotten_where_there_is_nothing(&fresh().await).await;
    requests_are_forgotten_once_they_are_told(&fresh().await).await;
    what_is_open_is_never_forgotten(&fresh().await).await;
    what_is_to_be_delivered_is_delivered(&fresh().await).await;
    what_was_set_aside_can_be_given_back_for_a_time(&fresh().await).await;
    an_output_goes_before_its_request(&fresh().await).await;
    a_secret_keeps_what_can_be_read(&fresh().await).await;
    a_step_goes_on_where_the_one_before_ended(&fresh().await).await;
}

/// Forgets everything that ended before that, in steps of `limit`; how many of each.
pub(crate) async fn forget(ports: &Ports, before: Timestamp, limit: usize) -> BTreeMap<&'static str, u64> {
    let mut removed = BTreeMap::new();
    for what in Kept::ALL {
        let mut after = None;
        loop {
            let step = ports.retention.forget(what, before, after, limit).await.unwrap();
            *removed.entry(what.as_str()).or_default() += step.removed;
            after = step.next;
            if after.is_none() {
                break;
            }
        }
    }
    removed.retain(|_, count| *count > 0);
    removed
}

fn arrived(id: &str, seconds: i64) -> NewRequest {
    let mut head = head(id);
    head.received_at = after(seconds);
    request_of(head)
}

/// Records a request that has its outcome on arrival, `seconds` after the start.
async fn ended(ports: &Ports, id: &str, seconds: i64) {
    let request = arrived(id, seconds);
    let mut conclusion = sample::success(&request.head, seconds);
    conclusion.output = Some("what was printed".to_owned());
    ports.ledger.receive_concluded(&request, &conclusion).await.unwrap();
}

/// Tells every event that waits, to everybody.
async fn deliver_all(ports: &Ports, seconds: i64) {
    log_and_queue(ports, seconds).await;
    let rest = waiting(ports, seconds).await;
    settle_all(ports, &rest, seconds).await;
}

/// What stands in the log, by its key.
async fn logged(ports: &Ports) -> Vec<String> {
    let log = ports.events.after(Cursor(0), None, 100).await.unwrap();
    log.iter().map(|logged| logged.event.body.key().to_owned()).collect()
}

async fn is_known(ports: &Ports, id: &str) -> bool {
    ports.ledger.find(&request_id(id)).await.unwrap().is_some()
}

async fn nothing_is_forgotten_where_there_is_nothing(ports: &Ports) {
    assert_eq!(forget(ports, after(DAY), 10).await, BTreeMap::new());
    assert_eq!(
        ports.retention.shrink().await.unwrap(),
        0,
        "and there is no room to give back"
    );
    ports.retention.weigh().await.unwrap();
}

async fn requests_are_forgotten_once_they_are_told(ports: &Ports) {
    ended(ports, "told", 1).await;
    deliver_all(ports, 2).await;
    // What stands behind it in the log: the newest event is never forgotten.
    ended(ports, "behind", 8 * DAY).await;
    deliver_all(ports, 8 * DAY).await;
    ended(ports, "untold", 3).await;
    ended(ports, "new", 9 * DAY).await;
    forget(ports, after(5 * DAY), 10).await;
    assert!(is_known(ports, "untold").await, "its event is still to be told");
    assert!(is_known(ports, "new").await, "it is not old");
    assert_eq!(
        keys(&waiting(ports, 9 * DAY).await),
        ["untold", "new"],
        "what is to be told is told"
    );
    deliver_all(ports, 9 * DAY).await;
    if ports.retention.ends_by_itself() {
        return;
    }
    assert!(!is_known(ports, "told").await, "what is old and told is forgotten");
    assert_eq!(logged(ports).await, ["behind", "untold", "new"], "and so is its event");
    let again = ports.ledger.receive(&arrived("told", 9 * DAY), None).await.unwrap();
    assert!(matches!(again, Receipt::Recorded), "its id is a new request's");
    forget(ports, after(5 * DAY), 10).await;
    assert!(is_known(ports, "told").await && is_known(ports, "new").await);
    let log = logged(ports).await;
    assert_eq!(
        is_known(ports, "untold").await,
        log.contains(&"untold".to_owned()),
        "a request goes with its event, or after it"
    );
    assert!(log.contains(&"new".to_owned()));
}

async fn what_is_to_be_delivered_is_delivered(ports: &Ports) {
    let subscription = Subscription {
        id: SubscriptionId("hook".to_owned()),
        url: "https://example.com/hook".to_owned(),
        agent: None,
        created_at: after(0),
    };
    let secret = SecretValue::new("whsec_x".to_owned());
    let added = sample::audit_entry("webhook.added", 1);
    ports.webhooks.subscribe(&subscription, &secret, &added).await.unwrap();
    ended(ports, "late", 1).await;
    deliver_all(ports, 2).await;
    ended(ports, "new", 9 * DAY).await;
    deliver_all(ports, 9 * DAY).await;
    forget(ports, after(5 * DAY), 10).await;
    let claimed = ports
        .webhooks
        .claim_deliveries(after(3), after(60), 10, &Places::of_each(10))
        .await
        .unwrap();
    assert_eq!(claimed.len(), 1, "a delivery is never forgotten");
    assert_eq!(claimed[0].event.body.key(), "late", "nor is what it delivers");
    ports.webhooks.bury(&claimed[0], after(4), "status 410").await.unwrap();
    let letters = async || {
        let page = ports.webhooks.dead_letters(&subscription.id, None, 10).await.unwrap();
        page.items.len()
    };
    forget(ports, after(4), 10).await;
    assert_eq!(letters().await, 1, "it was given up just now");
    forget(ports, after(5 * DAY), 10).await;
    if !ports.retention.ends_by_itself() {
        assert_eq!(letters().await, 0, "a dead letter goes in its time");
        assert!(
            !logged(ports).await.contains(&"late".to_owned()),
            "and its event with it"
        );
        assert!(!is_known(ports, "late").await, "and its request");
    }
}

async fn what_was_set_aside_can_be_given_back_for_a_time(ports: &Ports) {
    ended(ports, "hard", 1).await;
    let entry = waiting(ports, 2).await.remove(0);
    let aside = Outcome::SetAside {
        error: "it cannot be read".to_owned(),
    };
    settle(ports, entry.id, Consumer::People, aside, 3).await;
    deliver_all(ports, 4).await;
    ended(ports, "new", 9 * DAY).await;
    deliver_all(ports, 9 * DAY).await;
    let aside = async || {
        let page = ports.outbox.set_aside(Consumer::People, None, 10).await.unwrap();
        page.items.len()
    };
    forget(ports, after(3), 10).await;
    assert_eq!(aside().await, 1, "it was set aside just now");
    assert!(is_known(ports, "hard").await, "with its request");
    forget(ports, after(5 * DAY), 10).await;
    if !ports.retention.ends_by_itself() {
        assert_eq!(aside().await, 0, "it is given up in its time");
        assert!(!is_known(ports, "hard").await, "and its request is forgotten");
    }
}

async fn what_is_open_is_never_forgotten(ports: &Ports) {
    ports.ledger.receive(&arrived("received", 1), None).await.unwrap();
    let receipt = ports
        .ledger
        .receive(&arrived("waiting", 2), Some(after(60)))
        .await
        .unwrap();
    let Receipt::Claimed(claim) = receipt else {
        panic!("it is new")
    };
    ports.ledger.lock_stack(&claim, &stack("sample")).await.unwrap();
    ports.ledger.park(&claim, after(3)).await.unwrap();
    forget(ports, after(900 * DAY), 10).await;
    let waiting = ports.ledger.waiting(None, 10).await.unwrap();
    assert_eq!(waiting.len(), 1, "what waits goes on waiting");
    assert_eq!(
        ports.ledger.holder_of(&stack("sample")).await.unwrap(),
        Some(request_id("waiting")),
        "and holds its stack"
    );
    let due = ports.ledger.claim_due(after(4), after(70), 10).await.unwrap();
    assert_eq!(due.len(), 1, "what was received is carried out");
    assert!(
        due[0].detail.expose().contains(sample::PLANTED_SECRET),
        "as it was asked"
    );
}

async fn an_output_goes_before_its_request(ports: &Ports) {
    ended(ports, "printed", 1).await;
    ended(ports, "printed-later", 9 * DAY).await;
    let step = ports
        .retention
        .forget(Kept::Outputs, after(5 * DAY), None, 10)
        .await
        .unwrap();
    if ports.retention.ends_by_itself() {
        return;
    }
    assert_eq!((step.removed, step.next), (1, None));
    for (id, output) in [("printed", false), ("printed-later", true)] {
        let record = ports.ledger.find(&request_id(id)).await.unwrap().unwrap();
        assert_eq!(record.output.is_some(), output, "{id}");
        assert!(record.completed.is_some(), "with its outcome");
    }
}

/// The values of so many versions, and what is on record of those.
fn forgotten(versions: u64) -> BTreeMap<&'static str, u64> {
    BTreeMap::from([("secret_values", versions), ("secret_versions", versions)])
}

async fn a_secret_keeps_what_can_be_read(ports: &Ports) {
    let name = "/contentcraft/contentorchestrator/key";
    let write = async |number: i64| {
        let (put, token) = (
            sample::put_secret(name, &format!("value {number}")),
            format!("{number:064}"),
        );
        let write = SecretWrite {
            put: &put,
            token: &token,
            may_be_repeat: false,
            agent: &agent_name(AGENT),
            stage: &sample::stage(),
            at: after(number),
        };
        ports.secrets.put(write).await.unwrap()
    };
    for number in 1..=5 {
        write(number).await;
    }
    let by_id = async |number: i64| {
        let id = format!("{number:064}");
        ports.secrets.read_version(&secret_name(name), &id).await.unwrap()
    };
    assert!(
        by_id(3).await.is_some(),
        "an older one can be read by its id for a time"
    );
    if !ports.retention.ends_by_itself() {
        assert_eq!(forget(ports, after(3), 2).await, forgotten(2), "what is old");
        assert!(by_id(2).await.is_none() && by_id(3).await.is_some());
        assert_eq!(forget(ports, after(DAY), 2).await, forgotten(1), "and then the rest");
        assert!(by_id(3).await.is_none() && by_id(4).await.is_some());
    }
    for (version, value) in [
        (SecretVersion::Current, "value 5"),
        (SecretVersion::Previous, "value 4"),
    ] {
        let read = ports.secrets.read(&secret_name(name), version).await.unwrap().unwrap();
        assert!(read.value.expose() == value, "{version:?} can be read");
    }
    write(5).await;
    let listed = ports.secrets.list(None, None, 10).await.unwrap();
    assert_eq!(
        listed[0].versions, 5,
        "a version is counted, and a repeat of the newest is known"
    );
}

async fn a_step_goes_on_where_the_one_before_ended(ports: &Ports) {
    for number in 0..9 {
        ended(ports, &format!("request-{number}"), number).await;
    }
    ports.ledger.receive(&arrived("open", 10), None).await.unwrap();
    deliver_all(ports, 11).await;
    ended(ports, "new", 9 * DAY).await;
    deliver_all(ports, 9 * DAY).await;
    let removed = forget(ports, after(5 * DAY), 2).await;
    if !ports.retention.ends_by_itself() {
        assert_eq!(
            removed,
            BTreeMap::from([("events", 9), ("outputs", 9), ("requests", 9)])
        );
    }
    assert!(is_known(ports, "open").await && is_known(ports, "new").await);
}

/// The trail keeps what it promises when it is cut: what is cut off is the oldest rows, all of them old; it
/// holds before, in the middle and after; and it goes on.
pub async fn cutting(fresh: impl AsyncFn() -> Ports) {
    a_trail_without_old_rows_is_not_cut(&fresh().await).await;
    a_trail_holds_over_its_cut(&fresh().await).await;
    a_section_is_cut_off_once(&fresh().await).await;
    a_long_trail_is_cut_in_sections(&fresh().await).await;
}

/// Puts entries on record at those seconds, and binds them where the trail has several chains.
pub(crate) async fn entries(ports: &Ports, seconds: std::ops::Range<i64>) {
    let last = seconds.end;
    for number in seconds {
        let entry = sample::audit_entry("putSecret", number);
        ports.audit.append(&entry).await.unwrap();
    }
    ports.audit.checkpoint(after(last)).await.unwrap();
}

/// The entries that [`entries`] wrote, by their numbers.
pub(crate) fn numbers<'row>(rows: impl IntoIterator<Item = &'row AuditRow>) -> Vec<i64> {
    let own = rows.into_iter().filter(|row| row.entry.action == "putSecret");
    let mut numbers: Vec<i64> = own.filter_map(|row| row.entry.detail.get("n")?.as_i64()).collect();
    numbers.sort_unstable();
    numbers
}

async fn rows(ports: &Ports) -> Vec<AuditRow> {
    let page = ports.audit.list(&AuditFilter::default(), None, 1_000).await.unwrap();
    assert_eq!(page.next, None);
    page.items
}

/// The trail holds.
pub(crate) async fn holds(ports: &Ports, when: &str) {
    let verification = ports.audit.verify().await.unwrap();
    assert_eq!(verification.breaks, vec![], "the trail holds {when}");
}

async fn a_trail_without_old_rows_is_not_cut(ports: &Ports) {
    assert_eq!(
        ports.audit.oldest(after(100), 10).await.unwrap(),
        None,
        "an empty trail"
    );
    entries(ports, 10..14).await;
    assert_eq!(
        ports.audit.oldest(after(10), 10).await.unwrap(),
        None,
        "nothing is that old"
    );
    assert_eq!(ports.audit.clear(10).await.unwrap(), 0, "and nothing was cut off");
    holds(ports, "as it was").await;
}

async fn a_trail_holds_over_its_cut(ports: &Ports) {
    entries(ports, 1..5).await;
    entries(ports, 10..13).await;
    let before = after(7);
    let section = ports
        .audit
        .oldest(before, 100)
        .await
        .unwrap()
        .expect("there are old rows");
    assert_eq!(
        numbers(&section.rows),
        [1, 2, 3, 4],
        "what is old, and nothing that is not"
    );
    assert!(section.rows.iter().all(|row| row.entry.at < before), "all of it is old");
    holds(ports, "before").await;
    let entry = section.entry(after(20), before, Some("export.ndjson"));
    ports.audit.cut(&section, &entry).await.unwrap();
    holds(ports, "when it is cut").await;
    while ports.audit.clear(1).await.unwrap() > 0 {
        holds(ports, "while rows are removed").await;
    }
    let left = rows(ports).await;
    assert_eq!(numbers(&left), [10, 11, 12], "the others stay");
    let cut: Vec<_> = left.iter().filter(|row| row.entry.action == actions::CUT).collect();
    assert_eq!(cut.len(), 1, "the cut is on record");
    assert_eq!(
        cut[0].entry.detail["file"], "export.ndjson",
        "with the export that has the rows"
    );
    assert_eq!(
        ports.audit.oldest(before, 100).await.unwrap(),
        None,
        "no more is that old"
    );
    entries(ports, 21..24).await;
    holds(ports, "as it goes on").await;

    let section = ports
        .audit
        .oldest(after(18), 100)
        .await
        .unwrap()
        .expect("they are old by now");
    assert_eq!(numbers(&section.rows), [10, 11, 12]);
    let entry = section.entry(after(30), after(18), None);
    ports.audit.cut(&section, &entry).await.unwrap();
    while ports.audit.clear(100).await.unwrap() > 0 {}
    assert_eq!(numbers(&rows(ports).await), [21, 22, 23]);
    holds(ports, "after another cut").await;
}

async fn a_section_is_cut_off_once(ports: &Ports) {
    entries(ports, 1..4).await;
    let section = ports.audit.oldest(after(10), 100).await.unwrap().unwrap();
    let entry = section.entry(after(20), after(10), None);
    ports.audit.cut(&section, &entry).await.unwrap();
    refused(
        ports.audit.cut(&section, &entry).await,
        PortErrorKind::Superseded,
        "cutting the same off again",
    );
    while ports.audit.clear(100).await.unwrap() > 0 {}
    holds(ports, "after that").await;
}

async fn a_long_trail_is_cut_in_sections(ports: &Ports) {
    for start in 0..6 {
        entries(ports, start * 10..start * 10 + 5).await;
    }
    let before = after(48);
    let mut seen = Vec::new();
    while let Some(section) = ports.audit.oldest(before, 7).await.unwrap() {
        seen.extend(numbers(&section.rows));
        assert!(seen.len() <= 25, "a section comes once");
        let entry = section.entry(after(100), before, None);
        ports.audit.cut(&section, &entry).await.unwrap();
        holds(ports, "between sections").await;
        while ports.audit.clear(3).await.unwrap() > 0 {}
    }
    let expected: Vec<i64> = (0..5).flat_map(|start| start * 10..start * 10 + 5).collect();
    assert_eq!(seen, expected, "section by section, everything old once");
    assert_eq!(numbers(&rows(ports).await), [50, 51, 52, 53, 54]);
    holds(ports, "after all of them").await;
}
