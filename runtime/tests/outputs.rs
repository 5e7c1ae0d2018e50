//! Files that commands write: whole or not at all, also when a signal ends the process, and through links.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::{House, SIGNAL, outcome, repository};

/// Nobody, whom permissions hold back.
const NOBODY: u32 = 65534;

/// Tests that are run in the background may be deaf to SIGINT, and so are the processes that they start.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or("0");
    u64::from_str_radix(mask.trim(), 16).unwrap() & (1 << (signal - 1)) != 0
}

fn temporary_files(folder: &Path) -> usize {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(".dollarbill-ml.")).count()
}

#[test]
fn a_signal_that_ends_the_process_leaves_no_temporary_file_and_what_was_there_before() {
    let house = House::new();
    house.write("answers", "before");
    let row = r#"{"age": 30, "ratio": 1.5, "count": 3}"#;
    for (arguments, line, signal, number) in [
        (["classify-batch", "-", "-o", "answers"].as_slice(), SIGNAL, "INT", 2),
        (&["classify-batch", "-", "-o", "answers"], SIGNAL, "TERM", 15),
        (&["run", "others/numbers", "-", "-o", "answers"], row, "TERM", 15),
    ] {
        if is_ignored(number) {
            continue;
        }
        let mut command = house.command();
        let mut child = command.args(arguments).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        // It waits for more rows than these.
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
        let start = Instant::now();
        while temporary_files(&house.path("")) == 0 {
            assert!(start.elapsed() < Duration::from_secs(30), "nothing was begun");
            std::thread::sleep(Duration::from_millis(5));
        }
        Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
        let ended = child.wait().unwrap();
        // Until here, or the rows would have ended before the signal was heard.
        drop(stdin);
        assert_eq!(ended.signal(), Some(number), "it ends as the signal ends it");
        assert_eq!(temporary_files(&house.path("")), 0);
        assert_eq!(fs::read_to_string(house.path("answers")).unwrap(), "before");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_process_that_was_started_deaf_to_a_signal_stays_so() {
    let house = House::new();
    let line = format!("trap '' HUP; exec '{}' classify-batch - -o answers", env!("CARGO_BIN_EXE_dollarbill-ml"));
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]).env("ORT_DYLIB_PATH", support::library()).current_dir(house.path(""));
    let mut child = shell.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(format!("{SIGNAL}\n").as_bytes()).unwrap();
    let start = Instant::now();
    while temporary_files(&house.path("")) == 0 {
        assert!(start.elapsed() < Duration::from_secs(30), "nothing was begun");
        std::thread::sleep(Duration::from_millis(5));
    }
    Command::new("kill").args(["-HUP".to_owned(), child.id().to_string()]).status().unwrap();
    std::thread::sleep(Duration::from_millis(100));
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert_eq!(fs::read_to_string(house.path("answers")).unwrap().lines().count(), 1);
}

#[test]
fn an_output_that_is_a_link_is_written_through_it() {
    let house = House::new();
    house.write("results/today.json", "before");
    symlink("results/today.json", house.path("latest.json")).unwrap();
    house.write("signal.json", SIGNAL);
    house.run(&["classify-batch", "signal.json", "-o", "latest.json"]).good();
    assert!(fs::symlink_metadata(house.path("latest.json")).unwrap().is_symlink());
    assert!(fs::read_to_string(house.path("results/today.json")).unwrap().contains("\"confidence\""));
}

#[test]
fn a_folder_that_is_missing_is_named_with_what_to_do() {
    let house = House::new();
    house.write("signal.json", SIGNAL);
    let done = house.run(&["classify-batch", "signal.json", "-o", "no/such/answers.json"]);
    done.refused("cannot write no/such/answers.json: there is no folder no/such; make it first");
    house.run(&["classify-batch", "signal.json", "-o", "signal.json/x"]).refused("signal.json is a file and no folder");
}

/// Runs a command as somebody whom permissions hold back.
fn held_back(house: &House, arguments: &[&str]) -> support::Outcome {
    let mut command = house.command();
    let is_root = fs::metadata("/proc/self").is_ok_and(|found| std::os::unix::fs::MetadataExt::uid(&found) == 0);
    if is_root {
        command.uid(NOBODY).gid(NOBODY);
    }
    outcome(command.args(arguments), b"")
}

#[test]
fn a_store_in_a_folder_that_may_not_be_written_is_read() {
    let house = House::new();
    fs::copy(repository().join("tests/data/surfaces/dated.csv"), house.path("abc.csv")).unwrap();
    fs::set_permissions(house.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    house.configure(|config| config["runtime"]["history_path"] = "kept/history.sqlite".into());
    house.run(&["observe", "abc.csv"]).good();
    let days = house.run(&["days", "--symbol", "ABC"]);
    let folder = house.path("kept");
    let permit = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
    permit(0o555);
    let read = held_back(&house, &["days", "--symbol", "ABC"]);
    assert_eq!(read.good(), days.good());
    assert_eq!(read.stderr, "");
    held_back(&house, &["forget", "--symbol", "ABC", "--date", "2024-03-04"]).refused("is read-only");
    // Days that stand in the log alone cannot be seen, and are not passed over in silence.
    permit(0o755);
    house.write("kept/history.sqlite-wal", "not empty");
    permit(0o555);
    let read = held_back(&house, &["days", "--symbol", "ABC"]);
    assert_eq!(read.good(), days.stdout);
    assert!(read.stderr.contains("the newest days may be missing"), "{}", read.stderr);
    permit(0o755);
}
