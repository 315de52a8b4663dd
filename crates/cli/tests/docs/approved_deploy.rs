//! A deploy that would replace a table: seen, approved and undone, as the README shows it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::lasting;
use super::markdown::{blocks, section};
use super::server::{BINARY, Server, text_of, until};

/// Somebody who types what the document shows, line by line: what a line has begun is there before the next is typed.
struct Reader {
    server: Server,
    /// The functions of the shell that were defined.
    functions: String,
    /// The value of `TOKEN`.
    token: String,
}

impl Reader {
    fn type_all(&mut self, block: &str) -> String {
        block.lines().map(|line| self.type_line(line)).collect()
    }

    fn type_line(&mut self, line: &str) -> String {
        if line.contains("() {") {
            self.functions.push_str(line);
            self.functions.push('\n');
            return String::new();
        }
        if line.contains("deploys rollback") || line.contains("deploys list") {
            self.wait_until_nothing_is_open();
        }
        let mut line = line.to_owned();
        if line.contains("plan-") {
            // Of a rollback the installation makes the name; the one that waits is meant.
            let (plan, digest) = self.waiting_plan();
            let words = line
                .split(' ')
                .map(|word| if word.starts_with("plan-") { &plan } else { word });
            line = words.collect::<Vec<_>>().join(" ").replace("DIGEST", &digest);
        }
        let Self { functions, token, .. } = self;
        let programs = Path::new(BINARY).parent().unwrap().display();
        let script =
            format!("export PATH=\"{programs}:$PATH\"\nTOKEN={token}\n{functions}{line}\nprintf '==%s' \"$TOKEN\"");
        let printed = self.server.run(&script, &self.admin());
        let (printed, token) = printed.rsplit_once("==").unwrap();
        token.clone_into(&mut self.token);
        printed.to_owned()
    }

    fn admin(&self) -> String {
        let token = fs::read_to_string(self.server.data().join("admin.token"));
        token.unwrap().trim().to_owned()
    }

    fn plans(&self, state: &str) -> Vec<Value> {
        let listed = self.server.get(&format!("/v1/deploys?state={state}"), &self.admin());
        listed["deploys"].as_array().unwrap().clone()
    }

    fn waiting_plan(&self) -> (String, String) {
        until("no plan waits", || {
            let plan = self.plans("waiting").pop()?;
            Some((plan["plan"].as_str()?.to_owned(), plan["digest"].as_str()?.to_owned()))
        })
    }

    fn wait_until_nothing_is_open(&self) {
        until("a plan does not end", || {
            let open = self.plans("waiting").len() + self.plans("applying").len();
            (open == 0).then_some(())
        });
    }
}

/// What is shown was printed, in this order; more may have been.
fn assert_holds(printed: &str, shown: &str) {
    let mut lines = printed.lines();
    for wanted in shown.lines() {
        assert!(lines.any(|line| line == wanted), "no {wanted:?} in:\n{printed}");
    }
}

#[test]
fn a_deploy_is_seen_approved_and_undone_as_shown() {
    let mut reader = Reader {
        server: Server::start(),
        functions: String::new(),
        token: String::new(),
    };
    let readme = text_of("README.md");
    let shown = blocks(section(&readme, "Deploys"));
    let (first, rest) = shown.split_first().unwrap();
    assert!(
        first.text.contains("serve --config demo/cc-devops.toml"),
        "{}",
        first.text
    );
    let mut printed = String::new();
    // A change set of an account is reviewed elsewhere.
    for block in rest.iter().filter(|block| !block.text.contains("aws cloudformation")) {
        if block.language == "sh" {
            printed = reader.type_all(&block.text);
        } else {
            assert_holds(&lasting(&printed), &lasting(&block.text));
        }
    }
    let key = fs::read_to_string(reader.server.folder.path().join("cc-agent-support-bot-prod.key"));
    assert_eq!(key.unwrap(), "id\n", "it is undone");
}
