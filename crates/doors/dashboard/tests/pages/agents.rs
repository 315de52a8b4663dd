//! Agents: the list, an agent, and what is done to one.

use cc_devops_dashboard::Dashboard;
use cc_devops_fleet::watch::{ReceivedSignal, Signal, WatchSettings};
use cc_devops_fleet::{NewAgent, Token, TokenHash};
use cc_devops_kernel::acts::Actor;
use cc_devops_kernel::agent::Role;
use cc_devops_kernel::audit::AuditRow;
use cc_devops_kernel::names::AgentName;
use cc_devops_kernel::ports::{Clock, PortErrorKind};
use cc_devops_testkit::Memory;
use cc_devops_testkit::sample::{self, AGENT, agent_name};
use jiff::SignedDuration;

use crate::harness::{ADMIN, As, Harness, OBSERVER};

/// A control plane in which that many agents more were heard: every tenth said that it fails.
async fn with_agents(count: usize) -> Harness {
    let harness = Harness::new().await;
    for number in 0..count {
        let name = add(&harness, &format!("Worker{number:03}"), Role::Agent).await;
        let signal = if number % 10 == 0 {
            Signal::Failure
        } else {
            Signal::Success
        };
        say(&harness, &name, signal, None).await;
    }
    harness
}

async fn add(harness: &Harness, name: &str, role: Role) -> AgentName {
    let new = NewAgent {
        agent: cc_devops_kernel::agent::Agent {
            role,
            ..sample::agent(name).agent
        },
        created_at: sample::START,
    };
    let token = cc_devops_fleet::NewToken {
        hash: TokenHash::of(name),
        created_at: sample::START,
    };
    let ports = harness.control.ports();
    ports.agents.add(&new, &token, &sample::added()).await.unwrap();
    new.agent.name
}

async fn say(harness: &Harness, name: &AgentName, signal: Signal, message: Option<&str>) {
    let heard = ReceivedSignal {
        message: message.map(str::to_owned),
        ..ReceivedSignal::new(harness.memory.clock().now(), signal)
    };
    harness.watch.watching.heard(name, heard).await.unwrap();
}

/// Where each of these stands in the page, which must be in this order.
fn in_order(page: &str, wanted: &[&str]) {
    let mut rest = page;
    for one in wanted {
        let place = rest.find(one);
        let place = place.unwrap_or_else(|| panic!("{one} does not come where it should in {page}"));
        rest = &rest[place + one.len()..];
    }
}

fn only_row(harness: &Harness) -> AuditRow {
    let mut rows = harness.rows();
    rows.retain(|row| row.entry.action != "session.begun");
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

fn has_cell(page: &str, name: &str) -> bool {
    page.contains(&format!("href=\"/ui/agents/{name}\""))
}

#[tokio::test]
async fn those_that_fail_come_first_and_pages_join() {
    let harness = with_agents(120).await;
    let browser = harness.sign_in(As::Observer).await;
    let first = browser.get("/ui/agents").await.page();
    assert!(first.contains("12 agents are down."), "{first}");
    in_order(
        &first,
        &[
            "/ui/agents/Worker000",
            "/ui/agents/Worker110",
            &format!("/ui/agents/{AGENT}"),
            "/ui/agents/Worker001",
        ],
    );
    assert_eq!(first.matches("<tr id=\"row-").count(), 50);
    assert!(first.len() < 150_000, "{} bytes", first.len());
    let (mut page, mut seen) = (first, Vec::new());
    loop {
        seen.extend(
            page.split("<tr id=\"row-")
                .skip(1)
                .map(|row| row.split('"').next().unwrap().to_owned()),
        );
        let Some(next) = page.split("<a href=\"").find(|link| link.contains("rel=\"next\"")) else {
            break;
        };
        let next = next.split('"').next().unwrap().replace("&amp;", "&");
        if next.is_empty() {
            break;
        }
        page = browser.get(&next).await.page();
        assert!(page.contains("First page"));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 123, "each once");
}

#[tokio::test]
async fn filters_stand_in_the_address() {
    let harness = with_agents(30).await;
    let browser = harness.sign_in(As::Admin).await;
    let down = browser.get("/ui/agents?state=down").await.page();
    assert!(has_cell(&down, "Worker010") && !has_cell(&down, "Worker011"));
    assert!(down.contains("value=\"down\" selected"));
    let named = browser.get("/ui/agents?q=Worker01&state=").await.page();
    assert!(has_cell(&named, "Worker010") && has_cell(&named, "Worker019") && !has_cell(&named, "Worker020"));
    assert!(named.contains("value=\"Worker01\""));
    let none = browser.get("/ui/agents?q=%3Cscript%3E").await.page();
    assert!(none.contains("No agent is like that") && none.contains("&lt;script&gt;") && !none.contains("<script>"));
    assert_eq!(browser.get("/ui/agents?state=odd").await.status, 422);
    let junk = browser.get("/ui/agents?cursor=junk").await.page();
    assert!(has_cell(&junk, "Worker000"), "what is no place is the beginning");
    browser.post("/ui/agents/Worker003/revoke", &[]).await;
    let revoked = browser.get("/ui/agents?state=revoked").await.page();
    assert!(has_cell(&revoked, "Worker003") && !has_cell(&revoked, "Worker004"));
    assert!(!has_cell(
        &browser.get("/ui/agents?q=Worker003").await.page(),
        "Worker003"
    ));
}

#[tokio::test]
async fn a_page_without_agents_says_how_to_add_one_and_a_broken_store_is_a_fault() {
    let harness = Harness::around(Memory::new(), |_| (), Dashboard::default()).await;
    let browser = harness.sign_in(As::Observer).await;
    let page = browser.get("/ui/agents?state=paused").await.page();
    assert!(page.contains("No agent is like that"));
    for name in [AGENT, ADMIN, OBSERVER] {
        harness.watch.watching.remove(&agent_name(name), "gone").await.unwrap();
    }
    let page = browser.get("/ui/agents").await.page();
    assert!(
        page.contains("No agents yet") && page.contains("cc-devops agents add NAME"),
        "{page}"
    );
    harness.memory.fail_with(Some(PortErrorKind::Unavailable));
    assert_eq!(browser.get("/ui/agents").await.status, 503);
}

#[tokio::test]
async fn an_agent_says_how_it_does_and_why() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Admin).await;
    let name = agent_name(AGENT);
    say(&harness, &name, Signal::Success, None).await;
    harness.memory.clock().advance(SignedDuration::from_mins(3));
    say(&harness, &name, Signal::Failure, Some("<b>disk</b> is \u{202e}full")).await;
    let page = browser.get(&format!("/ui/agents/{AGENT}")).await.page();
    in_order(
        &page,
        &[
            "<h1>ContentOrchestrator</h1>",
            "down",
            "It says that it fails.",
            "&lt;b&gt;disk&lt;/b&gt;",
            "every 5 minutes",
            "Changes of state",
            "it said that it fails",
            "What it said lately",
            "failure",
            "Token and rights",
        ],
    );
    assert!(!page.contains('\u{202e}'));
    assert!(page.contains("/pause") && page.contains("/rotate") && page.contains("/revoke"));
    // It is silent for long: by now it is known when it was due.
    say(&harness, &name, Signal::Success, None).await;
    harness.memory.clock().advance(SignedDuration::from_secs(40));
    let up = browser.get(&format!("/ui/agents/{AGENT}")).await.page();
    assert!(up.contains("It was heard in time."));
    let observer = harness.sign_in(As::Observer).await;
    let page = observer.get(&format!("/ui/agents/{AGENT}")).await.page();
    assert!(!page.contains("/pause") && !page.contains("/rotate") && !page.contains("/revoke"));
    for unknown in ["/ui/agents/Nobody", "/ui/agents/%3Cscript%3E", "/ui/agents/a%2Fb"] {
        assert_eq!(observer.get(unknown).await.status, 404, "{unknown}");
    }
}

#[tokio::test]
async fn a_long_history_is_paged() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Observer).await;
    let name = agent_name(AGENT);
    for turn in 0..70 {
        harness.memory.clock().advance(SignedDuration::from_secs(30));
        let signal = if turn % 2 == 0 {
            Signal::Success
        } else {
            Signal::Failure
        };
        say(&harness, &name, signal, None).await;
    }
    let path = format!("/ui/agents/{AGENT}");
    let page = browser.get(&path).await.page();
    assert_eq!(page.matches("id=\"row-flip-").count(), 50);
    assert!(page.len() < 150_000, "{} bytes", page.len());
    let next = page.split("href=\"").find(|link| link.contains("?history=")).unwrap();
    let next = browser.get(next.split('"').next().unwrap()).await.page();
    assert_eq!(next.matches("id=\"row-flip-").count(), 20);
}

#[tokio::test]
async fn a_pause_and_its_end_are_one_row_each() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Admin).await;
    let path = format!("/ui/agents/{AGENT}");
    let answer = browser.post(&format!("{path}/pause"), &[]).await;
    assert_eq!(answer.leads_to(), format!("{path}?did=paused"));
    let row = only_row(&harness);
    assert_eq!(
        (
            row.entry.action.as_str(),
            &row.entry.detail["via"],
            row.entry.principal.as_ref().unwrap().as_str()
        ),
        ("agent.paused", &serde_json::json!("dashboard"), ADMIN)
    );
    let page = browser.get(answer.leads_to()).await.page();
    assert!(page.contains("Nobody waits for this agent until it is resumed."));
    assert!(page.contains("Operator paused it.") && page.contains("/resume") && !page.contains("/pause\""));
    let answer = browser.post(&format!("{path}/resume"), &[]).await;
    assert_eq!(answer.leads_to(), format!("{path}?did=resumed"));
    assert_eq!(harness.rows().last().unwrap().entry.action, "agent.resumed");
    assert_eq!(harness.rows().len(), 3);
}

#[tokio::test]
async fn a_new_token_is_shown_once_and_the_old_one_goes_on_as_long_as_chosen() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Admin).await;
    let path = format!("/ui/agents/{AGENT}/rotate");
    let page = browser.get(&path).await.page();
    assert!(page.contains("They go on for 1 day") && page.contains("Make a new token"));
    assert!(harness.rows().len() == 1, "a page changes nothing");
    assert_eq!(browser.post(&path, &[("keep", "5")]).await.status, 422);
    let answer = browser.post(&path, &[("keep", "3600")]).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let page = answer.page();
    let token = page.split("<code>").nth(1).unwrap().split('<').next().unwrap();
    assert!(Token::has_form(token), "{token}");
    let row = only_row(&harness);
    assert_eq!(
        (row.entry.action.as_str(), &row.entry.detail["via"]),
        ("agent.token_rotated", &"dashboard".into())
    );
    assert!(!serde_json::to_string(&row.entry).unwrap().contains(token));
    let owner = async |token: &str, seconds| {
        let agents = &harness.control.ports().agents;
        agents
            .by_token(&TokenHash::of(token), sample::after(seconds))
            .await
            .unwrap()
    };
    assert!(owner(token, 0).await.is_some() && owner(&As::Agent.token(), 3_599).await.is_some());
    assert!(owner(&As::Agent.token(), 3_601).await.is_none());
    let one = browser.get(&format!("/ui/agents/{AGENT}")).await.page();
    assert!(one.contains("Replaced ") && one.contains("by Operator") && !one.contains(token));
    // Oneself.
    let own = browser.get(&format!("/ui/agents/{ADMIN}/rotate")).await.page();
    assert!(own.contains("This is you.") && own.contains("cc-devops agents rotate Operator"));
    let answer = browser
        .post(&format!("/ui/agents/{ADMIN}/rotate"), &[("keep", "0")])
        .await;
    assert!(answer.page().contains("The older tokens have ended."));
    assert_eq!(
        browser.get("/ui/agents").await.status,
        303,
        "the session went with the token"
    );
}

#[tokio::test]
async fn a_revoked_agent_is_out_and_nobody_waits_for_it() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Admin).await;
    let path = format!("/ui/agents/{AGENT}");
    let page = browser.get(&format!("{path}/revoke")).await.page();
    assert!(page.contains("All tokens of ContentOrchestrator end at once") && !page.contains("This is you."));
    let answer = browser.post(&format!("{path}/revoke"), &[]).await;
    assert_eq!(answer.leads_to(), format!("{path}?did=revoked"));
    let row = only_row(&harness);
    assert_eq!(
        (row.entry.action.as_str(), &row.entry.detail["via"]),
        ("agent.revoked", &"dashboard".into())
    );
    let now = harness.memory.clock().now();
    assert_eq!(
        harness.watch.watching.watched(&agent_name(AGENT), now).await.unwrap(),
        None
    );
    let page = browser.get(&path).await.page();
    assert!(page.contains("Its tokens have ended, and nobody waits for it."));
    assert!(!page.contains("/pause\"") && page.contains("/rotate\"") && !page.contains("/revoke\""));
    assert_eq!(
        browser.get(&format!("{path}/revoke")).await.status,
        303,
        "there is nothing to confirm"
    );
    let rotate = browser.get(&format!("{path}/rotate")).await.page();
    assert!(rotate.contains("let in again"));
    let last = browser.get(&format!("/ui/agents/{ADMIN}/revoke")).await.page();
    assert!(last.contains("This is you.") && last.contains("This is the last operator."));
    add(&harness, "Second", Role::Admin).await;
    let two = browser.get(&format!("/ui/agents/{ADMIN}/revoke")).await.page();
    assert!(two.contains("This is you.") && !two.contains("This is the last operator."));
    assert_eq!(browser.get("/ui/agents/Nobody/revoke").await.status, 404);
}

#[tokio::test]
async fn the_control_plane_itself_has_no_token() {
    let harness = Harness::new().await;
    let own = harness.control.installation().agent.clone();
    let ports = harness.control.ports();
    ports.agents.register(&own, sample::START).await.unwrap();
    let browser = harness.sign_in(As::Admin).await;
    let page = browser.get(&format!("/ui/agents/{own}")).await.page();
    assert!(page.contains("It is the control plane itself, and has none.") && !page.contains("/rotate\""));
    for act in ["rotate", "revoke"] {
        let path = format!("/ui/agents/{own}/{act}");
        assert_eq!(browser.get(&path).await.status, 409);
        assert_eq!(browser.post(&path, &[("keep", "0")]).await.status, 409);
    }
    assert_eq!(harness.rows().len(), 1);
}

#[tokio::test]
async fn who_only_looks_may_not_act_and_that_is_on_record() {
    for act in ["pause", "resume", "rotate", "revoke"] {
        let harness = Harness::new().await;
        let browser = harness.sign_in(As::Observer).await;
        let path = format!("/ui/agents/{AGENT}/{act}");
        assert_eq!(browser.post(&path, &[("keep", "0")]).await.status, 403, "{act}");
        let row = only_row(&harness);
        assert_eq!(
            (
                row.entry.action.as_str(),
                row.entry.resource.as_deref(),
                &row.entry.detail["via"]
            ),
            ("act.denied", Some(path.as_str()), &"dashboard".into())
        );
        assert_eq!(row.entry.principal.as_ref().unwrap().as_str(), OBSERVER);
        let confirm = browser.get(&format!("/ui/agents/{AGENT}/revoke")).await;
        assert_eq!(confirm.status, 403);
        assert_eq!(harness.rows().len(), 2, "looking is no act");
    }
}

#[tokio::test]
async fn a_calendar_is_said_in_words() {
    let harness = Harness::new().await;
    let browser = harness.sign_in(As::Admin).await;
    let now = harness.memory.clock().now();
    let settings = WatchSettings {
        schedule: cc_devops_fleet::schedule::Schedule::cron("0 6 * * 1-5", "Europe/Berlin", now).unwrap(),
        sticky_pause: true,
        ..WatchSettings::default()
    };
    let words = settings.schedule.in_words();
    let name = agent_name(AGENT);
    harness
        .watch
        .watching
        .set(&name, Some(settings), Actor::Operator)
        .await
        .unwrap();
    harness
        .watch
        .watching
        .pause(&name, "ana <x>", Actor::Operator)
        .await
        .unwrap();
    let page = browser.get(&format!("/ui/agents/{AGENT}")).await.page();
    assert!(page.contains(&words), "{words}");
    assert!(
        page.contains("ana &lt;x&gt; paused it. Nobody waits for it until it is resumed."),
        "{page}"
    );
}
