//! The binary beside a fake GitHub.

use cc_devops_fake_github::{FakeGitHub, Model, TOKEN};

use crate::process::{Place, Run, beside, finish};

/// A folder in which nothing ever ran, configured for the repositories of `acme` on a fake GitHub.
pub(crate) struct Harness {
    pub(crate) place: Place,
    pub(crate) github: FakeGitHub,
    _threads: tokio::runtime::Runtime,
}

impl Harness {
    pub(crate) fn on(model: Model) -> Self {
        let (github, threads) = beside(FakeGitHub::start(model));
        let place = Place::new();
        place.configure(&format!("[github]\nowner = \"acme\"\napi_url = \"{}\"\n", github.url()));
        Self {
            place,
            github,
            _threads: threads,
        }
    }

    /// Runs a command as linus, with an administrator's token.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_as(TOKEN, arguments)
    }

    pub(crate) fn run_as(&self, token: &str, arguments: &[&str]) -> Run {
        let mut command = self.place.command(arguments);
        command.env("GITHUB_TOKEN", token).env("USER", "linus");
        finish(command, "")
    }
}
