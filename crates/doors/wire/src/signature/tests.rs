use axum::http::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::*;
use crate::canonical::Reached;

/// What an SDK signed, at noon of 2026-11-25.
#[derive(Deserialize)]
struct Case {
    says: String,
    service: String,
    method: String,
    uri: String,
    headers: Vec<(String, String)>,
    body: String,
}

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYcanaryKEY";

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../../tests/data/signed.json")).unwrap()
}

fn noon() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().unwrap()
}

impl Case {
    fn parts(&self) -> Parts {
        let mut request = Request::builder().method(self.method.as_str()).uri(self.uri.as_str());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn body(&self) -> Vec<u8> {
        STANDARD.decode(&self.body).unwrap()
    }
}

/// Whether the signature of a request holds.
fn holds(parts: &Parts, service: &str, body: &[u8], secret: &str) -> bool {
    let signed = Signed::read(&parts.headers, service, noon());
    let signed = signed.unwrap_or_else(|why| panic!("{why:?}"));
    let ways = Reached::ways(parts, "http://127.0.0.1:8787");
    let secret = SecretValue::new(secret.to_owned());
    signed.holds(parts, body, &secret, &ways).is_some()
}

#[test]
fn what_an_sdk_signs_is_taken_and_nothing_else_under_its_signature() {
    for case in cases() {
        let (parts, body) = (case.parts(), case.body());
        assert!(holds(&parts, &case.service, &body, SECRET), "{}", case.says);
        assert!(!holds(&parts, &case.service, &body, "another"), "{}", case.says);
        let other = [&body[..], b" "].concat();
        assert!(!holds(&parts, &case.service, &other, SECRET), "{}", case.says);
        let mut moved = case.parts();
        moved.uri = "/elsewhere".parse().unwrap();
        assert!(!holds(&moved, &case.service, &body, SECRET), "{}", case.says);
        if parts.headers.contains_key("x-amz-target") {
            let mut changed = case.parts();
            changed
                .headers
                .insert("x-amz-target", "AWSEvents.Other".parse().unwrap());
            assert!(!holds(&changed, &case.service, &body, SECRET), "{}", case.says);
        }
    }
}

#[test]
fn a_proxy_may_take_a_prefix_away_and_give_another_host() {
    let case = &cases()[1];
    let mut parts = case.parts();
    parts.uri = "/".parse().unwrap();
    parts.headers.insert("host", "upstream:1".parse().unwrap());
    assert!(!holds(&parts, &case.service, &case.body(), SECRET));
    parts
        .headers
        .insert("x-forwarded-host", "127.0.0.1:8787".parse().unwrap());
    parts.headers.insert("x-forwarded-prefix", "/aws".parse().unwrap());
    assert!(holds(&parts, &case.service, &case.body(), SECRET));
}

#[test]
fn a_clock_may_be_off_by_a_quarter_of_an_hour() {
    let parts = cases()[0].parts();
    let at = |offset: i64| {
        let now = noon() + SignedDuration::from_secs(offset);
        Signed::read(&parts.headers, "events", now).err()
    };
    assert_eq!((at(900), at(-900)), (None, None));
    let Some(NotSigned::OutsideWindow(late)) = at(901) else {
        panic!("it was signed too long ago")
    };
    assert!(late.starts_with("Signature expired: 20261125T120000Z is now earlier than 20261125T120001Z"));
    let Some(NotSigned::OutsideWindow(early)) = at(-901) else {
        panic!("it is not time yet")
    };
    assert!(
        early.starts_with("Signature not yet current: 20261125T120000Z"),
        "{early}"
    );
}

/// Why the first case is not taken once its headers were changed.
fn refusal(change: impl FnOnce(&mut HeaderMap)) -> NotSigned {
    let mut parts = cases()[0].parts();
    change(&mut parts.headers);
    Signed::read(&parts.headers, "events", noon()).err().unwrap()
}

fn with_authorization(change: impl FnOnce(&str) -> String) -> NotSigned {
    refusal(|headers| {
        let changed = change(headers[AUTHORIZATION].to_str().unwrap());
        headers.insert(AUTHORIZATION, changed.parse().unwrap());
    })
}

#[test]
fn each_defect_has_its_name() {
    let missing = refusal(|headers| {
        headers.remove(AUTHORIZATION);
    });
    assert_eq!(missing, NotSigned::Missing);
    let undated = refusal(|headers| {
        headers.remove("x-amz-date");
    });
    assert!(matches!(undated, NotSigned::Malformed(why) if why.contains("'X-Amz-Date'")));
    let misdated = refusal(|headers| {
        headers.insert("x-amz-date", "2026-11-25T12:00:00Z".parse().unwrap());
    });
    assert!(matches!(misdated, NotSigned::Malformed(why) if why.contains("20261125T120000Z")));
    for (from, to) in [
        ("AWS4-HMAC-SHA256", "Bearer"),
        ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256x"),
        ("Credential=", "Who="),
        ("SignedHeaders=", "Headers="),
        ("Signature=", "Sig="),
        ("Signature=", "Signature=zz"),
        ("/aws4_request", ""),
        ("/20261125/", "/2026-11-25/"),
        ("/us-east-1/", "//"),
        ("SignedHeaders=", "SignedHeaders=content-type;"),
        (";host;", ";x-amz-date;host;"),
    ] {
        let why = with_authorization(|text| text.replace(from, to));
        let NotSigned::Malformed(sentence) = &why else {
            panic!("{from} {to}: {why:?}")
        };
        assert!(!sentence.contains("62781588"), "no signature is told: {sentence}");
    }
    for (from, to) in [
        ("/events/", "/sqs/"),
        ("/20261125/", "/20261124/"),
        ("host;", ""),
        (";x-amz-target", ""),
        ("x-amz-date;", ""),
    ] {
        let why = with_authorization(|text| text.replace(from, to));
        assert!(matches!(why, NotSigned::Mismatch(_)), "{from} {to}: {why:?}");
    }
}

#[test]
fn a_date_of_http_will_do() {
    let mut parts = cases()[0].parts();
    parts.headers.remove("x-amz-date");
    parts
        .headers
        .insert(DATE, "Wed, 25 Nov 2026 12:00:00 GMT".parse().unwrap());
    let text = parts.headers[AUTHORIZATION]
        .to_str()
        .unwrap()
        .replace("host;x-amz-date", "date;host");
    parts.headers.insert(AUTHORIZATION, text.parse().unwrap());
    let signed = Signed::read(&parts.headers, "events", noon());
    let signed = signed.unwrap_or_else(|why| panic!("{why:?}"));
    assert_eq!((signed.at, signed.written.as_str()), (noon(), "20261125T120000Z"));
}
