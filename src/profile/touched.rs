//! Which functions a change touched.

use std::collections::BTreeMap;

use crate::model::CpuProfile;

/// Folders of packages that are installed, whose files are nobody's change.
const INSTALLED: [&str; 4] = [
    "/site-packages/",
    "/dist-packages/",
    "/lib/python",
    "/node_modules/",
];

/// Names files as the repository does, and marks the functions whose lines a change touched. Files of a
/// container lie in another folder there: each is the file of the repository that has most of its path
/// from the end on, where that is one alone.
pub fn mark_touched(
    profile: &mut CpuProfile,
    files: &[String],
    changed: &BTreeMap<String, Vec<[u32; 2]>>,
) {
    for function in &mut profile.functions {
        let known = function.file.as_deref().and_then(|it| known(it, files));
        let Some(file) = known else {
            continue;
        };
        if let (Some([first, last]), Some(changed)) = (function.lines, changed.get(file)) {
            let overlaps = |it: &[u32; 2]| it[0] <= last && first <= it[1];
            function.in_change = changed.iter().any(overlaps);
        }
        function.file = Some(file.to_owned());
    }
    profile.sort();
}

fn known<'a>(path: &str, files: &'a [String]) -> Option<&'a str> {
    let has_folder = path.contains('/');
    if !has_folder && !files.iter().any(|it| it == path)
        || INSTALLED.iter().any(|it| path.contains(it))
    {
        return None;
    }
    let in_common = |file: &&String| {
        let parts = path.rsplit('/').zip(file.rsplit('/'));
        parts.take_while(|(one, other)| one == other).count()
    };
    let most = files.iter().map(|it| in_common(&it)).max()?;
    let mut best = files.iter().filter(|it| in_common(it) == most);
    let found = best.next().filter(|_| most > 0)?;
    best.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<String> {
        let files = [
            "app.py",
            "service/movies/views.py",
            "service/users/views.py",
        ];
        files.map(str::to_owned).to_vec()
    }

    #[test]
    fn a_file_of_a_container_is_the_one_that_it_was_copied_from() {
        let files = files();
        let of = |path| known(path, &files);
        assert_eq!(of("/app/movies/views.py"), Some("service/movies/views.py"));
        assert_eq!(of("/srv/app.py"), Some("app.py"));
        assert_eq!(of("app.py"), Some("app.py"));
        // Either of two.
        assert_eq!(of("/app/views.py"), None);
        assert_eq!(of("/usr/lib/python3.11/site-packages/users/views.py"), None);
        assert_eq!(of("/usr/lib/python3.11/json/app.py"), None);
        assert_eq!(of("libc.so.6"), None);
        assert_eq!(of("/app/other.py"), None);
    }
}
