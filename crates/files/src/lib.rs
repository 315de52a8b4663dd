#![doc = include_str!("../README.md")]

mod asked_for;
mod new_file;
mod private;

pub use asked_for::{read_secret, save};
pub use new_file::NewFile;
pub use private::{NotPrivate, folder, found_folder, make_folder, open_lock, open_private, replace, sync_folder_of};
