//! Who is still to be told of events, asked while the server runs.

use serde_json::json;

use crate::process::Place;

#[test]
fn the_outbox_shows_who_was_told_and_gives_back_what_was_given_up() {
    let place = Place::new();
    let _server = place.serve();
    place.run_with(&["put-secret", "/contentcraft/a/b"], "v").exits(0);
    let told =
        |consumer: &str| json!({"consumer": consumer, "oldest": null, "waiting": 0, "failing": 0, "setAside": 0});
    let everybody = json!({
        "consumers": [told("webhooks"), told("metrics"), told("people")],
        "setAside": [],
    });
    // The server tells them within moments; a test that waits in vain fails by its timeout.
    while place.run(&["outbox", "list", "--json"]).exits(0).json() != everybody {
        std::thread::yield_now();
    }
    let one = place.run(&["outbox", "list", "people", "--json"]).exits(0).json();
    assert_eq!(one["consumers"], json!([told("people")]));
    let text = place.run(&["outbox", "list"]).exits(0).stdout;
    assert!(text.starts_with("CONSUMER"), "{text}");

    let given = place.run(&["outbox", "retry", "people", "--json"]).exits(0).json();
    assert_eq!(given, json!({"consumer": "people", "givenBack": 0}));
    let trail = place
        .run(&["audit", "list", "--action", "outbox.given_back", "--json"])
        .exits(0)
        .json();
    assert_eq!(trail["rows"].as_array().unwrap().len(), 1, "{trail}");
    assert!(
        place
            .run(&["outbox", "retry", "bus"])
            .exits(2)
            .stderr
            .contains("webhooks")
    );
    assert!(
        place
            .run(&["outbox", "retry", "nobody"])
            .exits(2)
            .stderr
            .contains("people")
    );
}
