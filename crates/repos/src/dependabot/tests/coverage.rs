use super::*;

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
