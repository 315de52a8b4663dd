//! No other crate has an HTTP client of its own.

use std::path::Path;

use toml::{Table, Value};

/// What is, or brings, an HTTP client.
const CLIENTS: [&str; 13] = [
    "attohttpc",
    "awc",
    "curl",
    "hyper-rustls",
    "hyper-tls",
    "isahc",
    "minreq",
    "octocrab",
    "reqwest",
    "reqwest-middleware",
    "surf",
    "tonic",
    "ureq",
];

/// What is a client only with some of its features.
const FEATURES: [(&str, &[&str]); 2] = [
    ("hyper", &["client", "full"]),
    ("hyper-util", &["client", "client-legacy", "client-proxy", "full"]),
];

/// The clients that a manifest names for what it ships. Tests may speak as strangers, with another's client.
fn clients(manifest: &Table) -> Vec<String> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let of_targets = targets.into_iter().flat_map(Table::values).filter_map(Value::as_table);
    let tables = std::iter::once(manifest).chain(manifest.get("workspace").and_then(Value::as_table));
    let mut found = Vec::new();
    for section in tables.chain(of_targets) {
        for kind in ["dependencies", "build-dependencies"] {
            for (name, value) in section.get(kind).and_then(Value::as_table).into_iter().flatten() {
                let package = value.get("package").and_then(Value::as_str).unwrap_or(name);
                let features = value.get("features").and_then(Value::as_array);
                let asked = |wanted: &[&str]| {
                    let names = features.into_iter().flatten().filter_map(Value::as_str);
                    names.into_iter().any(|feature| wanted.contains(&feature))
                };
                if CLIENTS.contains(&package) || FEATURES.iter().any(|(of, wanted)| *of == package && asked(wanted)) {
                    found.push(package.to_owned());
                }
            }
        }
    }
    found
}

fn read(path: &Path) -> Table {
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

#[test]
fn no_crate_but_outbound_names_an_http_client() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (below, least) in [(crates.to_owned(), 20), (crates.join("doors"), 6)] {
        let mut looked_at = 0;
        for folder in std::fs::read_dir(&below).unwrap() {
            let folder = folder.unwrap().path();
            let manifest = folder.join("Cargo.toml");
            if !manifest.is_file() {
                continue;
            }
            looked_at += 1;
            let found = clients(&read(&manifest));
            if folder.ends_with("outbound") {
                assert_eq!(found, ["reqwest"]);
            } else {
                assert!(
                    found.is_empty(),
                    "{} names {found:?}: send through cc-devops-outbound",
                    folder.display()
                );
            }
        }
        assert!(looked_at >= least, "{looked_at} crates in {}", below.display());
    }
    // A feature that the workspace asks for would be every crate's.
    assert_eq!(clients(&read(&crates.join("../Cargo.toml"))), ["reqwest"]);
}

#[test]
fn a_client_is_found_wherever_it_is_named() {
    for (text, expected) in [
        (
            "[dependencies]\nserde = \"1\"\nhyper = { version = \"1\", features = [\"server\"] }",
            None,
        ),
        ("[dependencies]\nreqwest.workspace = true", Some("reqwest")),
        (
            "[dependencies]\nweb = { package = \"ureq\", version = \"3\" }",
            Some("ureq"),
        ),
        ("[build-dependencies]\ncurl = \"1\"", Some("curl")),
        ("[target.'cfg(unix)'.dependencies]\nisahc = \"1\"", Some("isahc")),
        (
            "[workspace.dependencies]\nhyper = { version = \"1\", features = [\"client\"] }",
            Some("hyper"),
        ),
        ("[dev-dependencies]\nreqwest.workspace = true", None),
    ] {
        match (clients(&text.parse().unwrap()).as_slice(), expected) {
            ([], None) => {}
            ([found], Some(expected)) => assert_eq!(found, expected, "{text}"),
            (found, _) => panic!("{found:?} in {text}"),
        }
    }
}
