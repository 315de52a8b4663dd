//! The event `cost.reported`, by which an agent says what was spent: read as a request of the action `reportCost`.

use serde_json::{Map, Value};

use crate::actions::report_cost;

/// The event's `detail-type`.
pub const DETAIL_TYPE: &str = "cost.reported";

/// The detail of the request that such an event is; none for any other event. Its idempotency key is its `requestId`, or
/// else the id that a bus gives each event. What it says beside the amount is passed over, for it was written for others
/// too.
pub(crate) fn as_request(event: &Map<String, Value>) -> Option<Map<String, Value>> {
    let is_one = event.get("detail-type").and_then(Value::as_str) == Some(DETAIL_TYPE);
    let told = event.get("detail").filter(|_| is_one)?.as_object()?;
    let pick = |names: &[&str]| -> Map<String, Value> {
        let found = names
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), told.get(*name)?.clone())));
        found.collect()
    };
    let mut detail = pick(&["requestId", "stage", "ts", "agent"]);
    let by_bus = event.get("id").and_then(Value::as_str).map(|id| format!("cost-{id}"));
    if let (false, Some(id)) = (detail.contains_key("requestId"), by_bus) {
        detail.insert("requestId".to_owned(), Value::String(id));
    }
    detail.insert("action".to_owned(), Value::String(report_cost::ACTION.name.to_owned()));
    let params: Vec<&str> = report_cost::ACTION.params.iter().map(|param| param.name).collect();
    detail.insert("params".to_owned(), Value::Object(pick(&params)));
    if let Some(source) = event
        .get("source")
        .and_then(Value::as_str)
        .and_then(|source| source.strip_prefix("agent."))
    {
        detail.insert("requestedBy".to_owned(), Value::String(source.to_owned()));
    }
    Some(detail)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::envelope::Envelope;

    fn read(event: Value) -> Value {
        let envelope = Envelope::read(event).unwrap();
        json!([envelope.source, envelope.id, envelope.detail])
    }

    #[test]
    fn a_report_of_costs_is_a_request_under_the_buss_id_or_its_own() {
        let mut event = json!({
            "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "source": "agent.CostSentinel", "detail-type": DETAIL_TYPE,
            "detail": {"amount": "1234.56", "currency": "USD", "period": "2026-11", "top": ["lambda"], "stage": "prod"},
        });
        let params = json!({"amount": "1234.56", "currency": "USD", "period": "2026-11"});
        let asked = |id: &str| {
            json!(["CostSentinel", id, {
                "requestId": id, "action": "reportCost", "requestedBy": "CostSentinel", "stage": "prod", "params": params,
            }])
        };
        assert_eq!(read(event.clone()), asked("cost-6a7e8feb-b491-4cf7-a9f1-bf3703467718"));
        event["detail"]["requestId"] = json!("cost-2026-11-25");
        assert_eq!(read(event.clone()), asked("cost-2026-11-25"));
    }

    #[test]
    fn one_that_says_nothing_is_as_unreadable_as_any_event() {
        for detail in [json!(null), json!("x"), json!({})] {
            let event = json!({"source": "agent.CostSentinel", "detail-type": DETAIL_TYPE, "detail": detail});
            assert!(Envelope::read(event).is_err(), "{detail}");
        }
    }
}
