//! Many repositories at once, cheaply: they share their first commit.

use super::Model;
use super::git::{Blob, Commit, Files};
use super::repository::Repository;

impl Model {
    /// Adds `count` repositories of an owner, `bulk-00000` and on, all with the same files on `main`, then
    /// lets `build` change each by its number. 10,000 take some 40 MB. The owner is made an organisation if
    /// it is not known.
    ///
    /// # Panics
    /// If a name is taken.
    pub fn many(&mut self, owner: &str, count: u32, files: &[(&str, &str)], build: impl Fn(u32, &mut Repository)) {
        let now = self.seconds();
        let mut snapshot = Files::new();
        for (path, text) in [("README.md", "# One of many\n")].iter().chain(files) {
            snapshot.insert((*path).to_owned(), Blob::new(text.as_bytes()));
        }
        let commit = Commit::new("Initial commit", now, None, snapshot.into());
        for number in 0..count {
            self.empty_repo(&format!("{owner}/bulk-{number:05}"), |repository| {
                let branch = repository.default_branch.clone();
                repository.git.add(&branch, commit.clone());
                repository.pushed = Some(now);
                repository.labels.clear();
                build(number, repository);
            });
        }
    }
}
