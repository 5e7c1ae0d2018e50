//! The files of a log: one that is written to, the full ones beside it, and a lock, so that two processes never write
//! to one file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fs4::FileExt;

use crate::service::live::settings::LogSettings;

/// So many processes may log to one path at the same time; each has files of its own.
const MOST_WRITERS: usize = 32;
/// Digits of the number of a closed file.
const DIGITS: usize = 6;

/// The files of one process.
pub(crate) struct Files {
    path: PathBuf,
    max_bytes: u64,
    keep: usize,
    /// Held as long as this process logs; the lock ends with the process, however that ends.
    _lock: File,
    active: Option<File>,
}

impl Files {
    /// Takes the first path that no other process writes to: the one of the settings, or `live-2.ndjson` and so on.
    pub(crate) fn open(settings: &LogSettings) -> io::Result<Self> {
        if let Some(folder) = settings.path.parent() {
            fs::create_dir_all(folder)?;
        }
        for number in 1..=MOST_WRITERS {
            let path = numbered(&settings.path, number);
            let lock = OpenOptions::new().write(true).create(true).truncate(false).open(beside(&path, "lock"))?;
            if FileExt::try_lock(&lock).is_ok() {
                let files =
                    Self { path, max_bytes: settings.max_bytes, keep: settings.files, _lock: lock, active: None };
                return Ok(files);
            }
        }
        Err(io::Error::other(format!("{MOST_WRITERS} processes write to this log already")))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes whole lines; after an error the file is as it was before, as far as the disk lets it be.
    pub(crate) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let done = self.try_append(lines);
        if done.is_err() {
            // Whatever is wrong with it, the next attempt opens it anew.
            self.active = None;
        }
        done
    }

    fn try_append(&mut self, lines: &[u8]) -> io::Result<()> {
        // Somebody may have moved the file away, or made it empty.
        if !self.path.exists() {
            self.active = None;
        }
        let mut file = self.opened()?;
        let mut length = file.metadata()?.len();
        if length > 0 && length + lines.len() as u64 > self.max_bytes {
            self.close()?;
            file = self.opened()?;
            length = file.metadata()?.len();
        }
        let written = file.write_all(lines);
        if written.is_err() {
            // Half a line would spoil the next one.
            let _ = file.set_len(length);
        }
        self.active = Some(file);
        written
    }

    /// The file that is written to, at its end; a line that a crash cut off is ended.
    fn opened(&mut self) -> io::Result<File> {
        if let Some(file) = self.active.take() {
            return Ok(file);
        }
        if fs::symlink_metadata(&self.path).is_ok_and(|found| !found.is_file()) {
            return Err(io::Error::other("is there and is no regular file"));
        }
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path)?;
        if !ends_with_a_line(&self.path)? {
            file.write_all(b"\n")?;
        }
        Ok(file)
    }

    /// Puts the full file beside, under the next number, and removes the oldest.
    fn close(&mut self) -> io::Result<()> {
        let mut closed = closed_files(&self.path)?;
        let next = closed.last().map_or(1, |(number, _)| number + 1);
        let aside = closed_name(&self.path, next);
        fs::rename(&self.path, &aside)?;
        closed.push((next, aside));
        let surplus = closed.len().saturating_sub(self.keep);
        closed.iter().take(surplus).try_for_each(|(_, old)| fs::remove_file(old))
    }

    /// Puts what was written on the disk.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.active.as_ref().map_or(Ok(()), File::sync_all)
    }
}

/// `live.ndjson`, `live-2.ndjson`, ...
fn numbered(path: &Path, number: usize) -> PathBuf {
    if number == 1 {
        return path.to_path_buf();
    }
    let (stem, ending) = parts(path);
    path.with_file_name(format!("{stem}-{number}{ending}"))
}

/// `.live.ndjson.lock`
fn beside(path: &Path, what: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{what}"))
}

/// `live.000001.ndjson`
fn closed_name(path: &Path, number: u64) -> PathBuf {
    let (stem, ending) = parts(path);
    path.with_file_name(format!("{stem}.{number:0DIGITS$}{ending}"))
}

/// The stem of a name, and its ending with the dot.
fn parts(path: &Path) -> (String, String) {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let ending = path.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
    (stem, ending)
}

/// The closed files of a path, the oldest first.
pub(crate) fn closed_files(path: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let (stem, ending) = parts(path);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let digits = name
            .to_str()
            .and_then(|name| name.strip_prefix(&stem)?.strip_prefix('.')?.strip_suffix(&ending))
            .filter(|digits| digits.len() >= DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit()));
        if let Some(number) = digits.and_then(|digits| digits.parse().ok()) {
            found.push((number, folder.join(name)));
        }
    }
    found.sort();
    Ok(found)
}

/// Every file of a log: of each process the closed ones and the one that is written to, oldest first.
pub(crate) fn all_files(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for number in 1..=MOST_WRITERS {
        let active = numbered(path, number);
        found.extend(closed_files(&active).unwrap_or_default().into_iter().map(|(_, closed)| closed));
        found.extend(active.is_file().then_some(active));
    }
    found
}

fn ends_with_a_line(path: &Path) -> io::Result<bool> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(folder: &Path) -> LogSettings {
        LogSettings { max_bytes: 10, files: 2, ..LogSettings::at(folder.join("live.ndjson")) }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut found: Vec<_> = entries.filter(|name| !name.starts_with('.')).collect();
        found.sort();
        found
    }

    #[test]
    fn a_full_file_is_closed_and_the_oldest_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Files::open(&settings(folder.path())).unwrap();
        for line in ["first\n", "second\n", "third\n", "a line that is longer than a file\n", "last\n"] {
            files.append(line.as_bytes()).unwrap();
        }
        assert_eq!(names(folder.path()), ["live.000003.ndjson", "live.000004.ndjson", "live.ndjson"]);
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("live.000004.ndjson"), "a line that is longer than a file\n");
        assert_eq!(read("live.ndjson"), "last\n");
        drop(files);
        let mut files = Files::open(&settings(folder.path())).unwrap();
        files.append(b"of the next\n").unwrap();
        assert_eq!(names(folder.path()), ["live.000004.ndjson", "live.000005.ndjson", "live.ndjson"]);
    }

    #[test]
    fn a_second_writer_has_files_of_its_own_and_the_first_path_is_free_when_the_first_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let first = Files::open(&settings(folder.path())).unwrap();
        let mut second = Files::open(&settings(folder.path())).unwrap();
        for _ in 0..3 {
            second.append(b"eight..\n").unwrap();
        }
        assert_eq!(names(folder.path()), ["live-2.000001.ndjson", "live-2.000002.ndjson", "live-2.ndjson"]);
        drop(first);
        assert_eq!(Files::open(&settings(folder.path())).unwrap().path(), folder.path().join("live.ndjson"));
        assert_eq!(all_files(&folder.path().join("live.ndjson")).len(), 3);
    }

    #[test]
    fn a_line_that_was_cut_off_is_ended_before_the_next() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("live.ndjson"), "{\"lo").unwrap();
        let mut files = Files::open(&settings(folder.path())).unwrap();
        files.append(b"{}\n").unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("live.ndjson")).unwrap(), "{\"lo\n{}\n");
    }

    #[test]
    fn a_file_that_somebody_moved_or_emptied_is_begun_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("live.ndjson");
        let mut files = Files::open(&settings(folder.path())).unwrap();
        files.append(b"one\n").unwrap();
        fs::rename(&path, folder.path().join("moved")).unwrap();
        files.append(b"two\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
        fs::write(&path, "").unwrap();
        files.append(b"three\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_never_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("live.ndjson");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut files = Files::open(&settings(folder.path())).unwrap();
        assert!(files.append(b"one\n").unwrap_err().to_string().contains("no regular file"));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(files.append(b"one\n").is_err());
        fs::remove_dir(&path).unwrap();
        files.append(b"one\n").unwrap();
    }
}
