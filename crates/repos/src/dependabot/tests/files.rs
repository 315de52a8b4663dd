use super::*;

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
}

#[test]
fn values_of_the_lists_are_taken_and_ecosystems_have_a_hint() {
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
