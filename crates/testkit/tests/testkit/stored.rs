//! What was ever written into a store is read by this version, and so is what a later one may add to it.
//!
//! `data/stored` has a folder for each format and a file for each form of it that ever landed. A new form
//! is a new file; none is taken away.

use std::fs;
use std::path::{Path, PathBuf};

use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::health::Check;
use cc_devops_kernel::stored;
use cc_devops_repos::audit::KeptRepository;
use cc_devops_repos::workflows::Watch;
use cc_devops_revenue::day::Day;
use serde::de::DeserializeOwned;

/// Reads a stored text, and shows what was read.
type Read = fn(&str) -> Result<String, String>;

/// The formats, with what reads them. Ends of stacks and of commands are read by the embedded backend's own tests.
const FORMATS: [(&str, Option<Read>); 8] = [
    ("audit_entry", Some(plain::<AuditEntry>)),
    ("command_end", None),
    ("event", Some(event)),
    ("health_checks", Some(plain::<Vec<Check>>)),
    ("kept_repository", Some(plain::<KeptRepository>)),
    ("revenue_day", Some(plain::<Day>)),
    ("stack_end", None),
    ("workflow_watch", Some(plain::<Watch>)),
];

fn plain<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> Result<String, String> {
    let read: T = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(format!("{read:?}"))
}

fn event(text: &str) -> Result<String, String> {
    let read = stored::read_event(text).map_err(|error| error.to_string())?;
    Ok(format!("{read:?}"))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/stored")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The same with a field that nobody knew, in the first object and in an event's body. As text, so that
/// numbers stay as they were written.
fn with_more(text: &str) -> String {
    let more = r#""fromLater":{"a":[1,2]},"#;
    let text = text.replacen('{', &format!("{{{more}"), 1);
    text.replacen(r#""body":{"#, &format!(r#""body":{{{more}"#), 1)
}

#[test]
fn every_form_that_ever_landed_is_read_and_later_fields_are_let_pass() {
    let known: Vec<&str> = FORMATS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names(&folder()), known, "every format has somebody who reads it");
    for (name, read) in FORMATS {
        let Some(read) = read else { continue };
        let files = names(&folder().join(name));
        assert!(!files.is_empty(), "{name} has no file");
        for file in files {
            let text = fs::read_to_string(folder().join(name).join(&file)).unwrap();
            let first = read(&text).unwrap_or_else(|error| panic!("{name}/{file}: {error}"));
            let again = read(&with_more(&text)).unwrap_or_else(|error| panic!("{name}/{file}, with more: {error}"));
            assert_eq!(
                first, again,
                "{name}/{file}: a field of a later version changes nothing"
            );
        }
    }
}

#[test]
fn what_is_written_now_is_among_the_forms() {
    let texts = names(&folder().join("event")).into_iter();
    for file in texts.filter(|file| file.starts_with("1_")) {
        let text = fs::read_to_string(folder().join("event").join(&file)).unwrap();
        let read = stored::read_event(&text).unwrap();
        assert_eq!(stored::write_event(&read).unwrap(), text.trim_end(), "{file}");
    }
}
