//! Files and folders for their owner alone.
//!
//! What is made is made anew: never in the place of something else, never through a link, with mode 0600 (a
//! folder: 0700) whatever the umask, and durable with its name. What is found is looked at first: it must be
//! this user's, and nobody else's. What is refused says the command that mends it.
//!
//! ```
//! use std::io::Write;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! let folder = dir.path().join("data");
//! cc_devops_files::folder(&folder)?;
//!
//! let mut file = cc_devops_files::NewFile::create(&folder.join("export"))?;
//! file.write_all(b"whole or not at all")?;
//! file.finish()?;
//!
//! let found = cc_devops_files::open_private(&folder.join("export"))?;
//! assert!(found.is_some());
//! # Ok(())
//! # }
//! ```

mod new_file;
mod private;

pub use new_file::NewFile;
pub use private::{NotPrivate, folder, found_folder, make_folder, open_lock, open_private, replace, sync_folder_of};
