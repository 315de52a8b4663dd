//! The paths of folders: the form in which they are compared, and those above them.

/// A folder in the form in which folders are compared: from the root, with a leading `/`, and without the `.`, `..` and
/// slashes that change nothing.
pub fn normal(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    format!("/{}", segments.join("/"))
}

/// The folder and those above it, the root last.
pub fn upwards(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |below| match below.rfind('/')? {
        0 if *below == "/" => None,
        0 => Some("/"),
        slash => below.get(..slash),
    })
}
