//! `deploys review`: what a change set would change, its digest, and what the policies make of it. It reads files and
//! nothing else.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use cc_devops_app::{Settings, policies};
use cc_devops_deploys::shown::{View, facts, markdown, tree, without_sum};
use cc_devops_deploys::{
    ChangeSetDocuments, DigestKey, PlanDigest, Reviewed, Standing, StatefulTypes, digest, is_change_set, is_plan_file,
    nested_ids, review_documents, review_file,
};
use cc_devops_kernel::access::PlanContext;
use cc_devops_kernel::agent::{Agent, Role};
use cc_devops_kernel::input;
use cc_devops_kernel::names::{AgentName, StackName, Stage};
use cc_devops_policy::{Policy, Verdict};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, visible};

const AFTER_HELP: &str = "\
It takes the JSON of `aws cloudformation describe-change-set --include-property-values`, or a plan file of
our own form, and needs no control plane, no data folder and no account. The change sets of nested stacks are
looked for in the folder of --nested, each in a file that is called by the last part of its ARN and .json.
Secrets are hidden and count in the digest under a key; where something is hidden, digests of two runs can be
compared only under the same --key-file, and the answer says so.

Exit codes:
  0  the policies let it be carried out as it is, or there is nothing to change
  2  the command line is wrong, or the file is none that can be reviewed
  4  denied: no number of approvals would permit it, or the change set cannot be carried out
  5  somebody has to approve it

Examples:
  aws cloudformation describe-change-set --change-set-name \"$ARN\" --include-property-values > set.json
  cc-devops deploys review --input set.json --stage prod
  cc-devops deploys review --input set.json --nested sets --policies policies --key-file digests.key --json";

/// How large a file may be that is reviewed, in bytes: 256 MiB.
const MAX_FILE: u64 = 256 << 20;

/// Who asks for what is reviewed.
const ASKER: &str = "review";

/// What to review.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// File to review, or - for standard input
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Folder with the change sets of nested stacks
    #[arg(long, value_name = "DIR")]
    nested: Option<PathBuf>,
    /// Stage that it is for; without it, the installation's first
    #[arg(long, value_name = "STAGE")]
    stage: Option<String>,
    /// Folder of .cedar files; without it, the policies of the configuration, or those that ship
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// File with a key, so that digests of hidden values can be compared between runs
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Write Markdown, as for a pull request
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

/// What was made of it.
struct Judged {
    verdict: Verdict,
    policies: Vec<String>,
    errors: Vec<String>,
    context: PlanContext,
}

/// All that is told.
struct ReviewReport<'a> {
    reviewed: &'a Reviewed,
    judged: &'a Judged,
    digest: PlanDigest,
    comparable: bool,
    stage: &'a Stage,
}

/// Runs `deploys review`.
pub(super) fn run(context: &Context, args: &Args) -> Result<(), CliError> {
    let settings = context.load_settings()?.settings;
    let stages = &settings.installation.stages;
    let stage = match &args.stage {
        Some(name) => stages.find(name).map_err(CliError::Usage)?,
        None => stages.default_stage().clone(),
    };
    let key = args.key_file.as_deref().map(key_of).transpose()?;
    let stateful = StatefulTypes::with(settings.requests.deploys.stateful_types.iter().cloned());
    let reviewed = read(&args.input, args.nested.as_deref(), &stateful)?;
    let judged = judge(&settings, args.policies.as_deref(), &reviewed, &stage)?;
    let comparable = key.is_some() || !reviewed.hides_something();
    let key = key.map_or_else(any_key, Ok)?;
    let told = ReviewReport {
        reviewed: &reviewed,
        judged: &judged,
        digest: digest(&reviewed, &key),
        comparable,
        stage: &stage,
    };
    if args.markdown {
        Output::raw(&told.markdown())?;
    } else {
        context.output.answer(&told.document(), || told.text())?;
    }
    match judged.verdict {
        Verdict::Apply => Ok(()),
        Verdict::NeedsApproval => Err(CliError::NeedsApproval),
        Verdict::Denied => Err(CliError::Denied),
    }
}

/// Reads what is to be reviewed, in whichever of the two forms it is.
fn read(file: &Path, nested: Option<&Path>, stateful: &StatefulTypes) -> Result<Reviewed, CliError> {
    let bytes = contents(file)?;
    let name = if file == Path::new("-") {
        "standard input".to_owned()
    } else {
        file.display().to_string()
    };
    let cannot = |why| CliError::Usage(format!("cannot review {name}: {why}"));
    let text = json_text(&bytes).map_err(cannot)?;
    let document = unambiguous(text).or_else(|why| match input::document(text) {
        // A plan file that says one thing twice is shown as text.
        Ok(document) if !is_change_set(&document) => Ok(document),
        _ => Err(cannot(why)),
    })?;
    if is_change_set(&document) {
        return with_nested(document, nested, stateful);
    }
    if !is_plan_file(&document) {
        return Err(CliError::Usage(format!(
            "cannot review {name}: it is neither what `aws cloudformation describe-change-set \
             --include-property-values` answers nor a plan file (a JSON object with `changes`)"
        )));
    }
    let reviewed = review_file(&bytes, stateful);
    match &reviewed.standing {
        Standing::NotAPlan(why) => Err(CliError::Usage(format!("cannot review {name}: {why}"))),
        _ => Ok(reviewed),
    }
}

fn contents(file: &Path) -> Result<Vec<u8>, CliError> {
    let fail = |error: std::io::Error| CliError::Usage(format!("cannot read {}: {error}", file.display()));
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(MAX_FILE + 1)
            .read_to_end(&mut bytes)
            .map_err(fail)?;
    } else {
        let file = std::fs::File::open(file).map_err(fail)?;
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(fail)?;
    }
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE {
        return Err(CliError::Usage(format!(
            "{} is larger than {MAX_FILE} bytes, which is more than any change set",
            file.display()
        )));
    }
    Ok(bytes)
}

/// The text of JSON, or as a sentence's end what to do.
fn json_text(bytes: &[u8]) -> Result<&[u8], String> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("it is UTF-16, as PowerShell writes it; save it as UTF-8".to_owned());
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err("it is empty; did the command that was to write it fail?".to_owned());
    }
    Ok(bytes)
}

/// A change set's document, or as a sentence's end why it is none and what to do.
fn unambiguous(text: &[u8]) -> Result<Value, String> {
    input::unambiguous(text).map_err(|error| match input::document(text) {
        Ok(_) => format!("{error}, which no change set does"),
        Err(error) => format!("{error}; describe the change set with `--output json`"),
    })
}

/// Reads a change set with those of its nested stacks, as far as they are there.
fn with_nested(root: Value, folder: Option<&Path>, stateful: &StatefulTypes) -> Result<Reviewed, CliError> {
    let mut nested = BTreeMap::new();
    let mut unread = Vec::new();
    if let Some(folder) = folder {
        if !folder.is_dir() {
            return Err(CliError::Usage(format!("there is no folder {}", folder.display())));
        }
        let mut wanted = nested_ids(&root);
        while let Some(id) = wanted.pop() {
            // The last part of an ARN has no `/`, so it stays in the folder.
            let file = folder.join(format!("{id}.json"));
            if nested.contains_key(&id) || !file.is_file() {
                continue;
            }
            let read = contents(&file).map_err(|error| error.to_string());
            match read.and_then(|bytes| unambiguous(json_text(&bytes)?)) {
                Ok(document) => {
                    wanted.extend(nested_ids(&document));
                    nested.insert(id, document);
                }
                Err(why) => unread.push(format!("{}: {why}", file.display())),
            }
        }
    }
    let mut reviewed = review_documents(&ChangeSetDocuments { root, nested }, stateful);
    reviewed.notes.extend(unread);
    Ok(reviewed)
}

/// A key that a file holds: whatever is in it, but for line feeds at its end.
fn key_of(file: &Path) -> Result<DigestKey, CliError> {
    let text = contents(file)?;
    let key = text.trim_ascii_end();
    if key.is_empty() {
        return Err(CliError::Usage(format!(
            "the key file {} is empty; make one with `openssl rand -hex 32`",
            file.display()
        )));
    }
    let mut hash = Sha256::new();
    hash.update(b"cc-devops plan digests\n");
    hash.update(key);
    Ok(DigestKey::new(hash.finalize().into()))
}

/// A key of this run alone.
fn any_key() -> Result<DigestKey, CliError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| CliError::internal("there is no randomness", error))?;
    Ok(DigestKey::new(key))
}

/// What the policies make of it. They are asked only of what can be carried out, and would change something.
fn judge(settings: &Settings, folder: Option<&Path>, reviewed: &Reviewed, stage: &Stage) -> Result<Judged, CliError> {
    let mut context = reviewed.summary.context();
    ASKER.clone_into(&mut context.requester);
    let settled = |verdict, context| Judged {
        verdict,
        policies: Vec::new(),
        errors: Vec::new(),
        context,
    };
    // Wrong policies are told, whatever is reviewed.
    let policy = match folder {
        Some(folder) => policies::from_folder(folder, &settings.installation)?,
        None => policies::in_force(settings)?,
    };
    match reviewed.standing {
        Standing::NoChanges => return Ok(settled(Verdict::Apply, context)),
        Standing::Ready => {}
        Standing::Failed(_) | Standing::Obsolete | Standing::NotAPlan(_) => {
            return Ok(settled(Verdict::Denied, context));
        }
    }
    ask(&policy, reviewed.about.stack.as_deref(), stage, context)
}

fn ask(policy: &Policy, stack: Option<&str>, stage: &Stage, context: PlanContext) -> Result<Judged, CliError> {
    let name = stack.unwrap_or_default();
    let name = name.strip_suffix(&format!("-{stage}")).unwrap_or(name);
    // A stack that cannot be one of the control plane's is none that policies name.
    let stack = StackName::new(name).or_else(|_| StackName::new(ASKER));
    let internal = |error| CliError::internal("a name of the review's own is refused", error);
    let stack = stack.map_err(internal)?;
    let agent = Agent {
        name: AgentName::new(ASKER).map_err(internal)?,
        role: Role::Agent,
        secret_prefixes: Vec::new(),
        stacks: vec![stack.clone()],
    };
    let said = policy.plan_verdict(&agent, &stack, stage, &context);
    Ok(Judged {
        verdict: said.kind,
        policies: said.policies,
        errors: said.errors,
        context,
    })
}

/// What is said of a digest that another run does not come to.
const NOT_COMPARABLE: &str = "another run comes to another digest, because values are hidden: give the same --key-file \
                              to compare them";

impl ReviewReport<'_> {
    fn document(&self) -> Value {
        let reviewed = self.reviewed;
        let context = &self.judged.context;
        let mut summary = json!(reviewed.summary);
        if let Some(summary) = summary.as_object_mut() {
            summary.extend([
                ("stage".to_owned(), json!(self.stage)),
                ("approvals".to_owned(), json!(context.approvals)),
                ("approvers".to_owned(), json!(context.approvers)),
                ("requester".to_owned(), json!(context.requester)),
                ("frozen".to_owned(), json!(context.frozen)),
                ("firstCreation".to_owned(), json!(context.first_creation)),
                ("unplanned".to_owned(), json!(context.unplanned)),
            ]);
        }
        let mut document = json!({
            "digest": self.digest,
            "comparable": self.comparable,
            "summary": summary,
            "changes": reviewed.rows,
            "verdict": self.judged.verdict.as_str(),
            "policies": self.judged.policies,
            "standing": reviewed.standing.as_str(),
            "about": reviewed.about,
            "notes": reviewed.notes,
        });
        if let Some(members) = document.as_object_mut() {
            for (name, value) in [("why", reviewed.standing.why()), ("text", reviewed.text.as_deref())] {
                members.extend(value.map(|value| (name.to_owned(), json!(value))));
            }
            if !self.judged.errors.is_empty() {
                members.insert("errors".to_owned(), json!(self.judged.errors));
            }
        }
        document
    }

    fn text(&self) -> String {
        let view = View::of(self.reviewed);
        let told = if self.has_sum() {
            tree(&view)
        } else {
            without_sum(&view)
        };
        format!("{told}\n\n{}", self.verdict().join("\n"))
            .trim_start()
            .to_owned()
    }

    fn markdown(&self) -> String {
        let verdict: Vec<String> = self.verdict().iter().map(|line| visible(line).into_owned()).collect();
        let fence = "`".repeat(3.max(1 + verdict.iter().map(|line| backticks(line)).max().unwrap_or_default()));
        let told = if self.has_sum() {
            markdown(&View::of(self.reviewed))
        } else {
            String::new()
        };
        format!("{told}\n\n{fence}\n{}\n{fence}", verdict.join("\n"))
            .trim_start()
            .to_owned()
    }

    /// Whether there is something to count. A set that failed has changed nothing, and would not.
    fn has_sum(&self) -> bool {
        let is_none = matches!(self.reviewed.standing, Standing::Failed(_) | Standing::NotAPlan(_));
        !is_none || !self.reviewed.rows.is_empty()
    }

    /// What the stage asks about: prod about more than others.
    fn asked_about(&self) -> Vec<String> {
        let mut summary = self.reviewed.summary.clone();
        let mut rows = self.reviewed.rows.as_slice();
        let ships = self.judged.policies.iter().any(|id| id == "plan-approved");
        if self.stage.as_str() != "prod" && ships {
            rows = &[];
            summary.removes = 0;
            summary.changes_iam = false;
            summary.drifted = false;
            summary.express = false;
        }
        facts(rows, &summary)
    }

    /// What becomes of it, line by line.
    fn verdict(&self) -> Vec<String> {
        let judged = self.judged;
        let policies = if judged.policies.is_empty() {
            String::new()
        } else {
            format!(" ({})", judged.policies.join(", "))
        };
        let stage = self.stage;
        let said = match (&self.reviewed.standing, judged.verdict) {
            (Standing::NoChanges, _) => "there is nothing to change".to_owned(),
            (Standing::Ready, Verdict::Apply) => format!("{stage}: it can be carried out as it is{policies}"),
            (Standing::Ready, Verdict::NeedsApproval) => format!("{stage}: somebody has to approve it{policies}"),
            (Standing::Ready, Verdict::Denied) => {
                format!("{stage}: denied, and no number of approvals would permit it{policies}")
            }
            (standing, _) => {
                format!(
                    "it cannot be carried out: {}",
                    visible(standing.why().unwrap_or_default())
                )
            }
        };
        let mut lines = vec![said];
        let asks = matches!(self.reviewed.standing, Standing::Ready) && judged.verdict == Verdict::NeedsApproval;
        let facts = if asks { self.asked_about() } else { Vec::new() };
        if !facts.is_empty() {
            lines.push(format!("{stage} asks because: {}", facts.join("; ")));
        }
        lines.extend(judged.errors.iter().map(|error| format!("a policy failed: {error}")));
        lines.push(format!("digest {}", self.digest));
        if !self.comparable {
            lines.push(NOT_COMPARABLE.to_owned());
        }
        lines
    }
}

/// The longest run of backticks.
fn backticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}
