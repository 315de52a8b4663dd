//! Circles, waves, and who can begin.

use proptest::prelude::*;

use super::*;

fn stack(name: &str) -> StackName {
    StackName::new(name).unwrap()
}

fn named(names: &[&str]) -> BTreeSet<StackName> {
    names.iter().map(|name| stack(name)).collect()
}

fn order(all: &[(&str, &[&str])]) -> Result<Order, Cycle> {
    Order::of(all.iter().map(|(name, on)| (stack(name), named(on))).collect())
}

fn waves(order: &Order, stacks: &[&str]) -> Vec<Vec<String>> {
    let waves = order.waves(&named(stacks));
    let names = |wave: &Vec<StackName>| wave.iter().map(ToString::to_string).collect();
    waves.iter().map(names).collect()
}

#[test]
fn a_circle_is_named() {
    for (all, said) in [
        (&[("a", &["a"][..])][..], "a -> a"),
        (&[("a", &["b"]), ("b", &["a"])], "a -> b -> a"),
        (
            &[("a", &["b"]), ("b", &["c", "d"]), ("c", &["x"]), ("d", &["b"])],
            "b -> d -> b",
        ),
        // The shortest of several.
        (
            &[("m", &["n", "o"]), ("n", &["p"]), ("p", &["m"]), ("o", &["m"])],
            "m -> o -> m",
        ),
    ] {
        let cycle = order(all).unwrap_err();
        assert_eq!(
            cycle.to_string(),
            format!("these stacks depend on one another in a circle: {said}")
        );
    }
    assert!(order(&[("a", &["b", "c"]), ("b", &["c"])]).is_ok());
}

#[test]
fn waves_begin_with_what_needs_nothing() {
    let all = order(&[
        ("shop", &["orders", "network"]),
        ("orders", &["network"]),
        ("mail", &["network"]),
        ("report", &["shop"]),
    ])
    .unwrap();
    assert_eq!(
        waves(&all, &["report", "shop", "orders", "mail", "network", "alone"]),
        [
            vec!["alone", "network"],
            vec!["mail", "orders"],
            vec!["shop"],
            vec!["report"]
        ]
    );
    // What depends through a stack that is not deployed still comes later.
    assert_eq!(waves(&all, &["report", "network"]), [["network"], ["report"]]);
    assert_eq!(waves(&all, &[]), Vec::<Vec<String>>::new());
    assert_eq!(waves(&Order::default(), &["b", "a"]), [["a", "b"]]);
    assert!(Order::default().is_empty() && !all.is_empty());
}

#[test]
fn a_stack_begins_when_its_own_dependencies_ended_well_and_only_then() {
    use Standing::{EndedBadly, EndedWell, GoesOn, Unknown};
    let order = order(&[("shop", &["orders", "network"]), ("orders", &["network"])]).unwrap();
    let ready = |orders: Option<Standing>, network: Option<Standing>| {
        let told = [("orders", orders), ("network", network), ("mail", Some(EndedBadly))];
        let told = told
            .into_iter()
            .filter_map(|(name, standing)| Some((stack(name), standing?)));
        order.ready(&stack("shop"), &told.collect())
    };
    let waits = |names: &[&str]| Readiness::Waits(names.iter().map(|name| stack(name)).collect());
    let blocked = |names: &[&str]| Readiness::Blocked(names.iter().map(|name| stack(name)).collect());
    // What another stack's change does is of no concern: `mail` failed.
    assert_eq!(ready(Some(EndedWell), Some(EndedWell)), Readiness::Ready);
    assert_eq!(ready(Some(GoesOn), Some(EndedWell)), waits(&["orders"]));
    assert_eq!(ready(Some(GoesOn), Some(GoesOn)), waits(&["network", "orders"]));
    assert_eq!(ready(Some(EndedBadly), Some(EndedWell)), blocked(&["orders"]));
    assert_eq!(ready(Some(GoesOn), Some(EndedBadly)), blocked(&["network"]));
    assert_eq!(ready(Some(Unknown), Some(EndedWell)), Readiness::Ready);
    assert_eq!(ready(None, None), Readiness::Ready);
    assert_eq!(order.ready(&stack("mail"), &BTreeMap::new()), Readiness::Ready);
    let needed: Vec<String> = order.dependencies(&stack("shop")).map(ToString::to_string).collect();
    assert_eq!(needed, ["network", "orders"]);
}

proptest! {
    /// Edges go from higher to lower numbers, so there is no circle; with one more edge back there may be.
    #[test]
    fn every_stack_comes_once_and_after_what_it_depends_on(
        edges in proptest::collection::vec((1..12_usize, 0..12_usize), 0..30),
        back in (0..12_usize, 0..12_usize),
    ) {
        let name = |number: usize| stack(&format!("s{number:02}"));
        let mut all: BTreeMap<StackName, BTreeSet<StackName>> = BTreeMap::new();
        for (from, to) in edges {
            all.entry(name(from)).or_default().insert(name(to % from));
        }
        let order = Order::of(all.clone()).unwrap();
        let stacks: BTreeSet<StackName> = (0..12).map(name).collect();
        let waves = order.waves(&stacks);
        let mut before = BTreeSet::new();
        for wave in &waves {
            for one in wave {
                prop_assert!(order.dependencies(one).all(|needed| before.contains(needed)), "{} in {:?}", one, waves);
            }
            before.extend(wave.iter().cloned());
        }
        prop_assert_eq!(&before, &stacks);
        prop_assert_eq!(waves.iter().map(Vec::len).sum::<usize>(), stacks.len());

        let (from, to) = (name(back.0), name(back.1));
        all.entry(from).or_default().insert(to);
        if let Err(cycle) = Order::of(all.clone()) {
            // Each of them depends on the next, and the last on the first.
            let next = cycle.stacks.iter().cycle().skip(1);
            for (one, other) in cycle.stacks.iter().zip(next) {
                prop_assert!(all[one].contains(other), "{}", cycle);
            }
        }
    }
}
