//! Which manifests belong to which package ecosystem of Dependabot.
//!
//! The names are those of GitHub's documentation; the manifests are those it names there and those that
//! Dependabot fetches.
//! Sources: <https://docs.github.com/en/code-security/reference/supply-chain-security/supported-ecosystems-and-repositories>,
//! <https://github.com/dependabot/dependabot-core>.

use std::collections::BTreeMap;

use crate::patterns;
use crate::patterns::Glob;

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
pub const ALL: [Ecosystem; 33] = [
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
    one("swift", &["Package.swift", "Package.resolved"]),
    one("terraform", &["*.tf", ".terraform.lock.hcl", "terragrunt.hcl"]),
    with_workspaces("uv", &["uv.lock"]),
    one("vcpkg", &["vcpkg.json"]),
];

/// Their names.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|ecosystem| ecosystem.name)
}

/// What else may look after an ecosystem's manifests: OpenTofu reads Terraform's files.
pub fn stands_in(name: &str, entry: &str) -> bool {
    name == entry || (name == "terraform" && entry == "opentofu")
}

/// Where ecosystems have manifests.
pub type Manifests = BTreeMap<(&'static Ecosystem, String), String>;

/// Manifests that belong to another ecosystem where its lockfile is in the same folder or above.
const SHARED: [(&str, &str, &str); 2] = [
    ("npm", "package.json", "bun.lock"),
    ("pip", "pyproject.toml", "uv.lock"),
];

/// Finds the manifests among paths: by ecosystem and folder (with a leading `/`), with the first path of
/// each.
pub fn find(paths: &[String], ignored: &[Glob]) -> Manifests {
    let paths: Vec<&str> = paths
        .iter()
        .map(String::as_str)
        .filter(|path| !ignored.iter().any(|glob| glob.fits_path(path)))
        .collect();
    let folders = SHARED.map(|(.., lockfile)| {
        paths
            .iter()
            .filter_map(|path| belongs(path, lockfile))
            .collect::<Vec<_>>()
    });
    let mut found = Manifests::new();
    for path in paths {
        for ecosystem in &ALL {
            let Some(folder) = ecosystem.manifests.iter().find_map(|m| belongs(path, m)) else {
                continue;
            };
            let elsewhere = SHARED.iter().zip(&folders).any(|((name, manifest, _), above)| {
                ecosystem.name == *name
                    && path.rsplit('/').next() == Some(*manifest)
                    && above.iter().any(|above| within(&folder, above))
            });
            if !elsewhere {
                let first = found.entry((ecosystem, folder)).or_insert_with(|| path.to_owned());
                if path < first.as_str() {
                    path.clone_into(first);
                }
            }
        }
    }
    found
}

/// The folder a path is a manifest of, if the pattern fits its end.
fn belongs(path: &str, pattern: &str) -> Option<String> {
    let folders = pattern.matches('/').count();
    let mut start = path.len();
    for _ in 0..=folders {
        start = path.get(..start)?.rfind('/').map_or(0, |slash| slash);
        if start == 0 {
            break;
        }
    }
    let (folder, end) = path.split_at_checked(start)?;
    let end = end.trim_start_matches('/');
    patterns::fits_ref(pattern, end).then(|| format!("/{folder}"))
}

/// Whether a folder is another, or lies in it.
pub fn within(folder: &str, above: &str) -> bool {
    folder == above || above == "/" || folder.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

impl PartialOrd for Ecosystem {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ecosystem {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.name.cmp(other.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(paths: &[&str]) -> Vec<String> {
        let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
        find(&paths, &[])
            .into_keys()
            .map(|(ecosystem, folder)| format!("{} {folder}", ecosystem.name))
            .collect()
    }

    #[test]
    fn the_table_is_in_order_and_every_pattern_can_be_read() {
        assert!(ALL.is_sorted_by(|a, b| a.name < b.name));
        for ecosystem in ALL {
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
        ] {
            assert_eq!(found(&[path]), [expected], "{path}");
        }
        assert!(found(&["workflows/ci.yml", "src/Cargo.toml.bak", "README.md", "notes.txt"]).is_empty());
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
}
