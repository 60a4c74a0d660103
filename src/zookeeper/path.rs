//! Znode paths: what a name may be, and the few paths that nobody deletes.
//!
//! In ZooKeeper: `org.apache.zookeeper.common.PathUtils`.

/// Paths that the server itself made and that cannot be deleted.
const SPECIAL: [&str; 4] = ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"];

/// The path is not one that a znode can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct InvalidPath;

/// Checks that `path` begins with `/`, has no empty, `.` or `..` component, does not end with `/`
/// (but for the root) and holds no control, surrogate or private-use character.
pub(super) fn validate_path(path: &str) -> Result<(), InvalidPath> {
    let Some(components) = path.strip_prefix('/') else { return Err(InvalidPath) };
    if components.is_empty() {
        return Ok(());
    }
    let bad_component = |component: &str| matches!(component, "" | "." | "..");
    if components.split('/').any(bad_component) || components.chars().any(is_forbidden) {
        return Err(InvalidPath);
    }
    Ok(())
}

/// ZooKeeper looks at UTF-16 units: what lies beyond the basic plane is a pair of surrogates there
/// and refused like one.
fn is_forbidden(c: char) -> bool {
    matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..)
}

/// The path of the znode above `path` (the root's is the root); none when `path` has no `/` or
/// holds a NUL.
pub(super) fn parent_of(path: &str) -> Option<&str> {
    if path.contains('\0') {
        return None;
    }
    path.rfind('/').map(|slash| if slash == 0 { "/" } else { &path[..slash] })
}

/// The last component of `path`.
pub(super) fn name_of(path: &str) -> &str {
    path.rfind('/').map_or(path, |slash| &path[slash + 1..])
}

/// True for the znodes that cannot be deleted.
pub(super) fn is_special(path: &str) -> bool {
    SPECIAL.contains(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_checked_as_zookeeper_does() {
        for good in ["/", "/a", "/a/b.c", "/a/...", "/a/.b", "/ä/☃", "/<default>", "/a b"] {
            assert_eq!(validate_path(good), Ok(()), "{good:?}");
        }
        let bad = [
            "",
            "a",
            "a/b",
            "//",
            "/a/",
            "/a//b",
            "/.",
            "/..",
            "/a/./b",
            "/a/../b",
            "/a/..",
            "/a\0b",
            "/a\u{1}",
            "/a\u{7f}",
            "/a\u{9f}",
            "/a\u{e000}",
            "/a\u{fff0}",
            "/a\u{1f600}",
        ];
        for bad in bad {
            assert_eq!(validate_path(bad), Err(InvalidPath), "{bad:?}");
        }
    }

    #[test]
    fn parents_and_names() {
        assert_eq!(parent_of("/a"), Some("/"));
        assert_eq!(parent_of("/a/b"), Some("/a"));
        assert_eq!(parent_of("/"), Some("/"));
        assert_eq!(parent_of("a"), None);
        assert_eq!(parent_of("/a\0"), None);
        assert_eq!(name_of("/a/b"), "b");
        assert!(is_special("/zookeeper/config"));
        assert!(!is_special("/zookeeper/other"));
    }
}
