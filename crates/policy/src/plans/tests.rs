//! What becomes of plans: by the shipped rules, and by policies of one's own.

use cc_devops_kernel::agent::Role;
use cc_devops_kernel::installation::{Installation, Stages};
use cc_devops_kernel::names::Namespace;

use super::*;
use crate::tests::vocabulary;
use crate::{Closed, PolicySet};

fn stage(name: &str) -> Stage {
    Stage::new(name).unwrap()
}

fn shop() -> StackName {
    StackName::new("shop").unwrap()
}

fn installation(stages: &[&str]) -> Installation {
    let (first, rest) = stages.split_first().unwrap();
    Installation {
        agent: AgentName::new("DevOpsAutomation").unwrap(),
        namespace: Namespace::new("contentcraft").unwrap(),
        stages: Stages::new(stage(first), rest.iter().map(|name| stage(name)).collect()),
        credentials: Vec::new(),
        cost_control: AgentName::new("CostSentinel").unwrap(),
    }
}

fn shipped() -> Policy {
    Policy::shipped(PolicySet::OwnPrefixes, &installation(&["dev", "prod"]), vocabulary())
}

/// The shipped set's own rules are not among them.
fn own(text: &str) -> Policy {
    let files = [("own.cedar".to_owned(), text.to_owned())];
    Policy::parse(&files, &installation(&["dev", "prod"]), vocabulary()).unwrap()
}

fn person(name: &str, role: Role) -> Agent {
    Agent {
        name: AgentName::new(name).unwrap(),
        role,
        secret_prefixes: Vec::new(),
        stacks: vec![shop()],
    }
}

/// What `writer` asked for.
fn plan() -> PlanContext {
    PlanContext {
        requester: "writer".to_owned(),
        modifies: 1,
        ..PlanContext::default()
    }
}

fn approved(context: &PlanContext, by: &[&str]) -> PlanContext {
    PlanContext {
        approvals: u32::try_from(by.len()).unwrap(),
        approvers: by.iter().map(|name| (*name).to_owned()).collect(),
        ..context.clone()
    }
}

fn verdict(policy: &Policy, on: &str, context: &PlanContext) -> Verdict {
    let asks = person("writer", Role::Agent);
    let verdict = policy.plan_verdict(&asks, &shop(), &stage(on), context);
    assert_eq!(verdict.errors, Vec::<String>::new());
    verdict.kind
}

#[test]
fn the_shipped_rules_ask_on_dev_for_losses_and_in_prod_for_whatever_cannot_be_undone() {
    use Verdict::{Apply, NeedsApproval};
    let of = |change: fn(&mut PlanContext)| {
        let mut context = plan();
        change(&mut context);
        context
    };
    for (what, context, dev, prod) in [
        ("a function's code", plan(), Apply, Apply),
        ("nothing", of(|c| c.modifies = 0), Apply, Apply),
        (
            "a first creation",
            of(|c| (c.adds, c.first_creation) = (3, true)),
            Apply,
            Apply,
        ),
        (
            "a table replaced",
            of(|c| (c.replacements, c.replaces_stateful, c.loses_stateful) = (1, true, true)),
            NeedsApproval,
            NeedsApproval,
        ),
        (
            "a table replaced perhaps",
            of(|c| (c.replacements, c.maybe_replaces_stateful, c.loses_stateful) = (1, true, true)),
            NeedsApproval,
            NeedsApproval,
        ),
        (
            "a database replaced, with a snapshot",
            of(|c| (c.replacements, c.replaces_stateful) = (1, true)),
            Apply,
            NeedsApproval,
        ),
        ("a function replaced", of(|c| c.replacements = 1), Apply, NeedsApproval),
        ("a table removed and kept", of(|c| c.removes = 1), Apply, NeedsApproval),
        (
            "a table removed, with a snapshot",
            of(|c| (c.removes, c.deletes_stateful) = (1, true)),
            Apply,
            NeedsApproval,
        ),
        (
            "a table removed",
            of(|c| (c.removes, c.deletes_stateful, c.loses_stateful) = (1, true, true)),
            NeedsApproval,
            NeedsApproval,
        ),
        (
            "a loss that a plan file tells of a change in place",
            of(|c| c.loses_stateful = true),
            NeedsApproval,
            NeedsApproval,
        ),
        ("rights", of(|c| c.changes_iam = true), Apply, NeedsApproval),
        ("drift", of(|c| c.drifted = true), Apply, NeedsApproval),
        ("no way back", of(|c| c.express = true), Apply, NeedsApproval),
        (
            "something unknown",
            of(|c| c.unknown_change = true),
            NeedsApproval,
            NeedsApproval,
        ),
        ("no plan", of(|c| (c.modifies, c.unplanned) = (0, true)), Apply, Apply),
    ] {
        for set in PolicySet::ALL {
            let policy = Policy::shipped(set, &installation(&["dev", "qa", "prod"]), vocabulary());
            assert_eq!(verdict(&policy, "dev", &context), dev, "{what} on dev");
            assert_eq!(verdict(&policy, "qa", &context), dev, "{what} on qa");
            assert_eq!(verdict(&policy, "prod", &context), prod, "{what} in prod");
            for on in ["dev", "prod"] {
                let approved = approved(&context, &["ana"]);
                assert_eq!(verdict(&policy, on, &approved), Apply, "{what} on {on}, approved");
            }
        }
    }
}

#[test]
fn in_prod_ones_own_approval_does_not_count() {
    let policy = shipped();
    let lossy = PlanContext {
        removes: 1,
        loses_stateful: true,
        ..plan()
    };
    for (by, on, expected) in [
        (&["writer"][..], "dev", Verdict::Apply),
        (&["writer"], "prod", Verdict::NeedsApproval),
        (&["ana"], "prod", Verdict::Apply),
        (&["ana", "writer"], "prod", Verdict::Apply),
    ] {
        assert_eq!(verdict(&policy, on, &approved(&lossy, by)), expected, "{by:?} on {on}");
    }
}

#[test]
fn the_verdict_names_the_policies() {
    let policy = shipped();
    let ask = |policy: &Policy, context: &PlanContext| {
        policy.plan_verdict(&person("writer", Role::Agent), &shop(), &stage("prod"), context)
    };
    assert_eq!(ask(&policy, &plan()).policies, ["plan-harmless-in-prod"]);
    let lossy = PlanContext { removes: 1, ..plan() };
    assert_eq!(ask(&policy, &lossy).policies, ["plan-approved-in-prod"]);
    let never = own(
        r#"@id("anything") permit (principal, action == Action::"applyPlan", resource);
           @id("never") forbid (principal, action == Action::"applyPlan", resource) when { context.deletesStateful };"#,
    );
    let deletes = PlanContext {
        deletes_stateful: true,
        ..plan()
    };
    let denied = ask(&never, &deletes);
    assert_eq!(
        (denied.kind, denied.policies),
        (Verdict::Denied, vec!["never".to_owned()])
    );
    assert_eq!(ask(&never, &plan()).policies, ["anything"]);
    let words = [Verdict::Apply, Verdict::NeedsApproval, Verdict::Denied].map(Verdict::as_str);
    assert_eq!(words, ["apply", "needs_approval", "denied"]);
}

#[test]
fn a_permit_that_does_not_name_the_action_lets_no_plan_pass() {
    let admin = person("admin", Role::Admin);
    let ask = |policy: &Policy| policy.plan_verdict(&admin, &shop(), &stage("dev"), &plan()).kind;
    let blanket = "permit (principal is Admin, action, resource);\n";
    // It speaks of plans, so the shipped rules are not added, and permits none of an admin's.
    let policy = own(&format!(
        "{blanket} permit (principal is Agent, action == Action::\"applyPlan\", resource);"
    ));
    assert_eq!(ask(&policy), Verdict::Denied);
    assert!(!policy.has_shipped_plan_rules());
    assert_eq!(verdict(&policy, "dev", &plan()), Verdict::Apply);
    for naming in [
        r#"permit (principal, action in [Action::"deployLambda", Action::"applyPlan"], resource is Stack);"#,
        r#"permit (principal, action, resource is Stack) when { action == Action::"applyPlan" };"#,
    ] {
        assert_eq!(ask(&own(&format!("{blanket} {naming}"))), Verdict::Apply, "{naming}");
    }
    // That is so for whoever asks the policies in another way.
    let access = vocabulary().access("applyPlan", "shop", &stage("dev")).unwrap();
    assert!(!policy.decide(&admin, &access).allowed);
    assert!(policy.decide(&person("writer", Role::Agent), &access).allowed);
}

#[test]
fn policies_that_do_not_speak_of_plans_get_the_shipped_rules() {
    let old = r#"@id("all") permit (principal is Admin, action, resource);
        permit (principal is Agent, action == Action::"deployLambda", resource is Stack)
        when { principal.stacks.contains(resource) };"#;
    let policy = own(old);
    assert!(policy.has_shipped_plan_rules());
    let removes = PlanContext { removes: 1, ..plan() };
    assert_eq!(verdict(&policy, "prod", &plan()), Verdict::Apply);
    assert_eq!(verdict(&policy, "prod", &removes), Verdict::NeedsApproval);
    // The rules name `prod`, which need not exist.
    let files = [("plans.cedar".to_owned(), old.to_owned())];
    let staged = Policy::parse(&files, &installation(&["staging", "live"]), vocabulary()).unwrap();
    assert_eq!(verdict(&staged, "live", &removes), Verdict::Apply);
    let lossy = PlanContext {
        loses_stateful: true,
        ..removes
    };
    assert_eq!(verdict(&staged, "live", &lossy), Verdict::NeedsApproval);
}

#[test]
fn what_is_forbidden_is_so_however_it_is_written() {
    let base = r#"permit (principal, action == Action::"applyPlan", resource);"#;
    for forbid in [
        "forbid (principal, action, resource == Stack::\"shop\");",
        "forbid (principal == Agent::\"writer\", action, resource);",
        "forbid (principal, action in [Action::\"deployLambda\", Action::\"applyPlan\"], resource) \
         when { context.stage == Stage::\"prod\" };",
    ] {
        assert_eq!(
            verdict(&own(&format!("{base} {forbid}")), "prod", &plan()),
            Verdict::Denied,
            "{forbid}"
        );
    }
    // With nothing else of plans the shipped rules are added, and it counts among them.
    let blanket = own("permit (principal is Admin, action, resource); forbid (principal, action, resource is Stack);");
    assert_eq!(verdict(&blanket, "dev", &plan()), Verdict::Denied);
}

#[test]
fn whether_approvals_would_help_is_found_by_imagining_them() {
    use Verdict::{Apply, Denied, NeedsApproval};
    let permit = |condition: &str| {
        format!("permit (principal, action == Action::\"applyPlan\", resource) when {{ {condition} }};")
    };
    let forbid = |condition: &str| {
        format!("forbid (principal, action == Action::\"applyPlan\", resource) when {{ {condition} }};")
    };
    let any = "permit (principal, action == Action::\"applyPlan\", resource);";
    for (text, expected) in [
        (permit("context.approvals >= 3"), NeedsApproval),
        (permit("context.approvals == 10"), NeedsApproval),
        (permit("context.approvals > 10"), Denied),
        (permit("context.approvals < 0"), Denied),
        (permit("context.approvers.contains(\"ana\")"), NeedsApproval),
        (
            permit("context.approvers.containsAll([\"ana\", \"bo\", \"cy\"])"),
            NeedsApproval,
        ),
        (permit("context.approvers == [\"ana\", \"bo\"]"), NeedsApproval),
        (
            permit("context.approvers.containsAny([\"ana\", \"bo\"]) && context.approvals >= 3"),
            NeedsApproval,
        ),
        (
            permit(
                "context.approvers.contains(\"ana\") && !context.approvers.contains(\"bo\") && context.approvals == 2",
            ),
            NeedsApproval,
        ),
        (permit("context.approvers.contains(context.requester)"), NeedsApproval),
        (
            permit("context.approvals >= 1 && !context.approvers.contains(context.requester)"),
            NeedsApproval,
        ),
        (
            permit("context.approvals == 1 && context.approvers.contains(principal.name)"),
            NeedsApproval,
        ),
        (format!("{any} {}", forbid("context.approvals < 2")), NeedsApproval),
        (
            format!(
                "{any} {}",
                forbid("context.approvers.contains(\"ana\") || context.approvals == 0")
            ),
            NeedsApproval,
        ),
        (format!("{any} {}", forbid("context.removes == 0")), Denied),
        (permit("false"), Denied),
        (permit("context.approvals == 0"), Apply),
        // More people than are imagined in every selection.
        (
            permit("context.approvers.containsAll([\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\"])"),
            NeedsApproval,
        ),
        (
            permit(
                "[\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\"].containsAll(context.approvers) && \
                 context.approvers.containsAll([\"g\", \"h\"]) && context.approvals == 2",
            ),
            NeedsApproval,
        ),
    ] {
        if text.contains("when { false }") {
            // Cedar takes no policy that can never permit.
            let files = [("own.cedar".to_owned(), text)];
            assert!(Policy::parse(&files, &installation(&["dev", "prod"]), vocabulary()).is_err());
            continue;
        }
        assert_eq!(verdict(&own(&text), "dev", &plan()), expected, "{text}");
    }
}

#[test]
fn what_was_approved_stays_approved_when_more_is_imagined() {
    let text = r#"permit (principal, action == Action::"applyPlan", resource)
                  when { context.approvals >= 1 && !context.approvers.contains("ana") };"#;
    let policy = own(text);
    assert_eq!(verdict(&policy, "dev", &plan()), Verdict::NeedsApproval);
    assert_eq!(verdict(&policy, "dev", &approved(&plan(), &["ana"])), Verdict::Denied);
    // A name that was taken for somebody unknown is somebody now.
    let two = own("permit (principal, action == Action::\"applyPlan\", resource) when { context.approvals >= 2 };");
    let one = approved(&plan(), &["approver-1"]);
    assert_eq!(verdict(&two, "dev", &one), Verdict::NeedsApproval);
}

#[test]
fn a_policy_that_cannot_be_evaluated_denies_and_is_told() {
    let text = r#"@id("adds-up") permit (principal, action == Action::"applyPlan", resource)
                  when { context.adds + 9223372036854775807 > 0 };"#;
    let asks = person("writer", Role::Agent);
    let context = PlanContext { adds: 1, ..plan() };
    let verdict = own(text).plan_verdict(&asks, &shop(), &stage("dev"), &context);
    assert_eq!(verdict.kind, Verdict::Denied);
    assert_eq!(verdict.errors.len(), 1, "{verdict:?}");
}

/// A change of what policies are told.
type Change = fn(&mut PlanContext);

#[test]
fn every_field_of_a_plan_reaches_the_policies() {
    let full = PlanContext {
        approvals: 2,
        approvers: ["ana".to_owned(), "bo".to_owned()].into(),
        requester: "writer".to_owned(),
        adds: 3,
        modifies: 4,
        removes: 5,
        replacements: 6,
        replaces_stateful: true,
        deletes_stateful: true,
        maybe_replaces_stateful: true,
        loses_stateful: true,
        changes_iam: true,
        drifted: true,
        frozen: true,
        express: true,
        first_creation: true,
        unplanned: true,
        unknown_change: true,
        resource_types: ["AWS::SQS::Queue".to_owned()].into(),
    };
    let all: [(&str, Option<Change>); 20] = [
        ("context.stage == Stage::\"dev\"", None),
        ("context.requester == \"writer\"", None),
        ("context.approvals == 2", None),
        ("context.approvers == [\"bo\", \"ana\"]", None),
        ("context.adds == 3", None),
        ("context.modifies == 4", None),
        ("context.removes == 5", None),
        ("context.replacements == 6", None),
        ("context.resourceTypes == [\"AWS::SQS::Queue\"]", None),
        ("context.replacesStateful", Some(|c| c.replaces_stateful = false)),
        ("context.deletesStateful", Some(|c| c.deletes_stateful = false)),
        (
            "context.maybeReplacesStateful",
            Some(|c| c.maybe_replaces_stateful = false),
        ),
        ("context.losesStateful", Some(|c| c.loses_stateful = false)),
        ("context.changesIam", Some(|c| c.changes_iam = false)),
        ("context.drifted", Some(|c| c.drifted = false)),
        ("context.frozen", Some(|c| c.frozen = false)),
        ("context.express", Some(|c| c.express = false)),
        ("context.firstCreation", Some(|c| c.first_creation = false)),
        ("context.unplanned", Some(|c| c.unplanned = false)),
        ("context.unknownChange", Some(|c| c.unknown_change = false)),
    ];
    for (condition, without) in all {
        let text = format!("permit (principal, action == Action::\"applyPlan\", resource) when {{ {condition} }};");
        let policy = own(&text);
        assert_eq!(verdict(&policy, "dev", &full), Verdict::Apply, "{condition}");
        if let Some(take_away) = without {
            let mut less = full.clone();
            take_away(&mut less);
            assert_eq!(verdict(&policy, "dev", &less), Verdict::Denied, "{condition}");
        }
    }
}

#[test]
fn who_may_approve_create_override_and_see() {
    let (admin, agent) = (person("ana", Role::Admin), person("writer", Role::Agent));
    for set in PolicySet::ALL {
        let policy = Policy::shipped(set, &installation(&["dev", "prod"]), vocabulary());
        let ask = |who: &Agent, action: &str, resource: &str, on: &str| {
            let access = vocabulary().access(action, resource, &stage(on)).unwrap();
            assert_eq!(access.action(), action);
            policy.decide(who, &access).allowed
        };
        for action in ["approvePlan", "overrideFreeze", "createStack"] {
            assert!(ask(&admin, action, "shop", "prod"), "{action}");
            assert!(!ask(&agent, action, "shop", "dev"), "{action}");
        }
        for resource in ["shop", "other", "*"] {
            assert!(ask(&admin, "readDeploys", resource, "dev"), "{resource}");
            assert_eq!(
                ask(&agent, "readDeploys", resource, "dev"),
                resource == "shop",
                "{resource}"
            );
        }
        // An operator's blanket permit carries no approval over: it does not name the action.
        for who in [&admin, &agent] {
            assert!(ask(who, "carryApproval", "shop", "dev"));
            assert!(!ask(who, "carryApproval", "shop", "prod"));
        }
    }
}

#[test]
fn approve_plan_is_told_who_asked() {
    let policy = own(r#"permit (principal, action == Action::"approvePlan", resource)
           when { principal.name != context.requester && context.stage == Stage::"prod" };"#);
    let may = |who: &str, requester: &str, on: &str| {
        let access = Access::ApprovePlan {
            stack: shop(),
            stage: stage(on),
            requester: AgentName::new(requester).unwrap(),
        };
        policy.decide(&person(who, Role::Agent), &access).allowed
    };
    assert!(may("ana", "writer", "prod"));
    assert!(!may("writer", "writer", "prod"));
    assert!(!may("ana", "writer", "dev"));
}

#[test]
fn no_plan_changes_the_control_planes_own_stack() {
    let open = own(r#"permit (principal, action, resource);
           permit (principal, action == Action::"applyPlan", resource);
           permit (principal, action == Action::"carryApproval", resource);"#);
    let (who, own_stack) = (person("ana", Role::Admin), "cc-agent-devops-automation");
    for action in [
        "applyPlan",
        "approvePlan",
        "carryApproval",
        "overrideFreeze",
        "createStack",
    ] {
        let access = vocabulary().access(action, own_stack, &stage("dev")).unwrap();
        let decision = open.decide(&who, &access);
        assert_eq!(
            (decision.allowed, decision.closed),
            (false, Some(Closed::OwnStack)),
            "{action}"
        );
        let other = vocabulary().access(action, "shop", &stage("dev")).unwrap();
        assert!(open.decide(&who, &other).allowed, "{action}");
    }
    let reading = vocabulary().access("readDeploys", own_stack, &stage("dev")).unwrap();
    assert!(open.decide(&who, &reading).allowed);
    let stack = StackName::new(own_stack).unwrap();
    let verdict = open.plan_verdict(&who, &stack, &stage("dev"), &plan());
    assert_eq!(verdict.kind, Verdict::Denied);
}
