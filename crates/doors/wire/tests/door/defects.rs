//! Who is not let in, and how that is said: service by service, in each protocol.

use crate::harness::{AGENT, Answer, Harness};
use crate::signing::{Ask, Key, put};

/// A call of every service, and whether its errors are called as forms had them.
fn calls() -> Vec<(Ask, bool)> {
    let json = |service, target: &str| (Ask::json(service, target, "{}"), false);
    let form = |service, action: &str| (Ask::form(service, &format!("Action={action}&Version=1")), true);
    let target = |prefix: &str, operation: &str| format!("{prefix}.{operation}");
    vec![
        json("events", "AWSEvents.PutEvents"),
        json("secretsmanager", "secretsmanager.ListSecrets"),
        json("ssm", "AmazonSSM.GetParameter"),
        json("dynamodb", "DynamoDB_20120810.GetItem"),
        form("sts", "GetCallerIdentity"),
        form("monitoring", "PutMetricData"),
        form("sqs", "ReceiveMessage"),
        form("sns", "Publish"),
        form("cloudformation", "DescribeStacks"),
        (
            Ask::json(
                "monitoring",
                &target("GraniteServiceVersion20100801", "PutMetricData"),
                "{}",
            ),
            true,
        ),
        (Ask::cbor("PutMetricData"), true),
    ]
}

fn said(answer: &Answer, ask: &Ask, of_forms: bool, json: &str, query: &str) {
    let (code, status) = if of_forms { (query, 403) } else { (json, 400) };
    let what = format!("{} {}: {answer:?}", ask.service, ask.path);
    assert_eq!((answer.code().as_str(), answer.status), (code, status), "{what}");
    assert!(
        !answer.header("x-amzn-requestid").is_empty() && !answer.header("date").is_empty(),
        "{what}"
    );
    assert_eq!(
        answer.headers.contains_key("x-amz-crc32"),
        ask.service == "dynamodb",
        "{what}"
    );
}

#[tokio::test]
async fn each_defect_has_its_name_in_every_service() {
    let harness = Harness::new().await;
    let (key, ended) = (harness.key().await, harness.key().await);
    harness.end(&ended).await;
    for (ask, of_forms) in calls() {
        let told = |answer: Answer, json: &str, query: &str| said(&answer, &ask, of_forms, json, query);
        let unknown = ("UnrecognizedClientException", "InvalidClientTokenId");
        told(harness.ask(&ask, &Key::of_nobody()).await, unknown.0, unknown.1);
        told(harness.ask(&ask, &ended).await, unknown.0, unknown.1);

        let mismatch = ("InvalidSignatureException", "SignatureDoesNotMatch");
        let wrong = Key {
            secret: "w".repeat(40),
            ..key.clone()
        };
        told(harness.ask(&ask, &wrong).await, mismatch.0, mismatch.1);
        let mut tampered = ask.signed(&key, harness.now());
        *tampered.body_mut() = "Action=Another".into();
        told(harness.send(tampered).await, mismatch.0, mismatch.1);
        for minutes in [-16, 16] {
            let at = harness.now() + jiff::SignedDuration::from_mins(minutes);
            let answer = harness.send(ask.signed(&key, at)).await;
            let words = if minutes < 0 {
                "Signature expired"
            } else {
                "Signature not yet current"
            };
            assert!(answer.text().contains(words), "{answer:?}");
            told(answer, mismatch.0, mismatch.1);
        }

        let missing = ("MissingAuthenticationTokenException", "MissingAuthenticationToken");
        told(harness.send(ask.unsigned()).await, missing.0, missing.1);

        let malformed = ("IncompleteSignatureException", "IncompleteSignature");
        for header in [
            "AWS4-HMAC-SHA256 nothing",
            "Bearer ccd_x",
            "AWS4-HMAC-SHA256 Credential=A/B, Signature=0",
            "AWS4-HMAC-SHA256 Credential=A/20261125/us-east-1/aws4_request, SignedHeaders=host, Signature=0",
            "AWS4-HMAC-SHA256 Credential=A/20261125/sts/aws4_request, SignedHeaders=host, Signature=0",
            "AWS4-HMAC-SHA256 Credential=A/20261125/us-east-1//aws4_request, SignedHeaders=host, Signature=0",
        ] {
            let mut request = ask.signed(&key, harness.now());
            put(request.headers_mut(), "authorization", header);
            told(harness.send(request).await, malformed.0, malformed.1);
        }
    }
}

#[tokio::test]
async fn a_good_key_is_told_whose_it_is_until_it_ends() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    for path in ["/aws", "/aws/", "/"] {
        let answer = harness.ask(&Ask::identity().at(path), &key).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let text = answer.text();
        assert!(
            text.contains(&format!("<Arn>arn:aws:iam::000000000000:user/{AGENT}</Arn>")),
            "{text}"
        );
        assert!(text.contains("<Account>000000000000</Account>"), "{text}");
        assert!(
            text.contains(&format!("<RequestId>{}</RequestId>", answer.header("x-amzn-requestid"))),
            "{text}"
        );
    }
    // A recorded request is good for as long as AWS takes it.
    let recorded = |harness: &Harness| Ask::identity().signed(&key, harness.now());
    let (once, again) = (recorded(&harness), recorded(&harness));
    assert_eq!(harness.send(once).await.status, 200);
    assert_eq!(harness.send(again).await.status, 200);
    harness.end(&key).await;
    assert_eq!(harness.ask(&Ask::identity(), &key).await.code(), "InvalidClientTokenId");
}

#[tokio::test]
async fn a_signature_for_one_service_is_none_for_another() {
    let harness = Harness::new().await;
    let key = harness.key().await;
    let answer = harness.ask(&Ask::json("ssm", "AWSEvents.PutEvents", "{}"), &key).await;
    assert_eq!(answer.code(), "InvalidSignatureException");
    assert!(
        answer.text().contains("scoped to correct service: 'events'"),
        "{}",
        answer.text()
    );
}
