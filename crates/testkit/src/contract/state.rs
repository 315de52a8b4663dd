//! The contract of what the watch and the alerts remember.

use cc_devops_kernel::audit::{AuditFilter, actions};
use cc_devops_kernel::ports::{
    Content, MAX_BODY_BYTES, MAX_LIST_BYTES, MAX_NAME_BYTES, MOST_KEYS, PortErrorKind, Record, RecordKey, RecordKind,
    StateChange, StateStore,
};
use cc_devops_requests::ports::Ports;
use jiff::Timestamp;

use super::refused;
use super::retention::forget;
use crate::sample::{self, after};

/// The store of records keeps what it promises: a change holds by the version it was made on, many at once or none of
/// them, and what is kept is found by name, by when it is due and by its list.
pub async fn state(fresh: impl AsyncFn() -> Ports) {
    a_record_has_a_version_for_each_change(&*fresh().await.state).await;
    a_change_of_another_version_changes_nothing(&*fresh().await.state).await;
    all_or_none_are_changed(&fresh().await).await;
    what_is_due_comes_in_its_order(&*fresh().await.state).await;
    lists_go_by_name_in_pages(&*fresh().await.state).await;
    lists_are_counted(&*fresh().await.state).await;
    what_is_too_much_is_refused(&*fresh().await.state).await;
    a_write_takes_as_many_changes_as_it_says(&*fresh().await.state).await;
    of_writers_at_once_one_is_first(&fresh().await).await;
    names_and_texts_come_back_as_they_are(&*fresh().await.state).await;
    history_ends_when_it_is_due(&fresh().await).await;
    super::sessions::sessions(&fresh).await;
}

fn key(kind: RecordKind, name: &str) -> RecordKey {
    RecordKey::new(kind, name)
}

fn content(body: &str) -> Content {
    Content {
        due_at: None,
        list: None,
        body: body.to_owned(),
    }
}

fn due(at: Timestamp, body: &str) -> Content {
    Content {
        due_at: Some(at),
        ..content(body)
    }
}

fn in_list(list: &str, body: &str) -> Content {
    Content {
        list: Some(list.to_owned()),
        ..content(body)
    }
}

fn change(kind: RecordKind, name: &str, version: u64, content: impl Into<Option<Content>>) -> StateChange {
    StateChange {
        key: key(kind, name),
        version,
        content: content.into(),
    }
}

async fn find(store: &dyn StateStore, kind: RecordKind, name: &str) -> Option<Record> {
    store.read(&[key(kind, name)]).await.unwrap().remove(0)
}

async fn put(store: &dyn StateStore, change: StateChange) {
    store.write(&[change], None).await.unwrap();
}

fn names(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.key.name.as_str()).collect()
}

async fn a_record_has_a_version_for_each_change(store: &dyn StateStore) {
    let kind = RecordKind::Watch;
    assert_eq!(find(store, kind, "a").await, None, "there is nothing at first");
    store.write(&[], None).await.unwrap();
    put(store, change(kind, "a", 0, content("1"))).await;
    let full = Content {
        due_at: Some("2026-03-01T06:00:05.123456789Z".parse().unwrap()),
        list: Some("ones".to_owned()),
        body: r#"{"a": [1.50, null], "b": "é\n"}"#.to_owned(),
    };
    put(store, change(kind, "a", 1, full.clone())).await;
    let found = find(store, kind, "a").await.unwrap();
    assert_eq!(
        (found.version, &found.content),
        (2, &full),
        "to the nanosecond, to the byte"
    );
    assert_eq!(
        find(store, RecordKind::Flip, "a").await,
        None,
        "another kind has names of its own"
    );
    put(store, change(RecordKind::Flip, "a", 0, content("flip"))).await;
    let keys = [
        key(RecordKind::Flip, "a"),
        key(kind, "b"),
        key(kind, "a"),
        key(RecordKind::Flip, "a"),
    ];
    let read = store.read(&keys).await.unwrap();
    let bodies: Vec<_> = read
        .iter()
        .map(|record| record.as_ref().map(|record| record.content.body.as_str()))
        .collect();
    assert_eq!(
        bodies,
        [Some("flip"), None, Some(full.body.as_str()), Some("flip")],
        "in the order of the keys"
    );
    assert_eq!(store.read(&[]).await.unwrap(), []);

    put(store, change(kind, "a", 2, content("3"))).await;
    assert_eq!(
        store.next_due(kind).await.unwrap(),
        None,
        "what is not due any more is not found so"
    );
    assert_eq!(store.list(kind, Some("ones"), None, 10).await.unwrap(), []);
    put(store, change(kind, "a", 3, None)).await;
    assert_eq!(find(store, kind, "a").await, None, "taken away");
    put(store, change(kind, "a", 0, content("anew"))).await;
    assert_eq!(find(store, kind, "a").await.unwrap().version, 1, "it is another one");
}

async fn a_change_of_another_version_changes_nothing(store: &dyn StateStore) {
    let kind = RecordKind::Alert;
    put(store, change(kind, "a", 0, content("1"))).await;
    put(store, change(kind, "a", 1, content("2"))).await;
    for wrong in [
        change(kind, "a", 0, content("x")),
        change(kind, "a", 1, content("x")),
        change(kind, "a", 3, content("x")),
        change(kind, "a", u64::MAX, content("x")),
        change(kind, "a", 0, None),
        change(kind, "a", 1, None),
        change(kind, "b", 1, content("x")),
        change(kind, "b", 1, None),
    ] {
        let what = format!("{wrong:?}");
        refused(store.write(&[wrong], None).await, PortErrorKind::Superseded, &what);
    }
    put(store, change(kind, "b", 0, None)).await;
    let found = find(store, kind, "a").await.unwrap();
    assert_eq!((found.version, found.content.body.as_str()), (2, "2"));
    assert_eq!(find(store, kind, "b").await, None);
}

async fn all_or_none_are_changed(ports: &Ports) {
    let store = &*ports.state;
    let entry = |seconds| sample::audit_entry(actions::SECRET_READ, seconds);
    let rows = async || {
        let page = ports.audit.list(&AuditFilter::default(), None, 10).await.unwrap();
        page.items.len()
    };
    let first = [
        change(RecordKind::Watch, "a", 0, content("up")),
        change(RecordKind::Flip, "a/1", 0, in_list("a", "new to up")),
        change(RecordKind::Alert, "agent/a", 0, None),
    ];
    store.write(&first, Some(&entry(1))).await.unwrap();
    assert_eq!(rows().await, 1, "with the row that says so");
    // Whichever of them does not hold, first, last or in between.
    for wrong in 0..3 {
        let mut changes = [
            change(RecordKind::Watch, "a", 1, content("down")),
            change(RecordKind::Flip, "a/2", 0, in_list("a", "up to down")),
            change(RecordKind::Flip, "a/1", 1, None),
        ];
        changes[wrong].version += 1;
        let answer = store.write(&changes, Some(&entry(2))).await;
        refused(answer, PortErrorKind::Superseded, "one of three does not hold");
        assert_eq!(find(store, RecordKind::Watch, "a").await.unwrap().content.body, "up");
        assert_eq!(find(store, RecordKind::Flip, "a/2").await, None);
        assert_eq!(find(store, RecordKind::Flip, "a/1").await.unwrap().version, 1);
        assert_eq!(rows().await, 1, "nor is there a row");
    }
    let good = [
        change(RecordKind::Watch, "a", 1, content("down")),
        change(RecordKind::Flip, "a/1", 1, None),
    ];
    store.write(&good, None).await.unwrap();
    assert_eq!(rows().await, 1);
    store.write(&[], Some(&entry(3))).await.unwrap();
    assert_eq!(rows().await, 2, "a row alone");
    assert!(ports.audit.verify().await.unwrap().breaks.is_empty());
}

async fn what_is_due_comes_in_its_order(store: &dyn StateStore) {
    let kind = RecordKind::Group;
    assert_eq!(store.next_due(kind).await.unwrap(), None);
    assert_eq!(store.due(kind, Timestamp::MAX, 10).await.unwrap(), []);
    let nano = |at: Timestamp| at + jiff::SignedDuration::from_nanos(1);
    let before_1970: Timestamp = "1969-07-20T20:17:40Z".parse().unwrap();
    let due_times = [
        ("late", after(30)),
        ("first", after(10)),
        ("second", nano(after(10))),
        ("also-second", nano(after(10))),
        ("old", before_1970),
    ];
    for (name, at) in due_times {
        put(store, change(kind, name, 0, due(at, name))).await;
    }
    put(store, change(kind, "never", 0, content("never"))).await;
    put(store, change(RecordKind::Mark, "other", 0, due(before_1970, "other"))).await;

    assert_eq!(store.next_due(kind).await.unwrap(), Some(before_1970));
    let at = |until, limit| store.due(kind, until, limit);
    let found = at(after(10), 10).await.unwrap();
    assert_eq!(names(&found), ["old", "first"], "up to that time, which counts");
    assert_eq!(found[1].content, due(after(10), "first"));
    let all = at(Timestamp::MAX, 10).await.unwrap();
    assert_eq!(names(&all), ["old", "first", "also-second", "second", "late"]);
    assert_eq!(
        names(&at(Timestamp::MAX, 3).await.unwrap()),
        ["old", "first", "also-second"]
    );
    assert_eq!(at(Timestamp::MAX, 0).await.unwrap(), []);

    // It moves, it is not due any more, it goes.
    put(store, change(kind, "old", 1, due(after(20), "old"))).await;
    put(store, change(kind, "first", 1, content("first"))).await;
    put(store, change(kind, "second", 1, None)).await;
    let all = at(Timestamp::MAX, 10).await.unwrap();
    assert_eq!(names(&all), ["also-second", "old", "late"]);
    assert_eq!(store.next_due(kind).await.unwrap(), Some(nano(after(10))));
}

async fn lists_go_by_name_in_pages(store: &dyn StateStore) {
    let kind = RecordKind::Flip;
    for number in (0..25).rev() {
        let list = ["odd", "even", "even#"][usize::from(number % 2 == 0) + usize::from(number == 10)];
        let name = format!("n{number:02}");
        put(store, change(kind, &name, 0, in_list(list, &name))).await;
    }
    put(store, change(kind, "alone", 0, content("alone"))).await;
    put(store, change(RecordKind::Ping, "n00", 0, in_list("even", "a ping"))).await;

    let page = async |list: Option<&str>, limit| {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store.list(kind, list, after.as_deref(), limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { return found };
            after = Some(last.key.name.clone());
            found.extend(page.into_iter().map(|record| record.content.body));
        }
    };
    let named = |keep: fn(&i32) -> bool| -> Vec<String> {
        (0..25).filter(keep).map(|number| format!("n{number:02}")).collect()
    };
    let mut everything = vec!["alone".to_owned()];
    everything.extend(named(|_| true));
    for limit in [1, 7, 100] {
        assert_eq!(page(None, limit).await, everything);
        assert_eq!(page(Some("odd"), limit).await, named(|number| number % 2 == 1));
        let even = named(|number| number % 2 == 0 && *number != 10);
        assert_eq!(page(Some("even"), limit).await, even, "a list's name is a whole word");
        assert_eq!(page(Some("none"), limit).await, Vec::<String>::new());
    }
    assert_eq!(store.list(kind, None, None, 0).await.unwrap(), []);
    let behind = store.list(kind, Some("even"), Some("n07zz"), 2).await.unwrap();
    assert_eq!(
        names(&behind),
        ["n08", "n12"],
        "from behind a name that there need not be"
    );
    put(store, change(kind, "n12", 1, in_list("odd", "n12"))).await;
    assert_eq!(
        store.list(kind, Some("even"), Some("n11"), 1).await.unwrap()[0]
            .key
            .name,
        "n14"
    );
    assert_eq!(
        store.list(kind, Some("odd"), Some("n11"), 1).await.unwrap()[0].key.name,
        "n12"
    );
}

async fn lists_are_counted(store: &dyn StateStore) {
    let kind = RecordKind::Watch;
    let counts = async || -> Vec<(Option<String>, u64)> { store.counts(kind).await.unwrap().into_iter().collect() };
    assert_eq!(counts().await, []);
    for number in 0..7 {
        let list = if number < 5 { "up" } else { "down" };
        put(store, change(kind, &format!("n{number}"), 0, in_list(list, "{}"))).await;
    }
    put(store, change(kind, "alone", 0, content("{}"))).await;
    put(store, change(RecordKind::Ping, "n0", 0, in_list("up", "{}"))).await;
    let of = |list: &str, count| (Some(list.to_owned()), count);
    assert_eq!(counts().await, [(None, 1), of("down", 2), of("up", 5)]);
    // One moves, one stays, one leaves its list, one comes into one, one goes.
    put(store, change(kind, "n0", 1, in_list("down", "{}"))).await;
    put(store, change(kind, "n1", 1, in_list("up", "{\"n\":1}"))).await;
    put(store, change(kind, "n2", 1, content("{}"))).await;
    put(store, change(kind, "alone", 1, in_list("up", "{}"))).await;
    put(store, change(kind, "n6", 1, None)).await;
    assert_eq!(counts().await, [(None, 1), of("down", 2), of("up", 4)]);
    assert_eq!(
        names(&store.list(kind, Some("down"), None, 9).await.unwrap()),
        ["n0", "n5"]
    );
}

async fn what_is_too_much_is_refused(store: &dyn StateStore) {
    let kind = RecordKind::Ping;
    let largest = "é".repeat(MAX_BODY_BYTES / 2);
    put(store, change(kind, "large", 0, content(&largest))).await;
    assert!(find(store, kind, "large").await.unwrap().content.body == largest);
    let longest = "n".repeat(MAX_NAME_BYTES);
    let list = "l".repeat(MAX_LIST_BYTES);
    let everything = Content {
        due_at: Some(after(1)),
        ..in_list(&list, "{}")
    };
    put(store, change(kind, &longest, 0, everything)).await;
    assert_eq!(
        names(&store.list(kind, Some(&list), None, 2).await.unwrap()),
        [longest.as_str()]
    );
    assert_eq!(names(&store.due(kind, after(1), 2).await.unwrap()), [longest.as_str()]);

    let wrong = [
        (
            change(kind, "large", 1, content(&format!("{largest}x"))),
            PortErrorKind::TooLarge,
        ),
        (change(kind, "", 0, content("{}")), PortErrorKind::Refused),
        (
            change(kind, &format!("{longest}n"), 0, content("{}")),
            PortErrorKind::Refused,
        ),
        (
            change(kind, "a", 0, in_list(&format!("{list}l"), "{}")),
            PortErrorKind::Refused,
        ),
    ];
    for (wrong, kind) in wrong {
        let what = wrong.key.name.chars().take(10).collect::<String>();
        let other = change(RecordKind::Mark, "with", 0, content("{}"));
        refused(store.write(&[other, wrong], None).await, kind, &what);
    }
    let twice = [change(kind, "a", 0, content("1")), change(kind, "a", 0, content("2"))];
    refused(
        store.write(&twice, None).await,
        PortErrorKind::Refused,
        "a record twice",
    );
    assert_eq!(find(store, RecordKind::Mark, "with").await, None);
    assert_eq!(find(store, kind, "a").await, None);
    assert_eq!(find(store, kind, "large").await.unwrap().version, 1);

    let many: Vec<RecordKey> = (0..=MOST_KEYS).map(|number| key(kind, &format!("k{number}"))).collect();
    assert_eq!(store.read(&many[1..]).await.unwrap(), vec![None; MOST_KEYS]);
    refused(store.read(&many).await, PortErrorKind::Refused, "too many keys");
}

async fn a_write_takes_as_many_changes_as_it_says(store: &dyn StateStore) {
    let kind = RecordKind::Delivery;
    let most = store.most_changes();
    assert!(most >= 50, "a group's messages go into one write");
    let of = |number: usize| change(kind, &format!("d{number:06}"), 0, in_list("mail", "{}"));
    let entry = sample::audit_entry(actions::SECRET_READ, 1);
    let too_many: Vec<StateChange> = (0..=most).map(of).collect();
    refused(
        store.write(&too_many, None).await,
        PortErrorKind::TooLarge,
        "one too many",
    );
    assert_eq!(store.list(kind, None, None, 1).await.unwrap(), []);
    store.write(&too_many[1..], Some(&entry)).await.unwrap();
    let last = store
        .list(kind, Some("mail"), Some(&format!("d{:06}", most - 1)), 5)
        .await
        .unwrap();
    assert_eq!(names(&last), [format!("d{most:06}")]);
    let gone: Vec<StateChange> = too_many[1..]
        .iter()
        .map(|made| change(kind, &made.key.name, 1, None))
        .collect();
    store.write(&gone, None).await.unwrap();
    assert_eq!(store.list(kind, Some("mail"), None, 1).await.unwrap(), []);
}

async fn of_writers_at_once_one_is_first(ports: &Ports) {
    let kind = RecordKind::Channel;
    // Each adds one, reading again where another was first.
    let adding = (0..8).map(|writer: u32| {
        let store = ports.state.clone();
        tokio::spawn(async move {
            for turn in 0..5 {
                loop {
                    let found = find(&*store, kind, "sum").await;
                    let (version, sum) = found.map_or((0, 0), |record| {
                        (record.version, record.content.body.parse::<u32>().unwrap())
                    });
                    let changes = [
                        change(kind, "sum", version, content(&(sum + 1).to_string())),
                        change(kind, &format!("w{writer}-{turn}"), 0, content("{}")),
                    ];
                    // Alone as well as with another record.
                    let changes = if turn % 2 == 0 { &changes[..] } else { &changes[..1] };
                    match store.write(changes, None).await {
                        Ok(()) => break,
                        Err(error) => assert!(
                            matches!(error.kind, PortErrorKind::Superseded | PortErrorKind::Unavailable),
                            "{error}"
                        ),
                    }
                }
            }
        })
    });
    for added in futures::future::join_all(adding).await {
        added.unwrap();
    }
    let sum = find(&*ports.state, kind, "sum").await.unwrap();
    assert_eq!(
        (sum.version, sum.content.body.as_str()),
        (40, "40"),
        "nothing is lost, nothing counts twice"
    );
    let others = ports.state.list(kind, None, Some("sum"), 100).await.unwrap();
    assert_eq!(others.len(), 8 * 3);
}

async fn names_and_texts_come_back_as_they_are(store: &dyn StateStore) {
    let kind = RecordKind::Source;
    let mut names_of = [
        "a#b",
        "a",
        "a/b c",
        "Ä",
        "~",
        "a%b",
        "a_b",
        "\u{1f511}",
        "A",
        "'; DROP TABLE records; --",
    ];
    for name in names_of {
        put(store, change(kind, name, 0, in_list(name, name))).await;
    }
    names_of.sort_unstable();
    let found = store.list(kind, None, None, 20).await.unwrap();
    assert_eq!(names(&found), names_of, "by their bytes");
    for name in names_of {
        let found = store.list(kind, Some(name), None, 20).await.unwrap();
        assert_eq!(names(&found), [name]);
        assert_eq!(found[0].content.body, name);
    }
}

async fn history_ends_when_it_is_due(ports: &Ports) {
    let store = &*ports.state;
    for kind in RecordKind::ALL {
        for (name, at) in [("old", after(10)), ("young", after(20))] {
            put(store, change(kind, name, 0, due(at, name))).await;
        }
        put(store, change(kind, "always", 0, content("always"))).await;
    }
    let removed = forget(ports, after(15), 3).await;
    let ends = RecordKind::ALL.into_iter().filter(|kind| kind.ends_when_due()).count();
    if !ports.retention.ends_by_itself() {
        assert_eq!(removed.get("records"), Some(&(ends as u64)));
    }
    for kind in RecordKind::ALL {
        let left = store.list(kind, None, None, 10).await.unwrap();
        if !kind.ends_when_due() {
            assert_eq!(names(&left), ["always", "old", "young"], "{kind:?} is not history");
        } else if !ports.retention.ends_by_itself() {
            assert_eq!(names(&left), ["always", "young"], "{kind:?}");
        }
    }
}
