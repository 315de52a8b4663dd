use super::coverage::{Coverage, coverage};
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
    coverage(&paths, &Folders::of(&paths), &config(text), demands, "main")
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

/// A file of one entry for npm with these lines in it, from line 7.
fn with(lines: &str) -> String {
    format!("{MINIMAL}{lines}")
}

#[test]
fn keys_that_do_not_exist_are_refused_wherever_they_stand() {
    let multi = "multi-ecosystem-groups:\n  all:\n    schedule: {interval: weekly}\n";
    for (text, told) in [
        (
            with("    pull-request-title: x\n"),
            "7: an entry has no key `pull-request-title`",
        ),
        (
            with("vulnerability-alerts: {enabled: true}\n"),
            "7: the file has no key `vulnerability-alerts`",
        ),
        (
            with("schedule: {}\n"),
            "7: the file has no key `schedule`; it is a key of an entry",
        ),
        (
            with("    groups: {all: {pattern: ['*']}}\n"),
            "7: a group has no key `pattern`",
        ),
        (
            with("      ignore: []\n"),
            "7: `schedule` has no key `ignore`; it is a key of an entry",
        ),
        (
            with("    ignore:\n      - dependency: x\n"),
            "8: an item of `ignore` has no key `dependency`",
        ),
        (with("    cooldown: {days: 3}\n"), "7: `cooldown` has no key `days`"),
        (
            with("    commit-message:\n      prefix: a\n      suffix: b\n"),
            "9: `commit-message` has no key `suffix`",
        ),
        (
            with("    pull-request-branch-name: {separator: '-', length: 9}\n"),
            "7: `pull-request-branch-name` has no key `length`",
        ),
        (
            with("    registries: '*'\nregistries:\n  a: {type: git, url: x, pass: y}\n"),
            "9: a registry has no key `pass`",
        ),
        (
            format!("{}{multi}    name: x\n", with("")),
            "10: a multi-ecosystem group has no key `name`; it is a key of an entry",
        ),
        (
            format!("{}{}", with(""), multi.replace("weekly", "weekly, at: '3'")),
            "9: `schedule` has no key `at`",
        ),
    ] {
        assert_eq!(mistakes(&text), [told], "{text}");
    }
}

#[test]
fn values_and_types_outside_the_lists_are_refused() {
    for (lines, told) in [
        (
            "      time: \"5:00\"\n",
            "7: `time` must be hours and minutes with two digits each, such as `05:30`",
        ),
        (
            "      time: '09:00:00'\n",
            "7: `time` must be hours and minutes with two digits each, such as `05:30`",
        ),
        (
            "      time: '24:00'\n",
            "7: `time` must be hours and minutes with two digits each, such as `05:30`",
        ),
        (
            "      time: 15:00\n",
            "7: `time` must be a text; without quotes GitHub does not read it as one",
        ),
        (
            "      day: 1\n",
            "7: `day` must be one of monday, tuesday, wednesday, thursday, friday, saturday, sunday",
        ),
        (
            "      day: Monday\n",
            "7: `day` must be one of monday, tuesday, wednesday, thursday, friday, saturday, sunday",
        ),
        (
            "      timezone: Europ/Berlin\n",
            "7: IANA has no timezone `Europ/Berlin`; write one such as `Europe/Berlin`",
        ),
        (
            "      timezone: europe/berlin\n",
            "7: IANA has no timezone `europe/berlin`; write one such as `Europe/Berlin`",
        ),
        (
            "      timezone: ${{ vars.ZONE }}\n",
            "7: IANA has no timezone `${{ vars.ZONE }}`; expressions are not evaluated in this file",
        ),
        (
            "      cronjob: 0 9 * * * UTC\n",
            "7: `cronjob` takes no timezone (`UTC`); write it under `timezone`",
        ),
        (
            "      cronjob: 0 9 * * * Europe/Nowhere\n",
            "7: `cronjob` takes no timezone (`Europe/Nowhere`); write it under `timezone`",
        ),
        (
            "    versioning-strategy: newest\n",
            "7: `versioning-strategy` must be one of auto, increase, increase-if-necessary, lockfile-only, widen",
        ),
        (
            "    rebase-strategy: never\n",
            "7: `rebase-strategy` must be one of auto, disabled",
        ),
        ("    ignore: left-pad\n", "7: `ignore` must be a list"),
        (
            "    ignore:\n      - versions: {a: b}\n",
            "8: `versions` must be a text or a list of texts",
        ),
        (
            "    ignore: [{}]\n",
            "7: an item of `ignore` needs one of the keys `dependency-name`, `update-types`, `versions`",
        ),
        ("    labels: deps\n", "7: `labels` must be a list"),
        (
            "    labels: [1]\n",
            "7: an item of `labels` must be a text; without quotes GitHub does not read it as one",
        ),
        ("    labels:\n", "7: `labels` must be a list; nothing is written there"),
        ("    milestone: '4'\n", "7: `milestone` must be a whole number"),
        ("    vendor: 'true'\n", "7: `vendor` must be `true` or `false`"),
        ("    commit-message: {include: all}\n", "7: `include` must be `scope`"),
        (
            "    cooldown: {default-days: 100}\n",
            "7: `default-days` must be at most 90",
        ),
        ("    target-branch: 3\n", "7: `target-branch` must be a branch's name"),
        ("    groups: []\n", "7: `groups` must be a section with keys"),
        (
            "    groups: {a: {update-types: [all]}}\n",
            "7: an item of `update-types` must be one of major, minor, patch",
        ),
    ] {
        assert_eq!(mistakes(&with(lines)), [told], "{lines}");
    }
    for lines in [
        "      time: '09:30'\n      timezone: America/Argentina/Buenos_Aires\n      day: friday\n",
        "      cronjob: 30 6 * * TUE#2\n",
        "      cronjob: every day at 5pm\n",
        "    vendor: yes\n",
        "    ignore: [{dependency-name: a, versions: ['1.x']}, {versions: '2'}]\n",
        "    cooldown: {semver-patch-days: 0}\n",
        "    open-pull-requests-limit: 0\n",
    ] {
        assert_eq!(notes(&with(lines), &[]), (vec![], vec![]), "{lines}");
    }
    for (ecosystem, told) in [
        ("\"\"", "3: `package-ecosystem` is empty; write one such as `npm`"),
        ("", "3: `package-ecosystem` is empty; write one such as `npm`"),
        ("7", "3: `package-ecosystem` must be a name such as `npm`"),
        ("pnpm", "3: Dependabot has no package-ecosystem `pnpm`; write `npm`"),
        (
            "github_actions",
            "3: Dependabot has no package-ecosystem `github_actions`; write `github-actions`",
        ),
        ("conan", "3: Dependabot has no package-ecosystem `conan`"),
    ] {
        assert_eq!(mistakes(&MINIMAL.replace(": npm", &format!(": {ecosystem}"))), [told]);
    }
    let beta = MINIMAL.replace(": npm", ": conan") + "enable-beta-ecosystems: true\n";
    assert_eq!(config(&beta).updates.len(), 1);
    let cron = MINIMAL.replace("weekly", "cron") + "      cron: '1 2 * * *'\n";
    assert_eq!(
        mistakes(&cron),
        [
            "6: the interval `cron` needs a `cronjob`",
            "7: `schedule` has no key `cron`"
        ]
    );
}

#[test]
fn registries_are_used_and_have_a_type_that_exists() {
    let registry = |rest: &str| format!("registries:\n  house:\n    {rest}\n");
    let git = registry("{type: git, url: x}");
    assert_eq!(mistakes(&with(&git)), ["8: no entry uses the registry `house`"]);
    for by in ["[house]", "\"*\""] {
        let text = with(&format!("    registries: {by}\n{git}"));
        assert_eq!(notes(&text, &[]), (vec![], vec![]), "{text}");
    }
    assert_eq!(
        mistakes(&with(&format!("    registries: house\n{git}"))),
        ["7: `registries` must be a list of names, or `\"*\"`"]
    );
    let odd = registry("{type: npm, url: x}");
    assert!(
        mistakes(&with(&format!("    registries: [house]\n{odd}")))[0]
            .starts_with("10: `type` must be one of cargo-registry,")
    );
    let bare = registry("type: git");
    assert_eq!(
        mistakes(&with(&format!("    registries: [house]\n{bare}"))),
        ["10: the registry `house` has no `url`"]
    );
    let hex = registry("{type: hex-organization, organization: acme, key: x}");
    assert_eq!(
        notes(&with(&format!("    registries: [house]\n{hex}")), &[]),
        (vec![], vec![])
    );
}

#[test]
fn entries_for_one_folder_and_branch_overlap() {
    let two = |first: &str, second: &str| {
        format!(
            "version: 2\nupdates:\n  - package-ecosystem: npm\n    {first}\n    schedule: {{interval: daily}}\n  - \
             package-ecosystem: npm\n    {second}\n    schedule: {{interval: daily}}\n"
        )
    };
    let tree = [
        "package.json",
        "apps/a/package.json",
        "apps/b/package.json",
        "libs/c/d/package.json",
    ];
    for (first, second, told) in [
        ("directory: site", "directories: [/site/, api]", "`/site`"),
        ("directory: ''", "directory: /", "`/`"),
        ("directories: [/, '/apps/*']", "directory: /apps/a", "`/apps/a`"),
        ("directory: /apps/a", "directories: ['**/*']", "`/apps/a`"),
        ("directory: /", "directories: ['*']", "`/`"),
        (
            "directories: ['/apps/*']",
            "directories: ['/{apps,x}/?']",
            "`/apps`, `/apps/a`, `/apps/b`",
        ),
        ("directories: ['/none/*']", "directories: ['none/*']", "`/none/*`"),
        (
            "directories: ['/**/*']",
            "directories: ['**/*']",
            "`/`, `/apps`, `/apps/a` and 4 more",
        ),
    ] {
        let text = two(first, second);
        let expected = format!("6: there is another entry for `npm` in {told}");
        assert_eq!(notes(&text, &tree), (vec![expected], vec![]), "{text}");
    }
    for (first, second) in [
        ("directories: [/, '/apps/*']", "directories: ['/libs/*']"),
        ("directory: /apps/c", "directories: ['/apps/*']"),
        ("directory: /", "directory: /\n    target-branch: next"),
        ("directories: ['/apps/a', '/apps/*']", "directory: /libs"),
    ] {
        assert_eq!(notes(&two(first, second), &tree), (vec![], vec![]), "{first} {second}");
    }
    let other = two("directory: /", "directory: /").replacen("npm", "gomod", 1);
    assert_eq!(notes(&other, &tree), (vec![], vec![]));
    let by_tree = two("directories: ['/apps/*']", "directory: /apps/a");
    assert!(
        matches!(read(&by_tree), Reading::Valid(_)),
        "without the tree nobody can tell"
    );
}

#[test]
fn what_github_says_of_is_not_known_is_a_warning() {
    let entry = |ecosystem: &str, rest: &str| format!("  - package-ecosystem: {ecosystem}\n{rest}");
    let group = "version: 2\nmulti-ecosystem-groups:\n  all:\n    schedule: {interval: weekly}\nupdates:\n";
    let actions = "    schedule: {interval: weekly}\n";
    for (text, line, says) in [
        (
            format!(
                "{group}{}",
                entry("npm", "    directory: /\n    multi-ecosystem-group: all\n")
            ),
            8,
            "has no `patterns`",
        ),
        (
            format!(
                "{group}{}",
                entry(
                    "npm",
                    "    directory: /\n    patterns: [a]\n    multi-ecosystem-group: none\n"
                )
            ),
            9,
            "no group `none`",
        ),
        (with("    groups:\n      all: {}\n"), 8, "`all` has no key"),
        (with("    groups:\n      all:\n"), 8, "`all` has no key"),
        (with("    groups: {}\n"), 7, "`groups` is empty"),
        ("version: 2\nupdates: []\n".to_owned(), 2, "no entry"),
        (
            format!(
                "version: 2\nupdates:\n{}",
                entry(
                    "github-actions",
                    &format!("    directories: [/, /.github/workflows]\n{actions}")
                )
            ),
            3,
            "the same workflows",
        ),
        (
            format!(
                "version: 2\nupdates:\n{}{}",
                entry("github-actions", &format!("    directory: /\n{actions}")),
                entry("github-actions", &format!("    directories: ['/.github/*']\n{actions}"))
            ),
            6,
            "the same workflows",
        ),
        (with("    registries: [none]\n"), 7, "no registry `none`"),
        (with("    reviewers:\n      - ada\n"), 7, "retired"),
        (with("    labels: [a, a]\n"), 7, "twice"),
        (with("registries: {}\n"), 7, "`registries` is empty"),
    ] {
        let (mistakes, warnings) = notes(&text, &[".github/workflows/ci.yml"]);
        assert_eq!(mistakes, Vec::<String>::new(), "{text}");
        assert!(
            warnings.len() == 1 && warnings[0].starts_with(&format!("{line}: ")) && warnings[0].contains(says),
            "{text} {warnings:?}"
        );
    }
    let pattern = entry("github-actions", &format!("    directories: ['**/*']\n{actions}"));
    let text = format!("version: 2\nupdates:\n{pattern}");
    assert_eq!(notes(&text, &[".github/workflows/ci.yml"]), (vec![], vec![]));
}

#[test]
fn a_file_of_windows_has_the_same_lines() {
    let text = with("    labels: deps\n").replace('\n', "\r\n");
    assert_eq!(mistakes(&format!("\u{feff}{text}")), ["7: `labels` must be a list"]);
    let time = with("      time: 15:00\n").replace('\n', "\r\n");
    assert!(mistakes(&format!("\u{feff}{time}"))[0].contains("quotes"));
}

#[test]
fn actions_are_covered_by_the_folder_they_are_in() {
    let actions = |folders: &str| entry("github-actions", &format!("directories: {folders}"));
    let tree = [
        ".github/workflows/ci.yml",
        "action.yml",
        ".github/actions/a/action.yml",
        "action/action.yaml",
    ];
    let left = |folders: &str| missing(&actions(folders), &tree, &demands());
    assert_eq!(
        left("[/]"),
        ["github-actions /.github/actions/a", "github-actions /action"]
    );
    assert_eq!(
        left("[/.github/workflows]"),
        [
            "github-actions /",
            "github-actions /.github/actions/a",
            "github-actions /action"
        ]
    );
    assert!(missing(&actions("[/.github/workflows]"), &tree[..1], &demands()).is_empty());
    assert_eq!(left("['/', '/.github/actions/*']"), ["github-actions /action"]);
    assert!(left("['**/*']").is_empty());
    assert_eq!(
        missing(&actions("[/.github]"), &tree[..1], &demands()),
        ["github-actions /"]
    );
}

#[test]
fn pip_reads_requirements_one_folder_deep() {
    let pip = |folders: &str| entry("pip", &format!("directories: {folders}"));
    let left = |folders: &str, tree: &[&str]| missing(&pip(folders), tree, &demands());
    assert!(left("[/]", &["docs/requirements.txt", "setup.cfg", "requirements/dev.in"]).is_empty());
    assert_eq!(
        left("[/]", &["docs/a/requirements.txt", "docs/setup.cfg"]),
        ["pip /docs", "pip /docs/a"]
    );
    assert!(
        left(
            "[/requirements]",
            &["requirements/base.in", "requirements/x/requirements.txt"]
        )
        .is_empty()
    );
    assert_eq!(
        left(
            "['/', '/functions/**']",
            &[
                "functions/mail/requirements.txt",
                "functions/mail/v2/old/requirements.txt"
            ]
        ),
        ["pip /functions/mail/v2/old"]
    );
    let uv = entry("uv", "directory: /");
    assert!(missing(&uv, &["requirements.txt", "pyproject.toml"], &demands()).is_empty());
    assert_eq!(missing(&uv, &["Pipfile"], &demands()), ["pip /"]);
    assert_eq!(
        missing(
            &entry("pip", "directory: /"),
            &["pyproject.toml", "uv.lock"],
            &demands()
        ),
        ["uv /"]
    );
}

#[test]
fn local_modules_of_terraform_are_unknown() {
    let tree = ["main.tf", "network/main.tf", "x/main.tofu"];
    let found = covered(&entry("terraform", "directory: /"), &tree, &demands());
    let unknown: Vec<&str> = found.unknown.iter().map(|one| one.directory.as_str()).collect();
    assert_eq!(unknown, ["/network"]);
    assert_eq!(found.missing.len(), 1, "OpenTofu has no entry");
    let none = entry("terraform", "directory: /elsewhere");
    assert_eq!(
        missing(&none, &tree[..2], &demands()),
        ["terraform /", "terraform /network"]
    );
}

#[test]
fn swift_projects_belong_to_the_folder_that_holds_them() {
    let swift = |folder: &str| entry("swift", &format!("directory: {folder}"));
    let project = "ios/App.xcodeproj/project.xcworkspace/xcshareddata/swiftpm/Package.resolved";
    let left = |folder: &str, tree: &[&str]| missing(&swift(folder), tree, &demands());
    assert_eq!(left("/web", &[project]), ["swift /ios"]);
    assert!(left("/ios", &[project]).is_empty());
    assert!(
        left("/", &[project]).is_empty(),
        "a folder without a package is searched"
    );
    assert_eq!(left("/", &[project, "Package.swift"]), ["swift /ios"]);
}
