//! Neighbours of the cases: the same kinds, other values and shapes. Our own.

cases! {
    super::neighbours:
    directory_with_a_question_mark,
    directory_with_a_class,
    unknown_key_of_a_message,
    unknown_key_of_a_condition,
    unknown_key_of_a_cooldown,
    unknown_key_of_a_registry,
    time_past_midnight,
    time_in_words,
    timezone_misspelt,
    timezone_without_its_region,
    interval_that_does_not_exist,
    cron_without_its_time,
    day_with_a_capital,
    day_cut_short,
    overlap_of_two_patterns,
    overlap_with_a_slash_at_the_end,
    ecosystem_by_another_tool,
    rebase_that_does_not_exist,
    scope_that_does_not_exist,
    folders_written_as_a_word,
    limit_written_as_a_word,
    registry_of_no_type,
    one_registry_of_two_unused,
    intervals_that_came_later,
    every_registry,
    the_other_name,
    no_entries,
    actions_by_both_folders,
    registry_that_is_not_defined,
    actions_folder_without_its_slash,
    action_at_the_top,
    action_at_the_top_by_the_root,
    a_class_of_folders,
    braces_that_are_no_pattern,
    one_star_is_one_level,
    pip_two_folders_deep,
    pipfile_one_folder_deep,
    pip_by_any_name,
    workspace_left_out,
    workspace_covered,
    terraform_in_two_folders,
    terraform_elsewhere,
    cargo_under_another_branch,
    go_by_a_globstar,
    very_deep_manifest,
    tree_that_is_cut_off,
    tree_that_is_cut_off_and_covered,
    pushed_and_taken_away,
    messages_only,
    creation_only,
    only_evaluated,
    no_include_but_exclude,
    organisation_by_excluded_property,
    organisation_by_another_property,
    bypass_by_a_person_on_pulls,
    bypass_by_nobody_known,
    bypass_by_role_and_person,
    code_scanning_only,
    required_workflow_of_the_organisation,
    required_workflow_and_a_check_by_name,
    classic_with_a_question_mark,
    classic_in_braces,
    agree_where_updates_are_off,
    agree_for_a_reader,
    agree_for_a_writer_on_a_ruleset,
    agree_with_little_classic_beside_a_ruleset,
    forks_fill_two_pages,
    forks_hide_a_recovery,
    a_fork_of_the_same_name_pushed,
    timed_out_by_hand,
    neutral_and_stale,
    recovered_by_the_night,
    name_that_closes_issues,
    name_of_many_letters,
    fix_crlf_without_an_end,
    fix_behind_a_mark,
    fix_between_documents,
    fix_with_four_spaces,
    fix_only_what_no_pattern_reaches,
    fix_a_refused_file,
    fix_updates_alone,
    fix_alerts_and_a_file,
    fix_with_one_who_may_triage,
    fix_with_two_maintainers,
    fix_one_says_how_many,
    fix_alerts_with_a_reading_token,
    other_owner_explain,
    other_owner_among_several,
    other_owner_among_several_audited,
    other_owner_named,
    same_owner_in_capitals,
    no_actions_for_an_audit,
    no_actions_in_words,
    app_before_a_person,
    another_account_and_folder,
    exit_explain_unknown,
    exit_fix_unknown_rule,
    exit_several_one_unknown,
    exit_check_without_owner,
    exit_explain_without_owner,
    exit_check_unknown_owner,
    exit_fix_no_token,
    exit_explain_wrong_token,
    exit_high_alone,
    error_saml_with_an_address,
    error_saml_of_a_check,
    error_plan_team,
    error_classic_token_forbidden,
    error_ip_allow_list_in_data,
    error_secondary_limit_of_a_check,
    error_older_server_that_says_so,
    error_older_server_of_a_check,
    sarif_of_one_rule,
    second_audit_is_not_the_first,
    lines_at_60_columns,
    explain_at_70_columns,
    check_at_80_columns,
    explain_as_json_leaves_nothing,
    dry_check_leaves_nothing,
    unreachable_host_of_a_check,
    html_of_one,
}

/// Whoever copies our mark into an issue of their own keeps ours from nobody.
#[test]
fn a_mark_in_a_strangers_issue_counts_for_nothing() {
    let cases = super::cases();
    let case = cases.iter().find(|case| case["name"] == "green-elsewhere").unwrap();
    let world = super::World::of(case);
    let first = world.one(case, "workflows check --json", None);
    let open = || {
        world.github.read(|model| {
            let issues = model.get(&world.full_name).issues().into_iter();
            issues
                .filter(|issue| issue.open)
                .map(|issue| (issue.number, issue.author.clone(), issue.body.clone()))
                .collect::<Vec<_>>()
        })
    };
    let [(number, _, body)] = open().try_into().unwrap_or_else(|_| panic!("{}", first.run));
    // Ours goes, and so does all that is known of it.
    world.github.change(|model| {
        model.delete_issue(&world.full_name, number);
        model.issue(&world.full_name, "mallory", "CI fails", |issue| issue.body = body);
    });
    std::fs::remove_dir_all(world.place.data()).unwrap();
    let again = world.one(case, "workflows check --json", None);
    let authors: Vec<String> = open().into_iter().map(|(_, author, _)| author).collect();
    assert_eq!(authors, ["mallory", "ada"], "{}", again.run);
}
