use super::*;

fn agent(name: &str) -> AgentName {
    AgentName::new(name).unwrap()
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60 + 1).unwrap()
}

/// A message that was sent and came in that minute.
fn now(minute: i64) -> (Timestamp, Timestamp) {
    (at(minute), at(minute))
}

fn metric(name: &str) -> Metric {
    Metric {
        namespace: "Queue".to_owned(),
        name: name.to_owned(),
        dimensions: BTreeMap::new(),
    }
}

fn datum(value: f64, minute: i64) -> Datum {
    Datum {
        at: Some(at(minute)),
        unit: "Count".to_owned(),
        sample: Sample::of(value),
    }
}

#[test]
fn values_are_summed_by_minute_and_by_agent() {
    let reported = Reported::new(100);
    let (one, other) = (agent("One"), agent("Other"));
    let depth = || metric("Depth");
    let data = vec![
        (depth(), datum(3.0, 10)),
        (depth(), datum(5.0, 10)),
        (depth(), datum(-1.0, 11)),
    ];
    reported.keep(&one, data, now(11)).unwrap();
    reported
        .keep(&other, vec![(depth(), datum(10.0, 10))], now(11))
        .unwrap();
    let told = |agent: Option<&AgentName>| {
        let points = reported.points(agent, &depth()).into_iter();
        let told = points.map(|point| {
            let Sample {
                count,
                sum,
                minimum,
                maximum,
            } = point.sample;
            (point.minute, [count, sum, minimum, maximum])
        });
        told.collect::<Vec<_>>()
    };
    assert_eq!(
        told(Some(&one)),
        [(10, [2.0, 8.0, 3.0, 5.0]), (11, [1.0, -1.0, -1.0, -1.0])]
    );
    assert_eq!(
        told(None),
        [(10, [3.0, 18.0, 3.0, 10.0]), (11, [1.0, -1.0, -1.0, -1.0])]
    );
    let all = reported.all();
    let (name, series) = &all[0];
    assert_eq!((name.agent.as_str(), series.total.sum, series.last), ("One", 7.0, -1.0));
}

#[test]
fn what_has_no_room_is_refused_as_a_whole() {
    let reported = Reported::new(8);
    let (one, other) = (agent("One"), agent("Other"));
    let of = |names: &[&str]| {
        let each = names.iter();
        each.map(|name| (metric(name), datum(1.0, 1))).collect::<Vec<_>>()
    };
    reported.check_room(&one, &of(&["a", "b", "a"]), at(1)).unwrap();
    assert!(reported.all().is_empty(), "looking for room keeps nothing");
    reported.keep(&one, of(&["a", "b", "a"]), now(1)).unwrap();
    assert_eq!(
        reported.check_room(&one, &of(&["a", "c"]), at(1)),
        Err(NoRoom::FullForAgent { most: 2 })
    );
    assert_eq!(
        reported.keep(&one, of(&["a", "c"]), now(1)),
        Err(NoRoom::FullForAgent { most: 2 })
    );
    assert_eq!(
        reported.all()[0].1.total,
        Sample::repeated(1.0, 2.0),
        "nothing of it was kept"
    );
    reported.keep(&other, of(&["a", "b"]), now(1)).unwrap();
    for name in ["C", "D"] {
        reported.keep(&agent(name), of(&["a", "b"]), now(1)).unwrap();
    }
    assert_eq!(
        reported.keep(&agent("E"), of(&["a"]), now(1)),
        Err(NoRoom::Full { most: 8 })
    );
    reported.keep(&one, of(&["a"]), now(1_441)).unwrap();
    reported.keep(&agent("E"), of(&["a"]), now(1_442)).unwrap();
    let left: Vec<_> = reported.all().iter().map(|(name, _)| name.agent.to_string()).collect();
    assert_eq!(left, ["E", "One"], "what nobody reported for a day made room");
    assert_eq!(
        Reported::new(0).keep(&one, of(&["a"]), now(1)),
        Err(NoRoom::SwitchedOff)
    );
    assert_eq!(Reported::new(0).keep(&one, Vec::new(), now(1)), Ok(()));
}

#[test]
fn a_series_has_bounded_minutes() {
    let reported = Reported::new(100);
    let one = agent("One");
    for minute in 0..500 {
        reported
            .keep(&one, vec![(metric("a"), datum(1.0, minute))], now(minute))
            .unwrap();
    }
    let points = reported.points(Some(&one), &metric("a"));
    assert_eq!((points.len(), points[0].minute), (180, 320));
    assert_eq!(reported.all()[0].1.total, Sample::repeated(1.0, 500.0));
}

#[test]
fn what_was_reported_is_text_that_cannot_break_out() {
    let reported = Reported::new(100);
    let mut odd = metric("Depth\"}\nup 1");
    odd.dimensions.insert("Stage".to_owned(), "dev".to_owned());
    reported
        .keep(&agent("One"), vec![(odd, datum(2.5, 1))], now(1))
        .unwrap();
    let mut registry = prometheus_client::registry::Registry::with_prefix("cc_devops");
    of_reported(&mut registry, &reported.all());
    let mut text = String::new();
    prometheus_client::encoding::text::encode_registry(&mut text, &registry).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("cc_devops_reported_last{"))
        .unwrap();
    assert!(line.contains(r#"metric="Depth\"}\nup 1""#), "{text}");
    assert!(
        line.contains(r#"dimensions="Stage=dev""#) && line.ends_with(" 2.5"),
        "{text}"
    );
    assert!(!text.lines().any(|line| line.starts_with("up ")), "{text}");
}
