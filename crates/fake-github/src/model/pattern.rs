//! Patterns of branch names, as GitHub matches them: Ruby's `File.fnmatch` with `FNM_PATHNAME`, so that
//! `*` stops at a slash and braces mean nothing.
//! <https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/creating-rulesets-for-a-repository#using-fnmatch-syntax>

use globset::GlobBuilder;

/// Whether `name` is what `pattern` means.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    GlobBuilder::new(&for_globset(pattern))
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .is_ok_and(|glob| glob.compile_matcher().is_match(name))
}

/// `**` means more than `*` only as a whole folder before a slash; braces are no alternatives.
fn for_globset(pattern: &str) -> String {
    let parts: Vec<&str> = pattern.split('/').collect();
    let last = parts.len() - 1;
    let parts = parts.iter().enumerate().map(|(at, part)| {
        let part = if part.contains("**") && (*part != "**" || at == last) {
            part.replace("**", "*")
        } else {
            (*part).to_owned()
        };
        part.replace('{', "[{]").replace('}', "[}]")
    });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branch_patterns_mean_what_they_mean_at_github() {
        let cases = [
            ("main", "main", true),
            ("main", "mainline", false),
            ("*", "main", true),
            ("*", "release/1", false),
            ("release/*", "release/1", true),
            ("release/*", "release/1/fix", false),
            ("release/**/*", "release/1/fix", true),
            ("**/*", "release/1/fix", true),
            ("release/**", "release/1/fix", false),
            ("v[0-9].?", "v1.2", true),
            ("{main,next}", "main", false),
            ("{main,next}", "{main,next}", true),
            ("[", "[", false),
        ];
        for (pattern, name, wanted) in cases {
            assert_eq!(matches(pattern, name), wanted, "{pattern} {name}");
        }
    }
}
