//! Writes files whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::NamedTempFile;

use crate::error::Error;
use crate::io::files::io_error;

/// As many links one after the other as Linux follows.
const MOST_LINKS: usize = 40;

/// The temporary files of this process that are neither finished nor given up.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A file that appears under its name only when [`AtomicFile::commit`] succeeds; dropped before, it leaves nothing.
///
/// A name that is a symbolic link stays one: what it points to is written. A process that a signal ends drops nothing;
/// whoever handles signals calls [`AtomicFile::remove_unfinished`] first, as the binary does.
pub struct AtomicFile {
    path: PathBuf,
    stream: Stream,
}

enum Stream {
    /// Renamed over the destination at the end.
    Temporary(Temporary),
    /// The destination exists and is a device or pipe, which must not be replaced by a file.
    Direct(File),
}

impl AtomicFile {
    /// Starts writing what will become `path`; its folder must exist.
    ///
    /// # Errors
    /// [`Error::Io`]: the folder is missing, which the message names, or cannot be written.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let path = target_of(path).map_err(io_error("write", path))?;
        let stream = match fs::metadata(&path) {
            Ok(kind) if kind.is_dir() => return Err(io_error("write", &path)(io::Error::other("is a folder"))),
            Ok(kind) if !kind.is_file() => {
                Stream::Direct(File::options().write(true).open(&path).map_err(io_error("write", &path))?)
            }
            _ => Stream::Temporary(Temporary::beside(&path).map_err(io_error("write", &path))?),
        };
        Ok(Self { path, stream })
    }

    /// Puts the content on the disk and under its name, in one step.
    ///
    /// # Errors
    /// The disk is full, or the name cannot be replaced; what was there before is then still there.
    pub fn commit(self) -> Result<(), Error> {
        match self.stream {
            Stream::Temporary(file) => file.commit(&self.path).map_err(io_error("write", &self.path)),
            Stream::Direct(mut file) => file.flush().map_err(io_error("write", &self.path)),
        }
    }

    /// Removes the temporary files of all that this process has begun to write and not committed: for a process that is
    /// about to end without dropping anything, as after a signal. Writing goes on into nothing.
    pub fn remove_unfinished() {
        for path in unfinished().drain(..) {
            // Nobody is left to tell.
            let _ = fs::remove_file(path);
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Temporary(file) => file.0.as_file_mut().write(buffer),
            Stream::Direct(file) => file.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.stream {
            Stream::Temporary(file) => file.0.as_file_mut().flush(),
            Stream::Direct(file) => file.flush(),
        }
    }
}

/// A temporary file that [`UNFINISHED`] knows for as long as it is there.
struct Temporary(NamedTempFile, Known);

/// A path in [`UNFINISHED`].
struct Known(PathBuf);

impl Drop for Known {
    fn drop(&mut self) {
        unfinished().retain(|known| *known != self.0);
    }
}

impl Temporary {
    fn beside(path: &Path) -> io::Result<Self> {
        let folder = folder_of(path);
        check_folder(folder)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".dollarbill-ml.");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // A temporary file is private by default; this one becomes a file like any other, under the user's umask.
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        // Held until the file is in the list: a signal between the two would leave it behind.
        let mut known = unfinished();
        // Its errors carry the temporary name, which nobody has asked for.
        let file = builder.tempfile_in(folder).map_err(|error| io::Error::from(error.kind()))?;
        let own = file.path().to_path_buf();
        known.push(own.clone());
        Ok(Self(file, Known(own)))
    }

    fn commit(self, path: &Path) -> io::Result<()> {
        let Self(file, _known) = self;
        file.as_file().sync_all()?;
        file.persist(path).map(drop).map_err(|error| error.error)
    }
}

fn unfinished() -> std::sync::MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// "Not found" alone would leave open what is missing: the file that is to be made, or the folder for it.
fn check_folder(folder: &Path) -> io::Result<()> {
    let shown = folder.display();
    match fs::metadata(folder) {
        Ok(kind) if kind.is_dir() => Ok(()),
        Ok(_) => Err(io::Error::new(io::ErrorKind::NotADirectory, format!("{shown} is a file and no folder"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("there is no folder {shown}; make it first, or name another place"),
        )),
        Err(error) => Err(error),
    }
}

/// The file that a name stands for, through its symbolic links; it need not be there.
fn target_of(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            Ok(next) => path = folder_of(&path).join(next),
            // Not a link, or nothing at all.
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("is a symbolic link that leads in a circle"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of the tests gives up all that the process has begun.
    static ALONE: Mutex<()> = Mutex::new(());

    fn alone() -> std::sync::MutexGuard<'static, ()> {
        ALONE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_that_is_dropped_or_given_up_leaves_nothing_and_one_that_is_committed_is_whole() {
        let _alone = alone();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.csv");
        let mut dropped = AtomicFile::create(&path).unwrap();
        dropped.write_all(b"half").unwrap();
        assert_eq!(names(folder.path()).len(), 1);
        drop(dropped);
        assert!(names(folder.path()).is_empty());
        let mut whole = AtomicFile::create(&path).unwrap();
        whole.write_all(b"whole").unwrap();
        whole.commit().unwrap();
        assert_eq!(names(folder.path()), ["answers.csv"]);
        let given_up = AtomicFile::create(&path).unwrap();
        AtomicFile::remove_unfinished();
        assert_eq!(names(folder.path()), ["answers.csv"], "as after a signal");
        assert!(given_up.commit().is_err());
        assert_eq!(fs::read(path).unwrap(), b"whole");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_what_it_points_to_is_written() {
        use std::os::unix::fs::symlink;
        let _alone = alone();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("results")).unwrap();
        symlink("results/today.csv", at("second")).unwrap();
        symlink("second", at("first")).unwrap();
        for content in ["new", "newer"] {
            let mut file = AtomicFile::create(&at("first")).unwrap();
            file.write_all(content.as_bytes()).unwrap();
            file.commit().unwrap();
            assert_eq!(fs::read_to_string(at("results/today.csv")).unwrap(), content);
        }
        assert!(fs::read_link(at("first")).is_ok() && fs::read_link(at("second")).is_ok());
        symlink("circle", at("circle")).unwrap();
        let error = AtomicFile::create(&at("circle")).err().unwrap().to_string();
        assert!(error.contains("leads in a circle"), "{error}");
    }

    #[test]
    fn a_folder_that_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = AtomicFile::create(&folder.path().join("no/such/answers.csv")).err().unwrap().to_string();
        assert!(error.contains("there is no folder") && error.contains("no/such; make it first"), "{error}");
        fs::write(folder.path().join("file"), "").unwrap();
        let error = AtomicFile::create(&folder.path().join("file/answers.csv")).err().unwrap().to_string();
        assert!(error.contains("is a file and no folder"), "{error}");
    }
}
