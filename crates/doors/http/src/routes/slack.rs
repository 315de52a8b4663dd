//! What people click in Slack.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use cc_devops_slack::{NotTaken, SIGNATURE_HEADER, TIMESTAMP_HEADER};

use crate::access::Open;
use crate::client_network::ClientNetwork;
use crate::problem::Problem;
use crate::strangers::{read, text};

/// Takes a click in Slack
///
/// Give this path to the Slack app as its interactivity's request URL. Who sends is proven by the app's signature over the
/// body, at most five minutes old; no token is needed. Who clicked is the operator on whose record the Slack user's id
/// stands. A decision is written before the answer, and carried out after it; the message in Slack is brought up to date by a
/// call of its own. A request that was taken before, or is of no button of ours, is answered and changes nothing.
#[utoipa::path(
    post, path = "/v1/slack/actions", tag = "deploys",
    request_body(
        content_type = "application/x-www-form-urlencoded", content = SlackInteraction,
        description = "The form, unchanged",
    ),
    responses(
        (status = 200, description = "Taken"),
        (status = 404, description = "No channel of Slack has a signing secret", content(
            (crate::wire::ProblemBody = "application/problem+json"),
        )),
    ),
)]
pub(crate) async fn post_slack_action(
    open: Open,
    from: ClientNetwork,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let app = open.app();
    let Some(slack) = app.slack.clone() else {
        return Err(Problem::not_found(
            "no channel has buttons: set signing_secret of a channel of kind \"slack\" in [[alerts.channels]]",
        ));
    };
    let (timestamp, signature) = (text(&headers, TIMESTAMP_HEADER), text(&headers, SIGNATURE_HEADER));
    slack.admits(timestamp, signature).map_err(not_taken)?;
    let signed = (timestamp.unwrap_or_default(), signature.unwrap_or_default());
    let notice = read(app, from, &headers, body).await?;
    let answer = slack
        .take(&app.control, signed, &notice.body)
        .await
        .map_err(not_taken)?;
    if let Some(answer) = answer {
        app.running.spawn(async move { slack.answer(answer).await });
        // Whoever looks after plans has something to do.
        app.sweep.notify_one();
    }
    Ok(StatusCode::OK)
}

fn not_taken(error: NotTaken) -> Problem {
    match error {
        NotTaken::NotSlack(error) => Problem::denied(error.to_string()),
        NotTaken::NoInteraction(error) => Problem::malformed(error.to_string()),
        NotTaken::Port(error) => error.into(),
    }
}

/// What Slack sends when somebody clicks.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes what Slack sends")]
pub(crate) struct SlackInteraction {
    /// JSON: an interaction of the type `block_actions`.
    payload: String,
}
