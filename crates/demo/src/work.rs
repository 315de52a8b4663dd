//! What the agents ask for: more by day than by night, and now and then something that is refused.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::fleet::AGENTS;

/// The requests of the hour that begins at `hour`, each with who sends it and at which second of the hour.
pub(crate) fn of_hour(hour: Timestamp) -> Vec<(&'static str, i64, Value)> {
    let local = hour.to_zoned(TimeZone::UTC);
    let is_workday = local.weekday().to_monday_zero_offset() < 5;
    // Nobody works at four in the morning; most is done before noon and in the afternoon.
    let busy = match local.hour() {
        0..=5 => 1,
        6..=8 | 18..=21 => 4,
        9..=17 => 9,
        _ => 2,
    };
    let count = if is_workday { busy } else { busy / 3 + 1 };
    (0..count).map(|number| request(hour, number, count)).collect()
}

fn request(hour: Timestamp, number: i64, count: i64) -> (&'static str, i64, Value) {
    let seed = hour.as_second() / 3_600 * 31 + number * 7;
    let places = i64::try_from(AGENTS.len()).unwrap_or(1);
    let index = usize::try_from(seed.rem_euclid(places)).unwrap_or(0);
    let agent = AGENTS.get(index).map_or("ContentOrchestrator", |one| one.name);
    let own = agent.to_ascii_lowercase();
    let second = 3_600 * number / count + seed.rem_euclid(240);
    let id = format!("{own}-{}-{number}", hour.strftime("%Y%m%d-%H"));
    let (action, params) = match seed.rem_euclid(41) {
        // Somebody else's secret.
        0 => (
            "putSecret",
            json!({"name": "/contentcraft/billingreporter/stripe-key", "value": "rotated"}),
        ),
        1 if agent != "BillingReporter" => ("putSecret", json!({"name": format!("/contentcraft/{own}/token")})),
        2 => ("scaleService", json!({"service": "api", "replicas": 4})),
        3 => ("deployLambda", json!({"stackName": format!("cc-agent-{own}-edge")})),
        place => {
            let which = [
                "api-key",
                "webhook-secret",
                "database-url",
                "session-key",
                "smtp-password",
            ];
            let name = usize::try_from(place)
                .ok()
                .and_then(|place| which.get(place % which.len()));
            let name = format!("/contentcraft/{own}/{}", name.unwrap_or(&"api-key"));
            ("putSecret", json!({"name": name, "value": format!("value-{seed}")}))
        }
    };
    let event = json!({
        "source": format!("agent.{agent}"),
        "detail-type": "devops.request",
        "detail": {"requestId": id, "action": action, "stage": "dev", "params": params, "requestedBy": agent},
    });
    (agent, second, event)
}
