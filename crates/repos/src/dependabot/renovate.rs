//! The files of Renovate, which does what Dependabot does.

/// Where Renovate looks for its configuration.
/// Source: <https://docs.renovatebot.com/configuration-options/>.
pub(crate) const RENOVATE: [&str; 10] = [
    "renovate.json",
    "renovate.jsonc",
    "renovate.json5",
    ".github/renovate.json",
    ".github/renovate.jsonc",
    ".github/renovate.json5",
    ".renovaterc",
    ".renovaterc.json",
    ".renovaterc.jsonc",
    ".renovaterc.json5",
];
