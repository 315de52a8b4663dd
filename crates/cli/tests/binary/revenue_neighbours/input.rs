//! How `revenue compute` reads its input and the files beside it: forms, parts, copies, lines, and what it refuses.

use serde_json::{Value, json};

use super::{AS_OF, answer, compute, coupon, error_of, lay, plain, subscription};
use crate::process::Place;

#[test]
fn files_beside_take_every_form_that_the_input_takes() {
    let subscription = subscription("sub_1", &json!({}), &json!({"customer": "cus_1"})).to_string();
    let discount = json!({"id": "di", "source": {"coupon": coupon(&json!({"percent_off": 10}))}});
    let one = json!({"id": "cus_1", "object": "customer", "discount": discount});
    let two = json!({"id": "cus_2", "object": "customer", "discount": null});
    for form in [
        format!("{one}\n{two}\n"),
        format!("\u{feff}\r\n{two}\r\n\r\n{one}"),
        json!([two, one]).to_string(),
        format!("{:#}", json!({"object": "list", "data": [two, one], "has_more": false})),
        json!({"object": "search_result", "data": [one], "next_page": null}).to_string(),
        json!([{"data": [two]}, {"data": [one]}]).to_string(),
        format!(
            "{}\n{}\n",
            json!({"object": "list", "data": [two]}),
            json!({"object": "list", "data": [one]})
        ),
        one.to_string(),
    ] {
        let (exit, answer) = answer(&subscription, &[("--customers", form.clone())], &[]);
        let seen = (
            exit,
            &answer["subscriptions"][0]["mrr_exact"],
            &answer["customer_discounts_unknown"],
        );
        assert_eq!(seen, (0, &json!("900"), &json!(0)), "{form}\n{answer}");
    }
    for (form, said) in [
        (String::new(), "empty"),
        ("id,name\ncus_1,x\n".to_owned(), "CSV"),
        (format!("{two}\n\n{{\"id\":7}}\n"), "on line 3"),
        (format!("{two}\n{subscription}\n"), "a subscription"),
    ] {
        let run = compute(&subscription, &[("--customers", form)], &[]).exits(3);
        assert!(run.stderr.contains(said) && !run.stderr.contains("column"), "{run}");
    }
}

#[test]
fn a_list_is_a_part_wherever_that_is_said() {
    let (a, b) = (plain("sub_a"), plain("sub_b"));
    let list = |one: &Value, tail: &Value| {
        let mut list = json!({"object": "list", "data": [one]});
        lay(&mut list, tail);
        list
    };
    let (more, at_end) = (json!({"has_more": true}), json!({"has_more": false}));
    for (input, complete) in [
        (format!("{}\n{}\n", list(&a, &more), list(&b, &at_end)), true),
        (format!("{}\n{}\n", list(&a, &at_end), list(&b, &more)), false),
        (json!([list(&a, &more), list(&b, &at_end)]).to_string(), true),
        (json!([[list(&a, &at_end)], [list(&b, &more)]]).to_string(), false),
        (format!("{:#}", list(&a, &json!({"next_page": "p_2"}))), false),
        (format!("{:#}", list(&a, &json!({"next_page": null}))), true),
        (json!({"data": [a], "next_page_url": "/v2/x?page=2"}).to_string(), false),
        (
            json!({"has_more": true, "data": [a], "url": "/v1/subscriptions"}).to_string(),
            false,
        ),
    ] {
        let (exit, answer) = answer(&input, &[], &[]);
        assert_eq!(answer["complete"], complete, "{input}");
        assert_eq!(exit, i32::from(!complete), "{input}");
        assert_eq!(answer["errors"].get("list_incomplete").is_some(), !complete, "{input}");
    }
    let run = compute(list(&a, &more).to_string(), &[], &[]).exits(1);
    assert!(run.stdout.contains("the list is only a part"), "{run}");
    let mut items = plain("sub_a");
    items["items"]["next_page"] = json!("p_2");
    let (exit, answer) = answer(items.to_string(), &[], &[]);
    assert_eq!((exit, error_of(&answer, 0)), (1, "items_incomplete"), "{answer}");
}

#[test]
fn copies_are_told_by_their_value() {
    let text = plain("sub_1").to_string();
    let spaced = format!("{:#}", plain("sub_1")).replace('\n', " ");
    let escaped = text.replace("price_1", "pric\\u0065_1");
    let other = subscription("sub_1", &json!({"unit_amount": 700}), &json!({})).to_string();
    let cut = &text[..text.len() / 2];
    let page = json!({"object": "list", "data": [plain("sub_1"), plain("sub_2")]}).to_string();
    for (lines, flags, exit, total, copies) in [
        (vec![&*text, &spaced, &escaped], vec![], 0, 1000, 2),
        (vec![&*text, &page], vec![], 0, 2000, 1),
        (vec![&*other, &text, &other], vec!["--duplicates", "newest"], 0, 700, 2),
        (vec![&*text, &other], vec![], 1, 0, 0),
        (vec![&*text, &other], vec!["--duplicates", "refuse"], 1, 0, 0),
        (vec![cut, &text], vec![], 1, 1000, 0),
    ] {
        let (code, answer) = answer(lines.join("\n"), &[], &flags);
        let found = answer["totals"][0]["mrr_minor"].as_i64().unwrap_or_default();
        assert_eq!(
            (code, found, &answer["duplicates"]),
            (exit, total, &json!(copies)),
            "{lines:?}\n{answer}"
        );
    }
    let conflicting = format!("{text}\n{other}\n{text}\n");
    let (_, answer) = answer(&conflicting, &[], &[]);
    assert_eq!(answer["subscriptions"].as_array().unwrap().len(), 1, "{answer}");
    assert_eq!(answer["subscription_count"], 1);
    let place = Place::new();
    place.write("input", &conflicting);
    place.run(&["revenue", "explain", "sub_1", "--input", "input"]).exits(1);
    let newest = [
        "revenue",
        "explain",
        "sub_1",
        "--input",
        "input",
        "--duplicates",
        "newest",
        "--as-of",
        AS_OF,
    ];
    assert!(place.run(&newest).exits(0).stdout.contains("10.00 USD a month"));
}

#[test]
fn a_line_keeps_its_number_whatever_is_before_it() {
    let (a, b) = (plain("sub_a").to_string(), plain("sub_b").to_string());
    let cut = &b[..b.len() - 40];
    for (input, line, id) in [
        (format!("\u{feff}\r\n\r\n{a}\r\n\r\n{cut}\r\n"), 5, "sub_b"),
        (format!("{cut}\n{a}\n"), 1, "sub_b"),
        (format!("{a}\n\n\n{cut}"), 4, "sub_b"),
        (
            format!("{a}\n{{\"x\":1,\"id\":\"sub_b\",\"status\":oops}}\n"),
            2,
            "sub_b",
        ),
        (
            format!("{a}\n\n{}\n", json!([{"id": "sub_b", "object": "invoice"}])),
            3,
            "sub_b",
        ),
        (format!("{a}\nnot json at all\n"), 2, ""),
    ] {
        let (exit, answer) = answer(&input, &[], &[]);
        let failed = answer["subscriptions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| !entry["error"].is_null());
        let failed = failed.unwrap_or_else(|| panic!("{answer}"));
        let message = failed["error"]["message"].as_str().unwrap();
        assert_eq!((exit, failed["id"].as_str().unwrap()), (1, id), "{answer}");
        assert!(message.starts_with(&format!("line {line}: ")), "{message}");
        assert_eq!(message.matches("line").count(), 1, "{message}");
        assert_eq!(answer["totals"][0]["mrr_minor"], 1000, "{answer}");
    }
    // Far into the file, in another block than the first.
    let many: Vec<String> = (0..2_000)
        .map(|number| plain(&format!("sub_{number}")).to_string())
        .collect();
    let (_, answer) = answer(format!("{}\n\n{cut}\n", many.join("\n\n")), &[], &[]);
    let last = answer["subscriptions"].as_array().unwrap().last().unwrap();
    assert!(
        last["error"]["message"].as_str().unwrap().starts_with("line 4001: "),
        "{last}"
    );
}

#[test]
fn other_objects_and_formats_are_refused_by_their_name() {
    for object in [
        "charge",
        "product",
        "coupon",
        "checkout.session",
        "subscription_item",
        "payment_intent",
    ] {
        let mut other = plain("x_1");
        other["object"] = json!(object);
        let (exit, answer) = answer(other.to_string(), &[], &[]);
        let message = answer["subscriptions"][0]["error"]["message"].as_str().unwrap();
        assert!(exit == 1 && message.contains(object), "{answer}");
        assert_eq!(answer["totals"], json!([]), "{answer}");
    }
    let plain = plain("sub_1").to_string();
    let utf16: Vec<u8> = plain.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (bytes, name) in [
        (b"PK\x03\x04rest".to_vec(), "zip"),
        (b"\xfd7zXZ\x00rest".to_vec(), "xz"),
        (utf16, "UTF-16"),
        (b"id;status\nsub_1;active\n".to_vec(), "CSV"),
        (b"id\tstatus\nsub_1\tactive\n".to_vec(), "CSV"),
        (b"\xef\xbb\xbf".to_vec(), "empty"),
    ] {
        let run = compute(bytes, &[], &["--json"]).exits(3);
        assert!(run.stderr.contains(name) && run.stdout.is_empty(), "{run}");
    }
}
