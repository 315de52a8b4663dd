mod coverage;
mod files;

use super::coverage::Coverage;
use super::*;
use crate::patterns::Glob;
use crate::policy::{Dependabot, Nested, PolicySettings};

const MINIMAL: &str =
    "version: 2\nupdates:\n  - package-ecosystem: npm\n    directory: /\n    schedule:\n      interval: weekly\n";

fn config(text: &str) -> Config {
    match read(text) {
        Reading::Valid(config) => config,
        other => panic!("{other:?}"),
    }
}

fn mistakes(text: &str) -> Vec<String> {
    match read(text) {
        Reading::Invalid(mistakes) => mistakes
            .into_iter()
            .map(|mistake| format!("{}: {}", mistake.line, mistake.message))
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn owned(paths: &[&str]) -> Vec<String> {
    paths.iter().map(ToString::to_string).collect()
}

fn covered(text: &str, paths: &[&str], demands: &Dependabot) -> Coverage {
    let paths = owned(paths);
    super::coverage::coverage(&paths, &Folders::of(&paths), &config(text), demands, "main")
}

fn missing(text: &str, paths: &[&str], demands: &Dependabot) -> Vec<String> {
    covered(text, paths, demands)
        .missing
        .into_iter()
        .map(|missing| format!("{} {}", missing.uncovered.ecosystem, missing.uncovered.directory))
        .collect()
}

/// The mistakes and the warnings in a tree, each with its line.
fn notes(text: &str, paths: &[&str]) -> (Vec<String>, Vec<String>) {
    let told = |notes: Vec<Mistake>| -> Vec<String> {
        notes
            .into_iter()
            .map(|note| format!("{}: {}", note.line, note.message))
            .collect()
    };
    let judged = judge(text, Some(&Folders::of(&owned(paths))));
    let mistakes = match judged.reading {
        Reading::Invalid(mistakes) => mistakes,
        _ => Vec::new(),
    };
    (told(mistakes), told(judged.warnings))
}

fn demands() -> Dependabot {
    PolicySettings::default().dependabot
}

fn entry(ecosystem: &str, rest: &str) -> String {
    format!("version: 2\nupdates:\n  - package-ecosystem: {ecosystem}\n    {rest}\n    schedule: {{interval: daily}}\n")
}

#[test]
fn case_18_kinds_of_files_are_told_apart() {
    assert_eq!(config(MINIMAL).updates.len(), 1);
    for empty in ["", "\n\n", "# to do\n", "---\n", "\u{feff}\n"] {
        assert_eq!(read(empty), Reading::Empty, "{empty:?}");
    }
    let old = "version: 1\nupdate_configs:\n  - package_manager: javascript\n    directory: /\n";
    assert_eq!(read(old), Reading::Version1);
    assert_eq!(read("update_configs: []\n"), Reading::Version1);
    assert!(mistakes("version: 2\nupdates: [\n")[0].contains("not YAML"));
    assert!(mistakes("version: 2\n")[0].contains("`updates` is missing"));
    assert!(mistakes("updates: []\n")[0].contains("write `version: 2`"));
    assert_eq!(
        mistakes("version: '2'\nupdates: []\n"),
        ["1: `version` must be the number 2"]
    );
    assert_eq!(mistakes("version: 2\nupdates: {}\n"), ["2: `updates` must be a list"]);
    assert!(mistakes("- a\n")[0].contains("`version` and `updates`"));
    assert!(mistakes(&format!("{MINIMAL}---\n{MINIMAL}"))[0].contains("second document"));
    assert!(
        mistakes(&format!("{MINIMAL}version: 2\n"))[0].contains("not YAML"),
        "a key twice"
    );
}

#[test]
fn case_18_every_mistake_has_its_line() {
    let text = "version: 3
updates:
  - package-ecosystem: yarn
    directory: /
    schedule: {interval: daily}
  - package-ecosystem: npm
    directory: /
    directories: [/a]
    schedule: {interval: hourly}
  - package-ecosystem: cargo
    open-pull-requests-limit: -1
  - docker
";
    assert_eq!(
        mistakes(text),
        [
            "1: `version` must be the number 2",
            "3: Dependabot has no package-ecosystem `yarn`; write `npm`",
            "8: `directory` and `directories` exclude each other",
            "9: `schedule` needs an `interval`: daily, weekly, monthly, quarterly, semiannually, yearly, cron",
            "10: the entry has neither `directory` nor `directories`",
            "10: the entry has no `schedule`",
            "11: `open-pull-requests-limit` must be a whole number from 0",
            "12: an entry of `updates` must have keys such as `package-ecosystem`",
        ]
    );
    let twice = format!("{MINIMAL}  - package-ecosystem: npm\n    directory: ''\n    schedule: {{interval: daily}}\n");
    assert_eq!(mistakes(&twice), ["7: there is another entry for `npm` in `/`"]);
    let elsewhere = format!("{twice}    target-branch: next\n");
    assert_eq!(config(&elsewhere).updates.len(), 2);
    assert!(mistakes(&entry("npm", "directory: /\n    x: &a 1\n    y: *a"))[0].contains("aliases"));
}

#[test]
fn a_hostile_file_is_refused_quickly() {
    for open in ["[", "{a: ", "- "] {
        let deep = format!("version: 2\nupdates: {}", open.repeat(100_000));
        assert!(matches!(read(&deep), Reading::Invalid(_)));
    }
    let laughs = "a: &a [x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n";
    assert!(matches!(read(laughs), Reading::Invalid(_)));
}

#[test]
fn a_group_brings_its_own_schedule() {
    let text = "version: 2\nmulti-ecosystem-groups:\n  all:\n    schedule: {interval: weekly}\nupdates:\n  - package-ecosystem: npm\n    directory: /\n    multi-ecosystem-group: all\n";
    assert_eq!(config(text).updates.len(), 1);
}

#[test]
fn case_19_a_lockfile_that_is_not_covered() {
    let tree = ["package-lock.json", "Cargo.lock", "README.md"];
    assert_eq!(missing(MINIMAL, &tree, &demands()), ["cargo /"]);
    assert!(missing(MINIMAL, &["yarn.lock"], &demands()).is_empty());
    let ignoring = Dependabot {
        ignored_ecosystems: ["cargo".to_owned()].into(),
        ..demands()
    };
    assert!(missing(MINIMAL, &tree, &ignoring).is_empty());
    let elsewhere = entry("cargo", "directory: /\n    target-branch: next");
    assert_eq!(missing(&elsewhere, &["Cargo.lock"], &demands()), ["cargo /"]);
}

#[test]
fn case_19_nested_manifests() {
    let cargo = entry("cargo", "directory: /");
    let tree = ["Cargo.toml", "crates/a/Cargo.toml", "tools/x/y/Cargo.toml"];
    assert!(missing(&cargo, &tree, &demands()).is_empty(), "members of a workspace");
    assert_eq!(
        missing(&cargo, &["tools/x/Cargo.toml"], &demands()),
        ["cargo /tools/x"],
        "no workspace above it"
    );
    let gomod = entry("gomod", "directory: /");
    assert_eq!(missing(&gomod, &["go.mod", "cmd/go.mod"], &demands()), ["gomod /cmd"]);
    let every = Dependabot {
        nested: Nested::Every,
        ..demands()
    };
    assert_eq!(missing(&cargo, &tree, &every), ["cargo /crates/a", "cargo /tools/x/y"]);
    let any = Dependabot {
        nested: Nested::AnyEntry,
        ..demands()
    };
    assert!(missing(&gomod, &["go.mod", "cmd/go.mod"], &any).is_empty());
    let patterns = entry("gomod", "directories: [/, '/services/*', '**/tool']");
    assert_eq!(
        missing(
            &patterns,
            &[
                "go.mod",
                "services/a/go.mod",
                "services/a/b/go.mod",
                "x/y/tool/go.mod",
                "cmd/go.mod"
            ],
            &demands()
        ),
        ["gomod /cmd", "gomod /services/a/b"]
    );
    assert_eq!(
        mistakes(&entry("gomod", "directory: '/services/*'")),
        ["4: `directory` takes no pattern such as `/services/*`; `directories` does"]
    );
}

#[test]
fn case_19_a_limit_of_0_is_meant() {
    let off = entry("npm", "directory: /\n    open-pull-requests-limit: 0");
    assert_eq!(config(&off).updates[0].limit, Some(0));
    assert!(missing(&off, &["package.json"], &demands()).is_empty());
}

#[test]
fn manifests_of_others_need_no_entry() {
    let tree = [
        "package.json",
        "vendor/x/package.json",
        "a/node_modules/b/package.json",
        "a/testdata/go.mod",
    ];
    assert!(missing(MINIMAL, &tree, &demands()).is_empty());
    let own = Dependabot {
        ignored_paths: vec![Glob::new("examples/**").unwrap()],
        ..demands()
    };
    assert_eq!(
        missing(MINIMAL, &["examples/go.mod", "vendor/go.mod"], &own),
        ["gomod /vendor"]
    );
}

#[test]
fn opentofu_reads_the_files_of_terraform() {
    assert!(missing(&entry("opentofu", "directory: /"), &["main.tf"], &demands()).is_empty());
    assert_eq!(
        missing(&entry("terraform", "directory: /"), &["main.tofu"], &demands()),
        ["opentofu /"]
    );
}
