//! A case made into a GitHub: its repository, or all of them, and who asks.

use cc_devops_fake_github::{Access, Canned, FakeGitHub, Model, Permission, Protection, Ruleset, Run};
use regex::Regex;
use serde_json::{Value, json};

use super::{OWNER, cases, field, name_of, text, texts};
use crate::process::{Place, beside};

/// The token of `ada`, who administers everything.
pub(crate) const ADMIN: &str = "ghp_case_admin";

/// A workflow file that every repository has.
const CI: &str = ".github/workflows/ci.yml";

/// What a healthy repository's Dependabot file says.
const COVERED: &str = "version: 2\nupdates:\n  - package-ecosystem: npm\n    directory: /\n    schedule:\n      \
                       interval: weekly\n  - package-ecosystem: github-actions\n    directory: /\n    schedule:\n      \
                       interval: weekly\n";

/// Where a case happens.
pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) github: FakeGitHub,
    /// `owner/name` of the case's repository.
    pub(crate) full_name: String,
    /// The default branch's Dependabot file before anything was asked.
    pub(crate) dependabot: Option<String>,
    _threads: tokio::runtime::Runtime,
}

/// Where a case's Dependabot file lies.
pub(crate) fn dependabot_path(case: &Value) -> &str {
    let given = case["files"]["path"].as_str().or_else(|| case["path"].as_str());
    given.unwrap_or(".github/dependabot.yml")
}

impl World {
    /// The world of a case: its repository, and those that its commands are about.
    pub(crate) fn of(case: &Value) -> Self {
        let asks: Vec<&str> = texts(&case["ask"]).collect();
        let own = asks.iter().any(|ask| ask.contains("NAME")) || !case["workflows"].is_null();
        let about_all = ["output: ", "credential: ", "permission: ", "fix: count"];
        let every = cases();
        let named = |other: &Value| asks.iter().any(|ask| ask.contains(name_of(other)));
        let all = !every.iter().any(named) && about_all.iter().any(|kind| text(case, "kind").starts_with(kind));
        let others = every.iter().filter(|other| name_of(other) != name_of(case));
        let mut repositories: Vec<&Value> = others.filter(|other| !own && (all || named(other))).collect();
        repositories.push(case);
        Self::with(case, &repositories)
    }

    /// One owner with the repositories of all these cases; the token, the server and the configuration are of `case`.
    pub(crate) fn with(case: &Value, repositories: &[&Value]) -> Self {
        let mut model = Model::now();
        model.org(OWNER);
        model.account("ada", 4242);
        for login in ["grace", "bob"] {
            model.stranger(login);
        }
        for of in repositories {
            repository(&mut model, of);
        }
        // What a careless command would change in place of another owner's.
        for shared in ["acme/shared", "other/shared"] {
            model.repo(shared, |_| ());
        }
        let full_name = format!("{OWNER}/{}", name_of(case));
        let dependabot = model.get(&full_name).text("main", dependabot_path(case));
        let (github, threads) = beside(FakeGitHub::start(model));
        people(&github, repositories);
        server(&github, case);
        let place = Place::new();
        let api_url = match case["api_url"].as_str() {
            None => github.url().to_owned(),
            Some("closed port") => closed_port(),
            Some(other) => panic!("the runner does not know the address `{other}`"),
        };
        let owner = match case.get("owner") {
            None => format!("owner = \"{OWNER}\"\n"),
            Some(Value::Null) => String::new(),
            Some(owner) => format!("owner = {owner}\n"),
        };
        place.configure(&format!("[github]\n{owner}api_url = \"{api_url}\"\n"));
        Self {
            place,
            github,
            full_name,
            dependabot,
            _threads: threads,
        }
    }
}

/// An address where nobody answers.
fn closed_port() -> String {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Adds the repository of a case.
fn repository(model: &mut Model, case: &Value) {
    let name = format!("{OWNER}/{}", name_of(case));
    model.repo(&name, |of| {
        of.vulnerability_alerts = true;
        of.security_fixes = true;
        of.reported = vec![("build".to_owned(), Some(15_368))];
        of.people = [("ada", Permission::Admin), ("grace", Permission::Write)]
            .map(|(login, permission)| (login.to_owned(), permission))
            .into();
        if let Some(people) = case["people"].as_object() {
            let people = people.iter();
            of.people = people.map(|(login, may)| (login.clone(), permission(may))).collect();
        }
        for (key, value) in case["settings"].as_object().into_iter().flatten() {
            match (key.as_str(), value) {
                ("vulnerability_alerts", on) => of.vulnerability_alerts = *on == true,
                ("security_updates", state) => {
                    of.security_fixes = *state != "disabled";
                    of.security_fixes_paused = *state == "paused";
                }
                ("properties", properties) => {
                    let properties = properties.as_object().unwrap().iter();
                    let text = |value: &Value| value.as_str().unwrap().to_owned();
                    of.properties = properties.map(|(name, value)| (name.clone(), text(value))).collect();
                }
                // Of the token, not of the repository.
                ("permission_cap", _) => (),
                ("tree_limit", most) => of.tree_limit = most.as_u64().map(|most| usize::try_from(most).unwrap()),
                ("visibility", kind) => assert_eq!(*kind, "public", "the runner knows no other"),
                (other, _) => panic!("the runner does not know the setting `{other}`"),
            }
        }
    });
    files(model, &name, case);
    protection(model, &name, case);
    workflows(model, &name, case);
}

fn files(model: &mut Model, name: &str, case: &Value) {
    let files = &case["files"];
    let known = ["dependabot", "tree", "rulesets", "organisation_rulesets", "path"];
    for key in files.as_object().unwrap().keys() {
        assert!(
            known.contains(&key.as_str()),
            "the runner does not know the file `{key}`"
        );
    }
    model.commit(name, "main", CI, "name: CI\non: push\njobs: {}\n");
    let tree = files["tree"].as_str().map(field);
    let tree = tree.as_deref().unwrap_or("package.json\npackage-lock.json\n");
    for path in tree.lines().filter(|path| !path.is_empty()) {
        model.commit(name, "main", path, "{}\n");
    }
    match files.get("dependabot") {
        None => model.commit(name, "main", dependabot_path(case), COVERED),
        Some(Value::Null) => (),
        Some(file) => model.commit(name, "main", dependabot_path(case), &field(file.as_str().unwrap())),
    }
}

fn protection(model: &mut Model, name: &str, case: &Value) {
    let described = |file: &Value| -> Vec<Value> {
        let file = file.as_str().map(field);
        file.map(|file| serde_json::from_str(&file).unwrap())
            .unwrap_or_default()
    };
    let (own, above) = (&case["files"]["rulesets"], &case["files"]["organisation_rulesets"]);
    for ruleset in described(own) {
        model.ruleset(name, Ruleset::from_rest(&ruleset));
    }
    for ruleset in described(above) {
        model.org_ruleset(OWNER, Ruleset::from_rest(&ruleset));
    }
    let usual = json!([{
        "pattern": "main", "enforce_admins": true, "reviews": {"count": 1, "dismiss_stale": true},
        "checks": {"strict": false, "items": [{"context": "build", "app_id": 15_368}]},
    }]);
    let without = !own.is_null() || !above.is_null();
    let classic = match case.get("classic") {
        Some(classic) => classic,
        None if without => return,
        None => &usual,
    };
    for rule in classic.as_array().unwrap() {
        model.protect(name, Protection::described(rule));
    }
}

fn workflows(model: &mut Model, name: &str, case: &Value) {
    let given = case["workflows"].as_array().cloned().unwrap_or_default();
    let usual = json!({"path": CI, "name": "CI", "runs": [{"conclusion": "success", "hours_ago": 30}]});
    let has_ci = given.iter().any(|workflow| workflow["path"] == CI);
    for workflow in given.iter().chain((!has_ci).then_some(&usual)) {
        for key in workflow.as_object().unwrap().keys() {
            let known = ["path", "name", "runs", "state"];
            assert!(
                known.contains(&key.as_str()),
                "the runner does not know `{key}` of a workflow"
            );
        }
        let id = model.workflow(name, text(workflow, "path"));
        model.edit_workflow(id, |of| {
            text(workflow, "name").clone_into(&mut of.name);
            if let Some(state) = workflow["state"].as_str() {
                state.clone_into(&mut of.state);
            }
        });
        let now = model.seconds();
        let mut runs: Vec<(i64, &Value)> = Vec::new();
        for run in workflow["runs"].as_array().unwrap() {
            let times = run["times"].as_i64().unwrap_or(1);
            let newest = now - run["hours_ago"].as_i64().unwrap() * 3_600;
            runs.extend((0..times).map(|before| (newest - before * 600, run)));
        }
        runs.sort_by_key(|(at, _)| *at);
        for (at, described) in runs {
            model.run(id, text(described, "conclusion"), |run| {
                one_run(run, name, at, described);
            });
        }
    }
}

fn one_run(run: &mut Run, name: &str, at: i64, described: &Value) {
    for (key, value) in described.as_object().unwrap() {
        match key.as_str() {
            "conclusion" | "hours_ago" | "times" => (),
            "event" => value.as_str().unwrap().clone_into(&mut run.event),
            "branch" => value.as_str().unwrap().clone_into(&mut run.head_branch),
            "fork" => {
                assert_eq!(*value, true);
                run.head_repository = Some(format!("somebody/{}", name.split('/').next_back().unwrap()));
            }
            other => panic!("the runner does not know `{other}` of a run"),
        }
    }
    (run.created, run.started, run.updated) = (at, at, at + 60);
}

fn permission(name: &Value) -> Permission {
    match name.as_str().unwrap() {
        "ADMIN" => Permission::Admin,
        "MAINTAIN" => Permission::Maintain,
        "WRITE" => Permission::Write,
        "TRIAGE" => Permission::Triage,
        "READ" => Permission::Read,
        other => panic!("the runner does not know the permission {other}"),
    }
}

/// The token of a case, by the word for it; `None` is none at all.
pub(crate) fn token(word: Option<&str>) -> Option<&'static str> {
    Some(match word {
        None => ADMIN,
        Some("reader") => "ghp_case_reader",
        Some("no-actions") => "github_pat_case_no_actions",
        Some("app") => "ghs_case_app",
        Some("maintainer") => "ghp_case_maintainer",
        Some("wrong") => "ghp_case_wrong",
        Some("none") => return None,
        Some(other) => panic!("the runner does not know the token `{other}`"),
    })
}

/// Makes the tokens known.
fn people(github: &FakeGitHub, repositories: &[&Value]) {
    let capped = |access: Access| {
        repositories
            .iter()
            .fold(access, |access, of| match of["settings"].get("permission_cap") {
                Some(cap) => access.on(&format!("{OWNER}/{}", name_of(of)), permission(cap)),
                None => access,
            })
    };
    for (word, access) in [
        (None, Access::classic("ada", Permission::Admin)),
        (Some("reader"), Access::classic("bob", Permission::Read)),
        (Some("no-actions"), Access::fine_grained("ada").without("actions")),
        (Some("app"), Access::installation("house-keeper")),
        (Some("maintainer"), Access::classic("grace", Permission::Write)),
    ] {
        github.token(token(word).unwrap(), capped(access));
    }
}

/// What GitHub says in place of what it would say, and what it lacks.
fn server(github: &FakeGitHub, case: &Value) {
    let known = ["graphql_canned", "rest_canned"];
    for (key, answers) in case["answers"].as_object().into_iter().flatten() {
        assert!(
            known.contains(&key.as_str()),
            "the runner does not know the answers `{key}`"
        );
        let graphql = key == "graphql_canned";
        for answer in answers.as_array().unwrap() {
            github.answer(canned(answer, graphql));
        }
    }
    if let Some(fields) = case["without"].as_str() {
        github.lacks(&fields.split(',').collect::<Vec<_>>());
    }
    if let Some(version) = case["version"].as_str() {
        github.version(version);
    }
}

fn canned(answer: &Value, graphql: bool) -> Canned {
    for key in answer.as_object().unwrap().keys() {
        let known = ["operation", "path", "method", "status", "headers", "body"];
        assert!(
            known.contains(&key.as_str()),
            "the runner does not know `{key}` of an answer"
        );
    }
    let operation = answer["operation"].as_str().map(str::to_owned);
    let method = answer["method"].as_str().map(str::to_owned);
    let path = answer["path"].as_str().map(|path| Regex::new(path).unwrap());
    let fits = move |key: &str| {
        let mut parts = key.split(' ');
        let (asked, at, named) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
            parts.next(),
        );
        (at == "/graphql") == graphql
            && operation.as_deref().is_none_or(|operation| named == Some(operation))
            && method.as_deref().is_none_or(|method| asked == method)
            && path.as_ref().is_none_or(|path| path.is_match(at))
    };
    let status = answer["status"].as_u64().unwrap_or(200);
    let canned = Canned::new(fits, answer["body"].clone()).status(u16::try_from(status).unwrap());
    let headers = answer["headers"].as_object().into_iter().flatten();
    headers.fold(canned, |canned, (name, value)| {
        canned.header(name, value.as_str().unwrap())
    })
}
