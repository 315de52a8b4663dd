//! What `[retention]` means.

use std::path::PathBuf;

use cc_devops_core::retention::{Rules, Said};

use super::check::Findings;
use super::file::ConfigFile;

/// How long what is kept, and where audit rows go before they are cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retention {
    /// For how many days.
    pub(crate) rules: Rules,
    /// The folder of exports; without it, rows are cut off without one.
    pub(crate) export_dir: Option<PathBuf>,
}

/// Checks the section.
pub(super) fn check(file: &ConfigFile, findings: &mut Findings<'_>) -> Retention {
    let section = &file.retention;
    let rules = Rules::from(Said {
        requests_days: Some(section.requests_days),
        events_days: section.events_days,
        audit_days: section.audit_days,
        dead_letters_days: section.dead_letters_days,
        outputs_days: section.outputs_days,
    });
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
    Retention { rules, export_dir }
}
