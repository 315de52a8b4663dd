//! Input in every form comes out in its order, whatever is wrong with parts of it.

use std::error::Error;
use std::io::{self, BufReader, Read};

use cc_devops_revenue::lines::Explain;
use cc_devops_revenue::model::Catalog;
use cc_devops_revenue::policy::Policy;
use cc_devops_stripe::compute::{ComputeError, compute};
use cc_devops_stripe::objects::Terms;
use serde_json::{Value, json};

fn subscription(id: &str, cents: u64) -> Value {
    json!({
        "id": id, "object": "subscription", "customer": "cus_1", "currency": "usd", "status": "active",
        "items": {"data": [{"id": "si", "quantity": 1, "price": {
            "id": "p", "currency": "usd", "recurring": {"interval": "month"}, "unit_amount": cents,
        }}]},
    })
}

/// The same subscription a number of times, one a line.
fn lines(count: u64) -> String {
    let lines: Vec<String> = (0..count).map(|number| subscription("a", number).to_string()).collect();
    lines.join("\n")
}

/// What an input comes to: `id=cents`, or `id!` for an error.
fn computed(input: impl Read + Send) -> Result<Vec<String>, ComputeError> {
    let (catalog, policy, mut found) = (Catalog::default(), Policy::default(), Vec::new());
    let terms = Terms {
        catalog: &catalog,
        options: &policy.options,
        as_of: 0,
        explain: Explain::No,
    };
    compute(BufReader::new(input), terms, |figure| {
        found.push(match &figure.mrr {
            Ok(mrr) => format!("{}={mrr}", figure.id),
            Err(_) => format!("{}!", figure.id),
        });
        Ok(())
    })?;
    Ok(found)
}

#[test]
fn every_form_is_read() {
    let (a, b) = (subscription("a", 1), subscription("b", 2));
    let list = json!({"object": "list", "url": "/v1/subscriptions", "has_more": false, "data": [a, b]});
    for (form, input) in [
        ("lines", format!("{a}\n{b}\n")),
        ("lines without an end", format!("{a}\n{b}")),
        (
            "lines with gaps and a mark",
            format!("\u{feff}\r\n\n{a}\r\n\r\n  {b}  \n\n"),
        ),
        ("array", json!([a, b]).to_string()),
        ("array for people", format!("\u{feff}\n{:#}", json!([a, b]))),
        ("list", list.to_string()),
        ("list for people", format!("{list:#}\n")),
        ("objects for people", format!("{a:#}\n{b:#}\n")),
        (
            "pages, one a line",
            format!("{}\n{}\n", json!({"object": "list", "data": [a]}), json!([b])),
        ),
        (
            "pages, one a line, lists first",
            format!("{}\n{b}\n", json!({"object": "list", "data": [a]})),
        ),
    ] {
        assert_eq!(computed(input.as_bytes()).unwrap(), ["a=1", "b=2"], "{form}");
    }
    for input in ["[]", "{\"object\": \"list\", \"data\": []}"] {
        assert_eq!(computed(input.as_bytes()).unwrap(), Vec::<String>::new(), "{input}");
    }
    for input in ["", "\n\n", "\u{feff}"] {
        let error = computed(input.as_bytes()).unwrap_err();
        assert!(matches!(error, ComputeError::Empty), "{input:?}: {error}");
    }
}

#[test]
fn the_inputs_order_is_kept() {
    let expected: Vec<String> = (0..20_000).map(|number| format!("sub_{number}={number}")).collect();
    let all: Vec<Value> = (0..20_000)
        .map(|number| subscription(&format!("sub_{number}"), number))
        .collect();
    let lines: Vec<String> = all.iter().map(Value::to_string).collect();
    assert!(computed(lines.join("\n").as_bytes()).unwrap() == expected);
    assert!(computed(Value::from(all).to_string().as_bytes()).unwrap() == expected);
}

#[test]
fn a_bad_line_does_not_stop_the_run() {
    let (a, b) = (subscription("a", 1), subscription("b", 2));
    let input = format!("{{\"id\": oops}}\n{a}\n{{\"id\": \"c\"}}\n7\n{{\"id\": \"half\n{b}\n\u{1}\n");
    assert_eq!(
        computed(input.as_bytes()).unwrap(),
        ["!", "a=1", "c!", "!", "!", "b=2", "!"]
    );
}

#[test]
fn what_is_no_json_is_said() {
    let error = computed(b"[{\"id\": 1}, oops]".as_slice()).unwrap_err();
    assert!(matches!(error, ComputeError::NotJson(_)), "{error}");
}

#[test]
fn the_first_failure_ends_the_run() {
    let lines = lines(20_000);
    let (catalog, policy, mut taken) = (Catalog::default(), Policy::default(), 0);
    let terms = Terms {
        catalog: &catalog,
        options: &policy.options,
        as_of: 0,
        explain: Explain::No,
    };
    let ended = compute(lines.as_bytes(), terms, |_| {
        taken += 1;
        if taken == 5000 {
            Err(io::Error::other("the disk is full"))
        } else {
            Ok(())
        }
    });
    assert_eq!(ended.unwrap_err().to_string(), "the disk is full");
    assert_eq!(taken, 5000);
}

#[test]
fn an_input_that_breaks_off_is_said() -> Result<(), Box<dyn Error>> {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the pipe broke"))
        }
    }
    let lines = lines(2000)
        + "
";
    let error = computed(lines.as_bytes().chain(Broken))
        .err()
        .ok_or("nothing was said")?;
    assert_eq!(error.to_string(), "the pipe broke");
    Ok(())
}
