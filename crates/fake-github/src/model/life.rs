//! What people and GitHub do in repositories: rules, workflows and their runs, issues, pull requests.

use super::Model;
use super::actions::{Run, Workflow};
use super::issue::{Comment, Gone, Issue, Pull};
use super::protection::Protection;
use super::ruleset::Ruleset;

impl Model {
    /// Adds a rule of classic protection.
    ///
    /// # Panics
    /// If there is no such repository.
    pub fn protect(&mut self, name: &str, mut rule: Protection) {
        rule.id = self.id();
        let rules = &mut self.get_mut(name).protections;
        rules.retain(|each| each.pattern != rule.pattern);
        rules.push(rule);
    }

    /// Takes a rule of classic protection away.
    ///
    /// # Panics
    /// If there is no such repository.
    pub fn unprotect(&mut self, name: &str, pattern: &str) {
        self.get_mut(name).protections.retain(|rule| rule.pattern != pattern);
    }

    /// Adds a ruleset to a repository and returns its id.
    ///
    /// # Panics
    /// If there is no such repository.
    pub fn ruleset(&mut self, name: &str, ruleset: Ruleset) -> u64 {
        let ruleset = self.made_now(ruleset);
        let id = ruleset.id;
        self.get_mut(name).rulesets.push(ruleset);
        id
    }

    /// Adds a ruleset to an organisation and returns its id.
    ///
    /// # Panics
    /// If there is no such organisation.
    pub fn org_ruleset(&mut self, login: &str, ruleset: Ruleset) -> u64 {
        let ruleset = self.made_now(ruleset);
        let id = ruleset.id;
        self.owner_mut(login).rulesets.push(ruleset);
        id
    }

    pub(crate) fn made_now(&mut self, mut ruleset: Ruleset) -> Ruleset {
        ruleset.id = self.id();
        ruleset.created = self.seconds();
        ruleset.updated = ruleset.created;
        ruleset
    }

    /// Adds a workflow, active, its file on the default branch with it, and returns its id.
    ///
    /// # Panics
    /// If there is no such repository.
    pub fn workflow(&mut self, name: &str, path: &str) -> u64 {
        let (id, now) = (self.id(), self.seconds());
        let branch = self.get(name).default_branch.clone();
        let short = path.rsplit('/').next().unwrap_or(path);
        let title = short.split('.').next().unwrap_or(short).to_owned();
        if self.get(name).text(&branch, path).is_none() {
            self.commit(name, &branch, path, &format!("name: {title}\non: push\njobs: {{}}\n"));
        }
        let repository = self.get_mut(name);
        repository.workflows.push(Workflow {
            id,
            name: title,
            path: path.to_owned(),
            state: "active".to_owned(),
            created: now,
            updated: now,
        });
        let home = repository.id;
        self.homes.insert(id, home);
        id
    }

    /// Changes a workflow: its state, its name, its path.
    ///
    /// # Panics
    /// If there is no such workflow.
    pub fn edit_workflow(&mut self, id: u64, change: impl FnOnce(&mut Workflow)) {
        let now = self.seconds();
        let home = *self.homes.get(&id).expect("the workflow is there");
        let workflows = &mut self.by_id_mut(home).workflows;
        let workflow = workflows.iter_mut().find(|each| each.id == id);
        let workflow = workflow.expect("the workflow is there");
        change(workflow);
        workflow.updated = now;
    }

    /// Deletes a workflow: its file goes, REST lists it no more, and GraphQL has it as deleted.
    ///
    /// # Panics
    /// If there is no such workflow.
    pub fn delete_workflow(&mut self, id: u64) {
        let home = *self.homes.get(&id).expect("the workflow is there");
        let repository = self.by_id_mut(home);
        let (name, branch) = (repository.full_name(), repository.default_branch.clone());
        let workflow = repository.workflows.iter_mut().find(|each| each.id == id);
        let workflow = workflow.expect("the workflow is there");
        "deleted".clone_into(&mut workflow.state);
        let path = workflow.path.clone();
        self.delete_file(&name, &branch, &path);
    }

    /// Adds a run of a workflow, a completed push to the default branch, then lets `build` change it.
    /// Returns its id.
    ///
    /// # Panics
    /// If there is no such workflow.
    pub fn run(&mut self, workflow: u64, conclusion: &str, build: impl FnOnce(&mut Run)) -> u64 {
        self.runs_made += 1;
        let (id, now) = (self.runs_made, self.seconds());
        let home = *self.homes.get(&workflow).expect("the workflow is there");
        let repository = self.by_id_mut(home);
        let branch = repository.default_branch.clone();
        let head = repository.git.head(&branch).map(|head| head.oid.clone());
        let earlier = repository.runs.iter().filter(|run| run.workflow == workflow).count();
        let mut run = Run {
            id,
            workflow,
            number: earlier as u64 + 1,
            attempt: 1,
            event: "push".to_owned(),
            head_branch: branch,
            head_sha: head.unwrap_or_default(),
            head_repository: Some(repository.full_name()),
            status: "in_progress".to_owned(),
            conclusion: None,
            actor: "ops".to_owned(),
            created: now,
            started: now,
            updated: now,
            jobs: Vec::new(),
        };
        run.job("build", None);
        if !conclusion.is_empty() {
            run.conclude(conclusion);
        }
        build(&mut run);
        repository.runs.push(run);
        self.homes.insert(id, home);
        id
    }

    /// Changes a run: its conclusion, its times.
    ///
    /// # Panics
    /// If there is no such run.
    pub fn edit_run(&mut self, id: u64, change: impl FnOnce(&mut Run)) {
        let now = self.seconds();
        let home = *self.homes.get(&id).expect("the run is there");
        let runs = &mut self.by_id_mut(home).runs;
        let run = runs.iter_mut().find(|each| each.id == id).expect("the run is there");
        run.updated = now;
        change(run);
    }

    /// Runs a run again: the same id, the next attempt.
    ///
    /// # Panics
    /// If there is no such run.
    pub fn rerun(&mut self, id: u64, conclusion: &str) {
        let now = self.seconds();
        self.edit_run(id, |run| {
            run.attempt += 1;
            run.started = now;
            run.job("build", None);
            run.conclude(conclusion);
        });
    }

    /// A person opens an issue; returns its number.
    ///
    /// # Panics
    /// If there is no such repository.
    pub fn issue(&mut self, name: &str, author: &str, title: &str, build: impl FnOnce(&mut Issue)) -> u64 {
        let (id, now) = (self.id(), self.seconds());
        let repository = self.get_mut(name);
        let number = repository.next_number();
        let mut issue = Issue::new(id, number, title, author, now);
        build(&mut issue);
        repository.issues.push(issue);
        number
    }

    /// A person edits an issue: its title, its text, its labels.
    ///
    /// # Panics
    /// If there is no such issue.
    pub fn edit_issue(&mut self, name: &str, number: u64, change: impl FnOnce(&mut Issue)) {
        let now = self.seconds();
        let issue = self.get_mut(name).issue_mut(number).expect("the issue is there");
        issue.updated = now;
        change(issue);
    }

    /// A person closes an issue: `completed`, `not_planned` or `duplicate`.
    ///
    /// # Panics
    /// If there is no such issue.
    pub fn close_issue(&mut self, name: &str, number: u64, reason: &str, by: &str) {
        let now = self.seconds();
        self.edit_issue(name, number, |issue| issue.set_open(false, Some(reason), by, now));
    }

    /// A person opens an issue again.
    ///
    /// # Panics
    /// If there is no such issue.
    pub fn reopen_issue(&mut self, name: &str, number: u64, by: &str) {
        let now = self.seconds();
        self.edit_issue(name, number, |issue| issue.set_open(true, None, by, now));
    }

    /// A person locks an issue.
    ///
    /// # Panics
    /// If there is no such issue.
    pub fn lock_issue(&mut self, name: &str, number: u64) {
        self.edit_issue(name, number, |issue| issue.locked = true);
    }

    /// A person deletes an issue: whoever may read it gets 410 from now on.
    ///
    /// # Panics
    /// If there is no such issue.
    pub fn delete_issue(&mut self, name: &str, number: u64) {
        self.edit_issue(name, number, |issue| issue.gone = Some(Gone::Deleted));
    }

    /// A person transfers an issue; returns its number there. The old one leads to it.
    ///
    /// # Panics
    /// If there is no such issue or repository.
    pub fn transfer_issue(&mut self, name: &str, number: u64, to: &str) -> u64 {
        let mut moved = self.get(name).issue(number).expect("the issue is there").clone();
        moved.id = self.id();
        let target = self.get_mut(to);
        moved.number = target.next_number();
        let (there, target_id) = (moved.number, target.id);
        target.issues.push(moved);
        self.edit_issue(name, number, |issue| {
            issue.gone = Some(Gone::Transferred(target_id, there));
        });
        there
    }

    /// A person comments.
    ///
    /// # Panics
    /// If there is no such issue.
    pub fn comment(&mut self, name: &str, number: u64, author: &str, body: &str) -> u64 {
        let (id, created) = (self.id(), self.seconds());
        let comment = Comment {
            id,
            author: author.to_owned(),
            body: body.to_owned(),
            created,
        };
        self.edit_issue(name, number, |issue| issue.comments.push(comment));
        id
    }

    /// A person opens a pull request; returns its number.
    ///
    /// # Panics
    /// If there is no such repository.
    pub fn pull(&mut self, name: &str, author: &str, head: &str, base: &str, title: &str) -> u64 {
        let pull = Pull {
            head: head.to_owned(),
            base: base.to_owned(),
            draft: false,
            merged: None,
        };
        self.issue(name, author, title, |issue| issue.pull = Some(pull))
    }

    /// A person merges a pull request: its files go onto the base, and it closes.
    ///
    /// # Panics
    /// If it is not there, or its branches are not.
    pub fn merge_pull(&mut self, name: &str, number: u64, by: &str) {
        let now = self.seconds();
        let repository = self.get_mut(name);
        let pull = repository.issue(number).and_then(|issue| issue.pull.clone());
        let pull = pull.expect("the pull request is there");
        let head = repository.git.head(&pull.head).expect("the head is there").clone();
        let files: Vec<(&str, Option<&[u8]>)> = head
            .files
            .iter()
            .map(|(path, blob)| (path.as_str(), Some(blob.bytes.as_slice())))
            .collect();
        let message = format!("Merge pull request #{number}");
        let commit = repository.git.change(&pull.base, &files, &message, now);
        repository.pushed = Some(now);
        self.edit_issue(name, number, |issue| {
            issue.set_open(false, None, by, now);
            if let Some(pull) = &mut issue.pull {
                pull.merged = Some(commit.oid.clone());
            }
        });
    }
}
