//! A page of the trail that costs no more than its reach.

use cc_devops_kernel::audit::{AuditFilter, AuditRow};
use cc_devops_kernel::paging::{Cursor, Page};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::pages::{self, COLUMNS, row};
use crate::columns::json;
use crate::db::reach::{List, Stretch, look};
use crate::error::Fault;

const TRAIL: List = List {
    table: "audit",
    time: "at",
};

/// Rows, newest first, of which no more are looked at than the filter reaches.
pub(super) fn list(
    conn: &Connection,
    filter: &AuditFilter,
    before: Option<Cursor>,
    at_most: usize,
) -> Result<Page<AuditRow>, Fault> {
    let times = match filter.reach {
        Some(_) => (filter.since, filter.until),
        None => (None, None),
    };
    let stretch = Stretch::of(conn, TRAIL, times, before)?;
    let (sql, values) = statement(filter, stretch)?;
    let mut looking = conn.prepare_cached(&sql)?;
    let mut reading = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM audit WHERE seq = ?1"))?;
    let mut rows = looking.query(params_from_iter(values))?;
    look(&mut rows, filter.reach.unwrap_or(usize::MAX), at_most, |seq| {
        let found = reading.query_row([seq], row)?;
        Ok(filter.selects(&found.entry).then_some(found))
    })
}

/// What gives each row's place and whether it fits, newest first, one after the other.
fn statement(filter: &AuditFilter, stretch: Stretch) -> rusqlite::Result<(String, Vec<Value>)> {
    let (fits, values) = fits(filter)?;
    let within = "seq < ? AND seq >= ?";
    let places = [Value::Integer(stretch.before), Value::Integer(stretch.from)];
    Ok(match &filter.agent {
        None => (
            format!("SELECT seq, {fits} FROM audit NOT INDEXED WHERE {within} ORDER BY 1 DESC"),
            values.into_iter().chain(places).collect(),
        ),
        Some(agent) => {
            // Two searches by index, merged.
            let by = |index: &str, name: &str| {
                format!("SELECT seq, {fits} FROM audit INDEXED BY {index} WHERE {name} AND {within}")
            };
            let sql = format!(
                "{} UNION ALL {} ORDER BY 1 DESC",
                by("audit_agent", "agent = ?"),
                by("audit_principal", "principal = ? AND principal IS NOT agent"),
            );
            let one = values
                .into_iter()
                .chain([Value::Text(agent.to_string())])
                .chain(places)
                .collect::<Vec<_>>();
            (sql, [one.clone(), one].concat())
        }
    })
}

/// What a row must be, as far as that can be told without reading its entry, with its values.
fn fits(filter: &AuditFilter) -> rusqlite::Result<(String, Vec<Value>)> {
    // Where these stand in the entry otherwise, the row is looked at closely and left out.
    let field = |name: &str, value: &str| Ok::<_, rusqlite::Error>(format!("{}:{}", json(&name)?, json(&value)?));
    let reason = filter.reason.map(|reason| field("reason", reason.as_str()));
    let request = filter.request.as_ref().map(|id| field("requestId", id));
    let resource = filter.resource.as_ref().map(|begin| field("resource", begin));
    let resource = resource.transpose()?;
    let mut conditions = pages::conditions(filter);
    conditions.with_some("instr(entry, ?) > 0", reason.transpose()?);
    conditions.with_some("instr(entry, ?) > 0", request.transpose()?);
    conditions.with_some(
        "instr(entry, ?) > 0",
        resource.map(|part| part.trim_end_matches('"').to_owned()),
    );
    Ok(conditions.into_test())
}

#[cfg(test)]
mod tests {
    use cc_devops_kernel::names::AgentName;
    use cc_devops_kernel::outcome::Reason;

    use super::*;
    use crate::db::reach::tests::{plan, schema};

    /// Rows come one after the other in the order of an index, so that no more are read than are looked at.
    #[test]
    fn no_list_is_sorted_or_read_as_a_whole() {
        let conn = schema();
        let all = AuditFilter::default();
        let by_agent = AuditFilter {
            agent: Some(AgentName::new("A").unwrap()),
            action: Some("putSecret".to_owned()),
            ..all.clone()
        };
        let by_entry = AuditFilter {
            reason: Some(Reason::Timeout),
            request: Some("r".to_owned()),
            resource: Some("/a".to_owned()),
            ..all.clone()
        };
        let cases = [
            (all, vec!["INTEGER PRIMARY KEY (rowid>? AND rowid<?)"]),
            (by_entry, vec!["INTEGER PRIMARY KEY (rowid>? AND rowid<?)"]),
            (
                by_agent,
                vec![
                    "audit_agent (agent=? AND rowid>? AND rowid<?)",
                    "audit_principal (principal=? AND rowid>? AND rowid<?)",
                ],
            ),
        ];
        for (filter, ways) in cases {
            let stretch = Stretch { from: 0, before: 9 };
            let (sql, values) = statement(&filter, stretch).unwrap();
            let plan = plan(&conn, &sql, values);
            let all_by_index = ways.iter().all(|way| plan.contains(way));
            assert!(all_by_index && !plan.contains("B-TREE"), "{filter:?}: {plan}");
        }
    }
}
