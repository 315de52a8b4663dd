//! `[deploys]`, and what stacks depend on.

use cc_devops_kernel::names::{StackName, Stage};
use jiff::{SignedDuration, Timestamp};

use super::{load, problems};

fn stack(name: &str) -> StackName {
    StackName::new(name).unwrap()
}

fn stage(name: &str) -> Stage {
    Stage::new(name).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn what_is_said_of_deploys_is_what_requests_are_carried_out_with() {
    let text = r#"
        [deploys]
        approval_timeout_seconds = 3600
        require_plan = true
        stateful_types = ["Custom::Orders"]
        detect_drift = ["dev"]

        [[deploys.freezes]]
        name = "weekend"
        kind = "deny"
        cron = "0 16 * * fri"
        duration = "2d 14h"
        zone = "Europe/Berlin"
        stacks = ["shop-*"]
        stages = ["prod"]
        reason = "nobody is there"

        [deploys.rollback_triggers.prod]
        alarms = ["arn:aws:cloudwatch:eu-central-1:123456789012:alarm:errors"]
        minutes = 10

        [stacks.network]
        command = ["true"]

        [stacks.shop-web]
        command = ["true"]
        plan_command = ["./plan.sh"]
        depends_on = ["network"]
    "#;
    let (_, checked) = load(text, &[]).unwrap();
    let deploys = checked.requests.deploys;
    assert_eq!(deploys.approval_timeout, SignedDuration::from_hours(1));
    assert!(deploys.require_plan);
    assert!(deploys.stateful_types.contains("Custom::Orders"));
    assert_eq!(deploys.drift_stages, [stage("dev")].into());
    assert_eq!(deploys.rollback_triggers[&stage("prod")].minutes, 10);
    assert_eq!(deploys.rollback_triggers[&stage("prod")].alarms.len(), 1);
    let needed: Vec<&StackName> = deploys.order.dependencies(&stack("shop-web")).collect();
    assert_eq!(needed, [&stack("network")]);

    // A Saturday in January: 16:00 in Berlin is 15:00 in UTC.
    let frozen = deploys
        .freezes
        .frozen(&stack("shop-web"), &stage("prod"), at("2026-01-10T12:00:00Z"))
        .unwrap();
    assert_eq!(frozen.until, Some(at("2026-01-12T05:00:00Z")));
    assert_eq!(
        frozen.to_string(),
        "freeze \"weekend\" holds until 2026-01-12T05:00:00Z: nobody is there"
    );
    for (name, on) in [("shop-web", "dev"), ("network", "prod")] {
        let frozen = deploys
            .freezes
            .frozen(&stack(name), &stage(on), at("2026-01-10T12:00:00Z"));
        assert_eq!(frozen, None, "{name} on {on}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let text = r#"
        [deploys]
        approval_timeout_seconds = 2592001
        stateful_types = ["table"]
        detect_drift = ["prod", "qa"]

        [[deploys.freezes]]
        name = "one"
        kind = "denyy"
        cron = "0 16 * *"
        duration = "2h 1d"
        zone = "Europe/Berlin"
        stacks = ["shop-prod", "shop_*", "shop-*"]
        stages = ["qa"]

        [[deploys.freezes]]
        name = "one"
        cron = "0 16 * * *"
        zone = "Europe/Nowhere"

        [deploys.rollback_triggers.qa]
        alarms = ["errors"]
        minutes = 181

        [stacks.a]
        command = ["true"]
        depends_on = ["b"]

        [stacks.b]
        command = ["true"]
        depends_on = ["a", "netwrk", "9"]

        [stacks.network]
        command = ["true"]
        plan_command = []
    "#;
    let mut found = problems(text, &[]);
    found.sort();
    let expected = [
        "deploys.approval_timeout_seconds: must be at most 2592000",
        "deploys.detect_drift[1]: there is no such stage; use one of: dev, prod",
        "deploys.freezes[0].cron: cron expression `0 16 * *` has 4 fields and needs five, minute, hour, day of the month, \
         month, day of the week, as in `0 6 * * mon-fri`, or a name such as `@daily`",
        "deploys.freezes[0].duration: write how long it stays open as whole days, hours and minutes, such as `2d 12h` or \
         `90m`: 1 minute to 366 days",
        "deploys.freezes[0].kind: must be one of \"deny\", \"allow\"",
        "deploys.freezes[0].stacks[0]: a stack is named without its stage, which `stages` names; did you mean \"shop\"?",
        "deploys.freezes[0].stacks[1]: write a stack's name without its stage, or a pattern of such names, such as `shop`, \
         `shop-*` or `*`: letters, digits and `-`, with `*`, `?` and `[a-z]`",
        "deploys.freezes[0].stages[0]: there is no such stage; use one of: dev, prod",
        "deploys.freezes[1].cron: there is no time zone `Europe/Nowhere` in the IANA database: write one as \
         `Europe/Berlin`, `America/New_York` or `UTC`",
        "deploys.freezes[1].name: another window has this name",
        "deploys.freezes[1]: the key `duration` is required",
        "deploys.freezes[1]: the key `kind` is required",
        "deploys.rollback_triggers.qa.alarms[0]: write an alarm's ARN, as in \
         arn:aws:cloudwatch:eu-central-1:123456789012:alarm:errors",
        "deploys.rollback_triggers.qa.minutes: must be at most 180",
        "deploys.rollback_triggers.qa: there is no such stage; use one of: dev, prod",
        "deploys.stateful_types[0]: write a resource type as CloudFormation has it, such as \"AWS::DynamoDB::Table\"",
        "stacks.a.depends_on: these stacks depend on one another in a circle: a -> b -> a",
        "stacks.b.depends_on[1]: there is no section [stacks.netwrk]; did you mean \"network\"?",
        "stacks.b.depends_on[2]: the stack's name must start with a letter",
        "stacks.network.plan_command: must have at least 1 entry",
    ];
    assert_eq!(found, expected);
}

#[test]
fn drift_is_searched_for_in_prod_where_there_is_one() {
    let (_, checked) = load("[installation]\nstages = [\"staging\", \"live\"]", &[]).unwrap();
    assert!(checked.requests.deploys.drift_stages.is_empty());
    let (_, checked) = load("", &[]).unwrap();
    assert_eq!(checked.requests.deploys.drift_stages, [stage("prod")].into());
}

#[test]
fn in_an_account_a_stack_says_only_what_it_depends_on() {
    let text = "backend = \"aws\"\n[stacks.shop]\ndepends_on = [\"network\"]";
    let (_, checked) = load(text, &[]).unwrap();
    let order = checked.requests.deploys.order;
    assert_eq!(
        order.dependencies(&stack("shop")).collect::<Vec<_>>(),
        [&stack("network")]
    );
    assert_eq!(
        problems("[stacks.shop]\ndepends_on = []", &[]),
        ["stacks.shop: the key `command` is required"]
    );
}
