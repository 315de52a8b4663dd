//! What is looked for, as the address says it: filters, and one field that leads to them.

use cc_devops_http::access::{FindRequest, SearchRequests};
use cc_devops_http::problem::Problem;
use cc_devops_kernel::names::{AgentName, RequestId};
use cc_devops_kernel::outcome::{Reason, Status};
use cc_devops_kernel::paging::Cursor;
use cc_devops_requests::Action;
use cc_devops_requests::actions::Registry;
use cc_devops_requests::record::{RequestFilter, RequestState};
use maud::{Markup, html};
use serde::Deserialize;

use super::super::asked;
use super::reasons;
use crate::components::{field, select};
use crate::gate::Visit;
use crate::links;
use crate::refusal::Refusal;
use crate::section::Section;

/// The query of the list.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    q: Option<String>,
    /// Whose requests. What the visitor may see was decided before.
    agent: Option<String>,
    action: Option<String>,
    state: Option<String>,
    reason: Option<String>,
    since: Option<String>,
    until: Option<String>,
    cursor: Option<String>,
}

/// How requests stand, as one word of an address, with what people read.
const STATES: [(&str, &str); 6] = [
    ("", "All"),
    ("received", "Received"),
    ("executing", "Executing"),
    ("waiting", "Waiting"),
    ("success", "Success"),
    ("error", "Error"),
];

impl Asked {
    /// What was typed into the one field.
    pub(super) fn typed(&self) -> Option<&str> {
        asked::word(self.q.as_deref())
    }

    /// Whether anything is asked for that leaves requests out.
    pub(super) fn narrows(&self) -> bool {
        let fields = [
            &self.agent,
            &self.action,
            &self.state,
            &self.reason,
            &self.since,
            &self.until,
        ];
        fields.into_iter().any(|field| asked::word(field.as_deref()).is_some())
    }

    /// Where the page goes on.
    pub(super) fn before(&self) -> Result<Option<Cursor>, Problem> {
        asked::cursor(self.cursor.as_deref())
    }

    /// The filter.
    pub(super) fn filter(&self) -> Result<RequestFilter, Problem> {
        let (mut status, mut state) = (None, None);
        match asked::word(self.state.as_deref()) {
            None => {}
            Some("success") => status = Some(Status::Success),
            Some("error") => status = Some(Status::Error),
            Some(word) => {
                let known = RequestState::find(word);
                state = Some(known.ok_or_else(|| Problem::invalid("there is no such state"))?);
            }
        }
        let reason = asked::word(self.reason.as_deref()).map(|word| {
            let known = Reason::ALL.into_iter().find(|reason| reason.as_str() == word);
            known.ok_or_else(|| Problem::invalid("there is no such reason"))
        });
        Ok(RequestFilter {
            agent: None,
            action: asked::word(self.action.as_deref()).map(ToOwned::to_owned),
            status,
            reason: reason.transpose()?,
            state,
            since: asked::time(self.since.as_deref())?,
            until: asked::time(self.until.as_deref())?,
            reach: None,
        })
    }

    /// The fields of the form, filled with what was asked for.
    pub(super) fn fields(&self) -> Result<Markup, Problem> {
        let text = |field: &Option<String>| asked::word(field.as_deref()).unwrap_or_default().to_owned();
        let actions = Registry::shipped().actions().map(Action::as_str);
        let actions: Vec<_> = [("", "All")]
            .into_iter()
            .chain(actions.map(|name| (name, name)))
            .collect();
        let reasons = Reason::ALL.map(|reason| (reason.as_str(), reasons::words(reason)));
        let reasons: Vec<_> = [("", "All")].into_iter().chain(reasons).collect();
        let since = asked::field_of(asked::time(self.since.as_deref())?);
        let until = asked::field_of(asked::time(self.until.as_deref())?);
        Ok(html! {
            (field("Agent", "agent", "text", &text(&self.agent), None))
            (select("Action", "action", &text(&self.action), &actions))
            (select("State", "state", &text(&self.state), &STATES))
            (select("Reason", "reason", &text(&self.reason), &reasons))
            (field("From (UTC)", "since", "datetime-local", &since, None))
            (field("Before (UTC)", "until", "datetime-local", &until, None))
        })
    }
}

/// Where what was typed leads: to the request of that id, or to a filter; nowhere, where nothing is called so.
pub(super) async fn leads_to(visit: &Visit<SearchRequests>, typed: &str) -> Result<Option<String>, Refusal> {
    if let Ok(id) = RequestId::new(typed)
        && visit.permitted.also::<FindRequest>()?.find(&id).await?.is_some()
    {
        return Ok(Some(format!("{}/{}", Section::Requests.path(), links::segment(typed))));
    }
    let narrowed = |key: &str, value: &str| Ok(Some(links::with(Section::Requests.path(), key, value)));
    let same = |word: &str| word.eq_ignore_ascii_case(&typed.replace(' ', "_"));
    if let Some(action) = Registry::shipped()
        .actions()
        .map(Action::as_str)
        .find(|name| same(name))
    {
        return narrowed("action", action);
    }
    if let Some(reason) = Reason::ALL.into_iter().map(Reason::as_str).find(|name| same(name)) {
        return narrowed("reason", reason);
    }
    if let Some((state, _)) = STATES.into_iter().find(|(state, _)| !state.is_empty() && same(state)) {
        return narrowed("state", state);
    }
    if let Ok(agent) = AgentName::new(typed)
        && let Some(of_agent) = visit.permitted.narrowed(agent)
        && !of_agent
            .look(RequestFilter::default(), None, 1)
            .await?
            .page
            .items
            .is_empty()
    {
        return narrowed("agent", typed);
    }
    Ok(None)
}
