//! What `serve`, a function and a command are made of: the same, but for what [`Program`] says.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, with a message")]
#![cfg(all(feature = "cli", feature = "aws", feature = "embedded"))]

use std::sync::Arc;

use cc_devops_app::settings::{of_text, of_variables};
use cc_devops_app::{Capabilities, Program, Settings, aws, embedded};
use cc_devops_aws::Clients;
use cc_devops_outbox::ports::Consumer;
use cc_devops_requests::ports::Ports;

fn settings(text: &str) -> Settings {
    of_text(text, None, &[], |_| {}).unwrap().settings
}

/// What a program holds, in words that can be compared.
fn held(capabilities: &Capabilities) -> String {
    let Ports { at_once, bus, log, .. } = &capabilities.ports;
    let Settings {
        installation,
        policy,
        requests,
        retention,
        repositories,
        revenue,
        ..
    } = &capabilities.settings;
    format!(
        "consumers {:?}, at once {}, bus {}, log {}\n{installation:?}\n{policy:?}\n{requests:?}\n{retention:?}\n\
         {repositories:?}\n{revenue:?}",
        capabilities.consumers(),
        at_once.is_some(),
        bus.is_some(),
        log.is_some(),
    )
}

#[test]
fn on_aws_all_three_hold_the_same() {
    let of_file = || {
        let text =
            "backend = \"aws\"\n[aws]\nstage = \"prod\"\n[requests]\nlease_seconds = 120\n[github]\nowner = \"acme\"";
        settings(text)
    };
    let of_function = || {
        let variables = [("STAGE", "prod"), ("GITHUB_OWNER", "acme")];
        let value = |name: &str| variables.iter().find(|(known, _)| *known == name);
        of_variables(|name| value(name).map(|(_, value)| (*value).to_owned())).unwrap()
    };
    // Nothing listens there, and nothing is asked.
    let over = |settings: Settings, program| {
        let named = settings.aws.clone().unwrap();
        let backend = aws::over(&settings, &named, Clients::of_emulator("http://127.0.0.1:9"));
        let resources = backend.resources().clone();
        (aws::capabilities(settings, program, backend), resources)
    };
    let (server, names) = over(of_file(), Program::SERVER);
    assert!(server.consumers().contains(&Consumer::Bus) && server.ports.bus.is_some());
    for (settings, program) in [(of_function(), Program::FUNCTION), (of_file(), Program::COMMAND)] {
        let (other, its_names) = over(settings, program);
        assert_eq!(held(&other), held(&server), "{}", program.name);
        assert_eq!(its_names, names, "{}", program.name);
        // Each is put together without a call.
        let _pruner = other.pruner();
        let owner = |held: &Capabilities| held.repositories().map(|tools| tools.owner.clone());
        assert_eq!(
            (owner(&other), owner(&server)),
            (Some("acme".to_owned()), Some("acme".to_owned()))
        );
    }
}

#[tokio::test]
async fn in_a_folder_the_server_and_a_command_hold_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let acme = || settings("[github]\nowner = \"acme\"");
    let (server, commands) = embedded::serve(acme(), folder.path()).unwrap();
    let command = embedded::command(acme(), folder.path(), false).unwrap();
    assert_eq!(held(&command), held(&server));
    let names = |checks: Vec<cc_devops_kernel::health::Check>| -> Vec<String> {
        checks.into_iter().map(|check| check.name.clone()).collect()
    };
    let of_server = names(server.ports.checks.check().await);
    assert!(!of_server.is_empty());
    assert_eq!(names(command.ports.checks.check().await), of_server);

    let plane = Arc::new(server.control_plane().await.unwrap());
    let asked = command.control_plane().await.unwrap();
    assert_eq!(plane.installation(), asked.installation());
    assert!(
        plane.repository_worker().is_some(),
        "who carries out looks after repositories"
    );
    assert!(asked.repository_worker().is_none(), "a command carries nothing out");
    let door = server.http(plane).await.unwrap();
    assert!(door.revenue.is_some() && door.hygiene.is_some() && door.pruner.is_some() && door.watch.is_some());
    drop(commands);
}

#[tokio::test]
async fn without_an_owner_there_are_no_repositories_to_look_after() {
    let folder = tempfile::tempdir().unwrap();
    let (server, _commands) = embedded::serve(settings(""), folder.path()).unwrap();
    let plane = Arc::new(server.control_plane().await.unwrap());
    let door = server.http(plane).await.unwrap();
    assert!(door.revenue.is_some() && door.hygiene.is_none());
}

#[test]
fn the_programs_differ_in_what_is_written_there_and_nowhere_else() {
    let Program {
        carries_out, runs_on, ..
    } = Program::SERVER;
    let command = Program::COMMAND;
    assert!(carries_out && runs_on && Program::FUNCTION.carries_out && !Program::FUNCTION.runs_on);
    assert!(!command.carries_out);
    assert!(Program::FUNCTION.consumer_time > Program::SERVER.consumer_time);
}
