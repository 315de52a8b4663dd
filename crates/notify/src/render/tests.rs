use cc_devops_alerts::MessageKind;
use insta::assert_snapshot;
use serde_json::Value;

use super::samples::{at, down, group, huge, plan, up};
use super::*;

fn pretty(json: &str) -> String {
    format!("{:#}", serde_json::from_str::<Value>(json).unwrap())
}

fn event(message: &Message) -> String {
    pagerduty::body(message, "KEY", &pagerduty::events(message)[0])
}

#[test]
fn every_channel_says_the_same_in_its_own_form() {
    let message = shown(&group(), true);
    assert_snapshot!("text", plain(&message));
    assert_snapshot!("html", mail::page(&message));
    assert_snapshot!("slack", pretty(&slack::body(&message, false)));
    assert_snapshot!("webhook", pretty(&webhook::body(&message)));
    assert_snapshot!("sns_subject", sns::subject(&message));
    assert_snapshot!("pagerduty", pretty(&event(&message)));
    assert_snapshot!("teams", pretty(&teams::body(&message)));
    assert_snapshot!("ntfy", pretty(&ntfy::body(&message, "ops")));
}

#[test]
fn one_alert_is_short() {
    assert_snapshot!("text_down", plain(&shown(&down(), false)));
    assert_snapshot!("slack_up", pretty(&slack::body(&shown(&up(), false), false)));
}

const TREE: &str = "\
± orders  AWS::DynamoDB::Table  replaced, its data is LOST
    /KeySchema  id → pk & <script>
~ api  AWS::Lambda::Function
    /Environment  (masked)
+ queue ```end``` <!channel>";

#[test]
fn a_plan_is_shown_with_what_decides_it() {
    let message = shown(&plan(TREE), false);
    assert_snapshot!("plan_text", plain(&message));
    assert_snapshot!("plan_html", mail::page(&message));
    assert_snapshot!("plan_slack_buttons", pretty(&slack::body(&message, true)));
    assert_snapshot!("plan_slack_commands", pretty(&slack::body(&message, false)));
    assert_snapshot!("plan_pagerduty", pretty(&event(&message)));
    assert_snapshot!("plan_teams", pretty(&teams::body(&message)));
    let hook: Value = serde_json::from_str(&webhook::body(&message)).unwrap();
    assert_eq!(hook["data"]["alerts"][0]["plan"]["tree"], TREE);
    // A message that is cut keeps the commands.
    let long = shown(&plan(&"~ row\n".repeat(2_000)), false);
    let ntfy: Value = serde_json::from_str(&ntfy::body(&long, "ops")).unwrap();
    assert!(
        ntfy["message"].as_str().unwrap().contains("deploys approve plan-0123"),
        "{ntfy}"
    );
}

#[test]
fn a_plan_of_any_size_is_within_slacks_limits_and_shows_what_comes_first() {
    let rows: Vec<String> = (0..5_000).map(|row| format!("~ row {row} <&> é```\n")).collect();
    let rows = rows.concat();
    let mut many = plan(&format!("± orders is LOST\n{rows}"));
    for buttons in [true, false] {
        let json: Value = serde_json::from_str(&slack::body(&shown(&many, false), buttons)).unwrap();
        let text = json.to_string();
        assert!(text.contains("± orders is LOST"), "{text}");
        assert!(
            text.contains("lines are not shown here. See all with: cc-devops deploys show plan-0123"),
            "{text}"
        );
        limited(&json);
    }
    let mut one = many.alerts[0].clone();
    one.plan = one.plan.map(|plan| plan.within(2_000));
    many.alerts = (0..200)
        .map(|number| {
            let mut one = one.clone();
            if let Some(plan) = &mut one.plan {
                plan.plan = format!("plan-{number:024}");
            }
            one
        })
        .collect();
    let json: Value = serde_json::from_str(&slack::body(&shown(&many, false), true)).unwrap();
    limited(&json);
    assert!(json.to_string().contains("alerts are not shown here"), "{json}");
    let ids: Vec<&str> = json["blocks"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|block| block["block_id"].as_str())
        .collect();
    assert!(ids.len() > 5, "{ids:?}");
    assert!(teams::body(&shown(&many, false)).len() <= teams::MAX_BODY);
}

/// Slack's limits of blocks, texts and buttons.
fn limited(json: &Value) {
    let blocks = json["blocks"].as_array().unwrap();
    assert!(blocks.len() <= slack::MAX_BLOCKS, "{}", blocks.len());
    for block in blocks {
        if block["type"] == "section" {
            let text = block["text"]["text"].as_str().unwrap();
            assert!(text.chars().count() <= slack::MAX_SECTION, "{text}");
            if text.contains("```") {
                assert!(text.starts_with("```\n") && text.ends_with("\n```"), "{text}");
                assert_eq!(text.matches("```").count(), 2, "{text}");
            }
        }
        for button in block["elements"].as_array().into_iter().flatten() {
            if button["type"] == "button" {
                assert!(button["value"].as_str().unwrap().len() <= 2_000);
                assert!(button["confirm"]["title"]["text"].as_str().unwrap().chars().count() <= 100);
                assert!(button["confirm"]["text"]["text"].as_str().unwrap().chars().count() <= 300);
            }
        }
    }
}

#[test]
fn the_end_of_a_plan_has_no_buttons_and_says_who_decided() {
    let mut message = plan(TREE);
    message.kind = MessageKind::Up;
    message.title = "The plan of shop-prod was approved by ana".into();
    message.alerts[0].title.clone_from(&message.title);
    message.alerts[0].open = false;
    message.alerts[0].plan = None;
    let text = slack::body(&shown(&message, false), true);
    assert!(text.contains("approved by ana") && !text.contains("button"), "{text}");
}

#[test]
fn no_token_in_a_tree_is_shown() {
    let message = shown(&plan(&format!("~ x ccd_{}", "ab".repeat(32))), false);
    for text in [
        plain(&message),
        mail::page(&message),
        webhook::body(&message),
        slack::body(&message, true),
    ] {
        assert!(text.contains("[blotted out]"), "{text}");
    }
}

#[test]
fn bodies_are_shown_only_where_the_channel_does() {
    let json = webhook::body(&shown(&group(), false));
    assert!(!json.contains("click"), "{json}");
    assert!(webhook::body(&shown(&group(), true)).contains("click"));
}

#[test]
fn no_message_holds_a_ping_address_or_a_token() {
    let mut message = group();
    message.alerts[0].text = format!("ccd_{} https://x.example/ping/key/slug", "ab".repeat(32));
    message.alerts[0].title = "whsec_0123456789".into();
    let message = shown(&message, true);
    for text in [
        plain(&message),
        mail::page(&message),
        slack::body(&message, false),
        webhook::body(&message),
        event(&message),
        teams::body(&message),
        ntfy::body(&message, "ops"),
    ] {
        for secret in ["abab", "5bd6e8c1", "key/slug", "whsec_0"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

/// Slack's limits, whatever comes.
#[test]
fn slack_is_within_its_limits() {
    let message = shown(&huge(), true);
    let json: Value = serde_json::from_str(&slack::body(&message, false)).unwrap();
    let blocks = json["blocks"].as_array().unwrap();
    assert!(blocks.len() <= slack::MAX_BLOCKS, "{}", blocks.len());
    assert_eq!(blocks[0]["block_id"], "m-1");
    let length = |value: &Value| value.as_str().unwrap().chars().count();
    assert!(length(&blocks[0]["text"]["text"]) <= slack::MAX_HEADER);
    for block in blocks.iter().filter(|block| block["type"] == "section") {
        let text = block["text"]["text"].as_str().unwrap();
        assert!((1..=slack::MAX_SECTION).contains(&text.chars().count()), "{text}");
        // Nothing is left of an escape that was cut.
        let rest = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
        assert!(!rest.contains(['&', '<', '>']), "{text}");
    }
    assert!(length(&json["text"]) <= 3_000);
    assert_eq!(json["unfurl_links"], false);
    assert_eq!(json["unfurl_media"], false);
    let said = json.to_string();
    assert!(
        said.contains("158 alerts are not shown here. See all with: cc-devops alerts list"),
        "{said}"
    );
    // One alert that is as long as it can be is one section.
    let mut one = huge();
    one.alerts.truncate(1);
    let json: Value = serde_json::from_str(&slack::body(&shown(&one, true), false)).unwrap();
    for block in json["blocks"].as_array().unwrap() {
        if let Some(text) = block["text"]["text"].as_str() {
            assert!(text.chars().count() <= slack::MAX_SECTION);
        }
    }
    assert!(json.to_string().contains("cc-devops alerts ack a-AAAA"));
}

#[test]
fn every_other_channel_is_within_its_limits() {
    let message = shown(&huge(), true);
    assert!(teams::body(&message).len() <= teams::MAX_BODY);
    assert!(teams::body(&message).contains("not shown here"));
    let subject = sns::subject(&message);
    assert!(subject.len() <= sns::MAX_SUBJECT && subject.is_ascii(), "{subject}");
    assert!(!subject.starts_with(' ') && !subject.contains(|c: char| c.is_control()));
    let mut more = huge();
    more.alerts.iter_mut().for_each(|named| named.text = "é".repeat(2_000));
    let body = sns::body(&shown(&more, true));
    assert!(
        body.len() <= sns::MAX_BODY && body.ends_with("cc-devops alerts list"),
        "{}",
        body.len()
    );
    let ntfy: Value = serde_json::from_str(&ntfy::body(&message, "ops")).unwrap();
    assert!(ntfy["message"].as_str().unwrap().len() <= ntfy::MAX_MESSAGE);
    let event: Value = serde_json::from_str(&event(&message)).unwrap();
    assert!(event["payload"]["summary"].as_str().unwrap().chars().count() <= pagerduty::MAX_SUMMARY);
    assert!(event.to_string().len() < 512_000);
}

#[test]
fn a_subject_of_sns_is_a_line_of_ascii() {
    for (title, subject) in [
        ("  é\u{1f600} down\n now ", "down now"),
        ("日本", "Alert: down"),
        ("a b", "a b"),
    ] {
        let mut message = down();
        message.title = title.into();
        assert_eq!(sns::subject(&message), subject);
    }
}

#[test]
fn an_incident_is_resolved_when_nothing_of_it_is_open() {
    let events = |message: &Message| -> Vec<(&str, String)> {
        let events = pagerduty::events(message).into_iter();
        events.map(|event| (event.action, event.dedup_key)).collect()
    };
    assert_eq!(events(&down()), [("trigger", "m-1".to_owned())]);
    // Of a group something is open still, and has its incident.
    let mut message = up();
    message.count = Some(3);
    assert_eq!(events(&message), []);
    message.over = vec!["m-1".into(), "m-0".into()];
    assert_eq!(
        events(&message),
        [("resolve", "m-1".to_owned()), ("resolve", "m-0".to_owned())]
    );
    let mut closed = up();
    closed.kind = MessageKind::Closed;
    closed.alerts.clear();
    closed.threads.clear();
    assert_eq!(events(&closed), [("resolve", "m-1".to_owned())]);
    let mut test = down();
    test.kind = MessageKind::Test;
    assert_eq!(
        events(&test),
        [("trigger", "m-1".to_owned()), ("resolve", "m-1".to_owned())]
    );
}

#[test]
fn a_webhook_is_signed_where_there_is_a_secret() {
    let body = webhook::body(&down());
    let now = at("2026-06-01T12:00:10Z");
    let unsigned = webhook::headers("m-1", &body, None, now).unwrap();
    assert_eq!(
        unsigned,
        [("webhook-id", "m-1".into()), ("webhook-timestamp", "1780315210".into())]
    );
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let signed = webhook::headers("m-1", &body, Some(secret), now).unwrap();
    assert!(signed[2].1.starts_with("v1,"), "{signed:?}");
    let refused = webhook::headers("m-1", &body, Some("whsec_***"), now).unwrap_err();
    assert!(!refused.contains("***"));
}

/// What a mail is, before any server sees it.
mod mails {
    use super::*;

    fn made(message: &Message) -> lettre::Message {
        let from = "DevOps <devops@example.com>".parse().unwrap();
        mail::mail(&shown(message, true), &from, &["ops@example.com".parse().unwrap()]).unwrap()
    }

    fn text(message: &Message) -> String {
        String::from_utf8(made(message).formatted()).unwrap()
    }

    #[test]
    fn an_alert_is_one_thread_for_its_whole_life() {
        let first = text(&down());
        assert!(first.contains("\r\nMessage-ID: <m-1@example.com>\r\n"), "{first}");
        assert!(
            !first.contains("References:") && !first.contains("In-Reply-To:"),
            "{first}"
        );
        assert!(first.contains("\r\nAuto-Submitted: auto-generated\r\n"));
        assert!(first.contains("\r\nList-Unsubscribe: <mailto:devops@example.com?subject=unsubscribe>\r\n"));
        assert!(
            first.contains("\r\nDate: Mon, 01 Jun 2026 12:00:10 +0000\r\n"),
            "{first}"
        );
        let second = text(&up());
        assert!(second.contains("\r\nMessage-ID: <m-2@example.com>\r\n"), "{second}");
        assert!(second.contains("\r\nReferences: <m-1@example.com>\r\n"), "{second}");
        assert!(second.contains("\r\nIn-Reply-To: <m-1@example.com>\r\n"), "{second}");
    }

    #[test]
    fn every_thread_that_a_mail_tells_of_is_named() {
        let mut message = up();
        message.thread = "m-0".into();
        message.threads = (0..200).map(|number| format!("m-{number}")).collect();
        let mail = text(&message);
        assert!(mail.lines().all(|line| line.len() <= 998), "{mail}");
        let unfolded = mail.replace("\r\n ", " ");
        let references = unfolded.lines().find(|line| line.starts_with("References: ")).unwrap();
        assert_eq!(references.matches('<').count(), 199, "{references}");
        assert!(
            references.starts_with("References: <m-0@example.com> <m-1@example.com> <m-3@"),
            "{references}"
        );
        assert!(
            unfolded.contains("\r\nIn-Reply-To: <m-0@example.com>\r\n"),
            "{unfolded}"
        );
    }

    #[test]
    fn a_line_break_begins_no_header() {
        let mut message = down();
        message.title = "x\r\nBcc: victim@example.org\r\n\r\nhello".into();
        let mail = made(&message);
        assert_eq!(mail.envelope().to().len(), 1);
        let text = text(&message);
        assert!(
            text.contains("\r\nSubject: x Bcc: victim@example.org hello\r\n"),
            "{text}"
        );
        assert!(!text.contains("\r\nBcc:"), "{text}");
        message.id = "m\r\nBcc: a@b".into();
        let from = "devops@example.com".parse().unwrap();
        assert!(mail::mail(&message, &from, &[]).is_err());
    }

    #[test]
    fn every_line_is_short_enough() {
        let mut message = down();
        message.title = "\u{1f600}é ".repeat(200);
        message.alerts[0].body = Some("x".repeat(10_000));
        for title in [message.title.clone(), "y".repeat(2_000)] {
            message.title = title;
            for line in made(&message).formatted().split(|byte| *byte == b'\n') {
                assert!(line.len() <= 998 + 1, "{}", line.len());
            }
        }
    }

    #[test]
    fn what_others_wrote_is_no_markup() {
        let page = mail::page(&shown(&group(), true));
        assert!(page.contains("&lt;img src=x"), "{page}");
        for bad in ["<img", "<a ", "href=\"http", "src=\"", "url(", "<script"] {
            assert!(!page.contains(bad), "{bad} in {page}");
        }
    }
}
