//! Which onnxruntime a library is, told from its bytes and its name before any of its code runs.

use std::path::Path;

/// The oldest onnxruntime that has the operator `TreeEnsemble` of ai.onnx.ml 5, which every compiled forest needs.
const OLDEST: [u32; 2] = [1, 21];
/// Every onnxruntime for Linux versions its symbols so: `VERS_1.32.0`.
const MARK: &[u8] = b"VERS_";

/// Refuses a library that says it is too old. One that does not say it is judged by the golden cases.
///
/// `names` is the table of its dynamic names.
pub(crate) fn check(names: &[u8], path: &Path) -> Result<(), String> {
    match in_names(names).or_else(|| in_file_name(path)) {
        Some(found) if numbers(&found).is_some_and(|found| found < OLDEST) => Err(format!(
            "is onnxruntime {found}, needs {}.{} or newer: older ones lack the operator TreeEnsemble of ai.onnx.ml 5; \
             run `pip install -U onnxruntime`, or name a newer one",
            OLDEST[0], OLDEST[1]
        )),
        _ => Ok(()),
    }
}

fn in_names(names: &[u8]) -> Option<String> {
    names.split(|byte| *byte == 0).find_map(|name| {
        let version = std::str::from_utf8(name.strip_prefix(MARK)?).ok()?;
        numbers(version).map(|_| version.to_owned())
    })
}

/// `libonnxruntime.so.1.32.0`, `libonnxruntime.1.32.0.dylib`.
fn in_file_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?.strip_prefix("libonnxruntime.")?;
    let version = name.strip_prefix("so.").or_else(|| name.strip_suffix(".dylib"))?;
    numbers(version).map(|_| version.to_owned())
}

/// Major and minor of `1.32.0`.
fn numbers(version: &str) -> Option<[u32; 2]> {
    let mut parts = version.split('.').map(str::parse);
    Some([parts.next()?.ok()?, parts.next()?.ok()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_too_old_is_refused_with_its_version_and_the_one_needed() {
        for (names, path) in [
            (b"\0libm.so\0VERS_1.20.1\0".as_slice(), "libonnxruntime.so"),
            (b"", "/opt/libonnxruntime.so.1.20.1"),
            (b"", "/opt/libonnxruntime.1.20.1.dylib"),
            (b"\0VERS_1.20.1\0", "/opt/libonnxruntime.so.1.32.0"),
        ] {
            let error = check(names, Path::new(path)).unwrap_err();
            assert!(error.starts_with("is onnxruntime 1.20.1, needs 1.21 or newer"), "{error}");
        }
    }

    #[test]
    fn a_newer_one_and_one_that_does_not_say_pass() {
        for (names, path) in [
            (b"\0VERS_1.21.0\0".as_slice(), "x"),
            (b"\0VERS_2.0.0\0", "x"),
            (b"\0VERS_\0VERSE\0", "libonnxruntime.so"),
            (b"", "libonnxruntime.so.1.32.0"),
            (b"", "libonnxruntime.so.1"),
        ] {
            assert_eq!(check(names, Path::new(path)), Ok(()), "{path}");
        }
    }
}
