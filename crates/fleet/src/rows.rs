//! The rows of the audit trail that are about an agent.

use cc_devops_kernel::acts::Author;
use cc_devops_kernel::audit::AuditEntry;
use cc_devops_kernel::names::AgentName;
use jiff::Timestamp;
use serde_json::Value;

/// The row of an act on an agent, done by this author.
pub(crate) fn of_agent(author: &Author, at: Timestamp, action: &str, name: &AgentName, detail: Value) -> AuditEntry {
    AuditEntry {
        agent: Some(name.clone()),
        ..author.entry(at, action, name.to_string(), detail)
    }
}
