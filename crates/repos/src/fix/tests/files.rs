//! What becomes of a Dependabot file.

use proptest::prelude::*;

use super::*;
use crate::report::FileStanding;

fn edited(text: &str, tree: &[&str]) -> Result<String, String> {
    let mut repository = repository();
    repository.files = Fact::Known(files(&[(".github/dependabot.yml", text)], tree));
    let plan = plan(&repository, &policy(), TODAY, ProtectionMethod::Ruleset);
    if let Some(refusal) = plan.refused.first() {
        return Err(refusal.why.clone());
    }
    let after = carried_out(repository, &plan);
    let report = findings::check(&after, &policy(), TODAY);
    assert_eq!(report.dependabot.file, Some(FileStanding::Present));
    match plan.changes.as_slice() {
        [
            Change {
                kind: ChangeKind::WriteFile { after, .. },
                ..
            },
        ] => Ok(after.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn case_31_an_existing_file_is_edited_and_keeps_its_comments() {
    let text = "# Owned by platform.
version: 2 # always
registries:
  npm: {type: npm-registry, url: https://x}
updates:
  # The backend.
  - package-ecosystem: cargo
    directory: /   # the workspace
    registries: [npm]
    schedule:
      interval: weekly

  - package-ecosystem: \"github-actions\"
    directory: \"/\"
    schedule: {interval: daily,
      timezone: Europe/Berlin}
    commit-message:
      prefix: |
        ci
    # reviewers: [ada]

# The end.
enable-beta-ecosystems: true
";
    let after = edited(text, &["Cargo.toml", "web/package.json", "tools/go.mod", "go.mod"]).unwrap();
    assert!(after.starts_with("# Owned") && after.ends_with("true\n"));
    assert_snapshot!(after, @r#"
    # Owned by platform.
    version: 2 # always
    registries:
      npm: {type: npm-registry, url: https://x}
    updates:
      # The backend.
      - package-ecosystem: cargo
        directory: /   # the workspace
        registries: [npm]
        schedule:
          interval: weekly

      - package-ecosystem: "github-actions"
        directory: "/"
        schedule: {interval: daily,
          timezone: Europe/Berlin}
        commit-message:
          prefix: |
            ci
        # reviewers: [ada]

      - package-ecosystem: "gomod"
        directories:
          - "/"
          - "/tools"
        schedule:
          interval: "weekly"

      - package-ecosystem: "npm"
        directory: "/web"
        schedule:
          interval: "weekly"

    # The end.
    enable-beta-ecosystems: true
    "#);
}

#[test]
fn case_31_files_of_many_shapes_are_edited_or_refused() {
    // No indentation, no newline at the end.
    let flush = "version: 2\nupdates:\n- package-ecosystem: cargo\n  directory: /\n  schedule:\n    interval: weekly";
    let after = edited(flush, &["Cargo.toml", "go.mod"]).unwrap();
    assert!(after.starts_with("version") && after.ends_with("\"weekly\"\n"));
    assert_snapshot!(after, @r#"
    version: 2
    updates:
    - package-ecosystem: cargo
      directory: /
      schedule:
        interval: weekly
    - package-ecosystem: "gomod"
      directory: "/"
      schedule:
        interval: "weekly"
    "#);
    let windows = DEPENDABOT.replace('\n', "\r\n");
    let after = edited(&windows, &["Cargo.toml", "go.mod"]).unwrap();
    assert!(after.starts_with(&windows) && !after.replace("\r\n", "").contains('\n'));
    let ended = format!("---\n{DEPENDABOT}...\n");
    assert!(
        edited(&ended, &["Cargo.toml", "go.mod"])
            .unwrap()
            .ends_with("\"weekly\"\n...\n")
    );
    let block = "version: 2\nupdates:\n  - package-ecosystem: cargo\n    directory: /\n    schedule:\n      interval: cron\n      cronjob: |\n        0 9 * * *\n\nregistries: {}\n";
    let after = edited(block, &["Cargo.toml", "go.mod"]).unwrap();
    assert!(after.ends_with("registries: {}\n") && after.contains("        0 9 * * *\n"));
    let after = edited("# none yet\nversion: 2\nupdates: [] # soon\n", &["go.mod"]).unwrap();
    assert!(after.starts_with("# none") && after.ends_with("\"weekly\"\n"));
    assert_snapshot!(after, @r#"
    # none yet
    version: 2
    updates: # soon
      - package-ecosystem: "gomod"
        directory: "/"
        schedule:
          interval: "weekly"
    "#);
    let brackets = "version: 2\nupdates: [{package-ecosystem: cargo, directory: /, schedule: {interval: daily}}]\n";
    assert!(edited(brackets, &["go.mod"]).unwrap_err().contains("brackets"));
    let odd =
        "version: 2\nupdates:\n  - package-ecosystem: cargo\n    directory: /a\n    schedule: {interval: daily}\n";
    let after = edited(odd, &["x/[id]/go.mod", "y/go.mod"]).unwrap();
    assert!(
        after.contains("directories:\n      - \"/x/\\\\[id\\\\]\"\n      - \"/y\"\n"),
        "{after}"
    );
}

#[test]
fn case_31_a_file_that_cannot_be_read_is_never_replaced() {
    for (text, why) in [
        ("version: 1\nupdate_configs: []\n", "version 1"),
        ("version: 2\nupdates: [\n", "mistakes"),
    ] {
        assert!(edited(text, &["Cargo.toml"]).unwrap_err().contains(why));
    }
    let after = edited("# soon\n", &["Cargo.toml", "crates/a/Cargo.toml"]).unwrap();
    assert!(after.starts_with("# soon") && after.ends_with("\"weekly\"\n"));
    assert_snapshot!(after, @r#"
    # soon
    version: 2
    updates:
      - package-ecosystem: "cargo"
        directory: "/"
        schedule:
          interval: "weekly"
    "#);
    let mut two = repository();
    two.files = Fact::Known(files(
        &[
            (".github/dependabot.yml", DEPENDABOT),
            (".github/dependabot.yaml", "version: 1"),
        ],
        &["Cargo.toml"],
    ));
    assert!(
        plan(&two, &policy(), TODAY, ProtectionMethod::Ruleset).refused[0]
            .why
            .contains("which to keep")
    );
    let mut blind = repository();
    let mut unread = files(&[], &[]);
    unread.tree = Fact::Unknown(Gap::NotRead("502".to_owned()));
    blind.files = Fact::Known(unread);
    assert!(
        plan(&blind, &policy(), TODAY, ProtectionMethod::Ruleset).refused[0]
            .why
            .contains("tree is not known")
    );
}

/// The entry for Docker that is missing is put in, and every byte that stood stays where it was.
#[test]
fn files_of_every_shape_keep_what_they_say() {
    let file =
        "version: 2\nupdates:\n  - package-ecosystem: cargo\n    directory: /\n    schedule:\n      interval: weekly\n";
    let tail = "registries:\n  house:\n    type: git\n    url: x\n    password: ${{secrets.HOUSE}} # new\n";
    let used = format!("{file}    registries: [house]\n");
    let block = |style: &str| format!("{file}    commit-message:\n      prefix: {style}\n        ci\n        more\n");
    for text in [
        file.to_owned(),
        file.trim_end().to_owned(),
        file.replace('\n', "\r\n"),
        file.replace('\n', "\r\n").trim_end().to_owned(),
        format!("\u{feff}{file}"),
        format!("\u{feff}{}", block("|").replace('\n', "\r\n")),
        file.replace("\n  ", "\n"),
        block("|"),
        block("|").trim_end().to_owned(),
        block("|-") + "\n\n",
        block("|+") + "\n\n",
        block(">") + "# end\n",
        format!("{file}  # - package-ecosystem: docker\n  #   directory: /\n# add nothing below\n"),
        format!("{used}{tail}"),
        format!("{used}\n# Registries.\n{tail}"),
        format!("{file}\n\n\n"),
        format!("{file}    labels:\n      - a\n      # - b\n"),
        format!("{file}    labels: [a,\n      b]\n"),
    ] {
        let after = edited(&text, &["Cargo.toml", "Dockerfile"]).unwrap();
        let added = after.len() - text.len();
        let at = after
            .bytes()
            .zip(text.bytes())
            .take_while(|(new, old)| new == old)
            .count();
        assert!(
            (0..=at).any(|at| after.get(at + added..) == text.get(at..)),
            "something stood elsewhere:\n{text}\n---\n{after}"
        );
        let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let dash = if text.contains("\n- ") { "" } else { "  " };
        let entry = format!("{ending}{dash}- package-ecosystem: \"docker\"{ending}{dash}  directory: \"/\"{ending}");
        assert_eq!(after.matches(&entry).count(), 1, "{after}");
    }
}

#[test]
fn what_an_entry_reaches_is_not_proposed() {
    let file = |folders: &str| {
        format!(
            "version: 2\nupdates:\n  - package-ecosystem: docker\n    directories: {folders}\n    schedule: {{interval: daily}}\n"
        )
    };
    let mut all = repository();
    let everything = file("['**/*']");
    all.files = Fact::Known(files(
        &[(".github/dependabot.yml", &everything)],
        &["Dockerfile", "svc/Dockerfile"],
    ));
    assert_eq!(plan(&all, &policy(), TODAY, ProtectionMethod::Ruleset).changes, []);
    let after = edited(
        &file("['/svc/*']"),
        &["Dockerfile", "svc/a/Dockerfile", "web/Dockerfile"],
    )
    .unwrap();
    assert!(after.contains("directories:\n      - \"/\"\n      - \"/web\"\n") && !after.contains("\"/svc"));
    let pip = edited(
        "version: 2\nupdates: []\n",
        &["pyproject.toml", "docs/requirements.txt", "a/b/requirements.txt"],
    );
    assert!(
        pip.unwrap().contains("directories:\n      - \"/\"\n      - \"/a/b\"\n"),
        "one folder deep is read"
    );
    let branch = file("[/]").replace("schedule", "target-branch: next\n    schedule");
    assert!(edited(&branch, &["Dockerfile"]).unwrap().contains("directory: \"/\""));
    // `/` would have the same workflows, and nobody knows what GitHub says to that.
    let workflows = file("[/.github/workflows]").replace("docker", "github-actions");
    let why = edited(&workflows, &[".github/workflows/ci.yml", "action.yml"]).unwrap_err();
    assert!(why.contains("not known"), "{why}");
    // Overlapping entries are for a person to part.
    let twice = format!("{}{}", file("['*']"), file("[/]").replace("version: 2\nupdates:\n", ""));
    assert!(
        edited(&twice, &["Dockerfile", "go.mod"])
            .unwrap_err()
            .contains("mistakes")
    );
}

proptest! {
    /// Whatever stands, an edit only inserts lines, and what it adds covers what was left out.
    #[test]
    fn an_edit_inserts_and_nothing_else(
        comment in prop::sample::select(vec!["", "# note\n", "\n", "    # inner\n"]),
        indent in 0..5_usize,
        ecosystems in prop::sample::subsequence(vec!["cargo", "docker", "gomod", "npm", "pip"], 1..5),
        tail in prop::sample::select(vec!["", "\n", "# end\n", "registries: {}\n", "\n# x\nregistries:\n  a: {type: git, url: x}\n"]),
    ) {
        let pad = " ".repeat(indent);
        let mut text = "version: 2\nupdates:\n".to_owned();
        for ecosystem in &ecosystems {
            text.extend([format!(
                "{pad}- package-ecosystem: {ecosystem}\n{pad}  directory: /\n{pad}  schedule:\n{pad}    interval: daily # x\n{pad}  registries: '*'\n{comment}"
            )]);
        }
        text.push_str(tail);
        let after = edited(&text, &["Cargo.toml", "Dockerfile", "go.mod", "package.json", "requirements.txt", "mix.exs"]).unwrap();
        let mut rest = after.lines();
        for line in text.lines() {
            prop_assert!(rest.any(|other| other == line), "{:?} is gone from {}", line, after);
        }
    }
}
