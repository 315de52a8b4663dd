//! What holds of every figure.

use proptest::prelude::*;

use super::*;

/// An item of any kind, with or without a discount and a tax of its own.
fn any_item() -> impl Strategy<Value = Item<'static>> {
    let tier = (1..20_u64, 0..2000_i64, 0..500_i64);
    let charge = prop_oneof![
        (0..1_000_000_i64, 1..1000_i64).prop_map(|(n, d)| Charge::PerUnit(Exact::fraction(n, d).unwrap())),
        (any::<bool>(), prop::collection::vec(tier, 1..4)).prop_map(|(volume, steps)| {
            let (mut tiers, mut bound) = (Vec::new(), 0);
            let last = steps.len() - 1;
            for (place, (width, unit, flat)) in steps.into_iter().enumerate() {
                bound += width;
                tiers.push(Tier {
                    up_to: (place < last).then_some(bound),
                    unit: Exact::whole(unit),
                    flat: Exact::whole(flat),
                });
            }
            if volume {
                Charge::Volume(tiers)
            } else {
                Charge::Graduated(tiers)
            }
        }),
    ];
    let interval = prop_oneof![
        Just(Interval::Day),
        Just(Interval::Week),
        Just(Interval::Month),
        Just(Interval::Year)
    ];
    let discount = prop::option::of(prop_oneof![
        (0..=1000_i64).prop_map(|tenths| percent(&format!("{tenths}/10"))),
        (0..5000_i64).prop_map(amount_off)
    ]);
    let tax = prop::option::of(0..250_i64);
    (0..5_u8, charge, interval, 1..7_u32, 0..40_u64, discount, tax).prop_map(
        |(id, charge, interval, count, quantity, discount, tax)| {
            let mut item = item(price(&id.to_string(), charge, interval, count), quantity);
            item.discounts = discount.into_iter().collect();
            item.tax_rates = tax
                .map(|tenths| TaxRate::Inclusive(Exact::fraction(tenths, 10).unwrap()))
                .into_iter()
                .collect();
            item
        },
    )
}

proptest! {
    #[test]
    fn lines_add_up(
        items in prop::collection::vec(any_item(), 1..5),
        discounts in prop::collection::vec(prop_oneof![
            (0..1000_i64).prop_map(|tenths| percent(&format!("{tenths}/10"))),
            (0..20_000_i64).prop_map(amount_off),
        ], 0..3),
        tax in prop::option::of(1..25_i64),
    ) {
        let mut given = subscription(items);
        given.discounts = discounts;
        given.default_tax_rates = tax.map(|percent| TaxRate::Inclusive(Exact::whole(percent))).into_iter().collect();
        let figure = of(&given, &Catalog::default(), &[]);
        let mut sum = Sum::default();
        for line in &figure.lines {
            sum.add(line.amount);
        }
        let mrr = figure.mrr.clone().unwrap();
        prop_assert_eq!(sum.total(), mrr.into());
        prop_assert!(mrr >= Exact::ZERO);
        // Looking does not change what is seen.
        let unexplained = super::figure(&given, &Catalog::default(), &Policy::default().options, NOW, Explain::No);
        prop_assert_eq!(unexplained.mrr, figure.mrr);
    }

    #[test]
    fn splitting_a_subscription_changes_nothing(
        items in prop::collection::vec(any_item(), 1..6),
        at in 0..6_usize,
        off in prop::option::of(0..1000_i64),
    ) {
        // A half without items is no subscription.
        let whole = |items: &[Item<'static>]| {
            if items.is_empty() {
                return Exact::ZERO;
            }
            let mut given = subscription(items.to_vec());
            given.discounts = off.iter().map(|tenths| percent(&format!("{tenths}/10"))).collect();
            of(&given, &Catalog::default(), &[]).mrr.unwrap()
        };
        let at = at.min(items.len());
        let (left, right) = items.split_at(at);
        prop_assert_eq!(whole(&items), whole(left).plus(whole(right)).unwrap());
    }

    #[test]
    fn the_order_of_items_changes_nothing(items in prop::collection::vec(any_item(), 1..6), off in 0..5000_i64) {
        let whole = |items: Vec<Item<'static>>| {
            let mut given = subscription(items);
            given.discounts = vec![amount_off(off), percent("12.5")];
            of(&given, &Catalog::default(), &[]).mrr
        };
        let turned = items.iter().rev().cloned().collect();
        let (one, other) = (whole(items), whole(turned));
        // Many unlike fractions may not fit 128 bits on the way, in one order or the other.
        let fits = |mrr: &Result<Exact, FigureError>| !matches!(mrr, Err(error) if error.code == ErrorCode::AmountOutOfRange);
        prop_assume!(fits(&one) && fits(&other));
        prop_assert_eq!(one.unwrap(), other.unwrap());
    }
}
