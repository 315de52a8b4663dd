//! The real binary, as a person and a script use it: started as a process, on a free port, over a
//! data folder of its own.

#[cfg(test)]
mod agent_keys;
#[cfg(test)]
mod agents;
#[cfg(test)]
mod alerts;
#[cfg(test)]
mod alerts_runbook;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod dashboard;
#[cfg(test)]
mod deploy_plans;
#[cfg(test)]
mod deploys;
#[cfg(test)]
mod deploys_review;
#[cfg(test)]
mod edge;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod github_harness;
#[cfg(test)]
mod long_work;
#[cfg(test)]
#[path = "../docs/machine.rs"]
mod machine;
#[cfg(test)]
#[path = "../docs/markdown.rs"]
#[expect(dead_code, reason = "the tests of the documents need more of it")]
mod markdown;
#[cfg(test)]
mod outbox;
#[cfg(test)]
mod pings;
#[cfg(test)]
mod planned_crashes;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod process;
#[cfg(test)]
mod repos;
#[cfg(test)]
mod repos_field;
#[cfg(test)]
mod repos_settings;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod revenue;
#[cfg(test)]
mod revenue_backfill;
#[cfg(test)]
mod revenue_field;
#[cfg(test)]
mod revenue_figures;
#[cfg(test)]
mod revenue_help;
#[cfg(test)]
mod revenue_neighbours;
#[cfg(test)]
mod revenue_report;
#[cfg(test)]
mod roll_back;
#[cfg(test)]
mod sealing;
#[cfg(test)]
#[path = "../docs/server.rs"]
#[expect(dead_code, reason = "the tests of the documents need more of it")]
mod server;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod sink;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod webhooks;
