//! What `[retention]` means: for how long what is kept.

use std::path::PathBuf;

use cc_devops_requests::retention::Rules;

use super::file::ConfigFile;
use super::problems::Findings;

/// How long what is kept, and where audit rows go before they are cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionSettings {
    /// For how many days.
    pub rules: Rules,
    /// The folder of exports; without it, rows are cut off without one.
    pub export_dir: Option<PathBuf>,
}

/// Checks the section.
pub(crate) fn check(file: &ConfigFile, findings: &mut Findings<'_>) -> RetentionSettings {
    let section = &file.retention;
    let rules = section.rules();
    for (name, problem) in rules.contradictions() {
        findings.add(format!("retention.{name}"), problem);
    }
    let key = "retention.audit_export_dir";
    let export_dir = section.audit_export_dir.as_ref().map(|dir| findings.dir(key, dir));
    if export_dir.is_some() && rules.audit_days.is_none() {
        findings.add(
            key,
            "is of no use without retention.audit_days: the audit trail is not cut",
        );
    }
    RetentionSettings { rules, export_dir }
}
