//! What a case expects, held against what was seen.

use std::collections::BTreeSet;
use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use super::asked::Asked;
use super::world::World;
use super::{OWNER, entries, name_of, page, text, texts};

/// What a case came to.
pub(crate) struct Seen<'w> {
    pub(crate) case: &'w Value,
    pub(crate) world: &'w World,
    pub(crate) asked: Vec<Asked>,
}

/// Where a pattern fits. One that ends in `(?!…)` fits where that does not follow, which the library does not know.
fn fits<'t>(wanted: &str, words: &'t str) -> Option<&'t str> {
    let Some((before, after)) = wanted.split_once("(?!") else {
        return pattern(wanted).find(words).map(|found| found.as_str());
    };
    let after = pattern(&format!("^(?:{})", after.strip_suffix(')').unwrap()));
    let before = pattern(before);
    let mut all = before
        .find_iter(words)
        .filter(|found| !after.is_match(&words[found.end()..]));
    all.next().map(|found| found.as_str())
}

/// Whether this is a verdict that a rule is expected to come to.
pub(crate) fn is_verdict(wanted: &Value) -> bool {
    let words = ["pass", "fail", "unknown", "unavailable", "not_applicable", "exempt"];
    wanted
        .as_str()
        .is_some_and(|word| words.contains(&word.trim_start_matches('!')))
}

/// Whether a verdict is the expected one; `!fail` is any other than `fail`.
pub(crate) fn is(wanted: &str, found: &str) -> bool {
    match wanted.strip_prefix('!') {
        Some(not) => !found.is_empty() && found != not,
        None => found == wanted,
    }
}

/// What a rule came to for a repository, in an audit or an explanation.
pub(crate) fn finding<'a>(answer: &'a Value, repository: &str, rule: &str) -> &'a Value {
    let findings = findings(answer, repository).iter();
    findings
        .into_iter()
        .find(|finding| finding["rule"] == rule)
        .unwrap_or(&Value::Null)
}

fn findings<'a>(answer: &'a Value, repository: &str) -> &'a [Value] {
    let of = match answer["repositories"].as_array() {
        Some(all) => all.iter().find(|each| each["name"] == repository),
        None => Some(answer),
    };
    let list = of.and_then(|of| of["findings"].as_array());
    list.map_or(&[], Vec::as_slice)
}

pub(crate) fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

impl<'w> Seen<'w> {
    pub(crate) fn new(case: &'w Value, world: &'w World, asked: Vec<Asked>) -> Self {
        Self { case, world, asked }
    }

    /// Holds all that is expected, and what always holds.
    pub(crate) fn check(&self, expect: &Value) {
        for (key, wanted) in expect.as_object().unwrap() {
            let wrong = self.wrong(key, wanted, expect);
            assert!(
                wrong.is_empty(),
                "{}\n{key} should be {wanted}:\n{}\n\n{}",
                self.case["why"],
                wrong.join("\n"),
                self.told()
            );
        }
        let wrong = [self.contradictions(), self.written_again()].concat();
        assert!(
            wrong.is_empty(),
            "{}\n{}\n\n{}",
            self.case["why"],
            wrong.join("\n"),
            self.told()
        );
    }

    /// Shows what was said, which the runner of tests shows where it is asked to.
    pub(crate) fn print(&self) {
        println!("{}", self.told());
    }

    /// Everything that was asked and said, cut to what can be read.
    fn told(&self) -> String {
        let told = self.asked.iter().map(|asked| {
            let said: String = asked.run.to_string().chars().take(6_000).collect();
            let writes: Vec<&str> = asked.writes.iter().map(|seen| seen.key.as_str()).collect();
            format!(
                "$ {}\n{said}\n{} requests, writes {writes:?}",
                asked.ask, asked.requests
            )
        });
        told.collect::<Vec<_>>().join("\n\n")
    }

    /// The audits and explanations as JSON.
    fn judged(&self) -> Vec<&Asked> {
        let judges = |asked: &&Asked| {
            asked.is("repos audit --format json") || asked.is("repos explain") && asked.ask.contains("--json")
        };
        self.asked.iter().filter(judges).collect()
    }

    /// What is wrong in some answer about a finding.
    fn each(&self, rule: &str, judge: impl Fn(&Value) -> Option<String>) -> Vec<String> {
        let judged = self.judged();
        if judged.is_empty() {
            return vec!["nothing was judged".to_owned()];
        }
        let wrong = |asked: &&Asked| {
            let found = finding(&asked.answer, name_of(self.case), rule);
            judge(found).map(|words| format!("{}: {words}: {found}", asked.ask))
        };
        judged.iter().filter_map(wrong).collect()
    }

    /// Whether the last answer is a report.
    fn reported(&self) -> bool {
        let answer = &self.last().answer;
        answer["repositories"].is_array() || answer["workflows"].is_array() && answer["complete"] == true
    }

    fn last(&self) -> &Asked {
        self.asked.last().unwrap()
    }

    fn words(&self) -> String {
        self.asked.iter().map(Asked::words).collect::<Vec<_>>().join("\n")
    }

    /// What is not as one key expects it.
    fn wrong(&self, key: &str, wanted: &Value, expect: &Value) -> Vec<String> {
        match key {
            rule if is_verdict(wanted) => self.each(rule, |found| {
                let verdict = text(found, "verdict");
                (!is(wanted.as_str().unwrap(), verdict)).then(|| format!("it is `{verdict}`"))
            }),
            "line" => self.each("dependabot_file", |found| {
                let mistakes = found["data"]["mistakes"].as_array();
                let lines: Vec<&Value> = mistakes.into_iter().flatten().map(|mistake| &mistake["line"]).collect();
                (!lines.contains(&wanted)).then(|| format!("mistakes are at {lines:?}"))
            }),
            "uncovered" => self.each("dependabot_coverage", |found| {
                let list = found["data"]["uncovered"].as_array().into_iter().flatten();
                let found: BTreeSet<(&str, &str)> = list
                    .map(|each| (text(each, "ecosystem"), text(each, "directory")))
                    .collect();
                let pair = |pair: &'_ Value| {
                    (
                        pair[0].as_str().unwrap().to_owned(),
                        pair[1].as_str().unwrap().to_owned(),
                    )
                };
                let wanted: BTreeSet<(String, String)> = wanted.as_array().unwrap().iter().map(pair).collect();
                let same = wanted
                    .iter()
                    .map(|(ecosystem, folder)| (&**ecosystem, &**folder))
                    .collect::<BTreeSet<_>>();
                (found != same).then(|| format!("left out are {found:?}"))
            }),
            "bypass" => self.each("bypass_actors", |found| {
                let actors = found["data"]["actors"].as_array().into_iter().flatten();
                let found: BTreeSet<&str> = actors.map(|actor| text(actor, "actor")).collect();
                let fits = match wanted.as_u64() {
                    Some(count) => found.len() as u64 == count,
                    None => found == texts(wanted).collect::<BTreeSet<_>>(),
                };
                (!fits).then(|| format!("let past are {found:?}"))
            }),
            "warns" if self.judged().is_empty() => self.plan_warns(*wanted == true),
            "warns" => self.each("dependabot_file", |found| {
                let warnings = found["data"]["warnings"].as_array();
                let told = warnings.is_some_and(|all| {
                    let whole = |each: &Value| each["line"].is_u64() && !text(each, "message").is_empty();
                    !all.is_empty() && all.iter().all(whole)
                });
                let said = pattern("(?i)warn").is_match(text(found, "evidence"));
                (!(told && said)).then(|| "no warning with a line and a message, and a word in the evidence".to_owned())
            }),
            _ => self.wrong_beside_findings(key, wanted, expect),
        }
    }

    #[expect(clippy::too_many_lines, reason = "a table: one arm an expectation")]
    fn wrong_beside_findings(&self, key: &str, wanted: &Value, expect: &Value) -> Vec<String> {
        let unless = |holds: bool, words: String| if holds { Vec::new() } else { vec![words] };
        let of = |name: &str| {
            self.world
                .github
                .read(|model| model.get(name).issues().iter().filter(|i| i.open).count())
        };
        match key {
            "health" => self.health(wanted),
            "issues" => {
                let open = of(&self.world.full_name);
                unless(*wanted == open, format!("{open} are open"))
            }
            "new_issues" => {
                let issue = |key: &str| pattern("^POST /repos/[^/]+/[^/]+/issues$").is_match(key);
                let written = self.last().writes.iter().filter(|seen| issue(&seen.key)).count();
                let before: usize = self.asked.iter().map(|asked| asked.writes.len()).sum();
                let first = unless(before > written, "the first look wrote none".to_owned());
                [unless(*wanted == written, format!("{written} were written")), first].concat()
            }
            "adds" => self.adds(wanted),
            "kept" => {
                let (old, new) = (self.world.dependabot.clone().unwrap_or_default(), self.proposed());
                let kept = new.as_ref().is_some_and(|new| entries::kept(&old, new));
                unless(kept, format!("the file was {old:?}\nand is {new:?}"))
            }
            "pulls" => {
                let pulls = self
                    .world
                    .github
                    .read(|model| model.get(&self.world.full_name).pulls().len());
                unless(*wanted == pulls, format!("there are {pulls}"))
            }
            "settings" => self.settings(wanted),
            "exit" => {
                let fits = |code: i32| match wanted.as_array() {
                    Some(codes) => codes.contains(&code.into()),
                    None => *wanted == code,
                };
                let codes: Vec<i32> = self.asked.iter().map(|asked| asked.run.code).collect();
                unless(codes.iter().all(|code| fits(*code)), format!("it is {codes:?}"))
            }
            "says" if expect["or_report"] == true && self.reported() => Vec::new(),
            "says" => {
                let words = self.words();
                let missing = texts(wanted).filter(|wanted| !pattern(wanted).is_match(&words));
                missing.map(|wanted| format!("nothing said fits `{wanted}`")).collect()
            }
            "never" => {
                let words = self.words();
                let found = texts(wanted).filter_map(|wanted| fits(wanted, &words));
                found.map(|found| format!("it says `{found}`")).collect()
            }
            "last_never" => {
                let words = self.last().words();
                let found = texts(wanted).filter(|wanted| pattern(wanted).is_match(&words));
                found.map(|found| format!("at last it says `{found}`")).collect()
            }
            "or_report" => Vec::new(),
            "complete" => unless(
                self.last().answer["complete"] == *wanted,
                format!("it is {}", self.last().answer["complete"]),
            ),
            "names" => {
                let gaps = self.last().answer["gaps"].to_string();
                unless(
                    pattern(wanted.as_str().unwrap()).is_match(&gaps),
                    format!("the gaps are {gaps}"),
                )
            }
            "requests" => {
                let made: usize = self.asked.iter().map(|asked| asked.requests).sum();
                unless(*wanted == made, format!("{made} were made"))
            }
            "written" => {
                let written = self.asked.iter().any(|asked| !asked.writes.is_empty());
                unless(*wanted == written, "something was written".to_owned())
            }
            "folder" => {
                let there = self.world.place.data().exists();
                let spoken = pattern("(?i)data folder|data directory").is_match(&self.words());
                unless(
                    there == *wanted && (there || !spoken),
                    format!("there: {there}, spoken of: {spoken}"),
                )
            }
            "sarif" => self.sarif(),
            "widest" => self.wide_lines(usize::try_from(wanted.as_u64().unwrap()).unwrap()),
            "speaks_within" => {
                let within = Duration::from_secs(wanted.as_u64().unwrap());
                let spoke = self.last().spoke;
                unless(
                    spoke.is_some_and(|spoke| spoke <= within),
                    format!("the first word came after {spoke:?}"),
                )
            }
            "html" => page::mistakes(&self.last().run.stdout, OWNER, "names-only"),
            "narrow" => {
                let pixels = u32::try_from(wanted.as_u64().unwrap()).unwrap();
                page::wide(&self.last().run.stdout, pixels)
            }
            _ => panic!("the runner does not know what `{key}` expects"),
        }
    }

    /// An audit and an explanation say the same about every rule. Only whether updates are paused may the second know
    /// alone.
    fn contradictions(&self) -> Vec<String> {
        let judged = self.judged();
        let (Some(audit), Some(explained)) = (
            judged.iter().find(|asked| asked.is("repos audit")),
            judged.iter().find(|asked| asked.is("repos explain")),
        ) else {
            return Vec::new();
        };
        let rules = findings(&explained.answer, "").iter();
        let mut wrong: Vec<String> = rules
            .filter(|one| *one != finding(&audit.answer, name_of(self.case), text(one, "rule")))
            .filter_map(|one| {
                let rule = text(one, "rule");
                let other = finding(&audit.answer, name_of(self.case), rule);
                let paused = rule == "security_updates" && text(one, "evidence").contains("paused");
                let differ = one["verdict"] != other["verdict"] && !paused;
                differ.then(|| format!("the audit says of {rule} {other}\nexplain says {one}"))
            })
            .collect();
        let (many, few) = (
            findings(&audit.answer, name_of(self.case)).len(),
            findings(&explained.answer, "").len(),
        );
        if many == 0 || many != few {
            wrong.push(format!("the audit has {many} findings, explain {few}"));
        }
        wrong
    }

    /// What was carried out once is not carried out again.
    fn written_again(&self) -> Vec<String> {
        let applied: Vec<&Asked> = self
            .asked
            .iter()
            .filter(|asked| asked.ask.ends_with("--apply"))
            .collect();
        match applied.as_slice() {
            [_, again] => again
                .writes
                .iter()
                .map(|seen| format!("written again: {}", seen.key))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn health(&self, wanted: &Value) -> Vec<String> {
        let answer = &self.last().answer;
        let listed = answer["workflows"].as_array().cloned().unwrap_or_default();
        let wrong = wanted.as_object().unwrap().iter().filter_map(|(path, health)| {
            let file = path.rsplit('/').next().unwrap();
            let found = listed
                .iter()
                .find(|each| each["workflow"] == **path || each["workflow"] == file);
            let fits = match found {
                Some(found) => found["health"] == *health,
                // What plainly works is counted, not listed.
                None => health == "passing" && answer["summary"]["workflows"]["passing"].as_u64() > Some(0),
            };
            (!fits).then(|| format!("{path} is {found:?}"))
        });
        wrong.collect()
    }

    fn sarif(&self) -> Vec<String> {
        let answer = &self.last().answer;
        let relative = pattern(r"^(\.github/[^:]+|README\.md)$");
        let mut wrong = Vec::new();
        let mut results = 0;
        for run in answer["runs"].as_array().into_iter().flatten() {
            for result in run["results"].as_array().into_iter().flatten() {
                results += 1;
                let places = result["locations"].as_array().cloned().unwrap_or_default();
                if places.is_empty() {
                    wrong.push(format!("no location: {result}"));
                }
                for place in places {
                    let uri = &place["physicalLocation"]["artifactLocation"]["uri"];
                    if !uri.as_str().is_some_and(|uri| relative.is_match(uri)) {
                        wrong.push(format!("a location is {uri}"));
                    }
                }
            }
        }
        if results == 0 {
            wrong.push("there are no results".to_owned());
        }
        wrong.truncate(5);
        wrong
    }

    fn wide_lines(&self, most: usize) -> Vec<String> {
        let said = &self.last().run.stdout;
        // Colours and the cursor take no place.
        let plain = pattern("\u{1b}\\[[0-9;?]*[A-Za-z]").replace_all(said, "");
        let lines = plain.split(['\n', '\r']);
        let wide = lines.filter(|line| line.chars().count() > most);
        wide.map(|line| format!("{}: {line}", line.chars().count()))
            .take(5)
            .collect()
    }
}
