use super::*;

fn with_files(files: Files) -> RepositoryReport {
    let mut repository = repository();
    repository.files = Fact::Known(files);
    run(&repository)
}

#[test]
fn case_17_either_name_of_the_file_or_both() {
    let [first, second] = crate::dependabot::PATHS;
    for path in [first, second] {
        let report = with_files(files(&[(path, DEPENDABOT)], &["Cargo.toml"]));
        assert_eq!(failing(&report), []);
        assert!(finding(&report, Rule::DependabotFile).evidence.contains(path));
    }
    let commented = format!("# the same\n{DEPENDABOT}");
    let same = with_files(files(&[(second, &commented), (first, DEPENDABOT)], &["Cargo.toml"]));
    assert_eq!(failing(&same), []);
    let differing = with_files(files(&[(first, DEPENDABOT), (second, "version: 1")], &["Cargo.toml"]));
    assert_eq!(failing(&differing), [Rule::DependabotFile]);
    assert!(finding(&differing, Rule::DependabotFile).evidence.contains("differ"));
    assert_eq!(
        differing.dependabot.file,
        Some(FileStanding::Present),
        "the first is read"
    );
    for unread in [0, 1] {
        let mut both = files(&[(first, DEPENDABOT), (second, "version: 1")], &["Cargo.toml"]);
        both.dependabot[unread].text = Fact::Unknown(Gap::NotRead("502".to_owned()));
        let report = with_files(both);
        assert_eq!(failing(&report), [], "what could not be read is not told as different");
        let standing = [Verdict::Unknown, Verdict::Pass][unread];
        assert_eq!(verdict(&report, Rule::DependabotFile), standing);
    }
}

#[test]
fn case_18_files_github_does_not_read() {
    for (text, says) in [
        ("", "is empty"),
        ("# later\n", "is empty"),
        ("version: 1\nupdate_configs: []\n", "version 1"),
        ("version: 2\nupdates: [\n", "not YAML"),
        ("version: 2\nupdates:\n  - directory: /\n", "line 3"),
    ] {
        let report = with_files(files(&[(".github/dependabot.yml", text)], &["Cargo.toml"]));
        assert_eq!(failing(&report), [Rule::DependabotFile], "{text}");
        assert!(finding(&report, Rule::DependabotFile).evidence.contains(says), "{text}");
        assert_eq!(report.dependabot.file, Some(FileStanding::Invalid));
        assert_eq!(verdict(&report, Rule::DependabotCoverage), Verdict::NotApplicable);
    }
    let missing = with_files(files(&[], &["Cargo.toml"]));
    assert_eq!(failing(&missing), [Rule::DependabotFile]);
    assert_eq!(missing.dependabot.file, Some(FileStanding::Missing));
}

#[test]
fn case_19_what_the_file_leaves_out() {
    let file = (".github/dependabot.yml", DEPENDABOT);
    let report = with_files(files(
        &[file],
        &["Cargo.toml", "web/package-lock.json", "vendor/x/go.mod"],
    ));
    assert_eq!(failing(&report), [Rule::DependabotCoverage]);
    let coverage = finding(&report, Rule::DependabotCoverage);
    assert!(coverage.evidence.contains("`npm` in `/web` (`web/package-lock.json`)"));
    assert_eq!(coverage.data["uncovered"][0]["ecosystem"], "npm");
    assert_eq!(report.dependabot.file, Some(FileStanding::Incomplete));

    let mut partial = files(&[file], &["Cargo.toml"]);
    partial.tree = partial.tree.map(|tree| Tree {
        complete: false,
        ..tree
    });
    assert_eq!(
        verdict(&with_files(partial), Rule::DependabotCoverage),
        Verdict::Unknown
    );
    let mut unread = files(&[file], &[]);
    unread.tree = Fact::Unknown(Gap::NotRead("502".to_owned()));
    assert_eq!(verdict(&with_files(unread), Rule::DependabotCoverage), Verdict::Unknown);

    let off = DEPENDABOT.replace("    directory", "    open-pull-requests-limit: 0\n    directory");
    let report = with_files(files(&[(".github/dependabot.yml", &off)], &["Cargo.toml"]));
    assert_eq!(failing(&report), []);
    assert!(finding(&report, Rule::DependabotFile).evidence.contains("on purpose"));
}

#[test]
fn case_20_security_updates_and_renovate() {
    let mut paused = repository();
    paused.security_updates = Fact::Known(SecurityUpdates::Paused);
    let report = run(&paused);
    assert_eq!(failing(&report), [Rule::SecurityUpdates]);
    assert!(finding(&report, Rule::SecurityUpdates).evidence.contains("paused"));
    assert_eq!(report.dependabot.security_updates, Some(false));

    let without_file = with_files(files(&[], &["Cargo.toml"]));
    assert_eq!(
        verdict(&without_file, Rule::SecurityUpdates),
        Verdict::Pass,
        "they need no file"
    );
    assert_eq!(failing(&without_file), [Rule::DependabotFile]);

    let mut renovate = repository();
    renovate.files = Fact::Known(files(&[], &["Cargo.toml", ".github/renovate.json5"]));
    let report = run(&renovate);
    assert_eq!(failing(&report), []);
    assert_eq!(verdict(&report, Rule::DependabotFile), Verdict::NotApplicable);
    assert!(report.dependabot.renovate);
    let strict = under("defaults.dependabot.renovate_counts = false", &renovate);
    assert_eq!(failing(&strict), [Rule::DependabotFile]);
}

#[test]
fn mistakes_and_warnings_have_lines_and_words() {
    let npm = "version: 2\nupdates:\n  - package-ecosystem: npm\n    directories: [/, '/apps/*']\n    schedule: {interval: daily}\n";
    let tree = ["package.json", "apps/a/package.json"];
    let with = |rest: &str| with_files(files(&[(".github/dependabot.yml", &format!("{npm}{rest}"))], &tree));
    let overlap = with("  - package-ecosystem: npm\n    directory: /apps/a\n    schedule: {interval: daily}\n");
    assert_eq!(
        failing(&overlap),
        [Rule::DependabotFile],
        "its folders are in the tree alone"
    );
    let file = finding(&overlap, Rule::DependabotFile);
    assert_eq!(file.data["mistakes"][0]["line"], 6);
    assert_eq!(file.data.get("warnings"), None);
    assert_eq!(verdict(&overlap, Rule::DependabotCoverage), Verdict::NotApplicable);

    let retired = with("    reviewers: [ada]\n");
    let file = finding(&retired, Rule::DependabotFile);
    assert_eq!(
        (file.verdict, &file.data["warnings"][0]["line"]),
        (Verdict::Pass, &6.into())
    );
    assert!(
        file.evidence
            .contains("has 1 entries. A warning: line 6: `reviewers` was retired"),
        "{}",
        file.evidence
    );
    assert!(file.fix.is_empty());

    let both = with("    reviewers: [ada]\n    label: x\n");
    let file = finding(&both, Rule::DependabotFile);
    assert_eq!(file.verdict, Verdict::Fail);
    assert_eq!(file.data["mistakes"][0]["line"], 7);
    assert_eq!(file.data["warnings"][0]["line"], 6);
}

#[test]
fn a_local_module_is_unknown_and_the_rest_is_told() {
    let text =
        "version: 2\nupdates:\n  - package-ecosystem: terraform\n    directory: /\n    schedule: {interval: daily}\n";
    let file = (".github/dependabot.yml", text);
    let report = with_files(files(&[file], &["main.tf", "network/main.tf"]));
    let coverage = finding(&report, Rule::DependabotCoverage);
    assert_eq!(coverage.verdict, Verdict::Unknown);
    assert!(coverage.evidence.contains("`terraform` in `/network`"));
    assert_eq!(coverage.data["unknown"][0]["directory"], "/network");
    assert_eq!(failing(&report), []);
    let more = with_files(files(&[file], &["main.tf", "network/main.tf", "go.mod"]));
    let coverage = finding(&more, Rule::DependabotCoverage);
    assert_eq!(coverage.verdict, Verdict::Fail);
    assert_eq!(coverage.data["uncovered"].as_array().unwrap().len(), 1);
    assert_eq!(coverage.data["unknown"].as_array().unwrap().len(), 1);
}
