//! Which manifests belong to which package ecosystem of Dependabot.
//!
//! The names are those of GitHub's documentation; the manifests are those it names there and those that
//! Dependabot fetches.
//! Sources: <https://docs.github.com/en/code-security/reference/supply-chain-security/supported-ecosystems-and-repositories>,
//! <https://github.com/dependabot/dependabot-core>.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::folder_paths::upwards;
use crate::patterns::{Ending, Glob};

/// A package ecosystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ecosystem {
    /// As `package-ecosystem` names it.
    pub name: &'static str,
    /// Patterns on the ends of paths. One with folders belongs to the folder before them.
    pub manifests: &'static [&'static str],
    /// Whether a manifest may take others below it in (workspaces, modules, projects).
    pub workspaces: bool,
}

const fn one(name: &'static str, manifests: &'static [&'static str]) -> Ecosystem {
    Ecosystem {
        name,
        manifests,
        workspaces: false,
    }
}

const fn with_workspaces(name: &'static str, manifests: &'static [&'static str]) -> Ecosystem {
    Ecosystem {
        name,
        manifests,
        workspaces: true,
    }
}

/// Every ecosystem GitHub documents, by name.
pub static ALL: [Ecosystem; 33] = [
    with_workspaces("bazel", &["MODULE.bazel", "WORKSPACE", "WORKSPACE.bazel"]),
    with_workspaces("bun", &["bun.lock"]),
    one(
        "bundler",
        &["Gemfile", "Gemfile.lock", "gems.rb", "gems.locked", "*.gemspec"],
    ),
    with_workspaces("cargo", &["Cargo.toml", "Cargo.lock"]),
    one("composer", &["composer.json", "composer.lock"]),
    one("conda", &["environment.yml", "environment.yaml"]),
    with_workspaces("deno", &["deno.json", "deno.jsonc", "deno.lock"]),
    one(
        "devcontainers",
        &[
            ".devcontainer/devcontainer.json",
            ".devcontainer/*/devcontainer.json",
            ".devcontainer.json",
        ],
    ),
    one(
        "docker",
        &[
            "Dockerfile",
            "Dockerfile.*",
            "Dockerfile-*",
            "*.Dockerfile",
            "*.dockerfile",
            "Containerfile",
            "Containerfile.*",
        ],
    ),
    one(
        "docker-compose",
        &[
            "docker-compose.yml",
            "docker-compose.yaml",
            "docker-compose[-.]*.yml",
            "docker-compose[-.]*.yaml",
            "compose.yml",
            "compose.yaml",
            "compose[-.]*.yml",
            "compose[-.]*.yaml",
        ],
    ),
    one("dotnet-sdk", &["global.json"]),
    one("elm", &["elm.json"]),
    one(
        "github-actions",
        &[
            ".github/workflows/*.yml",
            ".github/workflows/*.yaml",
            "action.yml",
            "action.yaml",
        ],
    ),
    one("gitsubmodule", &[".gitmodules"]),
    one("gomod", &["go.mod"]),
    with_workspaces(
        "gradle",
        &[
            "build.gradle",
            "build.gradle.kts",
            "settings.gradle",
            "settings.gradle.kts",
            "gradle.lockfile",
            "gradle/libs.versions.toml",
            "gradle/wrapper/gradle-wrapper.properties",
        ],
    ),
    one("helm", &["Chart.yaml", "Chart.lock"]),
    one(
        "julia",
        &[
            "Project.toml",
            "JuliaProject.toml",
            "Manifest.toml",
            "JuliaManifest.toml",
        ],
    ),
    with_workspaces("maven", &["pom.xml"]),
    with_workspaces("mix", &["mix.exs", "mix.lock"]),
    one("nix", &["flake.lock"]),
    with_workspaces(
        "npm",
        &[
            "package.json",
            "package-lock.json",
            "npm-shrinkwrap.json",
            "yarn.lock",
            "pnpm-lock.yaml",
        ],
    ),
    with_workspaces(
        "nuget",
        &[
            "*.csproj",
            "*.fsproj",
            "*.vbproj",
            "packages.config",
            "packages.lock.json",
            "Directory.Packages.props",
        ],
    ),
    one("opentofu", &["*.tofu"]),
    one(
        "pip",
        &[
            "requirements*.txt",
            "*requirements.txt",
            "requirements*.in",
            "requirements/*.txt",
            "requirements/*.in",
            "setup.py",
            "setup.cfg",
            "Pipfile",
            "Pipfile.lock",
            "pyproject.toml",
            "poetry.lock",
        ],
    ),
    one("pre-commit", &[".pre-commit-config.yaml", ".pre-commit-config.yml"]),
    with_workspaces("pub", &["pubspec.yaml", "pubspec.lock"]),
    one("rust-toolchain", &["rust-toolchain", "rust-toolchain.toml"]),
    with_workspaces("sbt", &["build.sbt"]),
    one(
        "swift",
        &[
            "*.xcodeproj/project.xcworkspace/xcshareddata/swiftpm/Package.resolved",
            "*.xcworkspace/xcshareddata/swiftpm/Package.resolved",
            "Package.swift",
            "Package.resolved",
        ],
    ),
    one("terraform", &["*.tf", ".terraform.lock.hcl", "terragrunt.hcl"]),
    with_workspaces("uv", &["uv.lock"]),
    one("vcpkg", &["vcpkg.json"]),
];

/// Their names.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|ecosystem| ecosystem.name)
}

/// Ecosystems whose manifests name other folders to read, in their text and not in the tree.
pub fn names_folders(name: &str) -> bool {
    matches!(name, "terraform" | "opentofu")
}

/// A manifest in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest<'p> {
    /// What it belongs to.
    pub ecosystem: &'static Ecosystem,
    /// The folder it belongs to, with a leading `/`.
    pub folder: String,
    /// Where it is, from the root.
    pub path: &'p str,
    /// The folders from which Dependabot reads it.
    pub readers: Vec<String>,
}

impl Manifest<'_> {
    /// Whether an entry for this ecosystem reads it: OpenTofu reads Terraform's files, and uv what pip reads of
    /// projects and requirements.
    pub fn is_read_by(&self, entry: &str) -> bool {
        let name = self.ecosystem.name;
        name == entry
            || (name == "terraform" && entry == "opentofu")
            || (name == "pip" && entry == "uv" && (is_requirements(self.path) || self.path.ends_with("pyproject.toml")))
    }
}

/// Manifests that belong to another ecosystem where its lockfile is in the same folder or above.
const SHARED: [(&str, &str, &str); 2] = [
    ("npm", "package.json", "bun.lock"),
    ("pip", "pyproject.toml", "uv.lock"),
];

/// Where Actions looks for workflows, and nowhere else.
const WORKFLOWS: &str = ".github/workflows";

/// A pattern of the table, ready to be held against paths.
struct Known {
    ecosystem: &'static Ecosystem,
    ending: Ending,
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let known = |ecosystem, text| Ending::new(text).map(|ending| Known { ecosystem, ending });
    ALL.iter()
        .flat_map(|ecosystem| {
            ecosystem
                .manifests
                .iter()
                .filter_map(move |text| known(ecosystem, text))
        })
        .collect()
});

/// Finds the manifests among paths, in their order.
pub fn find<'p>(paths: &'p [String], ignored: &[Glob]) -> Vec<Manifest<'p>> {
    let mut found = Vec::new();
    for path in paths {
        let mut last = None;
        for known in KNOWN.iter() {
            if last == Some(known.ecosystem.name) {
                continue;
            }
            let Some(folder) = known.belongs(path) else { continue };
            last = Some(known.ecosystem.name);
            found.push(Manifest {
                ecosystem: known.ecosystem,
                folder,
                path,
                readers: Vec::new(),
            });
        }
    }
    found.retain(|manifest| !ignored.iter().any(|glob| glob.fits_path(manifest.path)));
    shared(&mut found);
    let packages: HashSet<String> = found
        .iter()
        .filter(|manifest| name_of(manifest.path) == "Package.swift")
        .map(|manifest| manifest.folder.clone())
        .collect();
    for manifest in &mut found {
        manifest.readers = readers(manifest, &packages);
    }
    found
}

/// Leaves out what another ecosystem's lockfile takes over.
fn shared(found: &mut Vec<Manifest<'_>>) {
    let mut lockfiles: HashMap<&str, HashSet<String>> = HashMap::new();
    for manifest in found.iter() {
        for (.., lockfile) in SHARED {
            if name_of(manifest.path) == lockfile {
                lockfiles.entry(lockfile).or_default().insert(manifest.folder.clone());
            }
        }
    }
    found.retain(|manifest| {
        !SHARED.iter().any(|(ecosystem, name, lockfile)| {
            manifest.ecosystem.name == *ecosystem
                && name_of(manifest.path) == *name
                && lockfiles
                    .get(lockfile)
                    .is_some_and(|folders| upwards(&manifest.folder).any(|above| folders.contains(above)))
        })
    });
}

impl Known {
    /// The folder a path is a manifest of, if the pattern fits its end.
    fn belongs(&self, path: &str) -> Option<String> {
        let folder = self.ending.folder_of(path)?;
        let elsewhere = self.ending.as_str().starts_with(WORKFLOWS) && !folder.is_empty();
        (!elsewhere).then(|| format!("/{folder}"))
    }
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn folder_of(path: &str) -> String {
    format!("/{}", path.rsplit_once('/').map_or("", |(folder, _)| folder))
}

fn is_requirements(path: &str) -> bool {
    matches!(path.rsplit_once('.'), Some((_, "txt" | "in")))
}

/// From which folders Dependabot reads a manifest, as its file fetchers do; `packages` are the folders that have a
/// `Package.swift`.
fn readers(manifest: &Manifest<'_>, packages: &HashSet<String>) -> Vec<String> {
    let folder = manifest.folder.clone();
    match manifest.ecosystem.name {
        "github-actions" if manifest.path.starts_with(WORKFLOWS) => vec![folder, format!("/{WORKFLOWS}")],
        // The folder, and one folder deep.
        "pip" if is_requirements(manifest.path) => {
            let own = folder_of(manifest.path);
            upwards(&own).take(2).map(str::to_owned).collect()
        }
        // A folder without a package of its own is searched for projects, hidden folders apart.
        "swift" if folder_of(manifest.path) != folder => {
            let mut readers = vec![folder.clone()];
            for below in upwards(&folder) {
                let hidden = name_of(below).starts_with('.');
                match upwards(below).nth(1) {
                    Some(above) if !hidden && !packages.contains(above) => readers.push(above.to_owned()),
                    Some(_) if !hidden => {}
                    _ => break,
                }
            }
            readers
        }
        _ => vec![folder],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn found(paths: &[&str]) -> Vec<String> {
        let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
        let found = find(&paths, &[]);
        let folders: BTreeSet<String> = found
            .iter()
            .map(|manifest| format!("{} {}", manifest.ecosystem.name, manifest.folder))
            .collect();
        folders.into_iter().collect()
    }

    #[test]
    fn the_table_is_in_order_and_every_pattern_can_be_read() {
        assert!(ALL.is_sorted_by(|a, b| a.name < b.name));
        assert_eq!(
            KNOWN.len(),
            ALL.iter().map(|ecosystem| ecosystem.manifests.len()).sum::<usize>()
        );
        for ecosystem in &ALL {
            for manifest in ecosystem.manifests {
                let example = manifest.replace("[-.]", ".").replace('*', "x");
                assert!(
                    found(&[&example])
                        .iter()
                        .any(|f| f.starts_with(&format!("{} /", ecosystem.name))),
                    "{example} is not found for {}",
                    ecosystem.name
                );
            }
        }
    }

    #[test]
    fn a_manifest_belongs_to_the_folder_dependabot_looks_in() {
        for (path, expected) in [
            ("Cargo.toml", "cargo /"),
            ("crates/core/Cargo.toml", "cargo /crates/core"),
            (".github/workflows/ci.yml", "github-actions /"),
            (
                ".github/actions/setup/action.yml",
                "github-actions /.github/actions/setup",
            ),
            (".devcontainer/devcontainer.json", "devcontainers /"),
            (".devcontainer/api/devcontainer.json", "devcontainers /"),
            ("app/gradle/libs.versions.toml", "gradle /app"),
            ("gradle/wrapper/gradle-wrapper.properties", "gradle /"),
            ("api/requirements/dev.txt", "pip /api"),
            ("requirements-dev.txt", "pip /"),
            ("deploy/docker-compose.prod.yml", "docker-compose /deploy"),
            ("infra/main.tofu", "opentofu /infra"),
            ("src/App/App.csproj", "nuget /src/App"),
            (".gitmodules", "gitsubmodule /"),
            ("svc/setup.cfg", "pip /svc"),
            (
                "App.xcodeproj/project.xcworkspace/xcshareddata/swiftpm/Package.resolved",
                "swift /",
            ),
            (
                "ios/App.xcworkspace/xcshareddata/swiftpm/Package.resolved",
                "swift /ios",
            ),
        ] {
            assert_eq!(found(&[path]), [expected], "{path}");
        }
        assert!(found(&["workflows/ci.yml", "src/Cargo.toml.bak", "README.md", "notes.txt"]).is_empty());
        assert!(
            found(&["template/.github/workflows/ci.yml"]).is_empty(),
            "Actions runs none of these"
        );
    }

    #[test]
    fn a_shared_manifest_belongs_to_the_nearest_lockfile() {
        assert_eq!(
            found(&["package.json", "bun.lock", "packages/a/package.json"]),
            ["bun /"]
        );
        assert_eq!(
            found(&["bun.lock", "package.json", "web/package.json", "web/yarn.lock"]),
            ["bun /", "npm /web"]
        );
        assert_eq!(found(&["pyproject.toml", "uv.lock"]), ["uv /"]);
        assert_eq!(found(&["pyproject.toml"]), ["pip /"]);
    }

    #[test]
    fn a_manifest_is_read_from_the_folders_dependabot_reads_it_from() {
        let readers = |paths: &[&str]| -> Vec<String> {
            let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
            find(&paths, &[]).remove(0).readers
        };
        for (paths, expected) in [
            (&["Cargo.toml"] as &[&str], &["/"] as &[&str]),
            (&[".github/workflows/ci.yml"], &["/", "/.github/workflows"]),
            (&["action.yml"], &["/"]),
            (&[".github/actions/a/action.yml"], &["/.github/actions/a"]),
            (&["a/b/requirements.txt"], &["/a/b", "/a"]),
            (&["requirements/dev.in"], &["/requirements", "/"]),
            (&["requirements.txt"], &["/"]),
            (&["a/b/setup.cfg"], &["/a/b"]),
            (
                &["a/b/X.xcodeproj/project.xcworkspace/xcshareddata/swiftpm/Package.resolved"],
                &["/a/b", "/a", "/"],
            ),
            (
                &[
                    "a/b/X.xcworkspace/xcshareddata/swiftpm/Package.resolved",
                    "a/Package.swift",
                ],
                &["/a/b", "/"],
            ),
            (
                &[".a/b/X.xcworkspace/xcshareddata/swiftpm/Package.resolved"],
                &["/.a/b", "/.a"],
            ),
            (&["a/Package.resolved"], &["/a"]),
        ] {
            assert_eq!(readers(paths), expected, "{paths:?}");
        }
    }
}
