//! `repos` and `workflows` on repositories as they are in the field: every case of `github/tests/field` through the
//! real binary, a test by the name of each.

mod asked;
mod entries;
mod expected;
mod page;
mod planned;
mod world;

use std::collections::BTreeSet;
use std::path::Path;

use cc_devops_fake_github::{Repository, Workflow};
use serde_json::Value;

use self::expected::Seen;
use self::world::World;

const CASES: &str = include_str!("../../../../github/tests/field/cases.json");

const NEIGHBOURS: &str = include_str!("../../../../github/tests/field/neighbours.json");

/// Whose repositories the cases are.
const OWNER: &str = "acme";

/// What a case may say.
const KEYS: [&str; 19] = [
    "name",
    "kind",
    "why",
    "source",
    "ask",
    "expect",
    "files",
    "path",
    "people",
    "settings",
    "workflows",
    "token",
    "owner",
    "answers",
    "without",
    "then",
    "classic",
    "terminal",
    "policy",
];

/// What some cases say beside it.
const MORE: [&str; 2] = ["api_url", "version"];

/// A file beside the cases.
fn field(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../github/tests/field");
    let bytes = std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    String::from_utf8(bytes).unwrap()
}

fn cases() -> Vec<Value> {
    serde_json::from_str(CASES).unwrap()
}

fn neighbours() -> Vec<Value> {
    serde_json::from_str(NEIGHBOURS).unwrap()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn name_of(case: &Value) -> &str {
    text(case, "name")
}

/// Runs a case, and checks all that it expects.
fn holds(case: &Value) {
    for key in case.as_object().unwrap().keys() {
        let known = KEYS.contains(&key.as_str()) || MORE.contains(&key.as_str());
        assert!(known, "the runner does not know `{key}`");
    }
    let world = World::of(case);
    let seen = Seen::new(case, &world, world.ask(case));
    seen.print();
    seen.check(&case["expect"]);
    let then = &case["then"];
    for key in then.as_object().into_iter().flatten().map(|(key, _)| key.as_str()) {
        let known = ["push", "expect", "token", "home"].contains(&key);
        assert!(known, "the runner does not know `{key}` of a second step");
    }
    if !then["token"].is_null() {
        recovered(case, &world);
    }
    let Some(files) = then["push"].as_object() else {
        return;
    };
    world.github.change(|model| {
        for (path, text) in files {
            model.commit(&world.full_name, "main", path, text.as_str().unwrap());
        }
    });
    Seen::new(case, &world, world.ask(case)).check(&then["expect"]);
}

/// What one account began, another ends: every workflow works again, and no issue is left open.
fn recovered(case: &Value, world: &World) {
    let open = || {
        world.github.read(|model| {
            let all = model.repositories(OWNER).into_iter();
            all.map(|of| of.issues().iter().filter(|issue| issue.open).count())
                .sum::<usize>()
        })
    };
    let before = open();
    assert!(before > 0, "a workflow failed, and there is no issue");
    world.github.change(|model| {
        let all = model.repositories(OWNER).into_iter().flat_map(Repository::workflows);
        let ids: Vec<u64> = all.map(Workflow::id).collect();
        for id in ids {
            model.run(id, "success", |_| ());
        }
    });
    let ask = texts(&case["ask"]).last().unwrap();
    let asked = world.one(case, ask, case["then"]["token"].as_str());
    assert_eq!(open(), 0, "of {before} issues\n{}", asked.run);
}

/// A test of each name in a list of cases.
macro_rules! cases {
    ($all:path: $($name:ident,)*) => {
        $(
            #[test]
            fn $name() {
                let name = stringify!($name).replace('_', "-");
                super::holds($all().iter().find(|case| case["name"] == name).expect("the case is in the list"));
            }
        )*

        #[test]
        fn every_case_has_its_test() {
            let tests = std::collections::BTreeSet::from([$(stringify!($name).replace('_', "-")),*]);
            let cases: std::collections::BTreeSet<String> =
                $all().iter().map(|case| super::name_of(case).to_owned()).collect();
            assert_eq!(tests, cases);
        }
    };
}

/// Cases of the same kinds that are not among them.
mod neighbours;

mod each {
    cases! {
        super::cases:
        directory_with_a_glob,
        unknown_key_of_an_entry,
        unknown_key_at_the_top,
        unknown_key_of_a_group,
        key_in_the_wrong_place,
        time_with_one_digit,
        time_with_seconds,
        timezone_from_a_secret,
        timezone_in_the_cronjob,
        cron_under_another_key,
        day_as_a_number,
        day_of_a_month,
        overlap_by_a_glob,
        overlap_by_a_name,
        ecosystem_left_empty,
        ecosystem_by_its_tool,
        strategy_that_does_not_exist,
        list_written_as_a_word,
        registry_that_nobody_uses,
        registries_as_one_name,
        group_with_its_own_cron,
        bom_and_crlf,
        every_newer_key,
        the_same_for_another_branch,
        globs_side_by_side,
        uv_and_bun,
        group_without_patterns,
        group_without_anything,
        group_that_is_not_defined,
        reviewers_that_were_retired,
        actions_by_the_workflows_folder,
        actions_by_a_globstar,
        question_mark,
        hidden_folder_by_a_glob,
        composite_action_left_out,
        composite_action_by_a_glob,
        globstar_takes_the_root,
        two_stars_at_the_end,
        braces_with_a_star,
        folder_that_looks_like_a_pattern,
        pip_one_folder_deep,
        pip_in_a_requirements_folder,
        setup_cfg_alone,
        xcode_left_out,
        xcode_covered,
        terraform_local_module,
        terraform_without_an_entry,
        projects_by_a_star,
        uv_lock_under_pip,
        only_another_branch,
        pushed_after_the_audit,
        deep_manifest,
        names_only,
        copilot_review_beside_no_approvals,
        organisation_by_property,
        no_include_patterns,
        bypass_by_deploy_key_and_role,
        bypass_by_a_person,
        bypass_by_a_person_who_may,
        bypass_by_owners,
        required_workflow_only,
        required_workflow_on_trial,
        branch_that_is_locked,
        classic_with_two_stars,
        forks_hide_a_failed_push,
        green_elsewhere,
        nightly_behind_pushes,
        did_not_start_then_skipped,
        approval_asked_for,
        name_with_markup,
        fix_crlf,
        fix_no_newline_at_the_end,
        fix_no_indent,
        fix_text_block_last,
        fix_no_file,
        fix_comments_at_the_end,
        fix_registries_after_updates,
        fix_nothing_that_overlaps,
        fix_alerts_and_updates,
        fix_paused_updates,
        fix_with_one_maintainer,
        fix_says_how_many,
        fix_with_a_reading_token,
        other_owner_fix,
        other_owner_audit,
        other_owner_workflows,
        agree_without_administration,
        agree_where_alerts_are_off,
        same_owner_written_out,
        no_actions_permission,
        another_account,
        exit_unknown_repository,
        exit_unknown_workflow,
        exit_fix_unknown,
        exit_check_unknown,
        exit_check_no_token,
        exit_unknown_rule,
        exit_bad_policy,
        exit_findings,
        exit_findings_below,
        exit_no_token,
        exit_wrong_token,
        exit_unknown_owner,
        exit_no_owner,
        error_saml,
        error_plan,
        error_token_lifetime,
        error_ip_allow_list,
        error_secondary_limit,
        error_older_server,
        sarif_for_code_scanning,
        first_audit,
        headed_by_the_breach,
        lines_at_80_columns,
        more_says_how_to_see_all,
        dry_run_leaves_nothing,
        explain_leaves_nothing,
        unreachable_host,
        html_report,
    }
}

/// All of them are repositories of one owner, too: what is said of each does not hang on the others.
#[test]
fn one_audit_of_all_says_of_each_what_an_audit_of_it_alone_does() {
    one_audit(&cases());
}

#[test]
fn one_audit_of_all_neighbours_does_so_too() {
    one_audit(&neighbours());
}

fn one_audit(every: &[Value]) {
    let plain = |case: &&Value| {
        let keys = case.as_object().unwrap().keys();
        keys.into_iter()
            .all(|key| ["name", "kind", "why", "source", "ask", "expect", "files"].contains(&key.as_str()))
    };
    let asker = every.iter().find(plain).unwrap();
    let repositories: Vec<&Value> = every.iter().collect();
    let world = World::with(asker, &repositories);
    let audit = world.one(asker, "repos audit --format json", None);
    let listed = audit.answer["repositories"].as_array().map_or(0, Vec::len);
    assert_eq!(listed, every.len() + 1, "{}", audit.run);
    let own = |key: &str| key != "policy" && key != "token";
    let mut wrong = BTreeSet::new();
    // A policy or a token of its own makes another audit.
    for case in every
        .iter()
        .filter(|case| case.as_object().unwrap().keys().all(|key| own(key)))
    {
        let verdicts = case["expect"].as_object().unwrap().iter();
        for (rule, wanted) in verdicts.filter(|(_, wanted)| expected::is_verdict(wanted)) {
            let found = expected::finding(&audit.answer, name_of(case), rule);
            if !expected::is(wanted.as_str().unwrap(), text(found, "verdict")) {
                wrong.insert(format!("{}: {rule} should be {wanted}: {found}", name_of(case)));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
