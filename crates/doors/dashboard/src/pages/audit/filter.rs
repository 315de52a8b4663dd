//! Which rows are asked for, as the address says it.

use cc_devops_http::problem::Problem;
use cc_devops_kernel::audit::AuditFilter;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::outcome::{Reason, Status};
use cc_devops_kernel::paging::Cursor;
use maud::{Markup, html};
use serde::Deserialize;

use super::super::asked;
use crate::components::{field, select};

/// The query of the list and of the file.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    agent: Option<String>,
    action: Option<String>,
    status: Option<String>,
    reason: Option<String>,
    resource: Option<String>,
    request: Option<String>,
    since: Option<String>,
    until: Option<String>,
    cursor: Option<String>,
}

/// How rows end, with what people read.
const STATUSES: [(&str, &str); 3] = [("", "All"), ("success", "Success"), ("error", "Error")];

impl Asked {
    /// Where the page goes on.
    pub(super) fn before(&self) -> Result<Option<Cursor>, Problem> {
        asked::cursor(self.cursor.as_deref())
    }

    /// The filter.
    pub(super) fn filter(&self) -> Result<AuditFilter, Problem> {
        let owned = |field: &Option<String>| asked::word(field.as_deref()).map(ToOwned::to_owned);
        let agent = owned(&self.agent).map(AgentName::new).transpose();
        let status = match asked::word(self.status.as_deref()) {
            None => None,
            Some("success") => Some(Status::Success),
            Some("error") => Some(Status::Error),
            Some(_) => return Err(Problem::invalid("a row's status is success or error")),
        };
        let reason = asked::word(self.reason.as_deref()).map(|word| {
            let known = Reason::ALL.into_iter().find(|reason| reason.as_str() == word);
            known.ok_or_else(|| Problem::invalid("there is no such reason"))
        });
        Ok(AuditFilter {
            agent: agent.map_err(|error| Problem::invalid(error.to_string()))?,
            action: owned(&self.action),
            status,
            reason: reason.transpose()?,
            resource: owned(&self.resource),
            request: owned(&self.request),
            since: asked::time(self.since.as_deref())?,
            until: asked::time(self.until.as_deref())?,
            reach: None,
        })
    }

    /// The fields of the form, filled with what was asked for.
    pub(super) fn fields(&self) -> Result<Markup, Problem> {
        let text = |field: &Option<String>| asked::word(field.as_deref()).unwrap_or_default().to_owned();
        let reasons = Reason::ALL.map(|reason| (reason.as_str(), reason.as_str()));
        let reasons: Vec<_> = [("", "All")].into_iter().chain(reasons).collect();
        let since = asked::field_of(asked::time(self.since.as_deref())?);
        let until = asked::field_of(asked::time(self.until.as_deref())?);
        Ok(html! {
            (field("By or for agent", "agent", "text", &text(&self.agent), None))
            (field("Action", "action", "text", &text(&self.action), None))
            (field("About begins with", "resource", "text", &text(&self.resource), None))
            (field("Full request id", "request", "text", &text(&self.request), None))
            (select("Status", "status", &text(&self.status), &STATUSES))
            (select("Reason", "reason", &text(&self.reason), &reasons))
            (field("From (UTC)", "since", "datetime-local", &since, None))
            (field("Before (UTC)", "until", "datetime-local", &until, None))
        })
    }
}
